use serde::Deserialize;

use crate::event::Decimal;
use crate::provider::fields::{FieldError, FieldErrorKind, Fields, Text};
use crate::provider::names::names;

/// One Bloquo event: an order has a new status.
///
/// PascalCase and camelCase are equivalent; two spellings with different values are refused.
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
    /// The digits of the order's id, of any length.
    pub order_id: String,
    /// Whether money is received or sent.
    pub order_type: Option<OrderType>,
    /// The end-to-end id of the payment; may be absent.
    pub e2e_id: Option<String>,
    /// The requested amount.
    pub requested_amount: Option<Decimal>,
    /// The total amount.
    pub total_amount: Option<Decimal>,
    /// The fee; may be absent.
    pub fee_amount: Option<Decimal>,
    /// When the order became final, RFC 3339.
    pub finalized_at: Option<String>,
    /// The reason for a failure, if it failed.
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
    /// The status of an order.
    Status {
        Pending = "PENDING",
        Completed = "COMPLETED",
        Failed = "FAILED",
    }
}

names! {
    /// Whether an order receives money or sends it.
    OrderType {
        Deposit = "Deposit",
        Withdrawal = "Withdrawal",
    }
}
