//! How long a delivery's body is kept: until nothing needs it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};
use tower_webhook::{Delivery, MemoryStore};

use super::*;
use crate::support::blendfi::{self, event};
use crate::support::stage::Stage;

type Body = Full<Bytes>;

/// Counts the bodies that are kept.
#[derive(Clone, Default)]
struct Kept(Arc<AtomicUsize>);

struct Owned(Bytes, Kept);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.1.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Kept {
    /// A right delivery, whose body is looked after.
    fn delivery(&self, id: &str) -> Request<Body> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let request: Request<Bytes> = event(id, "{}").to_http();
        request.map(|body| Full::new(Bytes::from_owner(Owned(body, self.clone()))))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Lets everything go on that need not wait, without a moment passing.
async fn settle() {
    let now = Instant::now();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(now.elapsed(), Duration::ZERO);
}

/// A handler that lets go of its request, stands, and answers.
fn standing(
    stage: &Stage,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let stage = stage.clone();
    tower::service_fn(move |request: Request<Body>| {
        let stage = stage.clone();
        drop(request);
        async move {
            stage.stand().await;
            Ok(Response::new(Full::default()))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_body_is_let_go_once_its_handler_has_let_go_of_it() {
    let (stage, kept) = (Stage::new(), Kept::default());
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let service = layer.layer(standing(&stage));
    let answer = tokio::spawn(service.clone().oneshot(kept.delivery("evt_1")));
    settle().await;
    assert_eq!(
        (stage.runs(), kept.count()),
        (1, 0),
        "the handler goes on without it"
    );

    // One that waits for the outcome may have to run, and needs its own.
    let duplicate = tokio::spawn(service.clone().oneshot(kept.delivery("evt_1")));
    settle().await;
    assert_eq!(kept.count(), 1);
    stage.let_go(1);
    assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    assert_eq!(duplicate.await.unwrap().unwrap().status(), 200);
    settle().await;
    assert_eq!((stage.runs(), kept.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_hangs_up_leaves_no_body_behind() {
    let (stage, kept) = (Stage::new(), Kept::default());
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    // This handler has it to its end.
    let handler = {
        let stage = stage.clone();
        tower::service_fn(move |request: Request<Body>| {
            let stage = stage.clone();
            async move {
                stage.stand().await;
                drop(request);
                Ok::<_, Infallible>(Response::new(Body::default()))
            }
        })
    };
    let service = layer.layer(handler);
    let first = tokio::spawn(service.clone().oneshot(kept.delivery("evt_1")));
    let waiting = tokio::spawn(service.clone().oneshot(kept.delivery("evt_1")));
    settle().await;
    assert_eq!((stage.runs(), kept.count()), (1, 2));
    // Nobody waits for the second any more, and it does nothing.
    waiting.abort();
    settle().await;
    assert_eq!(kept.count(), 1);
    first.abort();
    settle().await;
    assert_eq!(kept.count(), 1, "the handler goes on");
    stage.let_go(1);
    settle().await;
    assert_eq!((stage.runs(), kept.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn who_keeps_the_delivery_keeps_its_body() {
    let kept = Kept::default();
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let handler = tower::service_fn(|mut request: Request<Body>| async move {
        let delivery = request.extensions_mut().remove::<Delivery>().unwrap();
        drop(request);
        let mut response = Response::new(Body::default());
        response.extensions_mut().insert(delivery);
        Ok::<_, Infallible>(response)
    });
    let mut answer = layer
        .layer(handler)
        .oneshot(kept.delivery("evt_1"))
        .await
        .unwrap();
    let delivery = answer.extensions_mut().remove::<Delivery>().unwrap();
    settle().await;
    assert_eq!(kept.count(), 1);
    assert!(delivery.body().starts_with(b"{"));
    drop(delivery);
    assert_eq!(kept.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_not_kept() {
    let kept = Kept::default();
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let service = layer.layer(standing(&Stage::new()));
    let mut forged = kept.delivery("evt_1");
    let other: Request<Bytes> = event("evt_2", "{}").to_http();
    forged.headers_mut().clone_from(other.headers());
    let answer = service.oneshot(forged).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(kept.count(), 0);
}
