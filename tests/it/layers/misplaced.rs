//! Layers in the wrong place, and what they know of each other.

use std::convert::Infallible;
use std::time::Duration;

use crate::support::http::Request;
use crate::support::log::Log;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, TOKEN, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use axum::Router;
use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use bytes::Bytes;
use http_body_util::Full;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_webhook::layer::{DedupeLayer, EndpointConfig, PeerAddr, Proof, VerifySignatureLayer};
use tower_webhook::store::RecordState;
use tower_webhook::{
    Authenticated, ConfigErrorKind, DedupeConfig, Delivery, Event, MemoryStore, Name, Reason,
    RetriedStatuses, RetrySchedule, SenderContract, Store, Webhook,
};

use super::{
    by_id, dedupe, echo, echo_bytes, path, reason_of, reception_of, signature, source, verifier,
    webhook,
};

/// A router with one route, and what is recorded of event 1 there.
struct Misplaced {
    server: Server,
    seat: Seat,
}

impl Misplaced {
    async fn start(app: impl FnOnce(&Seat) -> Router) -> Self {
        let seat = Seat {
            store: MemoryStore::new(),
            seen: Recorder::new(),
            runs: Stage::new(),
        };
        let server = Server::start(app(&seat)).await;
        Self { server, seat }
    }

    async fn assert_500(&self, what: &str, request: &Request) {
        let response = request.send(self.server.address).await;
        assert_eq!(response.status, 500, "{what}: {response:?}");
        assert!(response.body.is_empty(), "{what}");
        let seen = self.seat.seen.next().await;
        assert_eq!(seen.reason, Some(Reason::Unauthenticated), "{what}");
        assert!(seen.detail.is_some(), "{what}: a clear log");
        assert_eq!(self.seat.runs.runs(), 0, "{what}");
        let counts = self.seat.store.counts().await.unwrap();
        assert_eq!(counts, Default::default(), "{what}: something was claimed");
    }
}

/// What a misplaced layer is made from.
struct Seat {
    store: MemoryStore,
    seen: Recorder,
    runs: Stage,
}

impl Seat {
    fn endpoint(&self, name: &'static str) -> EndpointConfig {
        reception_of(name).observer(self.seen.clone())
    }

    fn dedupe(&self, proofs: &[Proof]) -> DedupeLayer {
        let endpoint = self.endpoint("blendfi");
        let builder = DedupeLayer::builder(&endpoint, by_id(), proofs.iter().copied());
        builder
            .config(DedupeConfig::new().shares_name())
            .build(self.store.clone())
            .unwrap()
    }

    fn handler(&self) -> axum::routing::MethodRouter {
        let runs = self.runs.clone();
        post(async move || {
            runs.enter();
            StatusCode::OK
        })
    }
}

/// Layers of one provider may be told different times to answer.
#[tokio::test(start_paused = true)]
async fn the_first_layer_that_lets_a_request_through_sets_the_one_deadline() {
    for (outer, inner) in [(10, 100), (100, 10)] {
        let endpoint = |seconds: u64| {
            let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None)
                .waits(Duration::from_secs(seconds));
            EndpointConfig::new(Name::new("blendfi").unwrap(), contract).clock(clock())
        };
        let dedupe = DedupeLayer::builder(&endpoint(inner), by_id(), [Proof::Signature]);
        let service = ServiceBuilder::new()
            .layer(VerifySignatureLayer::new(&endpoint(outer), verifier()))
            .layer(dedupe.build(MemoryStore::new()).unwrap())
            .service(service_fn(async |_: http::Request<Full<Bytes>>| {
                tokio::time::sleep(Duration::from_secs(1_000)).await;
                Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
            }));
        let begun = Instant::now();
        let request = Preset::BlendFi.delivery(1).to_http::<Full<Bytes>>();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(reason_of(&response), Some(Reason::HandlerSlow));
        // Four fifths of it.
        assert_eq!(begun.elapsed().as_secs(), outer * 4 / 5);
    }
}

#[tokio::test]
async fn a_dedupe_layer_that_demands_nothing_is_not_built() {
    let error = dedupe(&[]).build(MemoryStore::new()).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Proof);
}

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

/// Two that would wait for each other: the inner one for the outer one's claim, and that for the answer
/// of the inner one.
#[tokio::test]
async fn a_dedupe_layer_inside_another_is_500_with_one_line() {
    let right = Preset::BlendFi.delivery(1);
    let webhook = |it: &Seat| {
        let webhook = Webhook::new(Preset::BlendFi.provider())
            .store(it.store.clone())
            .observer(it.seen.clone())
            .clock(clock());
        webhook
            .dedupe(DedupeConfig::new().shares_name())
            .build()
            .unwrap()
    };
    let around_the_router = Misplaced::start(|it| {
        let layer = webhook(it);
        let route = it.handler().layer(layer.clone());
        Router::new().route("/hooks", route).layer(layer)
    });
    let twice_on_the_route = Misplaced::start(|it| {
        let layer = webhook(it);
        let route = it
            .handler()
            .layer::<_, Infallible>(layer.clone())
            .layer(layer);
        Router::new().route("/hooks", route)
    });
    let built_twice = Misplaced::start(|it| {
        let route = it
            .handler()
            .layer::<_, Infallible>(webhook(it))
            .layer(webhook(it));
        Router::new().route("/hooks", route)
    });
    let by_hand = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(signature())
            .layer(it.dedupe(&[Proof::Signature]))
            .layer(it.dedupe(&[Proof::Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    let inside_a_webhook = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(webhook(it))
            .layer(it.dedupe(&[Proof::Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    // Records elsewhere: nothing would wait, but of two that take one event none is in its place.
    let with_another_store = Misplaced::start(|it| {
        let inner = Webhook::new(Preset::BlendFi.provider())
            .store(MemoryStore::new())
            .observer(it.seen.clone())
            .clock(clock());
        let route = it
            .handler()
            .layer::<_, Infallible>(inner.build().unwrap())
            .layer(webhook(it));
        Router::new().route("/hooks", route)
    });
    let of_another_provider = Misplaced::start(|it| {
        let inner = Webhook::new(Preset::BloquePayments.provider())
            .store(MemoryStore::new())
            .observer(it.seen.clone());
        let route = it
            .handler()
            .layer::<_, Infallible>(inner.build().unwrap())
            .layer(webhook(it));
        Router::new().route("/hooks", route)
    });
    for (what, misplaced) in [
        ("around the router", around_the_router.await),
        ("twice on the route", twice_on_the_route.await),
        ("built twice", built_twice.await),
        ("by hand", by_hand.await),
        ("inside a webhook", inside_a_webhook.await),
        ("with another store", with_another_store.await),
        ("of another provider", of_another_provider.await),
    ] {
        for attempt in 1..=2 {
            let response = right.send(misplaced.server.address).await;
            assert_eq!((response.status, response.body.len()), (500, 0), "{what}");
            let seen = misplaced.seat.seen.take();
            let [seen] = &seen[..] else {
                panic!("{what}: not one line: {seen:?}");
            };
            assert_eq!(seen.reason, Some(Reason::Nested), "{what}: {seen:?}");
            assert_eq!(
                (seen.status, seen.attempt),
                (Some(500), Some(attempt)),
                "{what}"
            );
            assert!(seen.detail.is_some(), "{what}: a clear log");
        }
        assert_eq!(misplaced.seat.runs.runs(), 0, "{what}");
        let view = misplaced.seat.store.lookup(&Preset::BlendFi.key(1)).await;
        let state = view.unwrap().unwrap().state;
        assert_eq!(state, RecordState::Released, "{what}: given back");
    }
}

/// Whoever is told of a refusal sees why, and nothing that was known of the request.
#[tokio::test]
async fn nothing_of_a_request_stands_in_the_extensions_of_its_refusal() {
    #[derive(Clone)]
    struct OfTheRequest;

    let right = Preset::BlendFi.delivery(1);
    let forged = (right.clone().without("x-blendfi-signature"))
        .header("x-blendfi-signature", "t=1777899600,v1=00");
    let mut other_body = right.clone().to_http::<Full<Bytes>>();
    *other_body.body_mut() = Full::from("{}");
    let requests = [
        (
            right.clone().method("PUT").to_http(),
            Reason::MethodNotAllowed,
        ),
        (
            right.clone().without("x-blendfi-signature").to_http(),
            Reason::SignatureHeader,
        ),
        (forged.to_http(), Reason::SignatureHeader),
        (other_body, Reason::SignatureMismatch),
        (
            right.clone().header("content-encoding", "br").to_http(),
            Reason::ContentEncoding,
        ),
    ];
    for (mut request, reason) in requests {
        let peer: PeerAddr = PeerAddr("192.0.2.1:1".parse().unwrap());
        let extensions = request.extensions_mut();
        extensions.insert(OfTheRequest);
        extensions.insert(peer);
        extensions.insert(OriginalUri(Uri::from_static("/secret")));
        let service = ServiceBuilder::new()
            .layer(webhook())
            .service_fn(echo::<Full<Bytes>>);
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(reason_of(&response), Some(reason));
        let extensions = response.extensions();
        assert_eq!(extensions.len(), 1, "{reason:?}");
        assert!(extensions.get::<OfTheRequest>().is_none(), "{reason:?}");
    }
}

#[tokio::test]
async fn what_was_signed_is_what_is_handed_on_whatever_stands_between() {
    let swap = axum::middleware::map_request(async |request: axum::extract::Request| {
        request.map(|_| Body::from(r#"{"id":"evt_2"}"#))
    });
    let store = MemoryStore::new();
    let dedupe = dedupe(&[Proof::Signature]).build(store.clone()).unwrap();
    let stack = ServiceBuilder::new()
        .layer(signature())
        .layer(swap)
        .layer(dedupe);
    let app = Router::new().route("/hooks", post(echo_bytes).layer(stack));
    let server = Server::start(app).await;
    let right = Preset::BlendFi.delivery(1);
    let response = right.send(server.address).await;
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, right.body_bytes())
    );
    let record = async |n| store.lookup(&Preset::BlendFi.key(n)).await.unwrap();
    assert!(record(1).await.is_some());
    assert!(record(2).await.is_none());
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
