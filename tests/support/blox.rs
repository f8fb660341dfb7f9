//! BLOX, with checkouts of any id, status and amount.

use std::convert::Infallible;

use tower_webhook::provider::blox::CheckoutStatus;
use tower_webhook::{EventKey, Name, Provider, Store, Webhook, provider};

use super::http::Request;
use super::presets::{Preset, clock, tokens};
use super::stage::Stage;

/// Accepts what arrives without querying the API.
pub(crate) fn provider() -> Provider {
    provider::blox(tokens()).without_status_check()
}

/// Queries an API that waits at this stage, and then reports the checkout as completed.
pub(crate) fn provider_that_asks(api: &Stage) -> Provider {
    let api = api.clone();
    provider::blox(tokens()).status_check(move |id: String| {
        let api = api.clone();
        async move {
            api.stand().await;
            Ok::<_, Infallible>(CheckoutStatus::new(id, "COMPLETED"))
        }
    })
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
