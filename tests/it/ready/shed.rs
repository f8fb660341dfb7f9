//! Services that shed, fail or panic when they are asked whether they are ready.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use crate::support::blendfi;
use crate::support::observer::Recorder;
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::record;
use axum::error_handling::HandleErrorLayer;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{post, post_service};
use axum::{BoxError, Router};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::{MemoryStore, Reason};

use super::{LONG, overloaded};

/// What a shedder refuses was handled by nobody.
#[tokio::test]
async fn what_is_shed_inside_is_given_back() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let webhook = blendfi::webhook_answering_in(LONG, store.clone());
    let stack = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(overloaded))
        .layer(webhook.build().unwrap())
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    let route = post(stage.handler()).layer(stack);
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let first = blendfi::event("evt_1", "{}").spawn(server.address);
    stage.begun(1).await;
    let shed = blendfi::event("evt_2", "{}");
    assert_eq!(shed.send(server.address).await.status, 503);
    let view = record(&store, &blendfi::key("evt_2")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    stage.let_go(2);
    assert_eq!(first.await.unwrap().status, 204);
    assert_eq!(shed.send(server.address).await.status, 204);
}

/// Is never ready: it fails, or panics, when it is asked.
#[derive(Clone)]
struct Unready {
    panics: bool,
    asked: Stage,
}

impl Service<Request> for Unready {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let asked = self.asked.enter();
        // Once with and once without a wait before it.
        if asked == 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        assert!(
            !self.panics || asked > 3,
            "asked whether it is ready, it panics"
        );
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Ok(StatusCode::NO_CONTENT.into_response()))
    }
}

#[tokio::test]
async fn a_service_that_panics_when_it_is_asked_gives_its_event_back() {
    let (store, seen) = (MemoryStore::new(), Recorder::new());
    let webhook = blendfi::webhook(store.clone()).observer(seen.clone());
    let unready = Unready {
        panics: true,
        asked: Stage::new(),
    };
    let service = webhook.build().unwrap().layer(unready.clone());
    let server = Server::start(Router::new().route("/hooks", post_service(service))).await;
    let event = blendfi::event("evt_1", "{}");
    for _ in 0..2 {
        assert_eq!(event.send(server.address).await.status, 500);
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        // No handler has begun.
        assert_eq!((view.state, view.attempt), (RecordState::Released, 0));
    }
    assert_eq!(
        seen.count(Verdict::Failed, Some(Reason::HandlerPanicked)),
        2
    );
    assert_eq!(event.send(server.address).await.status, 204);
    assert_eq!(unready.asked.runs(), 4);
}

#[tokio::test]
async fn a_service_that_fails_when_it_is_asked_gives_its_event_back_and_passes_its_error_on() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let webhook = blendfi::webhook(store.clone());
    // A queue whose worker is gone.
    let inner = service_fn(move |_: Request| async move {
        Ok::<_, BoxError>(StatusCode::NO_CONTENT.into_response())
    });
    let (queue, worker) = tower::buffer::Buffer::pair(inner, 1);
    drop(worker);
    let service = webhook.build().unwrap().layer(queue);
    let failed = stage.clone();
    let service = service.map_err(move |error: BoxError| {
        failed.enter();
        error
    });
    let request = blendfi::event("evt_1", "{}").to_http::<axum::body::Body>();
    assert!(service.oneshot(request).await.is_err());
    assert_eq!(stage.runs(), 1);
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
}
