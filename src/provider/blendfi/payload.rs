use serde::Deserialize;

use crate::event::Decimal;
use crate::provider::fields::{FieldError, Fields, RawJson, Text};
use crate::provider::names::names;

/// One BlendFi event.
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::blendfi::{Data, EventType, Payload};
///
/// let event: Payload = serde_json::from_str(
///     r#"{
///         "id": "evt_01HX4Y6Z7A8B9C0D1E2F3G4H5J",
///         "type": "conversion.created",
///         "created_at": "2026-05-04T13:00:00Z",
///         "api_version": "2026-05-01",
///         "data": { "object": "conversion", "id": "cnv_1", "expected_source_amount": "100.50" }
///     }"#,
/// )?;
/// assert_eq!(event.kind, EventType::ConversionCreated);
/// let Data::Conversion(conversion) = &event.data else { panic!("no conversion") };
/// assert_eq!(conversion.id.as_deref(), Some("cnv_1"));
/// assert_eq!(conversion.expected_source_amount, Decimal::parse("100.5"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct Payload {
    /// The event's id, `evt_…`, which identifies the event.
    pub id: String,
    /// What happened; `type` in the body.
    pub kind: EventType,
    /// When it happened, RFC 3339.
    pub created_at: String,
    /// The version of the API that shaped the body; may be absent.
    pub api_version: Option<String>,
    /// The object that the event is about.
    pub data: Data,
    /// The members that are not documented.
    pub other: Fields,
}

impl TryFrom<Fields> for Payload {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        let kind: EventType = fields.take("type")?;
        let data: RawJson = fields.take_optional("data")?.unwrap_or_default();
        Ok(Self {
            id: fields.take::<Text>("id")?.0,
            created_at: fields.take::<Text>("created_at")?.0,
            api_version: fields.take_optional("api_version")?,
            data: Data::of(&kind, data),
            kind,
            other: fields,
        })
    }
}

names! {
    /// The kinds of events; BlendFi may add more.
    EventType {
        ConversionCreated = "conversion.created",
        ConversionStandby = "conversion.standby",
        ConversionCompleted = "conversion.completed",
        ConversionFailed = "conversion.failed",
        ConversionExpired = "conversion.expired",
        ConversionCanceled = "conversion.canceled",
        ConversionAbandoned = "conversion.abandoned",
        TransactionSendingPix = "transaction.sending_pix",
        TransactionCompleted = "transaction.completed",
        TransactionFailed = "transaction.failed",
        UserKycPending = "user.kyc_pending",
        UserKycApproved = "user.kyc_approved",
        UserKycRejected = "user.kyc_rejected",
        UserKycExpired = "user.kyc_expired",
    }
}

impl EventType {
    /// Whether the event is about a conversion, including kinds that are not known yet.
    pub fn is_conversion(&self) -> bool {
        self.as_str().starts_with("conversion.")
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// A conversion, in a `conversion.*` event.
    Conversion(Box<Conversion>),
    /// Anything else, including data without the documented form: as it was written, or null if
    /// absent.
    Other(RawJson),
}

impl Data {
    fn of(kind: &EventType, data: RawJson) -> Self {
        let conversion = kind
            .is_conversion()
            .then(|| data.to::<Conversion>().ok())
            .flatten()
            .filter(|conversion| matches!(conversion.object.as_deref(), None | Some("conversion")));
        match conversion {
            Some(conversion) => Self::Conversion(Box::new(conversion)),
            None => Self::Other(data),
        }
    }
}

/// A conversion, as far as the event describes it. The members of an event are documented for
/// `conversion.created` alone, so each can be absent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct Conversion {
    /// `conversion`.
    pub object: Option<String>,
    /// The conversion's id, `cnv_…`.
    pub id: Option<String>,
    /// The user that it belongs to, `usr_…`.
    pub user_id: Option<String>,
    /// Such as `pix_offramp`.
    pub transaction_type: Option<String>,
    /// Such as `awaiting_deposit`.
    pub status: Option<String>,
    /// The amount to deposit.
    pub expected_source_amount: Option<Decimal>,
    /// The address to deposit to.
    pub deposit_address: Option<String>,
    /// The network of that address.
    pub deposit_address_network: Option<String>,
    /// When the deposit window ends, RFC 3339.
    pub deposit_window_expires_at: Option<String>,
    /// The reason for waiting, in `conversion.standby`.
    pub standby_reason: Option<StandbyReason>,
    /// The members that are not documented.
    pub other: Fields,
}

impl TryFrom<Fields> for Conversion {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        Ok(Self {
            object: fields.take_optional("object")?,
            id: fields.take_optional("id")?,
            user_id: fields.take_optional("user_id")?,
            transaction_type: fields.take_optional("transaction_type")?,
            status: fields.take_optional("status")?,
            expected_source_amount: fields.take_optional("expected_source_amount")?,
            deposit_address: fields.take_optional("deposit_address")?,
            deposit_address_network: fields.take_optional("deposit_address_network")?,
            deposit_window_expires_at: fields.take_optional("deposit_window_expires_at")?,
            standby_reason: fields.take_optional("standby_reason")?,
            other: fields,
        })
    }
}

names! {
    /// Why a conversion waits for a person.
    StandbyReason {
        UnderFunded = "under_funded",
        OverFunded = "over_funded",
        WindowExpired = "window_expired",
        DuplicateDeposit = "duplicate_deposit",
        WrongAddress = "wrong_address",
        LatePostWindow = "late_post_window",
    }
}
