//! Each event to two receivers at the same time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;
use tower_webhook::Store;

use super::amount::short_or_long;
use super::journal::What;
use super::process::Process;
use super::redis_support::Server;
use super::sender::{Answer, Line};
use super::world::World;

/// Each is at one event, over a connection to each receiver.
const SENDERS: u32 = 32;
const ATTEMPTS: u32 = 100;

pub(crate) async fn run() {
    let events = short_or_long(2_000, 10_000);
    let redis = Server::start();
    let world = World::around(redis.url()).await;
    let mut orders = world.orders(None);
    // The ledger alone tells it, and the sinks would be most of the work.
    orders.sinks = false;
    let receivers = [Process::start(&orders).await, Process::start(&orders).await];
    let next = Arc::new(AtomicU32::new(1));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let [mut one, mut other] = [0, 1].map(|which: usize| Line::to(receivers[which].address));
        let next = Arc::clone(&next);
        senders.spawn(async move {
            let mut not_now = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > events {
                    return not_now;
                }
                let id = format!("evt_{number}");
                let answers = tokio::join!(settle(&mut one, &id), settle(&mut other, &id));
                let ((first, waits), (second, more)) = answers;
                not_now += waits + more;
                // Where the one that ran it could not say so in time, both are duplicates by now.
                assert!(first.replayed || second.replayed, "{id} ran twice");
            }
        });
    }
    let not_now: u32 = senders.join_all().await.into_iter().sum();
    println!("\n{events} events, each sent to both: {not_now} answers were \"not now\"");

    let effects: Vec<_> = (world.journal.lines().into_iter())
        .filter(|line| line.what == What::Effect)
        .collect();
    let keys: HashSet<_> = effects.iter().map(|line| line.key.as_str()).collect();
    let expected = usize::try_from(events).unwrap();
    assert_eq!((effects.len(), keys.len()), (expected, expected));
    for receiver in &receivers {
        let share = effects.iter().filter(|line| line.pid == receiver.pid);
        assert!(share.count() > 0, "both have worked");
    }
    let counts = world.store.counts().await.unwrap();
    assert_eq!(counts.done, u64::from(events));
    assert_eq!(counts.claimed + counts.lapsed + counts.released, 0);
}

/// Sends an event until it is acknowledged; also tells how often it was told "not now".
async fn settle(line: &mut Line, id: &str) -> (Answer, u32) {
    for not_now in 0..ATTEMPTS {
        match line.exchange(id).await {
            Some(answer) if answer.is_success() => return (answer, not_now),
            Some(answer) => assert!(answer.is_not_now(), "{id}: {answer:?}"),
            None => panic!("{id}: no answer"),
        }
    }
    panic!("{id}: never acknowledged");
}
