//! Tasks that wait for a record: how they are woken, and that they can leave.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::*;

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

/// Spins, so that two threads run closely together, and yields if there is one core for both.
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
