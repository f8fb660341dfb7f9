//! What the answer of a handler does to its event, and to duplicates of it.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_webhook::store::RecordState;
use tower_webhook::{DedupeConfig, Delivery, MemoryStore, Permanent, Reason, Webhook};

use crate::support::blox::checkout;
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::stage::Stage;
use crate::support::wait::{done_with, record, released, until};
use crate::support::{blendfi, blox};

/// Answers the first attempt with this status and later ones with 204.
fn first_with(
    status: u16,
) -> impl Fn(Delivery) -> std::future::Ready<axum::response::Response> + Clone {
    move |delivery: Delivery| {
        std::future::ready(match delivery.attempt() {
            1 => (StatusCode::from_u16(status).unwrap(), "why not").into_response(),
            _ => StatusCode::NO_CONTENT.into_response(),
        })
    }
}

#[tokio::test]
async fn a_failure_is_answered_so_that_its_sender_retries() {
    // The statuses after which each sender retries, by its documentation.
    for (answered, expected) in [
        (301, 500),
        (302, 500),
        (400, 500),
        (404, 500),
        (410, 500),
        (422, 500),
        (408, 408),
        (409, 409),
        (425, 425),
        (429, 429),
        (500, 500),
        (502, 502),
        (503, 503),
    ] {
        let store = MemoryStore::new();
        let webhook = blendfi::webhook(store.clone());
        let server = blendfi::serve(&webhook, first_with(answered)).await;
        let event = blendfi::event("evt_1", "{}");
        let answer = event.send(server.address).await;
        assert_eq!(answer.status, expected, "BlendFi, {answered}");
        assert_eq!(
            answer.body, b"why not",
            "the handler's own answer, but for its status"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!(view.state, RecordState::Released, "{answered}");
        assert_eq!(
            event.send(server.address).await.status,
            204,
            "the next attempt runs"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(204), 2));
    }
    for (answered, expected) in [(302, 500), (400, 500), (409, 500), (503, 500)] {
        let store = MemoryStore::new();
        let webhook = blox::webhook(store.clone());
        let server = Preset::Blox.serve(&webhook, first_with(answered)).await;
        let event = checkout("c1", "COMPLETED", "1");
        let answer = event.send(server.address).await;
        assert_eq!(answer.status, expected, "BLOX, {answered}");
        let key = blox::key("c1", "COMPLETED");
        assert_eq!(released(&store, &key).await.attempt, 1);
        assert_eq!(event.send(server.address).await.status, 204);
    }
    for status in [302, 400, 404, 409, 500] {
        let bloque = Preset::BloqueAccounts;
        let webhook = Webhook::new(bloque.provider()).store(MemoryStore::new());
        let server = bloque.serve(&webhook, first_with(status)).await;
        let event = bloque.delivery(1);
        assert_eq!(
            event.send(server.address).await.status,
            status,
            "Bloque retries after it"
        );
        assert_eq!(event.send(server.address).await.status, 204);
    }
}

#[tokio::test]
async fn an_answer_marked_never_again_stands_and_settles_the_event() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let handler = {
        let stage = stage.clone();
        move || async move {
            stage.enter();
            Permanent((StatusCode::GONE, "not ours"))
        }
    };
    let server = blendfi::serve(&blendfi::webhook(store.clone()), handler.clone()).await;
    let event = blendfi::event("evt_1", "{}");
    let answer = event.send(server.address).await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (410, &b"not ours"[..])
    );
    assert_eq!(
        done_with(&record(&store, &blendfi::key("evt_1")).await.unwrap()),
        Some(410)
    );
    let duplicate = event.send(server.address).await;
    assert_eq!(
        (duplicate.status, duplicate.is_replayed(), stage.runs()),
        (200, true, 1)
    );

    let replaying = blendfi::webhook(store.clone())
        .dedupe(DedupeConfig::new().replay_responses(64).shares_name());
    let server = blendfi::serve(&replaying, handler).await;
    let event = blendfi::event("evt_2", "{}");
    assert_eq!(event.send(server.address).await.status, 410);
    let duplicate = event.send(server.address).await;
    assert_eq!(
        (duplicate.status, duplicate.body.as_slice()),
        (410, &b"not ours"[..])
    );
    assert!(duplicate.is_replayed());
    assert_eq!(stage.runs(), 2);
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

#[tokio::test]
async fn an_error_of_the_service_passes_through_and_releases_the_event() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let recorder = Recorder::new();
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let runs = stage.clone();
    let service = ServiceBuilder::new()
        .map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new))
        .layer(webhook.build().unwrap())
        .service_fn(move |_: Request| {
            let run = runs.enter();
            async move {
                match run {
                    1 => Err(Broken),
                    _ => Ok(StatusCode::NO_CONTENT.into_response()),
                }
            }
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let server = tokio::spawn({
        let failures = failures.clone();
        async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(service.clone());
                let failures = failures.clone();
                tokio::spawn(async move {
                    let served = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .http1_only()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    if let Err(error) = served {
                        failures.lock().unwrap().push(error.to_string());
                    }
                });
            }
        }
    });
    let event = blendfi::event("evt_1", "{}");
    let mut sender = Connection::open(address).await;
    sender.send(&event.bytes()).await;
    let answer = sender.response().await;
    assert_eq!(answer, None, "hyper closes without an answer");
    assert_eq!(released(&store, &blendfi::key("evt_1")).await.attempt, 1);
    until("hyper to say so", || !failures.lock().unwrap().is_empty()).await;
    assert_eq!(recorder.seen()[0].reason, Some(Reason::HandlerFailed));
    assert_eq!(event.send(address).await.status, 204);
    assert_eq!(
        record(&store, &blendfi::key("evt_1"))
            .await
            .unwrap()
            .attempt,
        2
    );
    server.abort();
}
