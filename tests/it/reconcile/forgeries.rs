//! Strangers who know the secret path cost the API a question a second, and the true delivery nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};
use tower::ServiceExt;
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::reconcile::{ApiKey, BloxApi};
use tower_webhook::testing::BloxStandIn;
use tower_webhook::{Decimal, MemoryStore, RouterExt, Webhook};

use crate::support::blox::checkout;
use crate::support::presets::{TOKEN, tokens};
use crate::support::server::Server;

const ID: &str = "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a";
const KEY: &str = "blox_test_9f8e7d6c5b4a";

async fn delivered(app: Router, amount: u32) -> StatusCode {
    let body = format!(
        r#"{{"checkoutId":"{ID}","status":"COMPLETED","amount":"{amount}","timestamp":"2026-05-04T13:00:00Z"}}"#
    );
    let request = Request::post(format!("/webhooks/blox/{TOKEN}"))
        .body(Body::from(body))
        .unwrap();
    app.oneshot(request).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_forgeries_a_minute_cost_sixty_questions_a_minute() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let blox = provider::blox(tokens()).status_check(move |id| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(Duration::from_millis(80)).await;
            let found = CheckoutStatus::new(id, "COMPLETED");
            Ok::<_, Infallible>(found.amount(Decimal::parse("15000").unwrap()))
        }
    });
    let webhook = Webhook::new(blox)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let app: Router = Router::new().webhook("/webhooks/blox", webhook, async || {});
    let begun = Instant::now();
    let forgeries: Vec<_> = (0..10_000_u32)
        .map(|number| {
            let (app, at) = (app.clone(), begun + Duration::from_millis(6) * number);
            tokio::spawn(async move {
                sleep_until(at).await;
                delivered(app, 20_000 + number).await
            })
        })
        .collect();
    // So that all but its last seconds are forgeries of what is not done yet.
    sleep(Duration::from_secs(50)).await;
    let sent = Instant::now();
    assert_eq!(delivered(app, 15_000).await, StatusCode::OK);
    let took = sent.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    sleep_until(begun + Duration::from_secs(60)).await;
    let questions = asked.load(Ordering::Relaxed);
    assert!((20..=60).contains(&questions), "{questions} questions");
    for answer in join_all(forgeries).await {
        // Refused by the truth, by what is done, or for want of room.
        assert!(matches!(answer.unwrap().as_u16(), 400 | 422 | 503));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_real_connections_too_and_by_the_ready_made_client() {
    let api = BloxStandIn::start(KEY).await.unwrap();
    api.set(ID, "COMPLETED", "15000");
    let client = BloxApi::at(api.server().url(), ApiKey::new(KEY).unwrap()).unwrap();
    let blox = provider::blox(tokens()).checked_by(&client);
    let webhook = Webhook::new(blox)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let router = Router::new().webhook("/hooks", webhook, async || {});
    let receiver = Server::start(router).await;
    let (to, begun) = (receiver.address, Instant::now());
    let forgeries: Vec<_> = (0..600_u32)
        .map(|number| {
            tokio::spawn(async move {
                sleep_until(begun + Duration::from_millis(6) * number).await;
                let forged = checkout(ID, "COMPLETED", &(20_000 + number).to_string());
                forged.send(to).await.status
            })
        })
        .collect();
    sleep(Duration::from_secs(3)).await;
    let sent = Instant::now();
    assert_eq!(
        checkout(ID, "COMPLETED", "15000").send(to).await.status,
        200
    );
    assert!(
        sent.elapsed() < Duration::from_secs(10),
        "{:?}",
        sent.elapsed()
    );
    for answer in join_all(forgeries).await {
        assert!(matches!(answer.unwrap(), 400 | 422 | 503));
    }
    let (asked, seconds) = (api.server().requests(), begun.elapsed().as_secs() + 1);
    // The first four come at shorter pauses.
    assert!(asked <= seconds + 4, "{asked} in {seconds} s");
}
