//! BLOX as a sender.

use tower_webhook::{EventKey, PathTokens, Provider, ProviderName, provider};

use super::http::Request;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";

/// Its route is `/blox/{token}`.
pub(crate) fn provider() -> Provider {
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    provider::blox(tokens).without_status_check().unwrap()
}

pub(crate) fn checkout(id: &str, amount: &str) -> Request {
    Request::post(&format!("/blox/{TOKEN}")).body(format!(
        r#"{{"checkoutId":"{id}","status":"COMPLETED","amount":"{amount}","timestamp":"2026-05-04T13:00:00.000Z"}}"#
    ))
}

pub(crate) fn checkout_key(id: &str) -> EventKey {
    EventKey::new(ProviderName::new("blox").unwrap(), [id, "COMPLETED"]).unwrap()
}
