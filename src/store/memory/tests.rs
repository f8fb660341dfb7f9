mod histories;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::shard::Sizes;
use super::*;
use crate::clock::{ManualClock, UnixTime};
use crate::event::Fingerprint;
use crate::store::record::Record;
use crate::store::{ContentType, RecordState, StoredResponse, Token};
#[cfg(feature = "testing")]
use crate::testing::check_store;

const LEASE: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(600);

fn name(name: &'static str) -> Name {
    Name::new(name).unwrap()
}

fn key(number: usize) -> EventKey {
    EventKey::new(name("acme"), [number.to_string()]).unwrap()
}

fn token(who: u8) -> Token {
    Token::from_bytes([who; 16])
}

fn claim(number: usize, who: u8) -> Claim {
    Claim {
        key: key(number),
        token: token(who),
        fingerprint: Fingerprint::from_bytes([1; 16]),
        lease: LEASE,
        retention: RETENTION,
    }
}

fn complete(number: usize, who: u8) -> Complete {
    Complete {
        key: key(number),
        token: token(who),
        attempt: 1,
        fence: 1,
        fingerprint: Fingerprint::from_bytes([1; 16]),
        response: StoredResponse {
            status: 200,
            body: Some(Bytes::from_static(b"ok")),
            content_type: ContentType::new("text/plain"),
        },
        retention: RETENTION,
    }
}

fn release(number: usize, who: u8) -> Release {
    Release {
        key: key(number),
        token: token(who),
        retention: RETENTION,
    }
}

fn manual() -> ManualClock {
    ManualClock::new(UnixTime::from_secs(1_000_000))
}

/// The answer of a memory store, which never waits for one.
fn now<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreErrorKind> {
    answer.now_or_never().unwrap().map_err(|error| error.kind())
}

fn sizes(store: &MemoryStore) -> Sizes {
    let mut all = Sizes::default();
    for shard in store.space.shards() {
        let sizes = shard.sizes();
        all.records += sizes.records;
        all.items += sizes.items;
        all.waiters += sizes.waiters;
        all.listeners += sizes.listeners;
    }
    all
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    let store = MemoryStore::new();
    check_store(store.clone()).await.unwrap();
    assert_eq!(sizes(&store).waiters, 0, "nobody waits any more");
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn it_keeps_the_contract_behind_a_handle_on_one_thread() {
    let store = MemoryStore::new().namespace(name("sandbox"));
    let handle = crate::store::SharedStore::new(store);
    assert_eq!(
        format!("{handle:?}"),
        "SharedStore(tower_webhook::store::memory::MemoryStore)"
    );
    check_store(handle).await.unwrap();
}

#[test]
fn a_full_store_refuses_what_is_new_and_works_for_what_is_there() {
    let clock = manual();
    let store = MemoryStore::with_capacity_and_clock(3, clock.clone()).unwrap();
    for number in 0..3 {
        assert!(now(store.claim(&claim(number, 1))).is_ok());
    }
    let full = Err(StoreErrorKind::Full);
    assert_eq!(now(store.claim(&claim(3, 1))), full);
    assert_eq!(
        now(store.complete(&complete(3, 1))),
        Err(StoreErrorKind::Full)
    );
    assert_eq!(now(store.lookup(&key(3))), Ok(None), "nothing was written");

    assert_eq!(now(store.claim(&claim(0, 2))), Ok(ClaimOutcome::InProgress));
    assert_eq!(now(store.release(&release(0, 1))), Ok(Held::Held));
    assert!(matches!(
        now(store.claim(&claim(0, 2))),
        Ok(ClaimOutcome::Claimed(_))
    ));
    assert_eq!(now(store.complete(&complete(0, 2))), Ok(Held::Held));
    assert_eq!(now(store.release(&release(3, 1))), Ok(Held::Held));

    assert_eq!(now(store.forget(&key(1))), Ok(true));
    assert!(now(store.claim(&claim(3, 1))).is_ok(), "a place is free");
    assert_eq!(now(store.claim(&claim(4, 1))), full);

    // What is over makes room, in whichever shard it is; what is not stays.
    clock.advance(RETENTION - Duration::from_secs(1));
    assert_eq!(now(store.claim(&claim(4, 1))), full);
    clock.advance(Duration::from_secs(1));
    for number in 10..13 {
        assert!(now(store.claim(&claim(number, 1))).is_ok(), "{number}");
    }
    assert_eq!(now(store.claim(&claim(13, 1))), full);
    assert_eq!(sizes(&store).records, 3);
}

#[test]
fn namespaces_share_memory_and_keep_their_keys_apart() {
    let clock = manual();
    let store = MemoryStore::with_capacity_and_clock(2, clock.clone()).unwrap();
    let sandbox = store.namespace(name("sandbox"));
    let same = store.clone().namespace(name("sandbox"));
    assert!(now(store.claim(&claim(0, 1))).is_ok());
    assert!(matches!(
        now(sandbox.claim(&claim(0, 2))),
        Ok(ClaimOutcome::Claimed(_))
    ));
    assert_eq!(now(same.claim(&claim(0, 3))), Ok(ClaimOutcome::InProgress));
    assert_eq!(
        now(sandbox.namespace(name("other")).claim(&claim(0, 1))),
        Err(StoreErrorKind::Full),
        "the capacity is that of all"
    );
    clock.advance(RETENTION);
    assert!(
        now(store.namespace(name("other")).claim(&claim(5, 1))).is_ok(),
        "a sweep goes through all of them"
    );
    assert_eq!(
        format!("{sandbox:?}"),
        "MemoryStore { namespace: Some(\"sandbox\"), records: 1, capacity: 2, \
         clock: ManualClock(1000600000000) }"
    );
}

#[test]
fn a_full_store_is_swept_once_a_second() {
    let clock = manual();
    let store = MemoryStore::with_capacity_and_clock(1, clock.clone()).unwrap();
    assert!(store.pool.sweep());
    assert!(!store.pool.sweep());
    clock.advance(Duration::from_millis(999));
    assert!(!store.pool.sweep());
    clock.advance(Duration::from_millis(1));
    assert!(store.pool.sweep());
    clock.set(UnixTime::from_secs(10));
    assert!(store.pool.sweep(), "the clock was set back");
}

#[test]
fn a_store_for_no_record_is_refused() {
    let text = "limit: a memory store for 0 records can take no event, at least 1 is needed";
    let error = MemoryStore::with_capacity(0).unwrap_err();
    assert_eq!(error.to_string(), text);
    let error = MemoryStore::with_capacity_and_clock(0, manual()).unwrap_err();
    assert_eq!(error.to_string(), text);
}

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
    // Each command looks at 16 records, so half as many commands are plenty for every shard.
    for number in 0..5_000 {
        now(store.claim(&claim(20_000 + number, 1))).unwrap();
    }
    assert_eq!(sizes(&store).records, 5_000);
    assert_eq!(sizes(&store).items, 5_000);
    assert_eq!(store.pool.room.taken(), 5_000);
}

/// The answer of a call that lets others have their turn.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_thousand_wait_for_one_key_and_each_can_leave() {
    const CROWD: usize = 2_000;
    let store = MemoryStore::new();
    store.claim(&claim(1, 1)).await.unwrap();
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let store = store.clone();
        crowd.spawn(async move { store.wait(&key(1), RETENTION).await });
    }
    let (one, two) = (key(1), key(2));
    let mut leaver = Box::pin(store.wait(&one, RETENTION));
    assert_eq!(leaver.as_mut().now_or_never(), None);
    while sizes(&store).listeners <= CROWD {
        tokio::task::yield_now().await;
    }
    assert_eq!(sizes(&store).waiters, 1, "one entry for all of them");
    drop(leaver);
    assert_eq!(sizes(&store).listeners, CROWD);
    assert_eq!(store.complete(&complete(1, 1)).await.unwrap(), Held::Held);
    assert_eq!(crowd.join_all().await.len(), CROWD);
    assert_eq!(sizes(&store).waiters, 0);

    store.claim(&claim(2, 1)).await.unwrap();
    let mut alone = Box::pin(store.wait(&two, RETENTION));
    assert_eq!(alone.as_mut().now_or_never(), None);
    drop(alone);
    assert_eq!(sizes(&store).waiters, 0, "who gives up leaves nothing");
}

/// Spins, so that two threads meet closely, and gives way where there is one core for both.
fn spin_until(met: &dyn Fn() -> bool) {
    for turn in 0_u64.. {
        if met() {
            return;
        }
        if turn % 1_000 == 999 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn who_starts_to_wait_in_the_moment_of_the_end_is_woken() {
    const ROUNDS: usize = 3_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _timer = runtime.enter();
    let store = MemoryStore::new();
    let round = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=ROUNDS {
                spin_until(&|| round.load(Ordering::Acquire) >= number);
                for _ in 0..number % 100 {
                    std::hint::spin_loop();
                }
                assert_eq!(now(store.complete(&complete(number, 1))), Ok(Held::Held));
                round.store(ROUNDS + number, Ordering::Release);
                spin_until(&|| round.load(Ordering::Acquire) != ROUNDS + number);
            }
        });
        let mut missed = 0;
        for number in 1..=ROUNDS {
            now(store.claim(&claim(number, 1))).unwrap();
            let key = key(number);
            let mut waiting = Box::pin(store.wait(&key, RETENTION));
            round.store(number, Ordering::Release);
            let before = waiting.as_mut().now_or_never();
            spin_until(&|| round.load(Ordering::Acquire) == ROUNDS + number);
            let woken = before.or_else(|| waiting.as_mut().now_or_never());
            missed += usize::from(woken.is_none());
            round.store(0, Ordering::Release);
        }
        assert_eq!(missed, 0, "wake-ups lost in {ROUNDS} rounds");
    });
}

#[tokio::test(start_paused = true)]
async fn who_waits_sleeps_until_the_lease_is_over() {
    let store = MemoryStore::new();
    let start = tokio::time::Instant::now();
    store.claim(&claim(1, 1)).await.unwrap();
    store.wait(&key(1), Duration::from_secs(5)).await;
    assert_eq!(start.elapsed().as_secs(), 5, "its limit");
    store.wait(&key(1), RETENTION).await;
    assert_eq!(start.elapsed().as_secs(), 15, "the end of the lease");
    assert!(matches!(
        store.claim(&claim(1, 2)).await,
        Ok(ClaimOutcome::Claimed(_))
    ));

    let one = key(1);
    let renewing = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let renew = Renew {
                key: key(1),
                token: token(2),
                lease: LEASE,
                retention: RETENTION,
            };
            assert_eq!(store.renew(&[renew]).await.unwrap(), [Held::Held]);
        }
    };
    tokio::join!(renewing, store.wait(&one, RETENTION));
    assert_eq!(
        start.elapsed().as_secs(),
        60,
        "15 and three times 10, and the lease"
    );
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_a_given_clock_is_noticed() {
    let clock = manual();
    let store = MemoryStore::with_clock(clock.clone());
    store.claim(&claim(1, 1)).await.unwrap();
    let start = tokio::time::Instant::now();
    let one = key(1);
    let jump = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        clock.advance(LEASE);
    };
    tokio::join!(jump, store.wait(&one, RETENTION));
    assert!(start.elapsed() <= Duration::from_millis(2_051));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_cut_short_is_noticed() {
    let store = MemoryStore::new();
    store.claim(&claim(1, 1)).await.unwrap();
    let start = tokio::time::Instant::now();
    let cut = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let again = Claim {
            lease: Duration::from_secs(1),
            ..claim(1, 1)
        };
        store.claim(&again).await.unwrap();
    };
    tokio::join!(cut, async {
        while store.claim(&claim(1, 2)).await.unwrap() == ClaimOutcome::InProgress {
            store.wait(&key(1), RETENTION).await;
        }
    });
    assert_eq!(start.elapsed().as_secs(), 3);
}

/// Counts the warnings of a thread.
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                self.0.push_str(&format!("{}={value:?} ", field.name()));
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn it_warns_once_when_it_comes_to_be_four_fifths_full() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let store = MemoryStore::with_capacity_and_clock(10, manual()).unwrap();
    tracing::subscriber::with_default(Warnings(seen.clone()), || {
        // Another test may have met the warning first, where nobody listened.
        tracing::callsite::rebuild_interest_cache();
        for number in 0..12 {
            let _ = now(store.claim(&claim(number, 1)));
        }
        for number in 0..4 {
            now(store.forget(&key(number))).unwrap();
        }
        for number in 0..4 {
            now(store.claim(&claim(number, 1))).unwrap();
        }
    });
    let text = "message=the memory store is 80 % full; when it is full, new events are refused \
                records=8 capacity=10 ";
    assert_eq!(*seen.lock().unwrap(), [text, text]);
}

#[test]
fn a_panic_of_a_given_clock_does_not_stop_the_store() {
    #[derive(Debug)]
    struct Moody(Mutex<u32>);
    impl Clock for Moody {
        fn now(&self) -> UnixTime {
            let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *calls += 1;
            assert_ne!(*calls, 2, "the second call is one too many");
            UnixTime::from_secs(1_000)
        }
    }
    let store = MemoryStore::with_clock(Moody(Mutex::new(0)));
    assert!(now(store.claim(&claim(1, 1))).is_ok());
    let other = store.clone();
    assert!(
        std::thread::spawn(move || now(other.claim(&claim(1, 2))))
            .join()
            .is_err()
    );
    assert_eq!(now(store.claim(&claim(1, 2))), Ok(ClaimOutcome::InProgress));
    let view = now(store.lookup(&key(1))).unwrap().unwrap();
    assert!(matches!(view.state, RecordState::Claimed { .. }));
}
