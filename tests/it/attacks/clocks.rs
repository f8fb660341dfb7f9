//! Clocks that step: ours under deliveries, and the store's under records.

use std::time::Duration;

use tower_webhook::store::RedisStore;
use tower_webhook::{ManualClock, MemoryStore, UnixTime, Webhook};

use crate::redis_support::Server as Redis;
use crate::support::blendfi::{body, event, serve, webhook_answering_in};
use crate::support::http::Request;
use crate::support::presets::{NOW, Preset, SECRET, blendfi_signature};
use crate::support::stage::Stage;

const DAY: i64 = 86_400;

/// A delivery that was signed at this time.
fn signed_at(time: u64, id: &str) -> Request {
    let body = body(id, "{}");
    Request::post(&Preset::BlendFi.path())
        .header(
            "x-blendfi-signature",
            blendfi_signature(time, SECRET, &body),
        )
        .body(body)
}

#[tokio::test]
async fn a_clock_of_ours_that_is_set_back_makes_no_captured_delivery_new() {
    let clock = ManualClock::new(UnixTime::from_secs(NOW));
    let stage = Stage::new();
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .clock(clock.clone())
        .store(MemoryStore::new());
    let server = serve(&webhook, stage.counter()).await;
    let captured = signed_at(NOW, "evt_1");
    assert_eq!(captured.send(server.address).await.status, 204);
    // Out of the window on either side, back in it, at its edges, at both ends of time.
    for (ahead, status) in [
        (301, 401),
        (-301, 401),
        (0, 200),
        (300, 200),
        (-300, 200),
        (400 * DAY, 401),
        (-400 * DAY, 401),
        (0, 200),
        (i64::MAX, 401),
        (i64::MIN, 401),
        (0, 200),
    ] {
        clock.set(UnixTime::from_secs(NOW.saturating_add_signed(ahead)));
        let answer = captured.send(server.address).await;
        assert_eq!(answer.status, status, "{ahead}: {answer:?}");
        assert_eq!(answer.is_replayed(), status == 200);
        // What is signed by that clock is handled all the same.
        if (-400 * DAY..=400 * DAY).contains(&ahead) {
            let now = NOW.saturating_add_signed(ahead);
            let fresh = signed_at(now, &format!("evt_{ahead}_{}", stage.runs()));
            assert_eq!(fresh.send(server.address).await.status, 204, "{ahead}");
        }
    }
    assert_eq!(stage.runs(), 1 + 9);
}

#[tokio::test]
async fn a_clock_of_redis_that_is_set_back_and_forth_makes_nothing_new_that_is_done() {
    let redis = Redis::with_clock();
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let stage = Stage::new();
    let webhook = webhook_answering_in(Duration::from_secs(20), store);
    let server = serve(&webhook, stage.handler()).await;
    stage.let_go(1);
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
    // While a handler is at work, and a duplicate waits: an hour back and two days on.
    for (number, ahead) in [-3_600, 2 * DAY, -2 * DAY, 0].into_iter().enumerate() {
        let id = format!("evt_at_work_{number}");
        let first = event(&id, "{}").spawn(server.address);
        stage.begun(stage.runs() + 1).await;
        redis.set_clock(ahead);
        stage.let_go(1);
        let answer = first.await.unwrap();
        assert_eq!(answer.status, 204, "{ahead}: {answer:?}");
        for done in ["evt_1", &id] {
            let again = event(done, "{}").send(server.address).await;
            assert!(again.is_replayed(), "{ahead}, {done}: {again:?}");
        }
    }
    assert_eq!(stage.runs(), 5);
}
