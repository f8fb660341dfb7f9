use serde::Deserialize;

use crate::provider::fields::{FieldError, Fields, Text};
use crate::provider::names::names;

/// One event of an account.
///
/// ```
/// use tower_webhook::provider::bloque::{AccountEvent, AccountStatus, Medium};
///
/// let event: AccountEvent = serde_json::from_str(
///     r#"{
///         "account_urn": "did:bloque:account:virtual:acc-12345",
///         "medium": "virtual",
///         "event_type": "account.activated",
///         "event_data": { "status": "active", "operations_count": 2 },
///         "timestamp": "2025-03-15T14:30:01.123Z"
///     }"#,
/// )?;
/// assert_eq!(event.medium, Some(Medium::Virtual));
/// assert_eq!(event.status(), Some(AccountStatus::Active));
/// assert_eq!(event.event_data.get::<u64>("operations_count").unwrap(), Some(2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Fields")]
#[non_exhaustive]
pub struct AccountEvent {
    /// The account's URN.
    pub account_urn: String,
    /// The kind of account.
    pub medium: Option<Medium>,
    /// The kind of event, such as `account.activated`. Bloque publishes no list of them.
    pub event_type: String,
    /// The changes; empty if the member is not an object.
    pub event_data: Fields,
    /// When it happened, RFC 3339.
    pub timestamp: String,
    /// The members that are not documented.
    pub other: Fields,
}

impl AccountEvent {
    /// The account's status after the event, if its data has one.
    pub fn status(&self) -> Option<AccountStatus> {
        self.event_data.get("status").ok().flatten()
    }
}

impl TryFrom<Fields> for AccountEvent {
    type Error = FieldError;

    fn try_from(mut fields: Fields) -> Result<Self, FieldError> {
        Ok(Self {
            account_urn: fields.take::<Text>("account_urn")?.0,
            event_type: fields.take::<Text>("event_type")?.0,
            timestamp: fields.take::<Text>("timestamp")?.0,
            medium: fields.take_if("medium"),
            event_data: fields.take_if("event_data").unwrap_or_default(),
            other: fields,
        })
    }
}

names! {
    /// The kinds of accounts; Bloque may add more.
    Medium {
        Virtual = "virtual",
        Card = "card",
        Bancolombia = "bancolombia",
        Us = "us",
        Polygon = "polygon",
    }
}

names! {
    /// The status of an account.
    AccountStatus {
        CreationInProgress = "creation_in_progress",
        Active = "active",
        CreationFailed = "creation_failed",
        Frozen = "frozen",
        Disabled = "disabled",
        Deleted = "deleted",
    }
}
