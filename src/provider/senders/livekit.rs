//! LiveKit (<https://docs.livekit.io/home/server/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, livekit};
//!
//! let sender = provider::livekit(livekit::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "livekit");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("livekit");

/// LiveKit, proved by its token.
///
/// - `Authorization: <JWT>` without `Bearer`, HS256, whose claim `sha256` is the SHA-256 of the body in
///   base64; `exp` is demanded, and checked with five minutes of tolerance.
/// - Its `iss` is the API key: if the ring has a secret of that name, only that one is used.
/// - One event is one `id`.
/// - It is assumed to wait 5 s and to retry for a few minutes.
pub fn livekit(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Hs256])
        .key_by_claim("iss")
        .body_hash("sha256", Encoding::Base64)
        .expires();
    let scheme = Scheme::jws(Place::header("Authorization"), token).known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!(
    "livekit",
    "The API secrets, named by their API keys or not at all"
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "livekit",
    title: "LiveKit",
    proof: "a JWT by HS256 with the body's SHA-256 in `Authorization`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm livekit-server-sdk 2.19.2 `WebhookReceiver`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(livekit(keys([secret])?)),
}];

vectors! {
    {
        of: "livekit",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("authorization", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhYmNkZWZnIiwibmJmIjoxNzc3ODk5NjAwLCJleHAiOjE3Nzc4OTk5MDAsInNoYTI1NiI6InRtWDdtTFVpNkNWZkxKbW4xWG9Pa3pzc21CKzVTdkRTdzV4d1pXUTRDNjg9In0.zmEv8YtYkuqMMjwbQYpjuuKpz_tQIvQsZTIo5VJ_71U")],
        body: r#"{"event":"room_started","room":{"sid":"RM_hycBMAjmt6Ub","name":"Demo Room"},"id":"EV_eugWmGhovZmm","createdAt":"1777899600"}"#,
        key: "EV_eugWmGhovZmm",
    }
}
