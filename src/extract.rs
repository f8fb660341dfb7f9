//! What a handler takes out of a proved delivery, as axum extractors.

use std::fmt;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::authenticated::Authenticated;
use crate::event::payload::{self, PayloadError};
use crate::runtime::{Delivery, Permanent};

/// The payload of a proved delivery, read from the verified bytes.
///
/// It takes no request body, so it stands anywhere among a handler's arguments and axum's own body
/// limit does not apply to it. A handler that takes raw `Bytes` meets that limit of 2 MB, and
/// raises it with `DefaultBodyLimit` if it must.
///
/// A body that does not fit `T` is answered with 422 where this sender retries that, else with 500,
/// and its event is free again: it can be handled once `T` is mended, for as long as the sender
/// tries. The log line and the observation name the member that does not fit, and never its value.
///
/// What stands in a string and is no text is read as U+FFFD. Members that `T` does not have may hold
/// anything. A [`serde_json::Value`] takes no number beyond an `f64` and no more than 127 levels; nor
/// does an enum with `#[serde(tag = "…")]`, which keeps the values around its tag while it looks for it.
/// A [`RawValue`](serde_json::value::RawValue) takes whatever is JSON.
///
/// ```
/// use axum::http::StatusCode;
/// use serde::Deserialize;
/// use tower_webhook::{Delivery, Event};
///
/// #[derive(Deserialize)]
/// struct Paid {
///     id: String,
/// }
///
/// async fn on_paid(Event(paid): Event<Paid>, delivery: Delivery) -> StatusCode {
///     println!("{} in attempt {}", paid.id, delivery.attempt());
///     StatusCode::OK
/// }
/// ```
///
/// # Types that are not known yet
///
/// A sender adds types of events without a word. A type with a last variant for all others answers
/// 200 to them; without it each is an error that the sender repeats until it gives up.
///
/// ```
/// use axum::http::StatusCode;
/// use serde::Deserialize;
/// use tower_webhook::Event;
///
/// #[derive(Debug, Deserialize, PartialEq)]
/// struct Invoice {
///     amount: u64,
/// }
///
/// #[derive(Debug, Deserialize, PartialEq)]
/// #[serde(tag = "type")]
/// enum Happened {
///     #[serde(rename = "invoice.paid")]
///     Paid { data: Invoice },
///     /// Every other type, whatever its data.
///     #[serde(other)]
///     Unknown,
/// }
///
/// async fn on_event(Event(event): Event<Happened>) -> StatusCode {
///     match event {
///         Happened::Paid { data } => println!("{} paid", data.amount),
///         // Taken, and of no interest.
///         Happened::Unknown => {}
///     }
///     StatusCode::OK
/// }
///
/// let read = |body| serde_json::from_str::<Happened>(body);
/// let paid = read(r#"{"id":"evt_1","type":"invoice.paid","data":{"amount":5}}"#)?;
/// assert_eq!(paid, Happened::Paid { data: Invoice { amount: 5 } });
/// let new = read(r#"{"id":"evt_2","type":"invoice.sent","data":{"to":["a@example.com"]}}"#)?;
/// assert_eq!(new, Happened::Unknown);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<T>(pub T);

impl<T> Deref for Event<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Event<T> {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let mark = (parts.extensions.get::<Authenticated>())
            .ok_or_else(|| EventRejection::unproved("Event"))?;
        let body = mark.body().ok_or_else(EventRejection::unread)?;
        payload::read(body)
            .map(Self)
            .map_err(EventRejection::payload::<T>)
    }
}

impl<S: Sync> FromRequestParts<S> for Delivery {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let delivery = parts.extensions.get::<Self>().cloned();
        delivery.ok_or_else(|| EventRejection::unproved("Delivery"))
    }
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = EventRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, EventRejection> {
        let mark = parts.extensions.get::<Self>().cloned();
        mark.ok_or_else(|| EventRejection::unproved("Authenticated"))
    }
}

/// Why an extractor refused a request.
///
/// 500 where no gate has proved it or none has read its body, which is a fault of how the router is
/// built; 422 where the payload is not of the handler's type, after which the event is released, so
/// that it can be delivered again once the type is mended.
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

    fn payload<T>(error: PayloadError) -> Self {
        tracing::error!(
            target: "tower_webhook",
            payload = std::any::type_name::<T>(),
            member = error.member(),
            problem = error.problem(),
            line = error.place().map(|place| place.0),
            column = error.place().map(|place| place.1),
            "the payload of a proved delivery is not of the handler's type"
        );
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            payload: Some(error),
        }
    }

    /// The status that it is answered with.
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
