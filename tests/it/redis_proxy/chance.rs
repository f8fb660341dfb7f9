//! Many events at once over a network that fails by chance.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::redis_support::dice::Dice;
use crate::redis_support::proxy::{Fault, Script};

use super::{Act, SECOND, receiver};

/// How many events there are in the random run, how many senders at a time, and how often an
/// event's delivery is repeated after its success.
const EVENTS: usize = 120;
const SENDERS: usize = 8;
const DUPLICATES: usize = 2;

/// The seed repeats how often which fault strikes, not the run: eight senders, the handler and the
/// proxy share the dice, and who rolls next is up to the machine.
#[tokio::test]
async fn whatever_the_network_does_each_event_is_acknowledged_recorded_and_takes_effect_once() {
    let dice = Arc::new(Mutex::new(Dice::seeded()));
    let roll = move |sides| dice.lock().unwrap().roll(sides);
    let fails = roll.clone();
    let it = receiver(2 * SECOND, move |_, _| match fails(5) {
        0 => Act::Fails,
        _ => Act::Works,
    })
    .await;
    let plan = roll.clone();
    // Out of a thousand. All deliveries share one connection: what cuts one off cuts off many.
    it.proxy.plan(move |script| match (script, plan(1000)) {
        (_, 0..8) => Fault::CutsBefore,
        (None, _) => Fault::Passes,
        (Some(_), 8..25) => Fault::CutsAfter,
        (Some(_), 25..33) => Fault::CutsInReply,
        (Some(_), 33..41) => Fault::CutsInRequest,
        (Some(_), 41..80) => Fault::Late(Duration::from_millis(plan(400))),
        (Some(_), 80..100) => Fault::Drips,
        (Some(_), 100..102) => Fault::Stalls,
        (Some(_), 102..104) => Fault::Swallows,
        (Some(_), _) => Fault::Passes,
    });
    let next = Mutex::new(0..EVENTS);
    let sender = || async {
        loop {
            let Some(number) = next.lock().unwrap().next() else {
                return;
            };
            let id = format!("evt_{number}");
            for _ in 0..=DUPLICATES {
                // Now and then it comes twice at once.
                if roll(10) == 0 {
                    tokio::join!(it.deliver(&id), it.deliver_at_last(&id));
                } else {
                    it.deliver_at_last(&id).await;
                }
            }
        }
    };
    futures_util::future::join_all((0..SENDERS).map(|_| sender())).await;
    assert_eq!(it.acknowledged.lock().unwrap().len(), EVENTS);
    it.settle().await;
    // Some forty are to be expected.
    let struck: usize = (Script::ALL.into_iter().chain([Script::Each]))
        .map(|script| it.proxy.struck(script))
        .sum();
    assert!(struck >= 10, "the network was good: {struck} faults");
}
