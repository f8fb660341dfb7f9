//! Azure Event Grid (<https://learn.microsoft.com/azure/event-grid/webhook-event-delivery>).
//!
//! ```
//! use tower_webhook::provider::{self, azure_event_grid};
//!
//! let sender = provider::azure_event_grid(azure_event_grid::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "azure-event-grid");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("azure-event-grid");

/// Azure Event Grid, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - Each item of the array is one event, by its `id`; a single CloudEvent is identified by its
///   digest.
/// - The subscription's URL ends in `?token=<secret>`.
/// - It is assumed to wait 30 s; retries for a day after 5xx are assumed.
pub fn azure_event_grid(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::query("token")).known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors()).waits(seconds(30));
    signed(NAME, scheme, keys, each("", by_members(["/id"])), contract)
        .challenge(
            Challenge::in_body("/data/validationCode", ChallengeText::Token)
                .when_member(
                    "/eventType",
                    "Microsoft.EventGrid.SubscriptionValidationEvent",
                )
                .in_only_item()
                .answer(ChallengeAnswer::json("validationResponse")),
        )
        .challenge(
            Challenge::in_header(
                Method::OPTIONS,
                "WebHook-Request-Origin",
                ChallengeText::Token,
            )
            .answer(ChallengeAnswer::AllowedOrigin(vec![
                "eventgrid.azure.net".into(),
            ])),
        )
}

keys!("azure-event-grid", "The secrets in the URL");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "azure_event_grid",
    title: "Azure Event Grid",
    proof: "the parameter `token` of the URL",
    event: "each item, by `id`",
    challenge: "POST `SubscriptionValidation`: JSON with its code, 200; CloudEvents: OPTIONS",
    confidence: Confidence::Documents,
    source: "MicrosoftDocs/azure-docs event-grid/webhook-event-delivery.md; cloudevents/spec http-webhook.md",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(azure_event_grid(keys([secret])?)),
}];

vectors! {
    {
        of: "azure_event_grid",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        url: "https://hooks.example/in?token=5hG7kQ2mW9xZ4tB8vN3c",
        uri: "/in?token=5hG7kQ2mW9xZ4tB8vN3c",
        body: r#"[{"id":"2d1781af-3a4c-4d7c-bd0c-e34b19da4e66","topic":"/subscriptions/x","subject":"","eventType":"Microsoft.Storage.BlobCreated","eventTime":"2026-05-04T13:00:00Z","data":{},"dataVersion":"1","metadataVersion":"1"}]"#,
        key: "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    }
}
