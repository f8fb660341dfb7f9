//! Zoom (<https://developers.zoom.us/docs/api/webhooks/>).
//!
//! Zoom's own samples sign the JSON after serializing it again; the signature is over the bytes as
//! they are sent.
//!
//! ```
//! use tower_webhook::provider::{self, zoom};
//!
//! let sender = provider::zoom(zoom::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "zoom");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("zoom");

/// The pauses between attempts.
const WAITS: &[Duration] = &[minutes(5), minutes(30), minutes(90)];

/// Zoom, proved by its signature.
///
/// - `x-zm-signature: v0=<hex>` over `v0:{time}:{body}`, with `x-zm-request-timestamp`; three hours
///   of tolerance, because Zoom states none and may not sign its retries anew.
/// - One event is one body, by its digest: `x-zm-trackingid` is not signed.
/// - Retries after 5, 30 and 90 min, after 5xx, are assumed. It waits 3 s.
/// - `plainToken` is answered with its HMAC under the secret that also signs events, once the
///   request's own signature is valid. It contains no colon, which signed content does.
pub fn zoom(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-zm-signature")
        .single("v0=", Encoding::Hex)
        .timestamp_header("x-zm-request-timestamp")
        .content([
            Component::literal("v0:"),
            Component::Timestamp,
            Component::literal(":"),
            Component::Body,
        ])
        .tolerance(tolerance(10_800))
        .known();
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), server_errors()).waits(seconds(3));
    signed(NAME, scheme, keys, EventRule::body(), contract).challenge(
        Challenge::in_body("/payload/plainToken", ChallengeText::Token)
            .when_member("/event", "endpoint.url_validation")
            .answer(ChallengeAnswer::Hmac {
                text: Some("plainToken".into()),
                member: "encryptedToken".into(),
                prefix: "".into(),
                encoding: Encoding::Hex,
            }),
    )
}

keys!("zoom", "The app's secret tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "zoom",
    title: "Zoom",
    proof: "HMAC-SHA256 over `v0:{time}:{body}` in `x-zm-signature`",
    event: "the body, by its digest",
    challenge: "POST `endpoint.url_validation`, signed: JSON with an HMAC of `plainToken`",
    confidence: Confidence::Code,
    source: "zoom/webhook-sample `index.js`; npm @zoom/rivet 0.4.0",
    assumed: "the window, its retries",
    example: |secret, _| Ok(zoom(keys([secret])?)),
}];

vectors! {
    {
        of: "zoom",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-zm-signature", "v0=9818052f8ac3e12a5aec670dcabb3e0ce1cffdc22259f9d8a3c685c0625ef142"), ("x-zm-request-timestamp", "1777899600")],
        body: r#"{"event":"meeting.started","event_ts":1777899600000,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","uuid":"aDYlohsHRtCd4ii1uC2+hA=="}}}"#,
        key: "sha256:af861931bbf04d17fc32a5fc9205c73a2a39a1c6e11c60129b2cd4e8d7073c0f",
    }
}
