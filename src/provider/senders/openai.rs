//! OpenAI: signed in the format of the Standard Webhooks specification
//! (<https://platform.openai.com/docs/guides/webhooks>).
//!
//! OpenAI's own code uses a secret without `whsec_` as text; read such a secret with
//! [`text_keys`](crate::provider::standard_webhooks::text_keys).
//!
//! ```
//! use tower_webhook::provider::{self, openai};
//!
//! let sender = provider::openai(openai::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "openai");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("openai");

/// OpenAI, proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Retries for 72 h, after every answer but 2xx, are assumed.
pub fn openai(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess);
    framed(NAME, ["webhook", ""], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "openai",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "openai",
    title: "OpenAI",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm openai 6.49.0 `resources/webhooks`",
    assumed: "its retries",
    example: |secret, _| Ok(openai(keys([secret])?)),
}];

vectors! {
    {
        of: "openai",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,0lbxoAzYA8WxfeXP2a/O2wqsVk2BBp3YR30JKySYWfc=")],
        body: r#"{"id":"evt_7","object":"event","type":"response.completed","created_at":1777899600,"data":{"id":"resp_7"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
