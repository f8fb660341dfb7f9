//! GitLab with its secret token, which it sends in plain text
//! (<https://docs.gitlab.com/user/project/integrations/webhooks/>).
//!
//! The token proves the sender of a delivery, but not its content.
//!
//! ```
//! use tower_webhook::provider::{self, gitlab_token};
//!
//! let sender = provider::gitlab_token(gitlab_token::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "gitlab");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("gitlab");

/// GitLab, proved by the secret token that it sends in plain text.
///
/// - `X-Gitlab-Token` contains the secret itself: it proves the sender of a delivery, but not its
///   content. Prefer [`gitlab()`](crate::provider::gitlab()).
/// - One event is one body, by its digest: `Idempotency-Key` is not signed.
/// - Retries for a day are assumed; GitLab switches off a webhook that keeps failing.
pub fn gitlab_token(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::header("X-Gitlab-Token"))
        .shown_id_header("Idempotency-Key")
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("gitlab", "The hook's secret tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "gitlab_token",
    title: "GitLab, secret token",
    proof: "the token itself in `X-Gitlab-Token`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "gitlabhq doc/user/project/integrations/webhooks.md; gitlab-org/gitlab MR 160952",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(gitlab_token(keys([secret])?)),
}];

vectors! {
    {
        of: "gitlab_token",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-gitlab-token", "5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"object_kind":"push","checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}"#,
        key: "sha256:6520ce4ca1e37e61b4ef6ddeb7e1f4b3031dc681647efa1b5706344d7dc09836",
    }
}
