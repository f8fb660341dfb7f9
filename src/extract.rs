//! The axum integration: extractors for proved deliveries, and event handlers as axum handlers.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, StatusCode};
use serde::de::DeserializeOwned;

use crate::authenticated::Authenticated;
use crate::payload::PayloadError;
use crate::printable::Printable;
use crate::runtime::{
    Delivery, Event, EventHandler, Failure, FailureKind, FromRun, Permanent, Run,
};

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Event<T> {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let mark = (parts.extensions.get::<Authenticated>())
            .ok_or_else(|| EventRejection::unproved("Event"))?;
        let delivery = parts.extensions.get::<Delivery>();
        let form = delivery.and_then(Delivery::form);
        let body = form.or(mark.body()).ok_or_else(EventRejection::unread)?;
        Self::read(body, delivery).map_err(EventRejection::payload)
    }
}

impl<S: Sync> FromRequestParts<S> for Delivery {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let delivery = parts.extensions.get::<Self>().cloned();
        delivery.ok_or_else(|| EventRejection::undelivered(&parts.extensions, "Delivery"))
    }
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let mark = parts.extensions.get::<Self>().cloned();
        mark.ok_or_else(|| EventRejection::unproved("Authenticated"))
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl<D: crate::runtime::TxDatabase, S: Sync> FromRequestParts<S> for crate::runtime::Tx<D> {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let delivery = parts.extensions.get::<Delivery>();
        let delivery =
            delivery.ok_or_else(|| EventRejection::undelivered(&parts.extensions, "Tx"))?;
        Self::of(delivery).map_err(|error| EventRejection::without_transactions(&error))
    }
}

/// Why an extractor refused a request.
///
/// 500 if no gate has proved the request or none has read its body, which is an error in how the
/// router is built. 422 if the payload is not of the handler's type; the event is then released, so
/// that it can be delivered again once the type is fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRejection {
    status: StatusCode,
    payload: Option<PayloadError>,
}

impl EventRejection {
    fn unproved(extractor: &'static str) -> Self {
        tracing::error!(
            target: "tower_webhook",
            extractor,
            "no gate has proved this request: put the webhook's layer around the route"
        );
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            payload: None,
        }
    }

    /// The rejection of a request whose event nothing has claimed, whether proved or not.
    fn undelivered(extensions: &Extensions, extractor: &'static str) -> Self {
        if extensions.get::<Authenticated>().is_none() {
            return Self::unproved(extractor);
        }
        tracing::error!(
            target: "tower_webhook",
            extractor,
            "the gates before this handler have proved this request, and no dedupe layer has claimed \
             its event: add a DedupeLayer inside them"
        );
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            payload: None,
        }
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn without_transactions(error: &crate::TxError) -> Self {
        tracing::error!(target: "tower_webhook", %error, "a handler takes a `Tx`");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            payload: None,
        }
    }

    fn unread() -> Self {
        tracing::error!(
            target: "tower_webhook",
            "the gates before this handler read no body: add a DedupeLayer, or take the body itself"
        );
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            payload: None,
        }
    }

    fn payload(error: PayloadError) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            payload: Some(error),
        }
    }

    /// The response status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for EventRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.payload {
            Some(error) => write!(f, "the payload is not of the handler's type: {error}"),
            None => f.write_str("no gate has proved this request"),
        }
    }
}

impl std::error::Error for EventRejection {}

impl IntoResponse for EventRejection {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(error) = self.payload {
            // For the observer of the delivery.
            response.extensions_mut().insert(error);
        }
        response
    }
}

impl<R: IntoResponse> IntoResponse for Permanent<R> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        Permanent::mark(&mut response);
        response
    }
}

/// The response to a failed [`EventHandler`] that axum mounts by itself. The event is released or,
/// if the failure is permanent, done.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(error) = self.error().downcast_ref::<PayloadError>() {
            return EventRejection::payload(error.clone()).into_response();
        }
        let is_final = self.kind() == FailureKind::Permanent;
        tracing::error!(
            target: "tower_webhook",
            is_final,
            failure = %Printable(&self),
            "a handler has failed"
        );
        status_of(is_final)
    }
}

fn status_of(is_final: bool) -> Response {
    match is_final {
        true => Permanent(StatusCode::OK).into_response(),
        false => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl<Outer, S> FromRun<Outer> for State<S>
where
    S: FromRef<Outer>,
{
    fn from_run(run: &Run<'_, Outer>) -> Result<Self, Failure> {
        Ok(Self(S::from_ref(run.state())))
    }
}

/// Mounts an [`EventHandler`] on a route of axum, inside a webhook's layer.
///
/// A handler that succeeds is answered with 200, and so is one that gives up for good: in both cases the
/// event is recorded as done. Any other failure is answered with a status that this sender retries, and its event is
/// free again. What a handler says of a failure stands in the log, and is not told to the sender.
///
/// ```
/// use axum::{Router, body::Body, extract::State, http::{Request, StatusCode}};
/// use serde::Deserialize;
/// use tower::ServiceExt;
/// use tower_webhook::runtime::Failure;
/// use tower_webhook::{
///     Delivery, Event, MemoryStore, PathTokens, Permanent, RouterExt, Webhook, event_handler,
///     provider,
/// };
///
/// #[derive(Deserialize)]
/// struct Purchase {
///     transaction_id: String,
/// }
///
/// #[derive(Clone)]
/// struct Shop(&'static str);
///
/// async fn on_purchase(
///     Event(purchase): Event<Purchase>,
///     delivery: Delivery,
///     State(shop): State<Shop>,
/// ) -> Result<(), Failure> {
///     if !purchase.transaction_id.starts_with(shop.0) {
///         return Err(Permanent("no purchase of this shop").into());
///     }
///     println!("attempt {} at {}", delivery.attempt(), delivery.key());
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
/// let app = Router::new()
///     .webhook("/bloque", bloque.build()?, event_handler(on_purchase))
///     .with_state(Shop("tx_"));
///
/// let to = |path: &str| {
///     let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
///     app.clone().oneshot(Request::post(path).body(Body::from(event)).unwrap())
/// };
/// let accepted = to("/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
/// assert_eq!(accepted.status(), StatusCode::OK);
/// let forged = to("/bloque/guessed-token").await?;
/// assert_eq!(forged.status(), StatusCode::NOT_FOUND);
/// # Ok(())
/// # }
/// ```
pub fn event_handler<H, S, Args>(handler: H) -> MountedHandler<H, S, Args>
where
    H: EventHandler<S, Args>,
{
    MountedHandler {
        handler: Arc::new(handler),
        _args: PhantomData,
    }
}

/// An [`EventHandler`] as an axum handler. Made by [`event_handler`].
pub struct MountedHandler<H, S, Args> {
    handler: Arc<H>,
    _args: PhantomData<fn(S) -> Args>,
}

impl<H, S, Args> Clone for MountedHandler<H, S, Args> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            _args: PhantomData,
        }
    }
}

impl<H, S, Args> fmt::Debug for MountedHandler<H, S, Args> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountedHandler").finish_non_exhaustive()
    }
}

impl<H, S, Args> Handler<(Args,), S> for MountedHandler<H, S, Args>
where
    H: EventHandler<S, Args>,
    S: Send + Sync + 'static,
    Args: 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        Box::pin(async move {
            let extensions = request.extensions();
            let delivery = extensions.get::<Delivery>().cloned().ok_or_else(|| {
                EventRejection::undelivered(extensions, "event_handler").into_response()
            });
            // The handler gets the body only through its delivery.
            drop(request);
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(refused) => return refused,
            };
            match self.handler.call(Run::new(&delivery, &state)).await {
                Ok(()) => StatusCode::OK.into_response(),
                Err(failure) => failed(&delivery, &failure),
            }
        })
    }
}

fn failed(delivery: &Delivery, failure: &Failure) -> Response {
    if let Some(error) = failure.error().downcast_ref::<PayloadError>() {
        return EventRejection::payload(error.clone()).into_response();
    }
    let is_final = failure.kind() == FailureKind::Permanent;
    tracing::error!(
        target: "tower_webhook",
        key = %delivery.key().escaped(),
        attempt = delivery.attempt(),
        is_final,
        failure = %Printable(failure),
        "an event handler has failed"
    );
    status_of(is_final)
}
