//! Typeform: signed with HMAC-SHA256 (<https://www.typeform.com/developers/webhooks/secure-your-webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, typeform};
//!
//! let sender = provider::typeform(typeform::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "typeform");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("typeform");

/// Typeform, proved by its signature.
///
/// - `Typeform-Signature: sha256=<base64>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/event_id`.
/// - Retries for a day after 5xx are assumed.
pub fn typeform(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Typeform-Signature")
        .single("sha256=", Encoding::Base64)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, by_id("/event_id"), contract)
}

keys!("typeform", "The webhooks' secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "typeform",
    title: "Typeform",
    proof: "HMAC-SHA256 over the body in `Typeform-Signature`",
    event: "`/event_id`",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(typeform(keys([secret])?)),
}];

vectors! {
    {
        of: "typeform",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("typeform-signature", "sha256=+VUr1QLDKdvnlAja4gspDGnptCTTMllFykJ3SvYXrwQ=")],
        body: r#"{"event_id":"01HXVZ7","event_type":"form_response","form_response":{"form_id":"lT4Z3j","submitted_at":"2026-05-04T13:00:00Z"}}"#,
        key: "01HXVZ7",
    }
}
