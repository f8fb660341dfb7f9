//! Stores on connections that the process has made itself.

use std::time::Duration;

use crate::redis_support::{Cluster, Server};
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Grant, Held, RecordState, RedisConnection, RedisStore, Release,
    Renew, Store, StoreErrorKind, StoredResponse, Token,
};
use tower_webhook::{EventKey, Fingerprint, Name};

const LONG: Duration = Duration::from_secs(600);

fn claim(part: &str) -> Claim {
    Claim::new(
        EventKey::new(Name::new("acme").unwrap(), [part]).unwrap(),
        Token::random().unwrap(),
        Fingerprint::of(b"a"),
        LONG,
        LONG,
    )
}

#[track_caller]
fn granted(outcome: ClaimOutcome) -> Grant {
    match outcome {
        ClaimOutcome::Claimed(grant) => grant,
        other => panic!("not granted but {other:?}"),
    }
}

async fn multiplexed(server: &Server) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    // Or `redis` would give up after 500 ms, whatever the store's deadline.
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    connecting.await.unwrap()
}

/// The connection is driven by the runtime that it was made in.
#[test]
fn a_store_whose_runtime_stands_still_connects_anew_in_the_one_that_calls() {
    let server = Server::start();
    let still = tokio::runtime::Builder::new_current_thread();
    let still = { still }.enable_all().build().unwrap();
    let store = still.block_on(RedisStore::connect(server.url())).unwrap();
    let serving = tokio::runtime::Builder::new_multi_thread();
    let serving = { serving }.enable_all().build().unwrap();
    serving.block_on(async {
        // Renewals have a connection of their own.
        let renewing = store.for_renewals().unwrap();
        granted(renewing.claim(&claim("renewed")).await.unwrap());

        let mut refused = 0;
        let begun = std::time::Instant::now();
        while let Err(error) = store.claim(&claim("evt_1")).await {
            assert_eq!(error.kind(), StoreErrorKind::TimedOut, "{error}");
            assert!(begun.elapsed() < Duration::from_secs(60), "it never heals");
            refused += 1;
        }
        assert!(refused > 0, "nobody drove the connection");
    });
}

/// A store that waits for a busy machine; so must its connection.
async fn store(connection: impl Into<RedisConnection>) -> RedisStore {
    let builder = RedisStore::from_connection(connection).deadline(Duration::from_secs(10));
    builder.connect().await.unwrap()
}

/// Each command once, on records that end in each state.
async fn works(store: &RedisStore) {
    let apart = store.for_renewals();
    assert!(apart.is_none(), "no other runtime drives what was given");
    let (done, failed) = (claim("done"), claim("failed"));
    let grant = granted(store.claim(&done).await.unwrap());
    assert_eq!(grant.attempt, 1);
    granted(store.claim(&failed).await.unwrap());
    let renewals =
        [&done, &failed].map(|claim| Renew::new(claim.key.clone(), claim.token, LONG, LONG));
    let renewed = store.renew(&renewals).await.unwrap();
    assert_eq!(renewed, [Held::Held, Held::Held]);
    let response = StoredResponse::new(200);
    let complete = Complete::new(
        done.key.clone(),
        done.token,
        grant,
        done.fingerprint,
        response.clone(),
        LONG,
    );
    assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
    let release = Release::new(failed.key.clone(), failed.token, LONG);
    assert_eq!(store.release(&release).await.unwrap(), Held::Held);
    store.wait(&failed.key, LONG).await;
    let duplicate = store.claim(&claim("done")).await.unwrap();
    assert_eq!(duplicate, ClaimOutcome::Done(response));
    let again = granted(store.claim(&claim("failed")).await.unwrap());
    assert_eq!(again.attempt, 2);
    let unfinished = store.lookup(&failed.key).await.unwrap().unwrap();
    assert!(matches!(unfinished.state, RecordState::Claimed { .. }));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.done, counts.claimed), (1, 1));
    assert!(store.check().await.unwrap().findings().len() >= 3);
    assert!(store.forget(&done.key).await.unwrap());
}

#[tokio::test]
async fn a_store_works_on_a_connection_that_was_there_before() {
    let server = Server::start();
    let given = store(multiplexed(&server).await).await;
    works(&given).await;
    assert!(format!("{given:?}").contains("redis: a connection of the process"));
}

#[tokio::test]
async fn a_store_works_on_a_connection_to_a_cluster_that_was_there_before() {
    let cluster = Cluster::start();
    let nodes = cluster.masters.iter().map(Server::url);
    let client = redis::cluster::ClusterClient::new(nodes).unwrap();
    works(&store(client.get_async_connection().await.unwrap()).await).await;
}

#[tokio::test]
async fn a_connection_that_cannot_reconnect_stays_broken_and_every_call_says_so() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = store(multiplexed(&server).await).await;
    let held = claim("evt_1");
    granted(store.claim(&held).await.unwrap());
    server.kill();
    server.restart();
    for _ in 0..3 {
        let error = store.claim(&held).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
    let healthy = RedisStore::from_connection(multiplexed(&server).await);
    let again = healthy.connect().await.unwrap();
    let duplicate = again.claim(&claim("evt_1")).await.unwrap();
    assert_eq!(duplicate, ClaimOutcome::InProgress);
}

#[cfg(feature = "redis-connection-manager")]
#[tokio::test]
async fn a_connection_manager_heals_after_redis_was_away() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let client = redis::Client::open(server.url()).unwrap();
    let config = redis::aio::ConnectionManagerConfig::new().set_response_timeout(None);
    let connecting = redis::aio::ConnectionManager::new_with_config(client, config);
    let manager = connecting.await.unwrap();
    works(&store(manager.clone()).await).await;
    let store = RedisStore::from_connection(manager).build().unwrap();
    let held = claim("evt_1");
    granted(store.claim(&held).await.unwrap());
    server.kill();
    let unreachable = [StoreErrorKind::Unavailable, StoreErrorKind::TimedOut];
    for _ in 0..3 {
        let error = store.claim(&held).await.unwrap_err();
        assert!(unreachable.contains(&error.kind()), "{error:?}");
    }
    server.restart();
    let begun = std::time::Instant::now();
    let grant = loop {
        match store.claim(&held).await {
            Ok(outcome) => break granted(outcome),
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(grant.attempt, 1, "it finds its own claim");
}

#[tokio::test]
async fn certificates_for_a_connection_that_stands_already_are_an_error() {
    let server = Server::start();
    let connection = multiplexed(&server).await;
    let builder = RedisStore::from_connection(connection).root_certificates("-----");
    assert_eq!(
        builder.build().unwrap_err().to_string(),
        "redis store: certificates are given for a connection that has been made already"
    );
}
