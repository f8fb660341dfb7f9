//! Senders, and deliveries of them.

use bytes::Bytes;
use http::Request;
use tower_webhook::provider::{self, senders};
use tower_webhook::signature::PublicUrl;
use tower_webhook::testing::TestDelivery;
use tower_webhook::{Name, Provider};

use super::{BODY, NOW, SECRET, ring};

/// Ten senders whose key is the secret's text.
pub(super) fn ten() -> Vec<Provider> {
    let key = || ring(SECRET.as_bytes());
    let mut all = vec![
        provider::blendfi(key()),
        provider::stripe(key()),
        provider::github(key()),
        provider::slack(key()),
        provider::shopify(key()),
        provider::bloque_payments(key()),
    ];
    all.extend(["linear", "paddle", "zoom", "razorpay"].map(known));
    all
}

/// The same sender again, with a ring of its own.
pub(super) fn anew(provider: &Provider) -> Provider {
    let mut all = ten().into_iter().chain([standard(SECRET.as_bytes())]);
    all.find(|it| it.name() == provider.name()).unwrap()
}

/// Those of them that sign a time.
pub(super) fn timed() -> Vec<Provider> {
    let all = ten().into_iter();
    all.filter(|it| it.verifier().unwrap().scheme().tolerance().is_some())
        .chain(["buildkite", "workos"].map(known))
        .collect()
}

/// A sender of the feature `senders`.
pub(super) fn known(name: &str) -> Provider {
    let url = PublicUrl::parse("https://hooks.example/in").unwrap();
    let sender = senders().find(|sender| sender.name() == name).unwrap();
    sender.provider(SECRET, &url).unwrap()
}

/// In the frame of Standard Webhooks, with a key of these bytes.
pub(super) fn standard(key: &[u8]) -> Provider {
    provider::standard_webhooks(Name::new("acme").unwrap(), ring(key))
}

/// A delivery of this sender, which is right.
pub(super) fn right(sender: &Provider) -> TestDelivery {
    TestDelivery::new(sender, BODY).at(NOW).to("/in")
}

pub(super) fn request(delivery: &TestDelivery) -> Request<Bytes> {
    delivery.request().unwrap()
}
