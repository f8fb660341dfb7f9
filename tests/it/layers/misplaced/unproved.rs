//! Layers, handlers and extractors that no gate, or the gate of another, stands before.

use crate::support::log::Log;
use crate::support::presets::{Preset, TOKEN, clock};
use crate::support::server::Server;
use axum::Router;
use axum::routing::post;
use tower::ServiceBuilder;
use tower_webhook::layer::{Proof, VerifySignatureLayer};
use tower_webhook::{Authenticated, Delivery, Event, Webhook};

use crate::layers::{path, signature, source, verifier, webhook};

use super::{Misplaced, Seat};

#[tokio::test]
async fn what_no_gate_has_proved_is_500_and_claims_nothing() {
    use Proof::{SecretPath, Signature, SourceAddress};

    let right = Preset::BlendFi.delivery(1);
    let tokened = right.clone().target(&format!("/hooks/{TOKEN}"));
    for proof in [SecretPath, Signature, SourceAddress] {
        let alone = Misplaced::start(|it| {
            Router::new().route("/hooks", it.handler().layer(it.dedupe(&[proof])))
        });
        alone.await.assert_500("no gate", &right).await;
    }

    // An address never stands in for a signature, nor does a path.
    let by_address = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(source())
            .layer(it.dedupe(&[Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    by_address
        .await
        .assert_500("address for signature", &right)
        .await;
    let by_path = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(path())
            .layer(it.dedupe(&[Signature]));
        Router::new().route("/hooks/{token}", it.handler().layer(stack))
    });
    by_path
        .await
        .assert_500("path for signature", &tokened)
        .await;
    let by_both = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(source())
            .layer(path())
            .layer(it.dedupe(&[SourceAddress, SecretPath, Signature]));
        Router::new().route("/hooks/{token}", it.handler().layer(stack))
    });
    by_both.await.assert_500("two for three", &tokened).await;
    let by_signature = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(signature())
            .layer(it.dedupe(&[SourceAddress]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    by_signature
        .await
        .assert_500("signature for address", &right)
        .await;

    // In the wrong order.
    let behind = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(it.dedupe(&[Signature]))
            .layer(signature());
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    behind.await.assert_500("the gate behind", &right).await;

    // The right ones, in any order of gates.
    for source_first in [true, false] {
        let right_one = Misplaced::start(|it| {
            let proofs = [SourceAddress, SecretPath, Signature];
            let (gates, dedupe) = (ServiceBuilder::new(), it.dedupe(&proofs));
            let handler = if source_first {
                let gates = gates.layer(source()).layer(path()).layer(signature());
                it.handler().layer(gates.layer(dedupe))
            } else {
                let gates = gates.layer(signature()).layer(path()).layer(source());
                it.handler().layer(gates.layer(dedupe))
            };
            Router::new().route("/hooks/{token}", handler)
        })
        .await;
        assert_eq!(tokened.send(right_one.server.address).await.status, 200);
        assert_eq!(right_one.seat.runs.runs(), 1);
    }
}

#[tokio::test]
async fn a_gate_of_another_provider_proves_nothing() {
    use Proof::Signature;

    let right = Preset::BlendFi.delivery(1);
    let gate = |it: &Seat| VerifySignatureLayer::new(&it.endpoint("acme"), verifier());
    let before_dedupe = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(gate(it))
            .layer(it.dedupe(&[Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    before_dedupe
        .await
        .assert_500("before a dedupe layer", &right)
        .await;
    let before_gate = Misplaced::start(|it| {
        let own = VerifySignatureLayer::new(&it.endpoint("blendfi"), verifier());
        let stack = ServiceBuilder::new()
            .layer(gate(it))
            .layer(own)
            .layer(it.dedupe(&[Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    before_gate.await.assert_500("before a gate", &right).await;
    let before_webhook = Misplaced::start(|it| {
        let webhook = Webhook::new(Preset::BlendFi.provider())
            .store(it.store.clone())
            .observer(it.seen.clone())
            .clock(clock());
        let stack = ServiceBuilder::new()
            .layer(gate(it))
            .layer(webhook.build().unwrap());
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    before_webhook
        .await
        .assert_500("before a webhook", &right)
        .await;
}

#[tokio::test]
async fn extractors_without_a_gate_are_500() {
    let routes = || {
        Router::new()
            .route("/event", post(async |_: Event<serde_json::Value>| ()))
            .route("/delivery", post(async |_: Delivery| ()))
            .route("/mark", post(async |_: Authenticated| ()))
    };
    for (what, app, expected) in [
        ("no gate", routes(), [500, 500, 500]),
        (
            "an address, and nothing read",
            routes().layer(source()),
            [500, 500, 200],
        ),
        (
            "a signature, and nothing claimed",
            routes().layer(signature()),
            [200, 500, 200],
        ),
        ("everything", routes().layer(webhook()), [200, 200, 200]),
    ] {
        let server = Server::start(app).await;
        let mut statuses = [0; 3];
        for (n, (path, status)) in (1..).zip(
            ["/event", "/delivery", "/mark"]
                .into_iter()
                .zip(&mut statuses),
        ) {
            let request = Preset::BlendFi.delivery(n).target(path);
            let response = request.send(server.address).await;
            assert!(response.body.is_empty(), "{what}: {response:?}");
            *status = response.status;
        }
        assert_eq!(statuses, expected, "{what}");
    }
}

#[tokio::test]
async fn the_log_says_which_layer_a_handler_lacks() {
    const UNPROVED: &str = "put the webhook's layer around the route";
    const UNCLAIMED: &str = "add a DedupeLayer inside them";
    let handler = |delivery: Delivery| async move {
        drop(delivery);
        Ok::<_, tower_webhook::runtime::Failure>(())
    };
    let mounted = || post(tower_webhook::event_handler(handler));
    let taken = || post(async |_: Delivery| ());
    for (route, gated, said, unsaid) in [
        (mounted(), false, UNPROVED, UNCLAIMED),
        (mounted(), true, UNCLAIMED, UNPROVED),
        (taken(), false, UNPROVED, UNCLAIMED),
        (taken(), true, UNCLAIMED, UNPROVED),
    ] {
        let log = Log::default();
        let _guard = log.capture(false);
        let app = Router::new().route("/hooks", route);
        let server = Server::start(match gated {
            true => app.layer(signature()),
            false => app,
        });
        let server = server.await;
        let request = Preset::BlendFi.delivery(1).target("/hooks");
        assert_eq!(request.send(server.address).await.status, 500);
        let told = log.text();
        assert!(told.contains(said) && !told.contains(unsaid), "{told}");
    }
}
