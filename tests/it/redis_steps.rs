//! A Redis whose clock is set while it runs.

use std::time::{Duration, Instant};

use crate::redis_support::Server;
use crate::support::log::Log;
use tower_webhook::store::{Claim, ClaimOutcome, Held, RedisStore, Renew, Store, Token};
use tower_webhook::{EventKey, Fingerprint, Name};

const LEASE: Duration = Duration::from_secs(2);
/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
const HOUR: i64 = 3_600;

async fn store(server: &Server) -> RedisStore {
    let builder = RedisStore::builder(server.url()).deadline(PATIENCE);
    builder.connect().await.unwrap()
}

fn claim(id: &str) -> Claim {
    Claim::new(
        EventKey::new(Name::new("acme").unwrap(), [id]).unwrap(),
        Token::random().unwrap(),
        Fingerprint::of(b"a"),
        LEASE,
        Duration::from_secs(72 * 3_600),
    )
}

async fn attempt(store: &RedisStore, claim: &Claim) -> Option<u32> {
    match store.claim(claim).await.unwrap() {
        ClaimOutcome::Claimed(grant) => Some(grant.attempt),
        ClaimOutcome::InProgress => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_event_of_a_dead_receiver_is_free_one_lease_after_the_clock_was_set_back() {
    let server = Server::with_clock();
    let store = store(&server).await;
    // In both a receiver dies; of one event a duplicate comes, of the other somebody waits already.
    let long = "x".repeat(200);
    for (id, comes) in [("evt_1", true), ("evt_2", false), (long.as_str(), true)] {
        server.set_clock(0);
        assert_eq!(attempt(&store, &claim(id)).await, Some(1));
        server.set_clock(-HOUR);
        let (duplicate, begun) = (claim(id), Instant::now());
        if comes {
            assert_eq!(attempt(&store, &duplicate).await, None);
        }
        store.wait(&duplicate.key, 6 * PATIENCE).await;
        assert_eq!(attempt(&store, &duplicate).await, Some(2), "{id}");
        assert!(
            begun.elapsed() >= LEASE / 2,
            "it was held for as long as it may be"
        );
    }
}

#[tokio::test]
async fn a_holder_that_a_step_forward_has_cost_its_lease_is_told_at_its_next_renewal() {
    let server = Server::with_clock();
    let store = store(&server).await;
    let (first, second) = (claim("evt_1"), claim("evt_1"));
    assert_eq!(attempt(&store, &first).await, Some(1));
    server.set_clock(20);
    assert_eq!(attempt(&store, &second).await, Some(2));
    let renew =
        |claim: &Claim| Renew::new(claim.key.clone(), claim.token, claim.lease, claim.retention);
    let held = store.renew(&[renew(&first), renew(&second)]).await.unwrap();
    assert_eq!(held, [Held::Fenced, Held::Held]);
}

#[tokio::test]
async fn each_step_of_the_clock_is_logged_once() {
    let (server, log) = (Server::with_clock(), Log::default());
    let _guard = log.capture(false);
    let store = store(&server).await;
    let told = |what: &str| log.text().matches(what).count();
    let (forward, back) = ("has gone forward at once", "has gone back at once");
    for (ahead, expected) in [(0, (0, 0)), (20, (1, 0)), (20 - HOUR, (1, 1)), (0, (2, 1))] {
        server.set_clock(ahead);
        for number in 0..5 {
            attempt(&store, &claim(&format!("evt_{ahead}_{number}"))).await;
        }
        assert_eq!(
            (told(forward), told(back)),
            expected,
            "{ahead}: {}",
            log.text()
        );
    }
}
