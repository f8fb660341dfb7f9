use tokio::time::{Instant, timeout};

use super::*;
use crate::event::Fingerprint;
use crate::store::{MemoryStore, StoredResponse, Token};

const RETENTION: Duration = Duration::from_secs(3_600);

fn claim(token: u8) -> Claim {
    Claim {
        key: EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap(),
        token: Token::from_bytes([token; 16]),
        fingerprint: Fingerprint::of(b"paid"),
        lease: Duration::from_secs(15),
        retention: RETENTION,
    }
}

fn complete(token: u8) -> Complete {
    let Claim {
        key,
        token,
        fingerprint,
        ..
    } = claim(token);
    Complete {
        key,
        token,
        attempt: 1,
        fence: 1,
        fingerprint,
        response: StoredResponse {
            status: 200,
            body: None,
            content_type: None,
        },
        retention: RETENTION,
    }
}

async fn attempt(store: &FaultyStore, token: u8) -> u32 {
    match store.claim(&claim(token)).await {
        Ok(ClaimOutcome::Claimed(grant)) => grant.attempt,
        other => panic!("no claim: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_fails_where_and_as_often_as_it_is_told() {
    let store = FaultyStore::new(MemoryStore::new());
    store.inject(
        Fault::fail(StoreErrorKind::Full)
            .on(Operation::Claim)
            .after(1)
            .times(2),
    );
    assert_eq!(attempt(&store, 1).await, 1);
    for _ in 0..2 {
        let error = store.claim(&claim(1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full);
        assert!(
            store.lookup(&claim(1).key).await.is_ok(),
            "only claims fail"
        );
    }
    assert_eq!(attempt(&store, 1).await, 1, "its own claim");

    // Down entirely, until healed.
    store.inject(Fault::fail(StoreErrorKind::Unavailable));
    assert!(store.complete(&complete(1)).await.is_err());
    assert!(store.counts().await.is_err());
    store.wait(&claim(1).key, Duration::from_secs(1)).await;
    store.heal();
    assert_eq!(store.counts().await.unwrap().claimed, 1);
    assert_eq!(store.calls(Operation::Claim), 4);
    assert_eq!(store.calls(Operation::Release), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_has_taken_effect_and_a_stall_that_is_given_up_has_not() {
    let store = FaultyStore::new(MemoryStore::new());
    store.inject(Fault::stall(Duration::from_secs(3)).times(2));
    let begun = Instant::now();
    assert_eq!(attempt(&store, 1).await, 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    let complete = complete(1);
    let given_up = timeout(Duration::from_secs(1), store.complete(&complete)).await;
    assert!(given_up.is_err());
    assert_eq!(store.counts().await.unwrap().claimed, 1);

    store.inject(Fault::lose_reply().times(1));
    let error = store.complete(&complete).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TimedOut);
    assert_eq!(store.counts().await.unwrap().done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_forgets_grants_a_second_first_attempt() {
    let store = FaultyStore::new(MemoryStore::new());
    assert_eq!(attempt(&store, 1).await, 1);
    let other = store.claim(&claim(2)).await.unwrap();
    assert_eq!(other, ClaimOutcome::InProgress);
    store.inject(Fault::forget().on(Operation::Claim).times(1));
    assert_eq!(attempt(&store, 2).await, 1);

    store.replace(MemoryStore::new());
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    assert_eq!(attempt(&store, 3).await, 1);
}

#[tokio::test]
async fn of_several_faults_the_first_that_fits_strikes() {
    let store = FaultyStore::new(MemoryStore::new());
    let kind = |outcome: Result<Counts, StoreError>| outcome.unwrap_err().kind();
    store.inject(Fault::fail(StoreErrorKind::Refused).on(Operation::Claim));
    store.inject(Fault::fail(StoreErrorKind::Corrupt).times(1));
    store.inject(Fault::fail(StoreErrorKind::Unavailable).times(1));
    assert_eq!(kind(store.counts().await), StoreErrorKind::Corrupt);
    assert_eq!(kind(store.counts().await), StoreErrorKind::Unavailable);
    assert!(store.counts().await.is_ok());
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_a_store_can_do_better_than_others_is_handed_on_with_its_faults() {
    let name = format!("webhook-faulty-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    let options = sqlx::sqlite::SqliteConnectOptions::new();
    let options = options.filename(&path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let inner = crate::store::SqliteStore::on_pool(&pool).connect().await;
    let store = FaultyStore::new(inner.unwrap());
    assert!(store.transactions().is_some());
    assert_eq!(attempt(&store, 1).await, 1);
    let Claim {
        key, token, lease, ..
    } = claim(1);
    let renewals = [Renew::new(key, token, lease, RETENTION)];
    let renewing = store.for_renewals().unwrap();
    let renewed = renewing.renew(&renewals).await.unwrap();
    assert_eq!(renewed, [Held::Held]);
    store.inject(Fault::fail(StoreErrorKind::Unavailable).on(Operation::Renew));
    assert!(renewing.renew(&renewals).await.is_err());
    assert_eq!(store.calls(Operation::Renew), 2);
    // What is put in its place is what is renewed in.
    store.heal();
    store.replace(MemoryStore::new());
    assert_eq!(attempt(&store, 1).await, 1);
    assert_eq!(renewing.renew(&renewals).await.unwrap(), [Held::Held]);

    // Several are looked up in one call.
    let keys = [claim(1).key, claim(1).key];
    let views = store.lookup_many(&keys).await.unwrap();
    assert!(views.iter().all(Option::is_some) && views.len() == 2);
    assert_eq!(store.calls(Operation::Lookup), 1);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}
