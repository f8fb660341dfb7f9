//! GitLab, signing token: signed in the format of the Standard Webhooks specification
//! (<https://docs.gitlab.com/user/project/integrations/webhooks/>).
//!
//! GitLab has signed since 2026, if a signing token is set; a hook can have both it and the old
//! secret token. The key has exactly 32 bytes.
//!
//! ```
//! use tower_webhook::provider::{self, gitlab};
//!
//! let sender = provider::gitlab(gitlab::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "gitlab");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("gitlab");

/// GitLab, signing token, proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Retries for a day are assumed. GitLab switches a webhook off after consecutive failures.
pub fn gitlab(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    framed(NAME, ["webhook", ""], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "gitlab",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "gitlab",
    title: "GitLab, signing token",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "gitlab-org/gitlab MR 230944, 231325",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(gitlab(keys([secret])?)),
}];

vectors! {
    {
        of: "gitlab",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,6WwvzkbE3YiyTnDzfclThGUc5iPcCUYaoRB8OFBE9vw=")],
        body: r#"{"object_kind":"push","ref":"refs/heads/main"}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
