//! What is compared, and how long it takes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// So many tasks hand events over.
const TASKS: u32 = 64;

/// A queue of events and its workers.
pub(crate) trait Queue: Clone + Send + Sync + 'static {
    type Event: Send + 'static;

    /// Made before the time is taken.
    fn event(&self, number: u32) -> Self::Event;

    /// Hands an event over; it is durable then.
    fn accept(&self, event: Self::Event) -> impl Future<Output = ()> + Send;

    /// A worker, which ends when it is dropped.
    fn work(&self, handled: Handled) -> impl Future<Output = ()> + Send + 'static;

    /// How many events are done.
    fn done(&self) -> impl Future<Output = u32> + Send;
}

/// How often handlers were called.
#[derive(Clone, Default)]
pub(crate) struct Handled(Arc<AtomicU32>);

impl Handled {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn so_far(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Events per second of those that are there when a worker begins.
pub(crate) async fn queued<Q: Queue>(queue: Q, events: u32) -> f64 {
    hand_over(&queue, shares(&queue, events)).await;
    let begun = Instant::now();
    until_done(&queue, events, async {}).await;
    f64::from(events) / begun.elapsed().as_secs_f64()
}

/// Events per second of those that are handed over while a worker is at work.
pub(crate) async fn coming<Q: Queue>(queue: Q, events: u32) -> f64 {
    let shares = shares(&queue, events);
    let begun = Instant::now();
    until_done(&queue, events, hand_over(&queue, shares)).await;
    f64::from(events) / begun.elapsed().as_secs_f64()
}

fn shares<Q: Queue>(queue: &Q, events: u32) -> Vec<Vec<Q::Event>> {
    let each = events / TASKS;
    let share = |task| {
        let numbers = task * each..(task + 1) * each;
        numbers.map(|number| queue.event(number)).collect()
    };
    (0..TASKS).map(share).collect()
}

async fn hand_over<Q: Queue>(queue: &Q, shares: Vec<Vec<Q::Event>>) {
    let tasks = shares.into_iter().map(|share| {
        let queue = queue.clone();
        tokio::spawn(async move {
            for event in share {
                queue.accept(event).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Has a worker at work until all events are done.
async fn until_done<Q: Queue>(queue: &Q, events: u32, beside: impl Future<Output = ()>) {
    const OFTEN: Duration = Duration::from_millis(1);
    let handled = Handled::default();
    let working = tokio::spawn(queue.work(handled.clone()));
    beside.await;
    while handled.so_far() < events {
        assert!(!working.is_finished(), "the worker has ended");
        sleep(OFTEN).await;
    }
    while queue.done().await < events {
        sleep(OFTEN).await;
    }
    working.abort();
    let _ = working.await;
    assert_eq!(handled.so_far(), events, "each is handled once");
}
