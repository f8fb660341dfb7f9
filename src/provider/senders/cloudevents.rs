//! CloudEvents over HTTP, structured mode
//! (<https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md>).
//!
//! ```
//! use tower_webhook::provider::{self, cloudevents};
//!
//! let sender = provider::cloudevents(cloudevents::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, ["eventgrid.azure.net".to_owned()]);
//! assert_eq!(sender.name().as_str(), "cloudevents");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("cloudevents");

/// CloudEvents over HTTP, structured mode, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - `Authorization: Bearer` holds the token.
/// - One event is one `source` and `id`. In binary mode, which has both in headers, it is one body.
/// - Retries for a day after 5xx are assumed.
/// - An `OPTIONS` request from one of `origins` is answered with `WebHook-Allowed-Origin`.
pub fn cloudevents(
    keys: impl Into<KeyRing>,
    origins: impl IntoIterator<Item = String>,
) -> Provider {
    let scheme = Scheme::bearer().known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, by_members(["/source", "/id"]), contract).challenge(
        Challenge::in_header(
            Method::OPTIONS,
            "WebHook-Request-Origin",
            ChallengeText::Token,
        )
        .answer(ChallengeAnswer::AllowedOrigin(
            origins.into_iter().map(Into::into).collect(),
        )),
    )
}

keys!("cloudevents", "The tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "cloudevents",
    title: "CloudEvents over HTTP, structured mode",
    proof: "`Authorization: Bearer`",
    event: "`source`, `id`",
    challenge: "OPTIONS with `WebHook-Request-Origin`: `WebHook-Allowed-Origin`",
    confidence: Confidence::Documents,
    source: "cloudevents/spec http-webhook.md",
    assumed: "its retries",
    example: |secret, _| {
        Ok(cloudevents(
            keys([secret])?,
            ["eventgrid.azure.net".to_owned()],
        ))
    },
}];

vectors! {
    {
        of: "cloudevents",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("authorization", "Bearer 5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"specversion":"1.0","id":"A234-1234-1234","source":"https://github.com/cloudevents","type":"com.example.object.deleted.v2","time":"2026-05-04T13:00:00Z"}"#,
        key: "https://github.com/cloudevents:A234-1234-1234",
    }
}
