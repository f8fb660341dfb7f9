//! Deliveries whose events take longer than their sender waits.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_webhook::store::{RecordState, RedisStore};
use tower_webhook::testing::TestDelivery;
use tower_webhook::{
    DedupeConfig, Delivery, Drain, EventKey, MemoryStore, Name, RetriedStatuses, RetrySchedule,
    RouterExt, SenderContract, SharedStore, Store, Webhook,
};

use super::{Stage, TOKEN, list, retrying};
use crate::redis_support::Server as Redis;
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

/// A receiver of lists by a sender that comes once, whose handler blocks the only thread there is past the
/// deadline, and the status that its sender is told.
async fn told_once(store: SharedStore, items: &[&str]) -> u16 {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).waits(SECOND);
    let provider = super::pix(contract);
    let webhook = Webhook::new(provider.clone()).store(store);
    let on_pix = async |delivery: Delivery| {
        let key = delivery.key().to_string();
        match &*key {
            "blocks and fails" => std::thread::sleep(SECOND * 9 / 10),
            key if key.starts_with("goes on") => sleep(SECOND * 3 / 2).await,
            _ => {}
        }
        match key.ends_with("fails") {
            true => StatusCode::INTERNAL_SERVER_ERROR,
            false => StatusCode::OK,
        }
    };
    let app: Router = Router::new().webhook("/", webhook.build().unwrap(), on_pix);
    let request = TestDelivery::new(&provider, list(items))
        .token(TOKEN)
        .request::<Body>();
    app.oneshot(request.unwrap())
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// To a sender that does not come again a 202 says that nothing is left to do.
#[tokio::test]
async fn a_sender_that_comes_once_is_told_of_a_failure_that_is_known() {
    let redis = Redis::start();
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let store = SharedStore::new(store);
    assert_eq!(told_once(store.clone(), &["blocks and fails"]).await, 500);
    assert_eq!(told_once(store.clone(), &["fails", "goes on"]).await, 500);
    assert_eq!(told_once(store, &["E1", "goes on too"]).await, 202);
}

#[tokio::test(start_paused = true)]
async fn slow_items_that_fail_at_the_front_of_a_list_keep_none_from_their_turn() {
    for concurrency in [1, 4] {
        let stage = Stage::with(retrying(), MemoryStore::new(), |webhook| {
            webhook.dedupe(DedupeConfig::new().item_concurrency(concurrency))
        });
        let ids = ids(20);
        for id in ids.iter().take(concurrency) {
            stage.book.stays(id, 5 * SECOND);
            stage.book.fails(id, 0);
        }
        for _ in 0..3 {
            assert_eq!(stage.deliver(list(&ids)).await.0, 503);
            sleep(30 * SECOND).await;
        }
        assert_eq!(stage.book.effects(), (20 - concurrency, 1));
    }
}

/// What was tried less often comes first.
#[tokio::test(start_paused = true)]
async fn of_slow_items_that_fail_each_has_its_turn() {
    let stage = Stage::with(retrying(), MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().item_concurrency(1))
    });
    let ids = ids(4);
    for id in &ids {
        stage.book.stays(id, 5 * SECOND);
        stage.book.fails(id, 2);
    }
    for turn in 1..=3 {
        for _ in &ids {
            assert_eq!(stage.deliver(list(&ids)).await.0, 503);
            sleep(30 * SECOND).await;
        }
        let runs: Vec<_> = ids.iter().map(|id| stage.book.runs_of(id)).collect();
        assert_eq!(runs, [turn; 4]);
    }
    assert_eq!(stage.book.effects(), (4, 1));
    assert_eq!(stage.deliver(list(&ids)).await.0, 200);
}
