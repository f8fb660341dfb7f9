//! What strangers try, by programs that are kept: each module is a topic, each test an attack.
//! `docs/attacks.md` lists them with what held; whoever adds a test adds its line there.

#[cfg(feature = "redis")]
mod blocked;
mod bodies;
#[cfg(feature = "redis")]
mod clocks;
mod crowds;
#[cfg(feature = "redis")]
mod deaths;
#[cfg(feature = "redis")]
mod floods;
mod hang_ups;
mod lines;
mod logs;
mod memory;
mod names;
mod nesting;
mod paths;
#[cfg(feature = "redis")]
mod senders;
mod signatures;
mod sources;
mod spellings;
#[cfg(any(feature = "redis", feature = "postgres", feature = "sqlite"))]
mod stores;
mod wire;

use std::time::Duration;

use crate::support::presets::answering_in;
use crate::support::receiver::Receiver;
use tower_webhook::Provider;

/// A time to answer that leaves two seconds.
fn in_a_hurry(provider: Provider) -> Provider {
    answering_in(Duration::from_millis(2_500), provider)
}

/// A right delivery of event `number` is handled: the attack has cost it nothing.
async fn run_once(receiver: &Receiver, number: u32) {
    let before = receiver.runs.runs();
    let answer = receiver.send(&receiver.preset.delivery(number)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(receiver.runs.runs(), before + 1);
}
