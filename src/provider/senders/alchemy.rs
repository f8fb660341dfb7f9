//! Alchemy: signed with HMAC-SHA256
//! (<https://www.alchemy.com/docs/reference/notify-api-quickstart>).
//!
//! ```
//! use tower_webhook::provider::{self, alchemy};
//!
//! let sender = provider::alchemy(alchemy::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "alchemy");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("alchemy");

/// The pauses between attempts.
const WAITS: &[Duration] = &[seconds(15), minutes(1), minutes(10)];

/// Alchemy, proved by its signature.
///
/// - `X-Alchemy-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/id`.
/// - It retries after 15 s, 1 and 10 min, after every answer except 200.
pub fn alchemy(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Alchemy-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
            .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("alchemy", "The webhook's signing keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "alchemy",
    title: "Alchemy",
    proof: "HMAC-SHA256 over the body in `X-Alchemy-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "alchemyplatform/docs notify-api-quickstart.mdx",
    assumed: "how long it waits",
    example: |secret, _| Ok(alchemy(keys([secret])?)),
}];

vectors! {
    {
        of: "alchemy",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-alchemy-signature", "b8b88c186ec46e64b62b204d8d2a1df1e1699083272861144f5b53077fd4011d")],
        body: r#"{"webhookId":"wh_octjglnywaupz6th","id":"whevt_ogrc5v64myey69ux","createdAt":"2026-05-04T13:00:00.000Z","type":"ADDRESS_ACTIVITY","event":{"network":"ETH_MAINNET"}}"#,
        key: "whevt_ogrc5v64myey69ux",
    }
}
