//! Expired records leave nothing behind.

use super::*;

#[test]
fn what_is_over_is_purged_without_a_scan_and_leaves_nothing() {
    let clock = manual();
    let store = MemoryStore::with_clock(clock.clone());
    for number in 0..10_000 {
        now(store.claim(&claim(number, 1))).unwrap();
        now(store.complete(&complete(number, 1))).unwrap();
    }
    assert_eq!(sizes(&store).records, 10_000);
    assert_eq!(sizes(&store).items, 10_000, "one item a record");
    clock.advance(RETENTION);
    assert_eq!(now_slowly(store.counts()), Counts::default());
    // Each command checks 16 records, so half as many commands are plenty for every shard.
    for number in 0..5_000 {
        now(store.claim(&claim(20_000 + number, 1))).unwrap();
    }
    assert_eq!(sizes(&store).records, 5_000);
    assert_eq!(sizes(&store).items, 5_000);
    assert_eq!(store.pool.room.taken(), 5_000);
}

/// The answer of a call that yields to other tasks.
fn now_slowly<T>(answer: impl Future<Output = Result<T, StoreError>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(answer).unwrap()
}

#[test]
fn items_of_forgotten_records_do_not_pile_up() {
    let store = MemoryStore::with_clock(manual());
    for round in 0..10_000_u64 {
        let claim = Claim {
            retention: RETENTION + Duration::from_secs(10_000 - round),
            ..claim(1, 1)
        };
        now(store.claim(&claim)).unwrap();
        if round % 2 == 0 {
            now(store.forget(&key(1))).unwrap();
        }
    }
    assert!(sizes(&store).items <= 66, "{:?}", sizes(&store));
}

#[test]
fn a_record_that_is_kept_shorter_and_longer_again_is_looked_at_once() {
    let clock = manual();
    let store = MemoryStore::with_clock(clock.clone());
    let kept_for = |secs: u64| {
        let retention = Duration::from_secs(secs);
        let claim = Claim {
            retention,
            ..claim(1, 1)
        };
        now(store.claim(&claim)).unwrap();
        sizes(&store).items
    };
    assert_eq!(kept_for(600), 1);
    assert_eq!(kept_for(100), 2);
    assert_eq!(kept_for(6_000), 2);
    clock.advance(Duration::from_secs(100));
    assert_eq!(kept_for(6_000), 2, "the earlier one is put back");
    clock.advance(Duration::from_secs(500));
    assert_eq!(kept_for(6_000), 1, "the other one is dropped");
}
