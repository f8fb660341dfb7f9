//! How many calls renew how many events, and when.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{GRAIN, LEASE, Noting, Receiver, SECOND};

#[tokio::test(start_paused = true)]
async fn a_hundred_events_that_came_one_by_one_are_renewed_in_a_call_per_tick() {
    let (store, began) = (Noting::new(None), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..100 {
        receiver.take(&number.to_string(), 60 * SECOND);
        sleep(Duration::from_millis(137)).await;
    }
    sleep_until(began + 90 * SECOND).await;
    assert_eq!((store.done().await, receiver.lost()), (100, Vec::new()));
    // A tick is a fifteenth of the lease, and all is over after 75 s. Each on its own would have
    // been 1,100.
    let calls = store.calls();
    assert!(calls.len() <= 75, "{}", calls.len());
    for number in 0..100 {
        let mut last = began + Duration::from_millis(137) * number;
        let ends = last + 60 * SECOND;
        let times = store.times(&format!("acme:{number}"));
        for at in times {
            assert!(at - last <= LEASE / 3 + GRAIN, "{number}: {:?}", at - last);
            assert!(at - last >= LEASE / 5, "{number}: {:?}", at - last);
            last = at;
        }
        assert!(ends - last <= LEASE / 3 + GRAIN, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_events_at_once_are_renewed_by_four_calls_a_third_of_the_lease() {
    let (store, began) = (Noting::new(None), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..1_000 {
        receiver.take(&number.to_string(), 58 * SECOND);
    }
    sleep_until(began + 70 * SECOND).await;
    assert_eq!((store.done().await, receiver.lost()), (1_000, Vec::new()));
    let sizes: Vec<_> = store.calls().iter().map(|(_, keys)| keys.len()).collect();
    assert_eq!(sizes, [256, 256, 256, 232].repeat(11));
}

#[tokio::test(start_paused = true)]
async fn a_lone_event_is_renewed_at_each_third_of_its_lease() {
    let store = Noting::new(None);
    let receiver = Receiver::new(&store, LEASE);
    // The second comes when nobody has been held for a while.
    for (id, key) in [("1", "acme:1"), ("2", "acme:2")] {
        sleep(Duration::from_millis(31_415)).await;
        let began = Instant::now();
        receiver.take(id, 32 * SECOND);
        sleep(33 * SECOND).await;
        let times = store.times(key);
        assert_eq!(times.len(), 6, "{times:?}");
        for (number, at) in (1..).zip(times) {
            let after = at - began;
            let third = LEASE / 3 * number;
            assert!(
                after >= third - GRAIN && after <= third + GRAIN,
                "{after:?}"
            );
        }
    }
    assert_eq!((store.calls().len(), store.done().await), (12, 2));
}

#[tokio::test(start_paused = true)]
async fn what_ends_before_it_is_due_is_not_renewed() {
    let (store, began) = (Noting::new(None), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    // Just before the moment, when their renewals are gathered already.
    for number in 0..10 {
        let work = if number % 2 == 0 { 4_990 } else { 7_000 };
        receiver.take(&number.to_string(), Duration::from_millis(work));
    }
    sleep_until(began + 20 * SECOND).await;
    let calls = store.calls();
    let [(_, keys)] = &calls[..] else {
        panic!("{calls:?}");
    };
    let mut keys = keys.clone();
    keys.sort();
    assert_eq!(keys, [1, 3, 5, 7, 9].map(|number| format!("acme:{number}")));
    // All of them: nothing is sent.
    for number in 10..20 {
        receiver.take(&number.to_string(), Duration::from_millis(4_990));
    }
    sleep(20 * SECOND).await;
    assert_eq!((store.calls().len(), store.done().await), (1, 20));
}
