//! BigCommerce: signed in the format of the Standard Webhooks specification
//! (<https://developer.bigcommerce.com/docs/integrations/webhooks>).
//!
//! The key is the text of the API account's client secret, not its base64 decoding.
//!
//! ```
//! use tower_webhook::provider::{self, bigcommerce};
//!
//! let sender = provider::bigcommerce(bigcommerce::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "bigcommerce");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("bigcommerce");

/// The pauses between attempts.
const WAITS: &[Duration] = &[
    seconds(60),
    seconds(180),
    seconds(300),
    seconds(600),
    seconds(900),
    seconds(1800),
    seconds(3600),
    seconds(7200),
    seconds(21600),
    seconds(50400),
    seconds(86400),
];

fn contract() -> SenderContract {
    SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
        .counts_as_success(SuccessAnswer::exactly(200))
}

/// BigCommerce, proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Retries after 1, 3, 5, 10, 15 and 30 min, 1, 2, 6, 14 and 24 h, after every answer except 200;
///   then the webhook is switched off.
pub fn bigcommerce(keys: impl Into<KeyRing>) -> Provider {
    framed(NAME, ["webhook", ""], SecretFormat::Text, keys, contract())
}

/// BigCommerce, proved by a token in a custom header.
///
/// - The header `X-Webhook-Token`, which you pass in `headers` when you create the webhook,
///   contains the secret itself. It proves the sender of a delivery, but not its content.
/// - One event is one `hash` and `created_at`: it is not documented that two changes of one object
///   never share a hash.
/// - It retries after 1, 3, 5, 10, 15 and 30 min, 1, 2, 6, 14 and 24 h, after every answer except
///   200.
///
/// ```
/// use tower_webhook::provider::{self, bigcommerce};
///
/// let tokens = bigcommerce::keys(["a-token-of-some-length"])?;
/// let provider = provider::bigcommerce_token(tokens);
/// # drop(provider);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
pub fn bigcommerce_token(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::header("X-Webhook-Token")).known();
    signed(
        NAME,
        scheme,
        keys,
        by_members(["/hash", "/created_at"]),
        contract(),
    )
}

keys!(
    "bigcommerce",
    "The client secrets, or the tokens",
    SecretFormat::Text,
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[
    SenderFacts {
        name: "bigcommerce",
        title: "BigCommerce",
        proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
        event: "the signed id",
        challenge: "none",
        confidence: Confidence::Documents,
        source: "bigcommerce/docs https-webhook-overview.mdx",
        assumed: "how long it waits",
        example: |secret, _| Ok(bigcommerce(keys([secret])?)),
    },
    SenderFacts {
        name: "bigcommerce_token",
        title: "BigCommerce, with a header of yours",
        proof: "the token itself in the header that you set",
        event: "`hash`, `created_at`",
        challenge: "none",
        confidence: Confidence::Documents,
        source: "bigcommerce/docs docs/integrations/webhooks/overview.mdx",
        assumed: "how long it waits",
        example: |secret, _| Ok(bigcommerce_token(keys([secret])?)),
    },
];

vectors! {
    {
        of: "bigcommerce",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,VdCexcvQge69SJYVHLGlmQox267Jn1/AOMYxNTOsjk4=")],
        body: r#"{"scope":"store/order/created","store_id":"1001","hash":"352e4afc6dd3fc85ea26bfdf3f91852604d57528","created_at":1777899600,"data":{"type":"order","id":7}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
    {
        of: "bigcommerce_token",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-webhook-token", "5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"scope":"store/order/created","store_id":"1001","hash":"352e4afc6dd3fc85ea26bfdf3f91852604d57528","created_at":1777899600,"data":{"type":"order","id":7}}"#,
        key: "352e4afc6dd3fc85ea26bfdf3f91852604d57528:1777899600",
    }
}
