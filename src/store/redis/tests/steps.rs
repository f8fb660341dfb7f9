//! Records from before the clock of Redis was set back.

use super::*;

fn claimed(lease: Option<Duration>) -> Record {
    Record {
        state: State::Claimed {
            token: Token::from_bytes([1; 16]),
            lease_ends: in_secs(3_600),
            lease,
            corrected: false,
        },
        attempt: 1,
        fence: UnixTime::now().as_micros(),
        fingerprint: Some(Fingerprint::from_bytes([7; 16])),
        kept_until: in_secs(7_200),
    }
}

/// How much longer the lease of a key lasts, by the clock of Redis.
async fn left(store: &RedisStore, key: &EventKey) -> Duration {
    let value = store.link.call(&Call::lookup(&store.place(key))).await;
    let Answer { outcome, now } = scripts::lookup_answer(value.unwrap()).unwrap();
    let record = codec::decode(outcome.unwrap()).unwrap().record;
    record.lease_ends().unwrap().saturating_since(now)
}

#[tokio::test]
async fn who_waits_for_a_lease_that_ends_too_far_ahead_waits_no_longer_than_it_is_long() {
    let length = Duration::from_secs(30);
    for program in programs() {
        let server = Server::of(program, &[]);
        let store = store(&server, 1).await;
        for key in &keys() {
            put(&store, key, &claimed(Some(length))).await;
            store.wait(key, Duration::from_millis(1)).await;
            let peek = Call::peek(&store.place(key));
            let told = store.link.call(&peek).await.unwrap();
            let told = Duration::from_micros(scripts::peek_answer(&told).unwrap());
            assert!(told <= length && told > length / 2, "{told:?}");
            let left = left(&store, key).await;
            assert!(left <= told && left > length / 2, "{left:?}");

            // The length of this one is unknown.
            put(&store, key, &claimed(None)).await;
            let told = store.link.call(&peek).await.unwrap();
            let told = Duration::from_micros(scripts::peek_answer(&told).unwrap());
            assert!(told > Duration::from_secs(3_000), "{told:?}");
        }
    }
}

#[tokio::test]
async fn where_memory_is_short_a_waiter_is_told_all_the_same() {
    let server = Server::start();
    let store = store(&server, 1).await;
    let key = keys()[0].clone();
    put(&store, &key, &claimed(Some(PATIENCE))).await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let told = store
        .link
        .call(&Call::peek(&store.place(&key)))
        .await
        .unwrap();
    let told = Duration::from_micros(scripts::peek_answer(&told).unwrap());
    assert!(told <= PATIENCE, "{told:?}");
    let claim = Claim {
        key: key.clone(),
        token: Token::from_bytes([2; 16]),
        fingerprint: Fingerprint::from_bytes([7; 16]),
        lease: PATIENCE,
        retention: PATIENCE,
    };
    assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::InProgress);
}
