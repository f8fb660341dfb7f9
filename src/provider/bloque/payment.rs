use std::borrow::Cow;

use serde::Deserialize;

use crate::event::scalar;
use crate::provider::fields::{FieldError, FieldErrorKind, Fields, RawJson, Text};

/// One body of the payments hook.
///
/// Every JSON text is read. `Unknown` is a body that the key rule of
/// [`bloque_payments()`](crate::provider::bloque_payments) identifies by its digest, or one without
/// a `type`.
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::bloque::PaymentPayload;
///
/// let body = r#"{"type":"payment.succeeded","data":{"id":"pay_123","amount":"0.10"}}"#;
/// let PaymentPayload::Payment(payment) = serde_json::from_str(body)? else { panic!("unknown") };
/// assert_eq!(payment.event_type, "payment.succeeded");
/// assert_eq!(payment.payment_id().as_deref(), Some("pay_123"));
/// assert_eq!(payment.data.get::<Decimal>("amount")?, Decimal::parse("0.1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RawJson")]
#[non_exhaustive]
pub enum PaymentPayload {
    /// An event of a payment.
    Payment(Box<Payment>),
    /// A body of unknown shape, as it was written: log and acknowledge it.
    Unknown(RawJson),
}

impl From<RawJson> for PaymentPayload {
    fn from(raw: RawJson) -> Self {
        match raw.to() {
            Ok(payment) => Self::Payment(Box::new(payment)),
            Err(_) => Self::Unknown(raw),
        }
    }
}

/// One event of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct Payment {
    /// The event's id, if it has one.
    pub id: Option<String>,
    /// The kind of event, such as `payment.succeeded`; `type` in the body. Bloque publishes no list
    /// of them.
    pub event_type: String,
    /// The payment; empty if the member is not an object.
    pub data: Fields,
    /// The members that are not documented, and those of another type than documented.
    pub other: Fields,
}

impl Payment {
    /// The payment's own id, `data.id` in the body.
    pub fn payment_id(&self) -> Option<Cow<'_, str>> {
        scalar(self.data.raw("id")?.as_str().as_bytes())
    }
}

impl TryFrom<Fields> for Payment {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        let payment = Self {
            id: fields.take_optional::<Text>("id")?.map(|id| id.0),
            event_type: fields.take::<Text>("type")?.0,
            data: fields.take_if("data").unwrap_or_default(),
            other: fields,
        };
        if payment.id.is_none() && payment.payment_id().is_none() {
            return Err(FieldError::new(FieldErrorKind::Missing, "id"));
        }
        Ok(payment)
    }
}
