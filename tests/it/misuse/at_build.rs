//! What is refused while a receiver is set up.

use std::time::Duration;

use tower_webhook::event::{EventRule, OrderRule, Shape};
use tower_webhook::layer::{
    Coverage, DedupeBuilder, DedupeLayer, EndpointConfig, Proof, RequireSecretPathLayer,
};
use tower_webhook::provider::{self, stripe};
use tower_webhook::signature::Scheme;
use tower_webhook::{
    Allowlist, ConfigError, DedupeConfig, Encoding, MemoryStore, Name, PathTokens, Provider,
    RetriedStatuses, RetrySchedule, Secrets, SenderContract, Tolerance, TrustedProxies, Webhook,
    WebhookLayer,
};

use super::{OURS, hasty, tokens};

fn text<T>(refused: Result<T, ConfigError>) -> String {
    let Err(error) = refused else {
        return "taken".to_owned();
    };
    error.to_string()
}

fn built(change: impl FnOnce(DedupeConfig) -> DedupeConfig) -> Result<WebhookLayer, ConfigError> {
    let webhook = Webhook::new(hasty()).store(MemoryStore::new());
    webhook.dedupe(change(DedupeConfig::new())).build()
}

fn alone(rule: EventRule, proofs: &[Proof]) -> DedupeBuilder {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
    DedupeLayer::builder(&endpoint, rule, proofs.iter().copied())
}

fn by(fields: [&str; 1]) -> EventRule {
    EventRule::members([Shape::new("event", fields).unwrap()]).unwrap()
}

/// The rule that is no rule of its own: `?id` is a parameter of the query.
fn signed_by_query() -> Provider {
    let scheme = Scheme::builder("x-acme-signature").single("", Encoding::Hex);
    let secret = tower_webhook::SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap();
    let verifier = tower_webhook::signature::Verifier::new(scheme.build().unwrap(), secret);
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    Provider::signed(Name::new("acme").unwrap(), verifier, by(["?id"]), contract)
}

/// Each misuse, and what is said of it.
pub(super) fn cases() -> Vec<(&'static str, String)> {
    let store = MemoryStore::new();
    let first = Webhook::new(hasty()).store(store.clone()).build().unwrap();
    let second = Webhook::new(hasty()).store(store).build();
    let hosts = || Allowlist::parse(["hooks.example.com"]).unwrap();
    let contract = || SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract());
    let day = Duration::from_secs(86_400);
    let order = OrderRule::by(["/checkoutId"]).unwrap();
    let cases = vec![
        (
            "a second webhook of the same name in one store",
            text(second),
        ),
        (
            "a retention that the sender outlasts",
            text(built(|it| it.retention(Duration::from_secs(60)))),
        ),
        (
            "a lease that ends after the sender has given up",
            text(built(|it| it.lease(day))),
        ),
        (
            "a renewal ceiling below the lease",
            text(built(|it| {
                it.lease(Duration::from_secs(20))
                    .renewal_ceiling(Duration::from_secs(5))
            })),
        ),
        (
            "responses kept that no record holds",
            text(built(|it| it.replay_responses(1 << 20))),
        ),
        (
            "a dedupe layer that demands no proof",
            text(alone(by(["/id"]), &[]).build(MemoryStore::new())),
        ),
        (
            "a proof of your own demanded of a lone dedupe layer",
            text(alone(by(["/id"]), &[Proof::Custom(Coverage::Body)]).build(MemoryStore::new())),
        ),
        (
            "a key from the query, which no signature covers",
            text(
                Webhook::new(signed_by_query())
                    .store(MemoryStore::new())
                    .build(),
            ),
        ),
        (
            "events in an order, without an inbox",
            text(
                Webhook::new(hasty().ordered(order))
                    .store(MemoryStore::new())
                    .build(),
            ),
        ),
        (
            "host names on an allowlist, outside a Tokio runtime",
            text(
                Webhook::new(provider::bloquo(hosts()))
                    .store(MemoryStore::new())
                    .build(),
            ),
        ),
        ("an allowlist of nothing", text(Allowlist::parse([""; 0]))),
        (
            "an allowlist of everybody",
            text(Allowlist::parse(["0.0.0.0/0"])),
        ),
        (
            "a proxy declared by its name",
            text(TrustedProxies::parse(["proxy.internal"])),
        ),
        (
            "an empty list of proxies",
            text(TrustedProxies::parse([""; 0])),
        ),
        (
            "a path token that can be guessed",
            text(PathTokens::parse(["hook"])),
        ),
        (
            "a gate mounted at no path",
            text(RequireSecretPathLayer::new(&endpoint, tokens(OURS)).mounted_at("webhooks/")),
        ),
        (
            "an API key in place of the signing secret",
            text(stripe::keys(["sk_test_4eC39HqLyjWDarjtT1zdp7dc"])),
        ),
        (
            "a secret in quotation marks",
            text(stripe::keys(["\"whsec_test_9f8e7d6c5b4a\""])),
        ),
        (
            "a placeholder in place of a secret",
            text(stripe::keys(["${STRIPE_WEBHOOK_SECRET}"])),
        ),
        (
            "a secret that is no variable of the environment",
            text(Secrets::from_env("NO_SUCH_WEBHOOK_SECRET")),
        ),
        (
            "a tolerance of days",
            text(Tolerance::from_secs(8 * 86_400)),
        ),
        (
            "a tolerance where no time is signed",
            text({
                let scheme = Scheme::builder("x-signature");
                scheme.tolerance(Tolerance::from_secs(60).unwrap()).build()
            }),
        ),
        ("a name in capitals", text(Name::new("Acme Ltd"))),
        (
            "a store that takes no record",
            text(MemoryStore::with_capacity(0)),
        ),
        (
            "a pointer that does not begin with a slash",
            text(Shape::new("event", ["id"])),
        ),
    ];
    drop(first);
    cases
}
