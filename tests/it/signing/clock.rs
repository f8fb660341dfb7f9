//! A clock of ours that is wrong.

use std::time::Duration;

use tower_webhook::ManualClock;
use tower_webhook::provider::{self, stripe};

use super::*;
use crate::support::log::Log;

const ALARM: &str = "clock_suspected=true";

fn signed_at(n: u32, time: u64) -> Request {
    let body = stripe_body(n);
    let mac = stripe_mac(STRIPE_SECRET, time, &body);
    Request::post("/hooks")
        .header("stripe-signature", format!("t={time},v1={mac}"))
        .body(body)
}

#[tokio::test]
async fn three_different_deliveries_that_are_stale_alike_are_our_own_clock() {
    let log = Log::default();
    let _guard = log.capture(false);
    // Six minutes ahead of the sender's.
    let clock = ManualClock::new(secs(NOW + 360));
    let stripe = provider::stripe(stripe::keys([STRIPE_SECRET]).unwrap());
    let server = serve_webhook(
        &Webhook::new(stripe)
            .store(MemoryStore::new())
            .clock(clock.clone()),
    )
    .await;
    for n in 1..=3 {
        assert!(!log.text().contains(ALARM), "before number {n}");
        let time = NOW + u64::from(n);
        assert_eq!(status(&server, &signed_at(n, time)).await, 401);
        clock.advance(Duration::from_secs(1));
    }
    let told = log.text().matches(ALARM).count();
    assert_eq!(told, 1, "{}", log.text());

    // Once a delivery is in time, the clock is not suspected any longer.
    clock.set(secs(NOW));
    assert_eq!(status(&server, &signed_at(4, NOW)).await, 204);
    clock.set(secs(NOW + 360));
    for n in 5..=6 {
        assert_eq!(status(&server, &signed_at(n, NOW)).await, 401);
    }
    assert_eq!(log.text().matches(ALARM).count(), 1);
}

#[tokio::test]
async fn one_captured_delivery_that_is_replayed_is_no_clock() {
    let log = Log::default();
    let _guard = log.capture(false);
    let stripe = provider::stripe(stripe::keys([STRIPE_SECRET]).unwrap());
    let clock = ManualClock::new(secs(NOW + 360));
    let server = serve_webhook(&Webhook::new(stripe).store(MemoryStore::new()).clock(clock)).await;
    for _ in 0..10 {
        assert_eq!(status(&server, &signed_at(1, NOW)).await, 401);
    }
    assert!(!log.text().contains(ALARM), "{}", log.text());
}

#[tokio::test]
async fn a_stale_delivery_is_asked_to_come_again_only_where_that_was_chosen() {
    let stripe = || provider::stripe(stripe::keys([STRIPE_SECRET]).unwrap());
    let clock = ManualClock::new(secs(NOW + 360));
    let usual = serve_webhook(
        &Webhook::new(stripe())
            .store(MemoryStore::new())
            .clock(clock.clone()),
    )
    .await;
    assert_eq!(status(&usual, &signed_at(1, NOW)).await, 401);

    let webhook = Webhook::new(stripe())
        .store(MemoryStore::new())
        .clock(clock.clone());
    let server = serve_webhook(&webhook.stale_is_not_now()).await;
    let old = signed_at(1, NOW).send(server.address).await;
    assert_eq!((old.status, old.header("retry-after")), (503, Some("5")));
    let new = signed_at(1, NOW + 720).send(server.address).await;
    assert_eq!((new.status, new.header("retry-after")), (503, Some("5")));
    // What it costs: a forged one looks otherwise.
    let forged = signed_at(1, NOW).body(stripe_body(2));
    assert_eq!(status(&server, &forged).await, 401);
    clock.set(secs(NOW));
    assert_eq!(
        status(&server, &signed_at(1, NOW)).await,
        204,
        "it came again"
    );
}
