//! What a user's own types do wrong around a handler: the event is given back all the same, and its
//! sender is answered in time.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::*;
use crate::support::faults::{Fault, FaultyStore, Op};
use crate::support::observer::Recorder;
use crate::support::presets::tokens;
use crate::support::wait::{done, released};
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::Verdict;
use tower_webhook::{
    EventKey, MemoryStore, Name, Observation, Observer, Provider, Reason, Rejection,
    RetriedStatuses, RetrySchedule, SenderContract, Webhook,
};

/// A sender that waits ten seconds for an answer: eight are ours.
fn provider() -> Provider {
    let schedule = RetrySchedule::Fixed {
        interval: 30 * SECOND,
        attempts: 5,
    };
    let contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess).waits(10 * SECOND);
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    Provider::by_secret_path(Name::new("acme").unwrap(), tokens(), rule, contract)
}

fn key() -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap()
}

fn delivery<B: From<Bytes>>() -> Request<B> {
    let path = format!("/{}", crate::support::presets::TOKEN);
    let body = B::from(Bytes::from_static(br#"{"id":"evt_1"}"#));
    Request::post(path).body(body).unwrap()
}

fn reason<B>(response: &Response<B>) -> Option<Reason> {
    response
        .extensions()
        .get::<Rejection>()
        .map(Rejection::reason)
}

async fn handler<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

/// A body that cannot be made of what has come.
struct Fragile(Full<Bytes>);

static BREAKS: AtomicBool = AtomicBool::new(false);

impl From<Bytes> for Fragile {
    fn from(bytes: Bytes) -> Self {
        assert!(!BREAKS.load(Ordering::SeqCst), "no body");
        Self(Full::from(bytes))
    }
}

impl Body for Fragile {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_made_costs_no_event() {
    let store = MemoryStore::new();
    let webhook = Webhook::new(provider())
        .store(store.clone())
        .build()
        .unwrap();
    let service = webhook.layer(service_fn(handler::<Fragile>));
    let request = delivery();
    BREAKS.store(true, Ordering::SeqCst);
    let failed = service.clone().oneshot(request).await.unwrap();
    assert_eq!(reason(&failed), Some(Reason::HandlerPanicked));
    released(&store, &key()).await;
    BREAKS.store(false, Ordering::SeqCst);
    let second = service.oneshot(delivery()).await.unwrap();
    assert_eq!((second.status(), reason(&second)), (StatusCode::OK, None));
    done(&store, &key()).await;
}

/// A service that is closed, and holds what others wait for.
#[derive(Clone)]
struct Closed(#[expect(dead_code, reason = "it is held")] Arc<()>);

impl Service<Request<Full<Bytes>>> for Closed {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Response<Full<Bytes>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("closed")))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Err(io::Error::other("called all the same")))
    }
}

#[tokio::test]
async fn a_service_that_is_closed_is_let_go_before_the_store_is_asked() {
    let (store, held) = (FaultyStore::new(MemoryStore::new()), Arc::new(()));
    store.always(Op::Release, Fault::Waits);
    let webhook = Webhook::new(provider())
        .store(store.clone())
        .build()
        .unwrap();
    let service = webhook.layer(Closed(Arc::clone(&held)));
    let answer = tokio::spawn(service.oneshot(delivery()));
    store.called(Op::Release, 1).await;
    assert_eq!(Arc::strong_count(&held), 1, "nobody else holds it");
    store.open_the_gate();
    assert_eq!(answer.await.unwrap().err().unwrap().to_string(), "closed");
    released(&store.inner, &key()).await;
}

/// It ends 300 ms before the deadline, so that a quarter of a second is left to record it: that the
/// store hangs until the deadline makes it no more.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_gets_no_more_time_than_the_end_of_the_handler_left_it() {
    let store = FaultyStore::new(MemoryStore::new());
    store.always(Op::Complete, Fault::Hangs);
    let webhook = Webhook::new(provider())
        .store(store.clone())
        .build()
        .unwrap();
    let service = webhook.layer(service_fn(async |request: Request<Full<Bytes>>| {
        sleep(Duration::from_millis(7_700)).await;
        handler(request).await
    }));
    let sent = Instant::now();
    let answer = service.oneshot(delivery()).await.unwrap();
    assert_eq!(reason(&answer), Some(Reason::NotRecorded));
    assert!(
        sent.elapsed() < 8 * SECOND + Duration::from_millis(50),
        "{:?}",
        sent.elapsed()
    );
}

struct Breaks;

impl Observer for Breaks {
    fn observe(&self, _: &Observation<'_>) {
        panic!("the observer panics");
    }
}

#[tokio::test]
async fn each_observer_of_several_sees_what_the_others_panic_at() {
    let seen = [(); 4].map(|()| Recorder::new());
    let [a, b, c, d] = seen.clone();
    let observe = |webhook: Webhook| webhook.build().unwrap().layer(service_fn(handler));
    let webhook = || Webhook::new(provider()).store(MemoryStore::new());
    for service in [
        observe(webhook().observer((Breaks, a))),
        observe(webhook().observer((b, Breaks))),
        observe(webhook().observer((Breaks, c, Breaks))),
        observe(webhook().observer((Breaks, Breaks, d))),
    ] {
        let answer = service.oneshot(delivery::<Full<Bytes>>()).await.unwrap();
        assert_eq!((answer.status(), reason(&answer)), (StatusCode::OK, None));
    }
    for seen in seen {
        assert_eq!(seen.next().await.verdict, Verdict::Handled);
    }
}
