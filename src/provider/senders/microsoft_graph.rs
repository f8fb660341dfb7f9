//! Microsoft Graph, change notifications
//! (<https://learn.microsoft.com/graph/change-notifications-delivery-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, microsoft_graph};
//!
//! let sender = provider::microsoft_graph(microsoft_graph::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "microsoft-graph");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("microsoft-graph");

/// Microsoft Graph, proved by the `clientState` of the subscription.
///
/// - It proves the sender of a delivery, but not its content: query Graph for the changes.
/// - Each item of `value` has a `clientState`, and each must be one of the keys: subscriptions with
///   different states share a URL. Give each subscription its own, of up to 128 letters.
/// - Each item of `value` is one event, by its `id`. An item without one, which Graph sometimes sends, runs each time
///   it arrives: nothing distinguishes a second change from a repeated delivery.
/// - `validationToken`, a sentence that arrives before a subscription is made, is echoed as plain text.
/// - It waits 3 s, and retries for 4 h, after every answer except 2xx.
/// - Encrypted content, and the tokens next to it, are handed on unchanged.
pub fn microsoft_graph(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::each_member("/value", "/clientState")).known();
    let contract = SenderContract::new(retries_for(hours(4)), RetriedStatuses::AllButSuccess)
        .waits(seconds(3));
    let named = KnownShape::new("notification", ["/id"]).when("/id");
    let nameless = KnownShape::new("change", ["/subscriptionId"])
        .when("/subscriptionId")
        .each_time();
    signed(
        NAME,
        scheme,
        keys,
        each(
            "/value",
            EventRule::known([named, nameless]).or_body("notification"),
        ),
        contract,
    )
    .challenge(Challenge::in_query(
        Method::POST,
        "validationToken",
        ChallengeText::Sentence,
    ))
}

keys!("microsoft-graph", "The subscriptions' client states");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "microsoft_graph",
    title: "Microsoft Graph, change notifications",
    proof: "the token itself in `clientState` of each item of `value`",
    event: "each of `value`, by `id`; without one, each time that it comes",
    challenge: "POST with `validationToken`: its echo as text",
    confidence: Confidence::Documents,
    source: "microsoftgraph/microsoft-graph-docs-contrib concepts/change-notifications-delivery-webhooks.md",
    assumed: "when it tries again",
    example: |secret, _| Ok(microsoft_graph(keys([secret])?)),
}];

vectors! {
    // The documentation's example with two items.
    {
        of: "microsoft_graph",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        body: r##"{"value":[{"id":"lsgTZMr9KwAAA","subscriptionId":"7f105c7d-2dc5-4530-97cd-4e7ae6534c07","subscriptionExpirationDateTime":"2026-05-05T13:00:00Z","clientState":"5hG7kQ2mW9xZ4tB8vN3c","changeType":"created","resource":"Users/ddfcd489-628b-7d04-b48b-20075df800e5/Messages/AAMk","tenantId":"84bd8158-6d4d-4958-8b9f-9d6445542f95","resourceData":{"@odata.type":"#Microsoft.Graph.Message","@odata.etag":"W/\"CQAAABYAAADkrWGo7bouTKlsgTZMr9KwAAAUWRHf\"","id":"AAMk"}},{"id":"lsgTZMr9KwAAB","subscriptionId":"7f105c7d-2dc5-4530-97cd-4e7ae6534c07","clientState":"5hG7kQ2mW9xZ4tB8vN3c","lifecycleEvent":"missed"}]}"##,
        key: "lsgTZMr9KwAAA",
    }
}
