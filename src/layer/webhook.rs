use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::authenticator::Authenticator;
use super::checks::Pending;
use super::coding::check_encoding;
use super::dedupe::{
    DedupeState, IdentifiedItem, TakenName, Waiting, WaitingForItems, check_outermost,
};
use super::handler_body::{HandlerBody, SameBody};
use super::receive::BoxError;
use super::refuse::refuse;
use super::reject_future::RejectFuture;
use super::response_body::ResponseBody;
use super::response_future::ResponseFuture;
use crate::authenticated::AuthState;
use crate::rejection_cause::RejectionCause;
use crate::runtime::IdentifiedEvent;

/// A service inside all gates of a provider, whose handler runs once for each event.
///
/// Made by [`WebhookLayer`](crate::WebhookLayer). It does the same as [`Gated`](super::Gated)
/// around [`Dedupe`](super::Dedupe), with less between the two.
#[derive(Debug, Clone)]
pub struct WebhookService<S, M = SameBody> {
    inner: S,
    steps: Arc<NamedSteps>,
    _handler: PhantomData<fn() -> M>,
}

/// The pipeline, and the name that its layers and services have taken: requests share the steps only.
#[derive(Debug)]
pub(crate) struct NamedSteps {
    pub(crate) steps: Arc<Pipeline>,
    pub(crate) _name: Arc<TakenName>,
}

/// The steps before the handler.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) authenticator: Authenticator,
    pub(crate) core: Arc<DedupeState>,
}

/// The content of a delivery that was let through.
enum Admitted {
    One(IdentifiedEvent),
    Items(Vec<IdentifiedItem>),
}

/// A request whose head was let through.
struct Received<S, B> {
    steps: Arc<Pipeline>,
    inner: S,
    /// Boxed, so that futures that hold it are small and cheap to move.
    parts: Box<Parts>,
    body: B,
    auth: AuthState,
    pending: Pending,
}

impl<S, B> Received<S, B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// The steps left before it is handled: the proofs that need the body, and the event's name.
    async fn admit(&mut self) -> Result<Admitted, RejectionCause> {
        let Self {
            steps,
            inner: _,
            parts,
            body,
            auth,
            pending,
        } = self;
        let Pipeline {
            authenticator,
            core,
        } = &**steps;
        if !pending.is_nothing() {
            (authenticator.take_in(parts, Pin::new(body), auth, pending)).await?;
        }
        #[cfg(feature = "senders")]
        if authenticator.checks.is_unproved(auth) {
            check_encoding(&parts.headers, &authenticator.endpoint.contract)?;
            (authenticator.take_in(parts, Pin::new(body), auth, pending)).await?;
            let request_clock = authenticator.endpoint.start_clock(&mut auth.readings);
            let now = request_clock.received_at;
            return Err(authenticator.checks.ask_unproved(auth, now));
        }
        core.check(auth)?;
        if auth.body.is_none() {
            check_encoding(&parts.headers, &authenticator.endpoint.contract)?;
            (authenticator.take_in(parts, Pin::new(body), auth, pending)).await?;
        }
        if let Some(recorded) = &mut auth.recorded {
            recorded.is_proved = true;
        }
        let request_clock = authenticator.endpoint.start_clock(&mut auth.readings);
        let received_at = request_clock.received_at;
        #[cfg(feature = "senders")]
        (authenticator.checks).ask_body(auth, received_at)?;
        if core.has_items()
            && let Some(items) = core.identify_items(parts, auth, received_at)?
        {
            return Ok(Admitted::Items(items));
        }
        Ok(Admitted::One(core.identify(&**parts, auth, received_at)?))
    }

    fn handle<HB, RB>(self, event: IdentifiedEvent) -> Waiting<RB, S::Error>
    where
        S: Service<Request<HB>, Response = Response<RB>> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        HB: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let core = &self.steps.core;
        core.handle(event, self.auth, self.parts, self.inner)
    }

    fn handle_items<HB, RB>(self, items: Vec<IdentifiedItem>) -> WaitingForItems<RB, S::Error>
    where
        S: Service<Request<HB>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        HB: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let core = &self.steps.core;
        core.handle_items(items, self.auth, self.parts, self.inner)
    }

    /// Boxed, like everything that most deliveries do without.
    fn refuse(mut self, cause: &RejectionCause) -> Box<RejectFuture<B>> {
        let endpoint = &self.steps.authenticator.endpoint;
        Box::new(refuse(
            endpoint,
            cause,
            &mut self.parts,
            &self.auth,
            self.body,
        ))
    }
}

impl<S, M> WebhookService<S, M> {
    pub(crate) fn new(inner: S, steps: Arc<NamedSteps>) -> Self {
        Self {
            inner,
            steps,
            _handler: PhantomData,
        }
    }
}

impl<S, M, B, RB> Service<Request<B>> for WebhookService<S, M>
where
    M: HandlerBody<B>,
    S: Service<Request<M::Body>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    RB: Body<Data = Bytes> + Send + 'static,
    RB::Error: Send,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<M::Unread, RB, S::Error>;

    /// Always ready: the inner service is polled once an event is claimed for it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let body = M::unread(body);
        let Authenticator {
            endpoint, checks, ..
        } = &self.steps.steps.authenticator;
        let mut auth = endpoint.unproved();
        endpoint.take_auth(&mut parts, &mut auth);
        let mut pending = Pending::default();
        let admitted = check_outermost(&parts)
            .and_then(|()| checks.admit(&mut parts, &mut auth, endpoint, &mut pending));
        if let Err(cause) = admitted {
            let refused = refuse(endpoint, &cause, &mut parts, &auth, body);
            return ResponseFuture::refused(refused);
        }
        let mut received = Received {
            steps: Arc::clone(&self.steps.steps),
            inner: self.inner.clone(),
            parts: Box::new(parts),
            body,
            auth,
            pending,
        };
        ResponseFuture::own(async move {
            // Two steps, so that the state of the first is not held through the second.
            let answering = match received.admit().await {
                Ok(Admitted::One(event)) => {
                    Either::Left(received.handle::<M::Body, RB>(event).answer())
                }
                Ok(Admitted::Items(items)) => {
                    let waiting = received.handle_items::<M::Body, RB>(items);
                    Either::Right(Either::Left(waiting.answer()))
                }
                Err(cause) => {
                    let refused = received.refuse(&cause);
                    let refused = refused.map(|response| Ok(response.map(ResponseBody::own)));
                    Either::Right(Either::Right(refused))
                }
            };
            answering.await
        })
    }
}
