use serde::Deserialize;

use crate::event::Decimal;
use crate::provider::fields::{FieldError, FieldErrorKind, Fields, Text};
use crate::provider::names::names;

/// One Bloquo event: an order has a new status.
///
/// PascalCase and camelCase are read alike; two spellings that differ are refused.
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::bloquo::{OrderType, Payload, Status};
///
/// let order: Payload = serde_json::from_str(
///     r#"{
///         "Status": "COMPLETED",
///         "OrderId": 1042,
///         "OrderType": "Withdrawal",
///         "E2EId": "E1234",
///         "RequestedAmount": 100.50,
///         "TotalAmount": 101.00,
///         "FeeAmount": 0.50,
///         "FinalizedAt": "2026-05-04T13:00:00Z"
///     }"#,
/// )?;
/// assert_eq!((order.order_id.as_str(), order.status), ("1042", Status::Completed));
/// assert_eq!(order.order_type, Some(OrderType::Withdrawal));
/// assert_eq!(order.total_amount, Decimal::parse("101"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct Payload {
    /// The order's new status.
    pub status: Status,
    /// The digits of the order's id, however many.
    pub order_id: String,
    /// Whether money comes in or goes out.
    pub order_type: Option<OrderType>,
    /// The end-to-end id of the payment; it can be absent.
    pub e2e_id: Option<String>,
    /// The amount that was asked for.
    pub requested_amount: Option<Decimal>,
    /// The amount in all.
    pub total_amount: Option<Decimal>,
    /// The fee; it can be absent.
    pub fee_amount: Option<Decimal>,
    /// When the order became final, RFC 3339.
    pub finalized_at: Option<String>,
    /// Why it failed, where it did.
    pub failure_reason: Option<String>,
    /// The members that are not documented.
    pub other: Fields,
}

impl TryFrom<Fields> for Payload {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        let mut text = |names: &[&str]| -> Result<Option<String>, FieldError> {
            Ok(fields.take_spelled::<Text>(names)?.map(|text| text.0))
        };
        let missing = |name| FieldError::new(FieldErrorKind::Missing, name);
        Ok(Self {
            status: text(&["Status", "status"])?
                .ok_or_else(|| missing("Status"))?
                .into(),
            order_id: text(&["OrderId", "orderId"])?.ok_or_else(|| missing("OrderId"))?,
            e2e_id: text(&["E2EId", "e2EId", "e2eId"])?,
            finalized_at: text(&["FinalizedAt", "finalizedAt"])?,
            order_type: fields.take_spelled(&["OrderType", "orderType"])?,
            requested_amount: fields.take_spelled(&["RequestedAmount", "requestedAmount"])?,
            total_amount: fields.take_spelled(&["TotalAmount", "totalAmount"])?,
            fee_amount: fields.take_spelled(&["FeeAmount", "feeAmount"])?,
            failure_reason: fields.take_spelled(&["FailureReason", "failureReason"])?,
            other: fields,
        })
    }
}

names! {
    /// Where an order stands.
    Status {
        Pending = "PENDING",
        Completed = "COMPLETED",
        Failed = "FAILED",
    }
}

names! {
    /// Whether an order brings money in or sends it out.
    OrderType {
        Deposit = "Deposit",
        Withdrawal = "Withdrawal",
    }
}
