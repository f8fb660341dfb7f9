//! Public URLs that are not the sender's.

use tower_webhook::Provider;
use tower_webhook::provider::senders;
use tower_webhook::signature::PublicUrl;
use tower_webhook::signature::diagnosis::Cause;
use tower_webhook::testing::TestDelivery;

use super::cases::request;
use super::{BODY, Case, NOW, SECRET};

/// Senders that sign the URL.
const NAMES: [&str; 5] = ["square", "hubspot", "hubspot_v2", "plivo_v2", "bird"];

fn of(name: &str, url: &str) -> Provider {
    let sender = senders().find(|sender| sender.name() == name).unwrap();
    sender
        .provider(SECRET, &PublicUrl::parse(url).unwrap())
        .unwrap()
}

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (made, cause, theirs, ours) in [
        (
            "`http` configured for `https`",
            Cause::UrlScheme,
            "https://hooks.example/in",
            "http://hooks.example/in",
        ),
        (
            "a port configured that the sender has not",
            Cause::UrlPort,
            "https://hooks.example/in",
            "https://hooks.example:8443/in",
        ),
        (
            "a slash configured that the sender has not",
            Cause::UrlSlash,
            "https://hooks.example/in",
            "https://hooks.example/in/",
        ),
        (
            "a slash that is not configured",
            Cause::UrlSlash,
            "https://hooks.example/in/",
            "https://hooks.example/in",
        ),
        (
            "another host configured",
            Cause::UrlOther,
            "https://hooks.example/in",
            "https://internal.example/in",
        ),
    ] {
        for name in NAMES {
            let delivery = TestDelivery::new(&of(name, theirs), BODY).at(NOW).to("/in");
            let request = request(&delivery.header("host", "hooks.example"));
            all.push(Case::new(made, cause, &of(name, ours), request));
        }
    }
    all
}
