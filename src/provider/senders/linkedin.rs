//! LinkedIn: signed with HMAC-SHA256
//! (<https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation>).
//!
//! ```
//! use tower_webhook::provider::{self, linkedin};
//!
//! let sender = provider::linkedin(linkedin::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "linkedin");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("linkedin");

/// LinkedIn, proved by its signature.
///
/// - `X-LI-Signature: <hex>` over `hmacsha256={body}`: the prefix is signed but not sent.
/// - Each of `notifications` is one event, by its `notificationId`.
/// - It retries every 5 min for 8 h, after every answer except 2xx.
/// - `challengeCode` is answered with its HMAC under the secret that also signs events. Therefore
///   only UUIDs are answered: signed content never begins like one.
pub fn linkedin(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-LI-Signature")
        .single("", Encoding::Hex)
        .content([Component::literal("hmacsha256="), Component::Body])
        .known();
    let contract = SenderContract::new(
        RetrySchedule::Fixed {
            interval: minutes(5),
            attempts: 96,
        },
        RetriedStatuses::AllButSuccess,
    );
    signed(
        NAME,
        scheme,
        keys,
        each("/notifications", by_id("/notificationId")),
        contract,
    )
    .challenge(
        Challenge::in_query(Method::GET, "challengeCode", ChallengeText::Uuid).answer(
            ChallengeAnswer::Hmac {
                text: Some("challengeCode".into()),
                member: "challengeResponse".into(),
                prefix: "".into(),
                encoding: Encoding::Hex,
            },
        ),
    )
}

keys!("linkedin", "The app's client secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "linkedin",
    title: "LinkedIn",
    proof: "HMAC-SHA256 over `hmacsha256={body}` in `X-LI-Signature`",
    event: "each of `notifications`, by `notificationId`",
    challenge: "GET with `challengeCode`, every two hours: JSON with its HMAC",
    confidence: Confidence::Documents,
    source: "learn.microsoft.com, LinkedIn webhook validation",
    assumed: "how long it waits",
    example: |secret, _| Ok(linkedin(keys([secret])?)),
}];

vectors! {
    {
        of: "linkedin",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-li-signature", "5151f842bb5596a30e407d19952971aa06fa29ce253b822738b92aba01a83704")],
        body: r#"{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":115763,"lastModifiedAt":1777899600000,"action":"COMMENT"}]}"#,
        key: "115763",
    }
}
