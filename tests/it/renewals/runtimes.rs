//! Renewals where a runtime has ended or its only thread is blocked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt};
use tower_webhook::store::{RecordState, Store};
use tower_webhook::{Delivery, EventKey, MemoryStore, Name};

use super::{Noting, Receiver, SECOND};

/// In real time: two runtimes have no clock in common that could be paused.
#[test]
fn a_hold_is_renewed_whatever_becomes_of_other_runtimes() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    };
    // One ends, one is not driven any more.
    let (first, second) = (runtime(), runtime());
    let still = tokio::runtime::Builder::new_current_thread();
    let still = { still }.enable_all().build().unwrap();
    let store = Noting::new(None);
    let receiver = Receiver::new(&store, SECOND);
    let take = async |id: &str, work: Duration, claimed: u64| {
        receiver.take(id, work);
        while store.inner.counts().await.unwrap().claimed < claimed {
            sleep(Duration::from_millis(1)).await;
        }
    };
    still.block_on(take("0", 60 * SECOND, 1));
    first.block_on(take("1", 60 * SECOND, 2));
    second.block_on(take("2", 3 * SECOND, 3));
    first.shutdown_background();
    second.block_on(async {
        while store.done().await == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    });
    // One of three seconds is renewed at each third of its second.
    let renewals = store.times("acme:2").len();
    assert!(renewals >= 3, "{renewals}");
    assert_eq!(receiver.lost(), Vec::new());
}

/// The store can be asked from anywhere, so it is asked from where nobody blocks.
#[test]
fn a_handler_that_blocks_the_only_thread_is_renewed_all_the_same() {
    let memory = MemoryStore::new();
    let receiver = Receiver::new(&memory, SECOND);
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let service = ServiceBuilder::new().layer(receiver.layer);
    let service = service.service_fn(move |request: Request<Full<Bytes>>| {
        let wait = Arc::clone(&wait);
        async move {
            wait.lock().unwrap().recv().unwrap();
            let delivery = request.extensions().get::<Delivery>().unwrap();
            assert!(!delivery.lease().is_lost());
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let blocked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let request = Request::post("/hooks").body(Full::from(r#"{"id":"1"}"#));
        let answer = runtime.block_on(service.oneshot(request.unwrap()));
        answer.unwrap().status()
    });

    let key = EventKey::new(Name::new("acme").unwrap(), ["1"]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let lease_ends = async || match memory.lookup(&key).await.unwrap()?.state {
            RecordState::Claimed { lease_ends } => Some(lease_ends),
            other => panic!("{other:?}"),
        };
        let first = loop {
            if let Some(end) = lease_ends().await {
                break end;
            }
            sleep(Duration::from_millis(1)).await;
        };
        // Past the first lease by another one.
        while lease_ends().await.unwrap().saturating_since(first) < 2 * SECOND {
            sleep(Duration::from_millis(10)).await;
        }
    });
    go_on.send(()).unwrap();
    assert_eq!(blocked.join().unwrap(), StatusCode::OK);
}

/// A request that meets a runtime which is ending has an end as well.
#[test]
fn a_delivery_in_a_runtime_that_has_ended_does_not_hang() {
    let store = Noting::new(None);
    let receiver = Receiver::new(&store, SECOND);
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let service = ServiceBuilder::new().layer(receiver.layer.clone());
    let service = service.service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let request = Request::post("/hooks").body(Full::from(r#"{"id":"1"}"#));
    let (told, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let answer = handle.block_on(service.oneshot(request.unwrap()));
        told.send(answer.unwrap().status())
    });
    // Not `Timeout`: nobody waits for ever. Not `Disconnected`: nor does it panic.
    let answer = answered.recv_timeout(10 * SECOND);
    assert_eq!(answer, Ok(StatusCode::SERVICE_UNAVAILABLE));
}
