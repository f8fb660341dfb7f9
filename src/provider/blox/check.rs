use std::fmt;

use serde::Deserialize;

use super::payload::{Payload, Status};
use crate::event::Decimal;
use crate::payload;
use crate::printable::Printable;
use crate::runtime::{ConfirmLimits, ConfirmSubject, Confirmation, Unconfirmed};

/// Longest id that is asked for: a documented one is a UUID.
const MAX_ID_LEN: usize = 64;

/// What `GET /v1/checkout/{id}` says of a checkout; it can be read from the answer's body.
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::blox::{CheckoutStatus, Status};
///
/// let answer = r#"{"id":"8f14e45f","status":"COMPLETED","amount":"15000","fee":"150"}"#;
/// let found: CheckoutStatus = serde_json::from_str(answer)?;
/// assert_eq!(found.id, "8f14e45f");
/// assert_eq!(found.status, Status::Completed);
/// assert_eq!(found.amount, Decimal::parse("15000"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CheckoutStatus {
    /// The checkout's id as the answer has it. A delivery is true only if its `checkoutId` is this
    /// one, byte by byte: an API that reads an id in any case, or without its hyphens, answers for
    /// one checkout under many names, and each would be an event of its own.
    pub id: String,
    /// Where the checkout stands.
    pub status: Status,
    /// Its amount in cents; not compared where it is absent.
    pub amount: Option<Decimal>,
}

impl CheckoutStatus {
    /// A status without an amount. Take the id from the answer, never from the question.
    pub fn new(id: impl Into<String>, status: impl Into<Status>) -> Self {
        Self {
            id: id.into(),
            status: status.into(),
            amount: None,
        }
    }

    /// The same, with the amount in cents.
    #[must_use]
    pub fn amount(mut self, amount: Decimal) -> Self {
        self.amount = Some(amount);
        self
    }

    fn confirms(&self, event: &Payload) -> Confirmation {
        let same_amount = self.amount.as_ref().is_none_or(|it| *it == event.amount);
        if self.id != event.checkout_id {
            Confirmation::Mismatch
        } else if !self.status.is_final() {
            Confirmation::TryAgain
        } else if self.status == event.status && same_amount {
            Confirmation::Confirmed
        } else {
            Confirmation::Mismatch
        }
    }
}

/// A user's function that asks the API, as a confirmation.
pub(super) struct StatusCheck<F> {
    pub(super) check: F,
    pub(super) limits: ConfirmLimits,
}

impl<F, Fut, T, E> ConfirmSubject for StatusCheck<F>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Into<Option<CheckoutStatus>>,
    E: fmt::Display,
{
    type Truth = Option<CheckoutStatus>;

    fn subject(&self, event: &Unconfirmed) -> Result<String, Confirmation> {
        let read = payload::read::<Payload>(&event.body).map_err(|error| error.to_string());
        let checked = read.and_then(|payload| match is_plain(&payload.checkout_id) {
            true => Ok(payload.checkout_id),
            false => Err("checkoutId: not plain enough for a URL".to_owned()),
        });
        checked.map_err(|why| {
            tracing::warn!(key = ?event.key, why, "not the form that BLOX documents: refused");
            Confirmation::Mismatch
        })
    }

    async fn fetch(&self, id: &str) -> Option<Option<CheckoutStatus>> {
        match (self.check)(id.to_owned()).await {
            Ok(found) => Some(found.into()),
            Err(error) => {
                tracing::warn!(checkout = id, error = %Printable(error), "the status check failed");
                None
            }
        }
    }

    fn judge(&self, found: &Option<CheckoutStatus>, event: &Unconfirmed) -> Confirmation {
        match (found, payload::read::<Payload>(&event.body)) {
            (Some(found), Ok(payload)) => found.confirms(&payload),
            (None, _) => Confirmation::Unknown,
            (_, Err(_)) => Confirmation::Mismatch,
        }
    }

    fn limits(&self) -> ConfirmLimits {
        self.limits
    }
}

/// Whether an id can stand in a URL as it is: the path is the only proof that it comes from BLOX,
/// and `../` would choose another question.
fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=MAX_ID_LEN).contains(&id.len()) && id.bytes().all(plain)
}
