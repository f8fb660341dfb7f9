//! Deliveries whose events take longer than their sender waits.

use std::time::Duration;

use tokio::time::Instant;
use tower_webhook::store::RecordState;
use tower_webhook::{
    DedupeConfig, Drain, EventKey, MemoryStore, Name, RetriedStatuses, RetrySchedule,
    SenderContract, Store,
};

use super::{Stage, list, retrying};
use crate::support::wait::until;

const SECOND: Duration = Duration::from_secs(1);

fn once() -> SenderContract {
    SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).waits(10 * SECOND)
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("E{number}")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_not_begun_by_the_deadline_keeps_its_attempts() {
    let store = MemoryStore::new();
    let stage = Stage::with(retrying(), store.clone(), |webhook| {
        webhook.dedupe(DedupeConfig::new().item_concurrency(4))
    });
    let ids = ids(20);
    for id in &ids {
        stage.book.stays(id, 3 * SECOND);
    }
    let begun = Instant::now();
    assert_eq!(stage.deliver(list(&ids)).await.0, 503);
    assert_eq!(begun.elapsed(), 4 * SECOND, "four fifths of five seconds");
    // Two times four were begun; those that were at work are finished.
    until("the last handlers", || stage.book.effects().0 == 8).await;
    let name = Name::new("pix").unwrap();
    let mut absent = 0;
    for id in &ids {
        let key = EventKey::new(name.clone(), [id]).unwrap();
        match store.lookup(&key).await.unwrap() {
            Some(view) => assert!(matches!(view.state, RecordState::Done(_)) && view.attempt == 1),
            None => absent += 1,
        }
    }
    assert_eq!(absent, 12, "not claimed at all");
    // The sender comes until all are done.
    while stage.deliver(list(&ids)).await.0 != 200 {}
    assert_eq!((stage.book.effects(), stage.book.runs()), ((20, 1), 20));
}

#[tokio::test(start_paused = true)]
async fn where_the_sender_comes_once_the_rest_is_run_behind_the_202() {
    let drain = Drain::new();
    let stage = Stage::with(once(), MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().drain(drain.clone()).item_concurrency(2))
    });
    let ids = ids(12);
    for id in &ids {
        stage.book.stays(id, 3 * SECOND);
    }
    let begun = Instant::now();
    assert_eq!(stage.deliver(list(&ids)).await.0, 202);
    assert_eq!(begun.elapsed(), 8 * SECOND);
    assert!(stage.book.runs() < 12);
    // A shutdown waits for all of them, those too that are not claimed yet.
    assert_eq!(drain.wait(60 * SECOND).await, 0);
    assert_eq!((stage.book.effects(), stage.book.runs()), ((12, 1), 12));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_begins_nothing_more_where_the_sender_comes_again() {
    let drain = Drain::new();
    let stage = Stage::with(retrying(), MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().drain(drain.clone()).item_concurrency(2))
    });
    let ids = ids(8);
    for id in &ids {
        stage.book.stays(id, SECOND);
    }
    let delivery = tokio::spawn({
        let (stage, body) = (stage.clone(), list(&ids));
        async move { stage.deliver(body).await }
    });
    until("the first two", || stage.book.runs() == 2).await;
    assert_eq!(drain.wait(60 * SECOND).await, 0);
    assert_eq!(delivery.await.unwrap().0, 503);
    assert_eq!((stage.book.effects(), stage.book.runs()), ((2, 1), 2));
}
