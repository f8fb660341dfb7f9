//! Trello: signed with HMAC-SHA1 (<https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, trello};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in")?;
//!
//! let sender = provider::trello(trello::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, url);
//! assert_eq!(sender.name().as_str(), "trello");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("trello");

/// Trello, proved by its signature.
///
/// - `x-trello-webhook: <base64>`, HMAC-SHA1 over the body followed by the URL, as you pass it here: that of the
///   webhook's creation. It covers no time, so a captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/action/id`.
/// - It checks with `HEAD` that the URL exists. Retries for an hour after 5xx are assumed.
pub fn trello(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("x-trello-webhook")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .content([Component::Body, Component::PublicUrl])
        .public_url(url)
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors()).probes_with([Method::HEAD]);
    signed(NAME, scheme, keys, by_id("/action/id"), contract)
}

keys!("trello", "The application's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "trello",
    title: "Trello",
    proof: "HMAC-SHA1 over `{body}{url}` in `x-trello-webhook`",
    event: "`/action/id`",
    challenge: "HEAD: success",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, url| Ok(trello(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "trello",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-trello-webhook", "tbLXCENoOWCYFdNyuwh7B0KeKmk=")],
        body: r#"{"action":{"id":"51f9424bcd6e040f3c002412","type":"createCard","date":"2026-05-04T13:00:00.000Z"},"model":{"id":"4d5ea62fd76aa1136000000c"}}"#,
        key: "51f9424bcd6e040f3c002412",
    }
}
