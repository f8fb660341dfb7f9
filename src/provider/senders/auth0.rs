//! Auth0, event streams (<https://auth0.com/docs/customize/events>).
//!
//! ```
//! use tower_webhook::provider::{self, auth0};
//!
//! let sender = provider::auth0(auth0::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "auth0");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("auth0");

/// Auth0, event streams, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - `Authorization: Bearer` holds the token of the stream.
/// - One event is one `id` (CloudEvents).
/// - Three retries, after 1, 2 and 4 s, after 5xx; 4xx is final. Failed deliveries can be sent
///   again through the API.
pub fn auth0(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::bearer().known();
    let contract = SenderContract::new(
        RetrySchedule::Exponential {
            first: seconds(1),
            attempts: 4,
        },
        server_errors(),
    )
    .redelivers_by_hand();
    signed(NAME, scheme, keys, by_members(["/id"]), contract)
}

keys!("auth0", "The tokens of the stream");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "auth0",
    title: "Auth0, event streams",
    proof: "`Authorization: Bearer`",
    event: "`id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "auth0/docs-v2 customize/events",
    assumed: "how long it waits",
    example: |secret, _| Ok(auth0(keys([secret])?)),
}];

vectors! {
    {
        of: "auth0",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("authorization", "Bearer 5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"specversion":"1.0","id":"evt_7x2k9m4n5b6v7c8x","source":"urn:auth0:tenant.auth0.com","type":"user.created","time":"2026-05-04T13:00:00.000Z","data":{"object":{"user_id":"auth0|7"}}}"#,
        key: "evt_7x2k9m4n5b6v7c8x",
    }
}
