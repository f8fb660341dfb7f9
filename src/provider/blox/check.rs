use std::fmt;

use serde::Deserialize;

use super::payload::{Payload, Status};
use crate::event::{Decimal, payload};
use crate::layer::{Confirm, Confirmation, Unconfirmed};
use crate::printable::Printable;

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
/// assert_eq!(found.status, Status::Completed);
/// assert_eq!(found.amount, Decimal::parse("15000"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CheckoutStatus {
    /// Where the checkout stands.
    pub status: Status,
    /// Its amount in cents; not compared where it is absent.
    pub amount: Option<Decimal>,
}

impl CheckoutStatus {
    /// A status without an amount.
    pub fn new(status: impl Into<Status>) -> Self {
        Self {
            status: status.into(),
            amount: None,
        }
    }

    /// The same, with the amount in cents.
    #[must_use]
    pub fn with_amount(mut self, amount: Decimal) -> Self {
        self.amount = Some(amount);
        self
    }

    fn confirms(&self, event: &Payload) -> Confirmation {
        let same_amount = self.amount.as_ref().is_none_or(|it| *it == event.amount);
        if !self.status.is_final() {
            Confirmation::TryAgain
        } else if self.status == event.status && same_amount {
            Confirmation::Confirmed
        } else {
            Confirmation::Mismatch
        }
    }
}

/// A user's function that asks the API, as a confirmation.
pub(super) struct StatusCheck<F>(pub(super) F);

impl<F, Fut, E> Confirm for StatusCheck<F>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<CheckoutStatus, E>> + Send,
    E: fmt::Display,
{
    async fn confirm(&self, event: Unconfirmed) -> Confirmation {
        let read = payload::read::<Payload>(&event.body).map_err(|error| error.to_string());
        let checked = read.and_then(|payload| match is_plain(&payload.checkout_id) {
            true => Ok(payload),
            false => Err("checkoutId: not plain enough for a URL".to_owned()),
        });
        let payload = match checked {
            Ok(payload) => payload,
            Err(why) => {
                tracing::warn!(key = ?event.key, why, "not the form that BLOX documents: refused");
                return Confirmation::Mismatch;
            }
        };
        match (self.0)(payload.checkout_id.clone()).await {
            Ok(found) => found.confirms(&payload),
            Err(error) => {
                tracing::warn!(key = ?event.key, error = %Printable(error), "the status check failed");
                Confirmation::TryAgain
            }
        }
    }
}

/// Whether an id can stand in a URL as it is: the path is the only proof that it comes from BLOX,
/// and `../` would choose another question.
fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=MAX_ID_LEN).contains(&id.len()) && id.bytes().all(plain)
}
