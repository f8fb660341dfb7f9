//! A receiver whose handler fails, whose store goes down and which restarts.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::watch;
use tokio::time::sleep;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_webhook::layer::ResponseBody;
use tower_webhook::store::StoreErrorKind;
use tower_webhook::testing::{Fault, FaultyStore, Random, TokioClock};
use tower_webhook::{ConfigError, DedupeConfig, Delivery, MemoryStore, Provider, Webhook};

/// How long a handler works before it fails or succeeds, and the percentage of failures.
pub(crate) const WORK: Duration = Duration::from_secs(2);
pub(crate) const FAILS: u8 = 30;

/// The effects of each event in the handler, by body.
pub(crate) type Effects = Arc<Mutex<HashMap<Bytes, Event>>>;

pub(crate) struct Event {
    /// Each event has its own random numbers, so that none depends on the order in which they run.
    luck: Random,
    pub(crate) effects: u32,
}

impl Event {
    fn new(seed: u64, body: &[u8]) -> Self {
        let fold = |sum: u64, byte: &u8| Random::new(sum ^ u64::from(*byte)).number();
        Self {
            luck: Random::new(body.iter().fold(seed, fold)),
            effects: 0,
        }
    }
}

/// A sender only looks at the status of an answer.
type Answer = ResponseBody<Full<Bytes>>;
type Running = BoxCloneSyncService<Request<Full<Bytes>>, Response<Answer>, Infallible>;

/// A receiver as its senders see it: either present or not.
#[derive(Clone)]
pub(crate) struct Receiver(watch::Receiver<Option<Running>>);

/// The same receiver, as its operator sees it.
pub(crate) struct Operator {
    running: watch::Sender<Option<Running>>,
    provider: Provider,
    clock: TokioClock,
    store: FaultyStore,
    seed: u64,
    pub(crate) effects: Effects,
}

impl Operator {
    /// Starts a receiver of this provider.
    pub(crate) fn start(
        provider: Provider,
        clock: TokioClock,
        seed: u64,
    ) -> Result<(Self, Receiver), ConfigError> {
        let (running, seen) = watch::channel(None);
        let operator = Self {
            running,
            provider,
            clock,
            store: FaultyStore::new(MemoryStore::new()),
            seed,
            effects: Effects::default(),
        };
        operator.run()?;
        Ok((operator, Receiver(seen)))
    }

    fn run(&self) -> Result<(), ConfigError> {
        let webhook = Webhook::new(self.provider.clone())
            .store(self.store.clone())
            // The previous one may still be serving its last requests.
            .dedupe(DedupeConfig::new().shares_name())
            .clock(self.clock.clone());
        let (seed, effects) = (self.seed, Arc::clone(&self.effects));
        let handler = service_fn(move |request: Request<Full<Bytes>>| {
            let effects = Arc::clone(&effects);
            async move { Ok(handle(&request, seed, &effects).await) }
        });
        let service = ServiceBuilder::new()
            .layer(webhook.build()?)
            .service(handler);
        self.running
            .send_replace(Some(BoxCloneSyncService::new(service)));
        Ok(())
    }

    /// Makes the store unreachable for this long.
    pub(crate) async fn lose_store(&self, time: Duration) {
        self.store.inject(Fault::fail(StoreErrorKind::Unavailable));
        sleep(time).await;
        self.store.heal();
    }

    /// Ends the process and starts another one after this time. What was in memory is lost, but the
    /// effects of the handlers that ran remain, which is the worst case.
    pub(crate) async fn restart(&self, time: Duration) -> Result<(), ConfigError> {
        self.running.send_replace(None);
        self.store.replace(MemoryStore::new());
        sleep(time).await;
        // A handler of the old process may have written to the new store in the meantime.
        self.store.replace(MemoryStore::new());
        self.run()
    }
}

/// Works, and then fails or records its effect.
async fn handle(
    request: &Request<Full<Bytes>>,
    seed: u64,
    effects: &Effects,
) -> Response<Full<Bytes>> {
    sleep(WORK).await;
    let mut response = Response::default();
    let Some(delivery) = request.extensions().get::<Delivery>() else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut effects = effects.lock().unwrap_or_else(PoisonError::into_inner);
    let event = effects
        .entry(delivery.body())
        .or_insert_with_key(|body| Event::new(seed, body));
    if event.luck.chance(FAILS) {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    } else {
        event.effects = event.effects.saturating_add(1);
    }
    response
}

impl Service<Request<Full<Bytes>>> for Receiver {
    type Response = Response<Answer>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let mut seen = self.0.clone();
        Box::pin(async move {
            let running = seen.borrow_and_update().clone();
            let running = running.ok_or(io::ErrorKind::ConnectionRefused)?;
            tokio::select! {
                biased;
                answer = running.oneshot(request) => Ok(answer.unwrap_or_else(|never| match never {})),
                _ = seen.changed() => Err(io::ErrorKind::ConnectionReset.into()),
            }
        })
    }
}
