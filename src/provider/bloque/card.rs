use serde::Deserialize;

use super::account::Medium;
use super::asset::Asset;
use crate::event::Decimal;
use crate::provider::fields::{FieldError, Fields, RawJson, Text};
use crate::provider::names::names;

/// One event of a card.
///
/// Only the three members of its key are always present.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct CardEvent {
    /// The id of the card transaction.
    pub transaction_id: String,
    /// Authorization or adjustment; `type` in the body.
    pub kind: CardEventType,
    /// What happened.
    pub event: CardEventName,
    /// The card's account.
    pub account_urn: Option<String>,
    /// Whether money left the account or entered it.
    pub direction: Option<Direction>,
    /// Absent on rejections.
    pub lifecycle_status: Option<String>,
    /// Absent on rejections.
    pub transaction_type: Option<String>,
    /// A whole number of the asset's smallest unit: see [`CardEvent::amount_in_units`].
    pub amount: Option<Decimal>,
    /// The asset of the amount.
    pub asset: Option<Asset>,
    /// The amount in the merchant's currency.
    pub local_amount: Option<Decimal>,
    /// The merchant's currency.
    pub local_currency: Option<String>,
    /// The exchange rate between the two.
    pub exchange_rate: Option<Decimal>,
    /// The merchant that was paid.
    pub merchant: Option<RawJson>,
    /// The kind of account.
    pub medium: Option<Medium>,
    /// The fees included in the amount.
    pub fee_breakdown: Option<RawJson>,
    /// The reason, if it was rejected.
    pub reason: Option<String>,
    /// The members that are not documented, and those of another type than documented.
    pub other: Fields,
}

impl CardEvent {
    /// The amount in units of its asset: `1500000` of `DUSD/6` is `1.500000`. `None` if the amount
    /// is not an integer or the asset has no scale.
    pub fn amount_in_units(&self) -> Option<Decimal> {
        self.asset.as_ref()?.in_units(self.amount.as_ref()?)
    }
}

impl TryFrom<Fields> for CardEvent {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        Ok(Self {
            transaction_id: fields.take::<Text>("transaction_id")?.0,
            kind: fields.take::<Text>("type")?.0.into(),
            event: fields.take::<Text>("event")?.0.into(),
            account_urn: fields.take_if("account_urn"),
            direction: fields.take_if("direction"),
            lifecycle_status: fields.take_if("lifecycle_status"),
            transaction_type: fields.take_if("transaction_type"),
            amount: fields.take_if("amount"),
            asset: fields.take_if("asset"),
            local_amount: fields.take_if("local_amount"),
            local_currency: fields.take_if("local_currency"),
            exchange_rate: fields.take_if("exchange_rate"),
            merchant: fields.take_if("merchant"),
            medium: fields.take_if("medium"),
            fee_breakdown: fields.take_if("fee_breakdown"),
            reason: fields.take_if("reason"),
            other: fields,
        })
    }
}

names! {
    /// The types of card events.
    CardEventType {
        Authorization = "authorization",
        Adjustment = "adjustment",
    }
}

names! {
    /// What happened to a card.
    CardEventName {
        Purchase = "purchase",
        CashbackSurcharge = "cashback_surcharge",
        RejectedInsufficientFunds = "rejected_insufficient_funds",
        RejectedCredit = "rejected_credit",
        RejectedCurrency = "rejected_currency",
        CreditAdjustment = "credit_adjustment",
        DebitAdjustment = "debit_adjustment",
    }
}

impl CardEventName {
    /// Whether the transaction was rejected, including for a reason that is not known yet.
    pub fn is_rejection(&self) -> bool {
        self.as_str().starts_with("rejected_")
    }
}

names! {
    /// Whether money left an account or entered it.
    Direction {
        Debit = "debit",
        Credit = "credit",
    }
}
