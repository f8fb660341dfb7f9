//! A namespace whose number of partitions was not set here.

use super::support::Cluster;
use super::*;
use crate::store::command::Grant;

fn builder(server: &Server) -> RedisStoreBuilder {
    RedisStore::builder(server.url()).deadline(PATIENCE)
}

#[tokio::test]
async fn a_new_one_has_eight_partitions_on_one_server_and_256_in_a_cluster() {
    let server = Server::start();
    builder(&server).connect().await.unwrap();
    assert_eq!(server.ask(&["GET", "wh:default:partitions"]), "8");
    let cluster = Cluster::start();
    let store = RedisStore::builder(cluster.url()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    assert_eq!(store.layout.partitions().known(), Some(256));
    let of_it = RedisStore::builder(cluster.url()).partitions(256);
    of_it.connect().await.unwrap();
}

/// The first call of a store that has not yet contacted Redis goes to the right place.
#[tokio::test]
async fn whatever_is_asked_first_finds_what_is_there() {
    let server = Server::start();
    let there = store(&server, 100).await;
    let new = || builder(&server).build().unwrap();
    let claims = calls::claims(10);
    for claim in &claims {
        let (key, token) = (claim.key.clone(), claim.token);
        there.claim(claim).await.unwrap();
        let another = Claim {
            token: Token::random().unwrap(),
            ..claim.clone()
        };
        let again = new().claim(&another).await.unwrap();
        assert_eq!(again, ClaimOutcome::InProgress);
        assert!(new().lookup(&key).await.unwrap().is_some());
        let looked = new().lookup_many(std::slice::from_ref(&key)).await;
        assert!(looked.unwrap()[0].is_some());
        let renew = Renew::new(key.clone(), token, PATIENCE, PATIENCE);
        assert_eq!(new().renew(&[renew]).await.unwrap(), [Held::Held]);
        let complete = completion(claim);
        assert_eq!(new().complete(&complete).await.unwrap(), Held::Held);
        // A record that is done ends a wait at once.
        let long = Duration::from_secs(600);
        let waited = tokio::time::timeout(PATIENCE, async { new().wait(&key, long).await });
        waited.await.unwrap();
    }
    assert_eq!(new().counts().await.unwrap().done, 10);
    assert!(new().forget_done(&claims[0].key).await.unwrap());
    assert!(new().forget(&claims[1].key).await.unwrap());
    there.claim(&claims[0]).await.unwrap();
    let release = Release::new(claims[0].key.clone(), claims[0].token, PATIENCE);
    assert_eq!(new().release(&release).await.unwrap(), Held::Held);
    let provider = claims[0].key.provider();
    assert_eq!(new().unfinished(provider, 9).await.unwrap().len(), 1);
    assert_eq!(server.ask(&["GET", "wh:default:partitions"]), "100");
}

/// The completion of a first attempt.
fn completion(claim: &Claim) -> Complete {
    let grant = Grant {
        attempt: 1,
        fence: 1,
        corrected: false,
    };
    let response = StoredResponse::new(200);
    let key = claim.key.clone();
    Complete::new(
        key,
        claim.token,
        grant,
        claim.fingerprint,
        response,
        PATIENCE,
    )
}

#[tokio::test]
async fn a_store_that_starts_while_redis_is_away_takes_the_number_once_it_is_back() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let there = store(&server, 100).await;
    let claim = &calls::claims(1)[0];
    there.claim(claim).await.unwrap();
    there.complete(&completion(claim)).await.unwrap();
    server.kill();
    let begun = builder(&server).deadline(Duration::from_millis(100));
    let begun = begun.connect().await.unwrap();
    assert!(begun.claim(claim).await.is_err());
    server.restart();
    let outcome = loop {
        if let Ok(outcome) = begun.claim(claim).await {
            break outcome;
        }
    };
    assert!(matches!(outcome, ClaimOutcome::Done(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_number_that_was_set_is_not_given_up_for_the_one_that_is_there() {
    let server = Server::start();
    store(&server, 100).await;
    let other = builder(&server).partitions(8).build().unwrap();
    let refused = other.claim(&calls::claims(1)[0]).await.unwrap_err();
    assert_eq!(refused.kind(), crate::store::error::StoreErrorKind::Refused);
}
