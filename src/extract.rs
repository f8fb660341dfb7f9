//! What a handler takes out of a proved delivery, as axum extractors.

use std::fmt;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::layer::{Authenticated, Delivery};

/// The payload of a proved delivery, read from the verified bytes.
///
/// It takes no request body, so it stands anywhere among a handler's arguments and axum's own body
/// limit does not apply to it. A handler that takes raw `Bytes` meets that limit of 2 MB, and
/// raises it with `DefaultBodyLimit` if it must.
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
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|error| EventRejection::payload::<T>(&error))
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
/// 500 where no gate has proved it or none has read its body, which is a fault of how the router is built; 422 where the
/// payload is not of the handler's type, after which the event is released, so that it can be
/// delivered again once the type is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRejection {
    status: StatusCode,
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
        }
    }

    fn unread() -> Self {
        tracing::error!(
            target: "tower_webhook",
            "the gates before this handler read no body: add a DedupeLayer, or take the body itself"
        );
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn payload<T>(error: &serde_json::Error) -> Self {
        // The error's own text may quote the payload.
        tracing::error!(
            target: "tower_webhook",
            payload = std::any::type_name::<T>(),
            line = error.line(),
            column = error.column(),
            "the payload of a proved delivery is not of the handler's type"
        );
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for EventRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.status == StatusCode::UNPROCESSABLE_ENTITY {
            "the payload is not of the handler's type"
        } else {
            "no gate has proved this request"
        })
    }
}

impl std::error::Error for EventRejection {}

impl IntoResponse for EventRejection {
    fn into_response(self) -> Response {
        self.status.into_response()
    }
}
