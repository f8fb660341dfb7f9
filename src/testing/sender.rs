mod waits;

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep_until, timeout};
use tower_service::Service;

use self::waits::Waits;
use super::clock::TokioClock;
use super::delivery::TestDelivery;
use super::history::{Attempt, End, History};
use super::random::Random;
use super::wire::{Target, ToUrl};
use crate::clock::Clock;
use crate::contract::SenderContract;
use crate::error::ConfigError;

/// A sender that delivers and retries as its [`SenderContract`] says, to any Tower service or
/// [URL](Self::deliver_to).
///
/// It sends the first attempts of the events at a [set interval](Self::every) and signs every
/// attempt anew. It hangs up when its time to answer is over, and retries if there is no answer or
/// a status that the real sender retries. It ignores `Retry-After`, because no provider documents
/// that it heeds it.
///
/// A doubling schedule gets jitter: each wait grows by up to a half, which is as much as the
/// retention of 1.5 times the horizon allows for. An unstated schedule is treated as doubling too,
/// starting at its shortest wait and lasting for its horizon.
///
/// It runs in Tokio's time. If that is paused (`#[tokio::test(start_paused = true)]`), seventeen
/// hours of retries take a moment, and one seed on one thread always gives the same history.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, service_fn};
/// use tower_webhook::provider::{self, blendfi};
/// use tower_webhook::testing::{Sample, Sender, TestDelivery, TokioClock};
/// use tower_webhook::{MemoryStore, Delivery, Webhook};
///
/// /// Fails at the first two attempts.
/// async fn on_event(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
///     let delivery: Option<&Delivery> = request.extensions().get();
///     let mut response = Response::default();
///     if delivery.is_some_and(|delivery| delivery.attempt() < 3) {
///         *response.status_mut() = StatusCode::BAD_GATEWAY;
///     }
///     Ok(response)
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = TokioClock::default();
/// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
/// let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new()).clock(clock.clone());
/// let service = ServiceBuilder::new().layer(webhook.build()?).service(service_fn(on_event));
///
/// let events = (1..=3).map(|number| TestDelivery::new(&blendfi, Sample::BlendFi.body(number)));
/// let sender = Sender::new(blendfi.contract().clone()).clock(clock);
/// for history in sender.deliver(service, events).await? {
///     let statuses: Vec<_> = history.statuses().map(|status| status.as_u16()).collect();
///     assert_eq!(statuses, [502, 502, 200]);
///     assert_eq!(history.acknowledged_after().unwrap().as_secs(), 60);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a sender does nothing until `deliver`"]
pub struct Sender {
    contract: SenderContract,
    clock: TokioClock,
    seed: u64,
    every: Duration,
    haste: u32,
    limit: Duration,
}

impl Sender {
    /// A sender with this contract. Its events all begin at once, and its clock is correct.
    pub fn new(contract: SenderContract) -> Self {
        Self {
            limit: contract.time_to_answer(),
            contract,
            clock: TokioClock::default(),
            seed: 0,
            every: Duration::ZERO,
            haste: 1,
        }
    }

    /// Signs the time of this clock: in virtual time, the receiver's clock.
    pub fn clock(mut self, clock: TokioClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets another seed for the jitter.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the time from one event's first attempt to that of the next event.
    pub fn every(mut self, span: Duration) -> Self {
        self.every = span;
        self
    }

    /// Divides the waits between attempts by this number, for a receiver in real time. The time to
    /// answer stays as it is unless it is [set](Self::time_to_answer), and so do the receiver's
    /// leases.
    ///
    /// The times in a [`History`] are the actual ones.
    pub fn hurry(mut self, times: u32) -> Self {
        self.haste = times.max(1);
        self
    }

    /// Waits this long for an answer, overriding its contract.
    pub fn time_to_answer(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Delivers these events, each until it is acknowledged or given up, and returns their
    /// histories in order.
    ///
    /// An error of the service counts as a broken connection. An axum router is such a service; a
    /// service with another body type needs `map_request` of `tower::ServiceExt`.
    ///
    /// ```
    /// use axum::{Router, http::StatusCode, routing::post};
    /// use tower_webhook::MemoryStore;
    /// use tower_webhook::Webhook;
    /// use tower_webhook::provider::{self, blendfi};
    /// use tower_webhook::testing::{Sample, Sender, TestDelivery};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new()).build()?;
    /// let app = Router::new().route("/", post(|| async { StatusCode::OK }).layer(webhook));
    ///
    /// let sender = Sender::new(blendfi.contract().clone());
    /// let event = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
    /// assert_eq!(sender.deliver(app, [event]).await?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If no request can be made of a delivery: see [`TestDelivery::request`].
    pub async fn deliver<S, RB>(
        &self,
        service: S,
        events: impl IntoIterator<Item = TestDelivery>,
    ) -> Result<Vec<History>, ConfigError>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone,
        RB: Body<Data = Bytes>,
    {
        let begun = Instant::now();
        let mut seeds = Random::new(self.seed);
        let mut first = begun;
        let mut running = Vec::new();
        for event in events {
            let waits = Waits::new(self.contract.schedule().clone(), seeds.number());
            running.push(self.deliver_one(service.clone(), event, first, waits));
            first += self.every;
        }
        join_all(running).await.into_iter().collect()
    }

    /// Delivers these events over HTTP to this URL, as [`TestDelivery::send_to`] sends each.
    ///
    /// This runs in real time: see [hurry](Self::hurry). Each attempt has its own connection.
    ///
    /// ```
    /// use axum::{Router, http::StatusCode, routing::post};
    /// use tower_webhook::MemoryStore;
    /// use tower_webhook::provider::{self, blendfi};
    /// use tower_webhook::testing::{Sample, Sender, TestDelivery};
    /// use tower_webhook::{Delivery, Webhook};
    ///
    /// /// Fails at the first attempt.
    /// async fn on_event(delivery: Delivery) -> StatusCode {
    ///     match delivery.attempt() {
    ///         1 => StatusCode::BAD_GATEWAY,
    ///         _ => StatusCode::NO_CONTENT,
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new());
    /// let app = Router::new().route("/hooks", post(on_event).layer(webhook.build()?));
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let url = format!("http://{}/hooks", listener.local_addr()?);
    /// tokio::spawn(async { axum::serve(listener, app).await });
    ///
    /// // Thirty seconds between attempts become thirty milliseconds.
    /// let sender = Sender::new(blendfi.contract().clone()).hurry(1_000);
    /// let events = (1..=3).map(|number| TestDelivery::new(&blendfi, Sample::BlendFi.body(number)));
    /// for history in sender.deliver_to(&url, events).await? {
    ///     let statuses: Vec<_> = history.statuses().map(|status| status.as_u16()).collect();
    ///     assert_eq!(statuses, [502, 204]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sender::deliver`], and if the URL is not plain HTTP.
    pub async fn deliver_to(
        &self,
        url: &str,
        events: impl IntoIterator<Item = TestDelivery>,
    ) -> Result<Vec<History>, ConfigError> {
        let events: Vec<_> = events.into_iter().map(|event| event.to(url)).collect();
        // One check is enough: an attempt that cannot be sent would look like a broken connection.
        if let Some(event) = events.first() {
            Target::of(event.request::<Full<Bytes>>()?.uri())?;
        }
        self.deliver(ToUrl, events).await
    }

    async fn deliver_one<S, RB>(
        &self,
        service: S,
        event: TestDelivery,
        first: Instant,
        mut waits: Waits,
    ) -> Result<History, ConfigError>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone,
        RB: Body<Data = Bytes>,
    {
        let mut attempts = Vec::new();
        let mut next = first;
        loop {
            sleep_until(next).await;
            let sent = Instant::now();
            let sent_at = self.clock.now();
            let request = event.clone().at(sent_at).request()?;
            let answer = timeout(self.limit, send(service.clone(), request)).await;
            let answer = answer.ok().flatten();
            attempts.push(Attempt {
                sent_at,
                after: sent.saturating_duration_since(first),
                took: sent.elapsed(),
                status: answer.as_ref().map(|answer| answer.status),
            });
            let is_success = |answer: &Answered| {
                let success = self.contract.success();
                success.is_given_by(answer.status, &answer.body)
            };
            let end = if answer.as_ref().is_some_and(is_success) {
                End::Acknowledged
            } else if !self.tries_again(answer.as_ref()) {
                End::Final
            } else if let Some(wait) = waits.next() {
                next = (sent + wait / self.haste).max(Instant::now());
                continue;
            } else {
                End::UsedUp
            };
            return Ok(History { attempts, end });
        }
    }

    /// Whether to retry after this answer, or after none.
    fn tries_again(&self, answer: Option<&Answered>) -> bool {
        match answer {
            // A success without its required body does not count.
            Some(Answered { status, .. }) if self.contract.success().has_status(*status) => {
                self.contract.retries_other_bodies()
            }
            Some(Answered { status, .. }) => self.contract.retries(*status),
            None => self.contract.retries_at_all(),
        }
    }

    /// Sends this delivery signed with a secret that no receiver has, as some senders do to test
    /// their receivers. Returns whether the answer is the expected one: 401, without a body if its
    /// contract [says so](SenderContract::wants_empty_401).
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, http::StatusCode};
    /// use tower_webhook::provider::{self, blendfi};
    /// use tower_webhook::testing::{Sample, Sender, TestDelivery};
    /// use tower_webhook::{MemoryStore, RouterExt, Webhook};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new()).build()?;
    /// let app: Router = Router::new().webhook("/", webhook, async || StatusCode::OK);
    ///
    /// let sender = Sender::new(blendfi.contract().clone()).time_to_answer(Duration::from_secs(2));
    /// let event = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
    /// assert!(sender.is_refused_forgery(app.clone(), event.clone()).await?);
    /// // BlendFi probes with no method, so no probe can fail.
    /// assert!(sender.finds_receiver(app, event).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sender::deliver`], and if the provider of the delivery signs nothing.
    pub async fn is_refused_forgery<S, RB>(
        &self,
        service: S,
        event: TestDelivery,
    ) -> Result<bool, ConfigError>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<RB>>,
        RB: Body<Data = Bytes>,
    {
        let request = event.at(self.clock.now()).wrong_secret().request()?;
        let answer = timeout(self.limit, send(service, request)).await;
        Ok(answer.ok().flatten().is_some_and(|answer| {
            answer.status == StatusCode::UNAUTHORIZED
                && (answer.body.is_empty() || !self.contract.needs_empty_401())
        }))
    }

    /// Sends this delivery with each method that its contract [probes
    /// with](SenderContract::probes_with), without signature or body. Returns whether each was
    /// answered with success.
    ///
    /// # Errors
    ///
    /// As [`Sender::deliver`].
    pub async fn finds_receiver<S, RB>(
        &self,
        service: S,
        event: TestDelivery,
    ) -> Result<bool, ConfigError>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone,
        RB: Body<Data = Bytes>,
    {
        let mut all = true;
        for method in self.contract.probing_methods() {
            let mut request = event.clone().method(method.clone()).request()?;
            *request.body_mut() = Full::default();
            request.headers_mut().clear();
            let answer = timeout(self.limit, send(service.clone(), request)).await;
            let status = answer.ok().flatten().map(|answer| answer.status);
            all &= status.is_some_and(|status| self.contract.success().has_status(status));
        }
        Ok(all)
    }
}

/// The answer of a receiver.
struct Answered {
    status: StatusCode,
    body: Bytes,
}

/// The answer; `None` if the connection broke.
async fn send<S, B, RB>(mut service: S, request: Request<B>) -> Option<Answered>
where
    S: Service<Request<B>, Response = Response<RB>>,
    RB: Body<Data = Bytes>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.ok()?;
    let (parts, body) = service.call(request).await.ok()?.into_parts();
    Some(Answered {
        status: parts.status,
        body: body.collect().await.ok()?.to_bytes(),
    })
}

#[cfg(test)]
mod tests;
