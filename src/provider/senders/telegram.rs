//! Telegram, bots (<https://core.telegram.org/bots/api#setwebhook>).
//!
//! ```
//! use tower_webhook::provider::{self, telegram};
//!
//! let sender = provider::telegram(telegram::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "telegram");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("telegram");

/// Telegram, bots, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - `X-Telegram-Bot-Api-Secret-Token` holds the `secret_token` of `setWebhook`.
/// - One event is one `update_id`.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn telegram(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::header("X-Telegram-Bot-Api-Secret-Token")).known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, by_members(["/update_id"]), contract)
}

keys!("telegram", "The secret tokens of `setWebhook`");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "telegram",
    title: "Telegram, bots",
    proof: "the token itself in `X-Telegram-Bot-Api-Secret-Token`",
    event: "`update_id`",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `token-auth-providers.ts`; core.telegram.org",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(telegram(keys([secret])?)),
}];

vectors! {
    {
        of: "telegram",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-telegram-bot-api-secret-token", "5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"update_id":10000,"message":{"message_id":1365,"date":1777899600,"chat":{"id":1111111,"type":"private"},"text":"/start"}}"#,
        key: "10000",
    }
}
