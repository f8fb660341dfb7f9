//! DocuSign Connect: signed with HMAC-SHA256 (<https://developers.docusign.com/platform/webhooks/connect/hmac/>).
//!
//! ```
//! use tower_webhook::provider::{self, docusign};
//!
//! let sender = provider::docusign(docusign::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "docusign");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("docusign");

/// DocuSign Connect, proved by its signature, for an account with an HMAC key.
///
/// - `X-DocuSign-Signature-1: <base64>`, HMAC-SHA256 over the body alone, with one such header for each key. It
///   covers no time, so a captured delivery never grows stale: only its record stops a replay.
/// - One event is one `event` of one envelope at its `generatedDateTime`, in the JSON format called
///   SIM: `retryCount` differs for each attempt. Any other body is identified by its digest.
/// - Retries for 15 days after 5xx are assumed.
pub fn docusign(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::at(Place::numbered_headers("x-docusign-signature-", 100))
        .single("", Encoding::Base64)
        .known();
    let contract = SenderContract::new(retries_for(hours(15 * 24)), server_errors()).redelivers_by_hand();
    let rule = by_members(["/event", "/data/envelopeId", "/generatedDateTime"]);
    signed(NAME, scheme, keys, rule, contract)
}

keys!("docusign", "The account's keys of Connect");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "docusign",
    title: "DocuSign Connect, by HMAC",
    proof: "HMAC-SHA256 over the body in `X-DocuSign-Signature-1` to `-100`",
    event: "`event`, envelope and `generatedDateTime`",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(docusign(keys([secret])?)),
}];

vectors! {
    {
        of: "docusign",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-docusign-signature-1", "BivM8BgiXxgakZk05hqnNwaCzH1B+ksmlVVHBE/B95Q=")],
        body: r#"{"event":"envelope-completed","apiVersion":"v2.1","uri":"/restapi/v2.1/accounts/a/envelopes/e","retryCount":0,"configurationId":7,"generatedDateTime":"2026-05-04T13:00:00.0000000Z","data":{"accountId":"a","envelopeId":"93be49ab-afa0-4adf-933c-f752070d71ec"}}"#,
        key: "envelope-completed:93be49ab-afa0-4adf-933c-f752070d71ec:2026-05-04T13:00:00.0000000Z",
    }
}
