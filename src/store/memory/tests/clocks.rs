//! A user's clocks that jump or panic.

use std::sync::{Mutex, PoisonError};

use super::*;
use crate::store::RecordState;

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
