//! BLOX, with checkouts of any id, status and amount.

use tower_webhook::{EventKey, Name, Provider, Store, Webhook, provider};

use super::http::Request;
use super::presets::{Preset, clock, tokens};

/// Believes what arrives, without asking the API.
pub(crate) fn provider() -> Provider {
    provider::blox(tokens()).without_status_check()
}

pub(crate) fn webhook(store: impl Store) -> Webhook {
    Webhook::new(provider()).clock(clock()).store(store)
}

pub(crate) fn key(id: &str, status: &str) -> EventKey {
    EventKey::new(Name::new("blox").unwrap(), [id, status]).unwrap()
}

/// A delivery of a checkout.
pub(crate) fn checkout(id: &str, status: &str, amount: &str) -> Request {
    Preset::Blox.deliver(format!(
        r#"{{"checkoutId":"{id}","status":"{status}","amount":"{amount}","timestamp":"2026-05-04T13:00:00.000Z"}}"#
    ))
}
