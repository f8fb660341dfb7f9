//! Handlers that block every thread of their receiver for longer than a lease.

use std::time::Duration;

use super::journal::What;
use super::process::{Process, within};
use super::redis_support::Server;
use super::sender::{Line, Receivers, deliver};
use super::world::World;

const LEASE: Duration = Duration::from_secs(2);
const BLOCKED: Duration = Duration::from_secs(7);

/// One handler for each thread. The events are sent to the other receiver all the while, and the
/// effect of each takes place once.
pub(crate) async fn all_threads(threads: usize) {
    let redis = Server::start();
    let world = World::around(redis.url()).await;
    let mut orders = world.orders(LEASE);
    orders.threads = threads;
    orders.blocks = Some(BLOCKED);
    let mut first = Process::start(&orders).await;
    let second = Process::start(&world.orders(LEASE)).await;
    let events: Vec<_> = (0..threads).map(|number| format!("evt_{number}")).collect();
    let mut late = Vec::new();
    for event in &events {
        let (address, event) = (first.address, event.clone());
        late.push(tokio::spawn(async move {
            Line::to(address).exchange(&event).await
        }));
    }
    for _ in &events {
        // Each on a thread of its own.
        within("a handler to block its thread", first.stands()).await;
    }
    let receivers = Receivers::at([second.address]);
    for event in &events {
        let answers = within("the event to be done", deliver(event, &receivers, 0)).await;
        let last = answers.last().unwrap().unwrap();
        assert_eq!((last.status, last.replayed), (200, true), "{answers:?}");
    }
    for event in &events {
        let record = world.done(event).await;
        assert_eq!(record.attempt, 1, "{event}");
        let by = [(record.fence, first.pid)];
        assert_eq!(world.journal.of(What::Effect, event), by);
    }
    for late in late {
        let _ = within("an answer, late as it is", late).await.unwrap();
    }
    let again = Line::to(first.address).send(&events[0]).await.unwrap();
    assert_eq!((again.status, again.replayed), (200, true));
}
