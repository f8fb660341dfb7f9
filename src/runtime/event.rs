use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::delivery::Delivery;
use crate::payload::{self, PayloadError};

/// The payload of a proved delivery, read from the verified bytes.
///
/// It does not consume the request's body, so it may be any argument of a handler, and axum's body
/// limit does not apply to it. A handler that takes raw `Bytes` is subject to that limit of 2 MB,
/// and can raise it with `DefaultBodyLimit`.
///
/// A body that does not fit `T` is answered with 422 if this sender retries after that, else with 500.
/// Its event is released, and can be handled once `T` is fixed, for as long as the sender retries. The
/// log line and the observation name the member that does not fit, but never its value.
///
/// Invalid text in a string is read as U+FFFD. Members that `T` does not have may hold anything. A
/// [`serde_json::Value`] takes no number beyond an `f64` and no more than 127 levels of nesting.
/// The same holds for an enum with `#[serde(tag = "…")]`, which buffers the values around its tag
/// while it searches for it. A [`RawValue`](serde_json::value::RawValue) takes any JSON.
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
/// Senders add types of events without notice. An enum with a last variant for all others answers
/// 200 to them. Without it, each is an error that the sender repeats until it gives up.
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
///         // Accepted and ignored.
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

impl<T: DeserializeOwned> Event<T> {
    /// Reads a proved body, and logs if it is not of this type.
    pub(crate) fn read(body: &[u8], delivery: Option<&Delivery>) -> Result<Self, PayloadError> {
        payload::read(body).map(Self).inspect_err(|error| {
            // Nobody sends a worker's event again.
            let remedy = match delivery.is_some_and(Delivery::is_queued) {
                true => "the event is dead: mend the type, and redrive it",
                false => "mend the type, and the next attempt runs",
            };
            tracing::error!(
                target: "tower_webhook",
                provider = delivery.map(|it| tracing::field::display(it.provider())),
                key = delivery.map(|it| tracing::field::display(it.key().escaped())),
                payload = std::any::type_name::<T>(),
                member = error.member(),
                problem = error.problem(),
                line = error.place().map(|place| place.0),
                column = error.place().map(|place| place.1),
                "the payload of a proved delivery is not of the handler's type: {remedy}"
            );
        })
    }
}
