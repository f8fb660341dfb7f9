//! Xero: signed with HMAC-SHA256 (<https://developer.xero.com/documentation/guides/webhooks/overview/>).
//!
//! ```
//! use tower_webhook::provider::{self, xero};
//!
//! let sender = provider::xero(xero::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "xero");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("xero");

/// Xero, proved by its signature.
///
/// - `x-xero-signature: <base64>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - Each of `events` is one event, by its digest.
/// - Retries for a day after every answer but 200 are assumed.
/// - Before events flow it posts empty lists, with valid and invalid signatures, and expects 200
///   and 401: the same answers as for any delivery.
pub fn xero(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-xero-signature")
        .single("", Encoding::Base64)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, each("/events", EventRule::body()), contract)
}

keys!("xero", "The app's webhook keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "xero",
    title: "Xero",
    proof: "HMAC-SHA256 over the body in `x-xero-signature`",
    event: "each of `events`, by its digest",
    challenge: "POSTs of no events with right and with wrong signatures: 200 and 401",
    confidence: Confidence::Others,
    source: "webhook-verify and its specification",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(xero(keys([secret])?)),
}];

vectors! {
    {
        of: "xero",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-xero-signature", "uHjtUTGftu/gnJTvSm7dMZrZ/fFYKvqA8ateY8MFch8=")],
        body: r#"{"events":[{"resourceUrl":"https://api.xero.com/api.xro/2.0/Contacts/717f2bfc","resourceId":"717f2bfc","tenantId":"c2cc9b6e","eventCategory":"CONTACT","eventType":"UPDATE","eventDateUtc":"2026-05-04T13:00:00.000"}],"firstEventSequence":1,"lastEventSequence":1,"entropy":"S0m3r4Nd0m"}"#,
        key: "sha256:509ea49ccb1e75b140e2d9f5d8a3d865fb44f03f50f275e99ec72dad4206e85c",
    }
}
