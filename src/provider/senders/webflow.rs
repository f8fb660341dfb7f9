//! Webflow: signed with HMAC-SHA256 (<https://developers.webflow.com/data/docs/working-with-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, webflow};
//!
//! let sender = provider::webflow(webflow::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "webflow");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("webflow");

/// Webflow, proved by its signature.
///
/// - `x-webflow-signature: <hex>` over `{time}:{body}`, with `x-webflow-timestamp` in milliseconds; 5 min of
///   tolerance.
/// - One event is one body, by its digest.
/// - Retries for an hour after every answer but 200 are assumed.
pub fn webflow(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-webflow-signature")
        .single("", Encoding::Hex)
        .timestamp_header("x-webflow-timestamp")
        .time_format(TimeFormat::Milliseconds)
        .content(time_and_body(":"))
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), RetriedStatuses::AllButSuccess)
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("webflow", "The client secrets of the app, or those of webhooks");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "webflow",
    title: "Webflow",
    proof: "HMAC-SHA256 over `{time}:{body}` in `x-webflow-signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm webflow-api 3.3.4 `webhooks.verifySignature`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(webflow(keys([secret])?)),
}];

vectors! {
    {
        of: "webflow",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-webflow-signature", "3240e8731ea9a7291a6ebcb37e6e91706a4099ebf224aaed7f286fd9f243d2d8"), ("x-webflow-timestamp", "1777899600000")],
        body: r#"{"triggerType":"form_submission","payload":{"name":"Contact","siteId":"62749158efef318abc8d5a0f","id":"7","submittedAt":"2026-05-04T13:00:00.000Z"}}"#,
        key: "sha256:2d8066f589fdb5f5a44448e258c502fe8d4ada650d83a7689835dc00e2566ccf",
    }
}
