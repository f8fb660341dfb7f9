//! WorkOS (<https://workos.com/docs/events/data-syncing/webhooks>).
//!
//! Version 8 of WorkOS' own Node code signs the JSON after serializing it again. The signature is
//! over the bytes as they are sent, as in version 11.
//!
//! ```
//! use tower_webhook::provider::{self, workos};
//!
//! let sender = provider::workos(workos::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "workos");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("workos");

/// WorkOS, proved by its signature.
///
/// - `WorkOS-Signature: t=<time>, v1=<hex>` over `{time}.{body}`, with the time in milliseconds;
///   three minutes of tolerance.
/// - One event is one `/id`.
/// - Retries for three days after every answer but 200 are assumed.
pub fn workos(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("WorkOS-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .blank_behind_separator()
        .time_format(TimeFormat::Milliseconds)
        .content(time_and_body("."))
        .tolerance(tolerance(180))
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand()
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("workos", "The endpoint's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "workos",
    title: "WorkOS",
    proof: "HMAC-SHA256 over `{time}.{body}` in `WorkOS-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @workos-inc/node 8.13.0; workos-node `webhooks.spec.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(workos(keys([secret])?)),
}];

vectors! {
    {
        of: "workos",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("workos-signature", "t=1777899600000, v1=f264a9b8436a17a8c726abbf56629d3c549239236e487b0e90b72a0ed0d7fdc9")],
        body: r#"{"id":"event_01HMZ","event":"dsync.user.created","created_at":"2026-05-04T13:00:00.000Z","data":{"id":"directory_user_7"}}"#,
        key: "event_01HMZ",
    }
}
