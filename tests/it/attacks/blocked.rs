//! A runtime whose threads stand still.

use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::runtime::Builder;
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::store::RedisStore;
use tower_webhook::{DedupeConfig, Delivery, Webhook};

use crate::redis_support::Server as Redis;
use crate::support::blendfi::{event, webhook_answering_in};
use crate::support::blox::checkout;
use crate::support::presets::{Preset, clock, tokens};
use crate::support::server::Server;
use crate::support::stage::Stage;

const SECOND: Duration = Duration::from_secs(1);

/// A receiver with two threads, both of which its status check blocks, while one of its handlers is
/// at work under a lease of a second; and another receiver with a duplicate.
#[test]
fn a_status_check_that_blocks_every_thread_costs_no_handler_its_event() {
    let redis = Redis::start();
    let (stage, effects) = (Stage::new(), Stage::new());
    let (url, at_work, done) = (redis.url(), stage.clone(), effects.clone());
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let blocked = spawn(move || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = RedisStore::connect(url).await.unwrap();
            let check = async |id: String| {
                sleep(3 * SECOND);
                Ok::<_, std::convert::Infallible>(CheckoutStatus::new(id, "COMPLETED"))
            };
            let blox = provider::blox(tokens()).status_check(check);
            let blox = Webhook::new(blox).clock(clock()).store(store.clone());
            let blendfi = webhook_answering_in(25 * SECOND, store)
                .dedupe(DedupeConfig::new().lease(SECOND).shares_name());
            let handler = move |_: Delivery| async move {
                at_work.stand().await;
                done.enter();
                StatusCode::NO_CONTENT
            };
            let app = Router::new()
                .route("/hooks", post(handler).layer(blendfi.build().unwrap()))
                .route(
                    Preset::Blox.route(),
                    post(|| async { StatusCode::OK }).layer(blox.build().unwrap()),
                );
            let server = Server::start(app).await;
            tell.send(server.address).unwrap();
            let _ = tokio::task::spawn_blocking(move || ended.recv()).await;
        });
    });
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let to = told.recv().unwrap();
        let store = RedisStore::connect(redis.url()).await.unwrap();
        let other = webhook_answering_in(25 * SECOND, store)
            .dedupe(DedupeConfig::new().lease(SECOND).shares_name());
        let done = effects.clone();
        let handler = move || async move {
            done.enter();
            StatusCode::NO_CONTENT
        };
        let other = Preset::BlendFi.serve(&other, handler).await;
        let first = event("evt_1", "{}").spawn(to);
        stage.begun(1).await;
        let checks = ["a", "b", "c", "d"].map(|id| checkout(id, "COMPLETED", "1").spawn(to));
        let duplicate = event("evt_1", "{}").spawn(other.address);
        // Longer than the lease three times over: it is renewed all the same.
        tokio::time::sleep(4 * SECOND).await;
        assert_eq!(effects.runs(), 0);
        stage.let_go(1);
        assert_eq!(first.await.unwrap().status, 204);
        assert!(duplicate.await.unwrap().is_replayed());
        for check in checks {
            let answer = check.await.unwrap();
            assert!(answer.is_success() || answer.is_not_now(), "{answer:?}");
        }
        assert_eq!(effects.runs(), 1);
    });
    end.send(()).unwrap();
    blocked.join().unwrap();
}
