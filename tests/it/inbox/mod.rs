//! Events that are acknowledged once they are held, and handled later.

mod accepting;
mod attempts;
mod confirming;
mod handing_over;
#[cfg(feature = "testing")]
mod items;
#[cfg(feature = "testing")]
mod ordering;
mod outage;
mod own_again;
#[cfg(feature = "postgres")]
mod postgres;
mod rates;
#[cfg(feature = "redis")]
mod redis;
mod setup;
#[cfg(feature = "testing")]
mod sizes;
#[cfg(feature = "sqlite")]
mod sqlite;
mod unconfirmed;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod workers;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};
use tower_webhook::inbox::{EntryStatus, EntryView, Inbox, MemoryInbox, SharedInbox};
use tower_webhook::layer::ResponseBody;
use tower_webhook::runtime::EventHandler;
use tower_webhook::worker::{InboxExt, Worker, WorkerBuilder};
use tower_webhook::{EventKey, Webhook, WebhookLayer};

use crate::support::http::Request;
use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;
use crate::support::wait::within;

fn webhook(inbox: &MemoryInbox) -> Webhook<SharedInbox> {
    Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .inbox(inbox.clone())
}

/// The answer of a layer whose service inside says 418: nothing that is queued comes to it.
async fn send_http(
    layer: &WebhookLayer,
    request: axum::extract::Request,
) -> Response<ResponseBody<Body>> {
    let inside = service_fn(async |_: axum::extract::Request| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        Ok::<_, Infallible>(response)
    });
    layer.layer(inside).oneshot(request).await.unwrap()
}

async fn send(layer: &WebhookLayer, request: &Request) -> Response<ResponseBody<Body>> {
    send_http(layer, request.to_http()).await
}

/// A worker at work, which is stopped in an orderly way by [`Working::end`].
struct Working {
    worker: Worker,
    running: JoinHandle<()>,
}

impl Working {
    fn start(builder: WorkerBuilder) -> Self {
        let worker = builder.build().unwrap();
        let running = tokio::spawn({
            let worker = worker.clone();
            async move { worker.run().await }
        });
        Self { worker, running }
    }

    fn on<H, Args>(inbox: &MemoryInbox, layer: &WebhookLayer, handler: H) -> Self
    where
        H: EventHandler<(), Args>,
        Args: 'static,
    {
        Self::start(inbox.worker().on(layer, handler))
    }

    async fn end(self) {
        self.worker.drain().begin();
        within("a worker to end", self.running).await.unwrap();
    }
}

/// A handler that stands there until it is let go.
fn stands(stage: &Stage) -> impl Fn() -> BoxFuture<'static, ()> + Clone + Send + Sync + use<> {
    let stage = stage.clone();
    move || {
        let stage = stage.clone();
        Box::pin(async move {
            stage.stand().await;
        })
    }
}

async fn entry(inbox: &MemoryInbox, key: &EventKey) -> EntryView {
    inbox.lookup(key).await.unwrap().unwrap()
}

/// The entry of an event once it has this status. Time is paused: an hour is soon over.
async fn entry_with(inbox: &MemoryInbox, key: &EventKey, status: EntryStatus) -> EntryView {
    let waited = timeout(Duration::from_secs(3_600), async {
        loop {
            match inbox.lookup(key).await.unwrap() {
                Some(view) if view.status == status => return view,
                _ => sleep(Duration::from_millis(5)).await,
            }
        }
    });
    match waited.await {
        Ok(view) => view,
        Err(_) => panic!("not {} but {:?}", status.code(), entry(inbox, key).await),
    }
}
