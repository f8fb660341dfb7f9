use serde::Deserialize;

use crate::event::Decimal;
use crate::provider::fields::{FieldError, Fields, Text};
use crate::provider::names::names;

/// One BLOX event: a checkout is final.
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::blox::{Payload, Status};
///
/// let checkout: Payload = serde_json::from_str(
///     r#"{
///         "checkoutId": "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a",
///         "status": "COMPLETED",
///         "amount": "15000",
///         "timestamp": "2026-02-03T15:05:30.000Z"
///     }"#,
/// )?;
/// assert_eq!(checkout.status, Status::Completed);
/// assert_eq!(Some(checkout.amount), Decimal::parse("15000"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct Payload {
    /// The checkout's id.
    pub checkout_id: String,
    /// The final status.
    pub status: Status,
    /// The amount in cents.
    pub amount: Decimal,
    /// The time of the event, ISO 8601.
    pub timestamp: String,
    /// The members that are not documented.
    pub other: Fields,
}

impl TryFrom<Fields> for Payload {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        Ok(Self {
            checkout_id: fields.take::<Text>("checkoutId")?.0,
            status: fields.take::<Text>("status")?.0.into(),
            amount: fields.take("amount")?,
            timestamp: fields.take::<Text>("timestamp")?.0,
            other: fields,
        })
    }
}

names! {
    /// The status of a checkout. Only final statuses are sent; the API shows others too.
    Status {
        Completed = "COMPLETED",
        Failed = "FAILED",
        Cancelled = "CANCELLED",
    }
}

impl Status {
    /// Whether this status never changes.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Other(_) => false,
        }
    }
}
