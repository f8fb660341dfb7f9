//! Senders mounted in one application: the cost of a delivery from one of them, without sockets.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use tower::ServiceExt;
use tower_webhook::{MemoryStore, Webhook};

use crate::common::{Result, SIGNATURE, Sender, blendfi, event};
use crate::rows::{Size, row};

/// The number of new events in each round at each size.
const EVENTS: u32 = 200;

pub(crate) fn mounted(rounds: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime = &runtime;
    let sender = &Sender::new()?;
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1, 10, 50, 200] {
        let mut app = Router::new();
        for number in 0..size {
            let webhook = Webhook::new(blendfi()?).store(MemoryStore::new());
            let route = post(async || StatusCode::OK).layer(webhook.build()?);
            app = app.route(&format!("/hooks/{number}"), route);
        }
        let mut sent = 0_u32;
        let check = move || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let requests: Vec<_> = (0..EVENTS)
                .map(|_| {
                    sent += 1;
                    let id = format!("evt_{sent}");
                    let body = event(&id);
                    Request::post(format!("/hooks/{}", sent % size))
                        .header("content-type", "application/json")
                        .header("x-blendfi-event-id", id)
                        .header("x-blendfi-timestamp", now.as_secs())
                        .header(SIGNATURE, sender.sign(now.as_secs(), &body))
                        .body(Body::from(body))
                        .unwrap()
                })
                .collect();
            let begun = Instant::now();
            runtime.block_on(async {
                for request in requests {
                    let answer = app.clone().oneshot(request).await.unwrap();
                    assert_eq!(answer.status(), StatusCode::OK);
                }
            });
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(EVENTS)
        };
        sizes.push((size, Box::new(check)));
    }
    row(
        "A delivery to one of several `Webhook`s",
        "senders mounted",
        rounds,
        sizes,
    );
    Ok(())
}
