//! Layers in the wrong place, and what they know of each other.

mod nested;
mod unproved;

use std::convert::Infallible;
use std::time::Duration;

use crate::support::http::Request;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock};
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
use tower_webhook::{
    ConfigErrorKind, DedupeConfig, MemoryStore, Name, Reason, RetriedStatuses, RetrySchedule,
    SenderContract, Store,
};

use super::{
    by_id, dedupe, echo, echo_bytes, reason_of, reception_of, signature, verifier, webhook,
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
