//! Renewals that fail, hang or are left out.

use tokio::time::{Instant, sleep_until};

use super::{Bad, GRAIN, LEASE, Noting, Receiver, SECOND};

#[tokio::test(start_paused = true)]
async fn one_key_that_cannot_be_renewed_costs_no_other_its_lease() {
    for bad in [Bad::Fails, Bad::Hangs] {
        for lease in [SECOND, LEASE] {
            let (store, began) = (Noting::new(Some(("acme:7", bad))), Instant::now());
            let receiver = Receiver::new(&store, lease);
            for number in 0..300 {
                receiver.take(&number.to_string(), lease * 5);
            }
            sleep_until(began + lease * 7).await;
            let lost = receiver.lost();
            let [(at, key)] = &lost[..] else {
                panic!("{bad:?}, {lease:?}: {lost:?}");
            };
            assert_eq!((key.as_str(), store.done().await), ("acme:7", 299));
            let held = *at - began;
            assert!(held >= lease && held <= lease + GRAIN, "{held:?}");
            // In its batch once, and then alone.
            let of_bad = store.calls().into_iter();
            let of_bad: Vec<_> = of_bad
                .filter(|(_, keys)| keys.iter().any(|key| key == "acme:7"))
                .map(|(_, keys)| keys.len())
                .collect();
            assert_eq!(of_bad[0], 256);
            assert!(of_bad.len() > 1 && of_bad[1..].iter().all(|size| *size == 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_all_are_renewed_together_again() {
    let (store, began) = (Noting::new(Some(("acme:7", Bad::Fails))), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..10 {
        receiver.take(&number.to_string(), 60 * SECOND);
    }
    sleep_until(began + 70 * SECOND).await;
    let late = store.calls().into_iter();
    let late: Vec<_> = late
        .filter(|(at, _)| *at > began + LEASE)
        .map(|(_, keys)| keys.len())
        .collect();
    assert!(
        late.len() >= 8 && late.iter().all(|size| *size == 9),
        "{late:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_that_a_store_does_not_answer_for_are_lost_and_no_others() {
    let (store, began) = (
        Noting::new(Some(("acme:0", Bad::IsLeftOut))),
        Instant::now(),
    );
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..3 {
        receiver.take(&number.to_string(), 7 * SECOND);
    }
    sleep_until(began + 20 * SECOND).await;
    let last = store.calls()[0].1[2].clone();
    let lost: Vec<_> = receiver.lost().into_iter().map(|(_, key)| key).collect();
    assert_eq!((lost, store.done().await), (vec![last], 2));
}
