use std::fmt;

use serde::Deserialize;

use super::payload::{Payload, Status};
use crate::event::Decimal;
use crate::payload;
use crate::printable::Printable;
use crate::runtime::{ConfirmLimits, ConfirmSubject, Confirmation, Unconfirmed};

/// The longest id that is sent to the API: a documented one is a UUID.
const MAX_ID_LEN: usize = 64;

/// The state of a checkout by `GET /v1/checkout/{id}`; it can be read from the answer's body.
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
    /// The checkout's id as the answer has it. A delivery is true only if its `checkoutId` equals
    /// this id byte for byte: an API that ignores case or hyphens in an id answers for one checkout
    /// under many names, and each would be a separate event.
    pub id: String,
    /// The checkout's status.
    pub status: Status,
    /// Its amount in cents; not compared if absent.
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

    /// Sets the amount in cents.
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

/// A user's function that queries the API, as a confirmation.
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

/// Whether an id is safe in a URL as it is. The secret path is the only proof that the id comes
/// from BLOX, and `../` would query another resource.
fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=MAX_ID_LEN).contains(&id.len()) && id.bytes().all(plain)
}
