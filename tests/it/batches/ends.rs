//! Deliveries that a sender, a handler or a limit inside ends early.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use tokio::time::sleep;
use tower::limit::ConcurrencyLimitLayer;
use tower::{ServiceBuilder, ServiceExt};
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::testing::TestDelivery;
use tower_webhook::{
    DedupeConfig, Delivery, Drain, EventKey, MemoryStore, Name, Reason, RouterExt, Store, Webhook,
};

use super::{Stage, TOKEN, list, pix, retrying};
use crate::support::observer::Recorder;
use crate::support::wait::until;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_shutdown_counts_a_delivery_from_the_moment_it_is_taken() {
    let drain = Drain::new();
    let stage = Stage::with(retrying(), MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().drain(drain.clone()))
    });
    let request = stage.delivery(list(["E1"])).request::<Body>().unwrap();
    let mut answer = pin!(stage.app.clone().oneshot(request));
    // Asked once: no other task of this thread has had a turn.
    let polled = answer
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    assert_eq!(drain.running(), 1);
    assert_eq!(answer.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_hangs_up_costs_no_event_and_no_second_run() {
    let stage = Stage::with(retrying(), MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().item_concurrency(2))
    });
    let ids: Vec<_> = (0..6).map(|number| format!("E{number}")).collect();
    for id in &ids {
        stage.book.stays(id, SECOND);
    }
    let body = list(&ids);
    let delivery = tokio::spawn({
        let (stage, body) = (stage.clone(), body.clone());
        async move { stage.deliver(body).await }
    });
    until("the first two", || stage.book.runs() == 2).await;
    delivery.abort();
    assert!(delivery.await.unwrap_err().is_cancelled());
    // Whoever comes meanwhile waits for what is at work, and runs nothing of it.
    assert_eq!(stage.deliver(body.clone()).await.0, 200);
    assert_eq!((stage.book.effects(), stage.book.runs()), ((6, 1), 6));
    assert_eq!(stage.deliver(body).await, (200, true));
}

#[tokio::test]
async fn a_handler_that_panics_takes_no_other_item_with_it() {
    let (store, seen, runs) = (
        MemoryStore::new(),
        Recorder::new(),
        Arc::new(AtomicU32::new(0)),
    );
    let provider = pix(retrying());
    let webhook = Webhook::new(provider.clone())
        .store(store.clone())
        .observer(seen.clone())
        .dedupe(DedupeConfig::new().item_concurrency(1));
    let counted = Arc::clone(&runs);
    let on_pix = async move |delivery: Delivery| {
        counted.fetch_add(1, Ordering::SeqCst);
        let is_first = delivery.attempt() == 1;
        assert!(!(is_first && delivery.key().to_string() == "E2"), "broken");
        StatusCode::OK
    };
    let app: Router = Router::new().webhook("/", webhook.build().unwrap(), on_pix);
    let deliver = async || {
        let delivery = TestDelivery::new(&provider, list(["E1", "E2", "E3"])).token(TOKEN);
        let request = delivery.request::<Body>().unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(deliver().await, 500);
    assert_eq!(runs.load(Ordering::SeqCst), 3, "the one behind it too");
    assert_eq!(
        seen.count(Verdict::Failed, Some(Reason::HandlerPanicked)),
        1
    );
    assert_eq!(deliver().await, 200);
    assert_eq!(runs.load(Ordering::SeqCst), 4, "it alone");
    assert_eq!(store.counts().await.unwrap().done, 3);
}

/// Of three that are claimed one has the only place, and does not give it back in time.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_limit_inside_is_given_back_at_the_deadline() {
    let (store, seen) = (MemoryStore::new(), Recorder::new());
    let provider = pix(retrying());
    let webhook = Webhook::new(provider.clone())
        .store(store.clone())
        .observer(seen.clone());
    let service = ServiceBuilder::new()
        .layer(webhook.build().unwrap())
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(async |request: Request<Body>| {
            let delivery = request.extensions().get::<Delivery>().unwrap().clone();
            if delivery.key().to_string() == "E1" && delivery.attempt() == 1 {
                pending::<()>().await;
            }
            sleep(SECOND).await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
    let request = || {
        let delivery = TestDelivery::new(&provider, list(["E1", "E2", "E3"])).token(TOKEN);
        delivery.request::<Body>().unwrap()
    };
    let answer = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), 503);
    until("both", || {
        seen.count(Verdict::Refused, Some(Reason::NotReady)) == 2
    })
    .await;
    // What did not begin has its first attempt still to come.
    for (id, is_held, attempts) in [("E1", true, 1), ("E2", false, 0), ("E3", false, 0)] {
        let key = EventKey::new(Name::new("pix").unwrap(), [id]).unwrap();
        let view = store.lookup(&key).await.unwrap().unwrap();
        let holds = matches!(view.state, RecordState::Claimed { .. });
        assert_eq!((holds, view.attempt), (is_held, attempts), "{id}");
    }
}
