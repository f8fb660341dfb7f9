//! Each layer alone, on everything it can stand on.

use std::fmt::Debug;

use crate::support::http::Request;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, WRONG_TOKEN};
use crate::support::server::Server;
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::trace::TraceLayer;
use tower_webhook::MemoryStore;
use tower_webhook::layer::{PeerAddr, Verdict, VerifySignatureLayer};

use super::{dedupe, echo, echo_bytes, endpoint, path, signature, source, verifier, webhook};

/// A right and a wrong request, and what the wrong one is answered.
struct Case {
    right: Request,
    wrong: Request,
    status: u16,
}

impl Case {
    async fn check<B, S, RB>(&self, what: &str, service: S)
    where
        B: From<Bytes>,
        S: Service<http::Request<B>, Response = http::Response<RB>> + Clone,
        S::Error: Debug,
        RB: http_body::Body<Data = Bytes>,
        RB::Error: Debug,
    {
        let send = async |request: &Request| {
            let mut request = request.to_http::<B>();
            let elsewhere = request.headers().contains_key("x-elsewhere");
            let peer = if elsewhere {
                "192.0.2.1:1"
            } else {
                "127.0.0.1:1"
            };
            request
                .extensions_mut()
                .insert(PeerAddr(peer.parse().unwrap()));
            let response = service.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, body)
        };
        let (status, body) = send(&self.wrong).await;
        assert_eq!((status, body.len()), (self.status, 0), "{what}");
        let (status, body) = send(&self.right).await;
        assert_eq!(status, 200, "{what}");
        assert_eq!(body, self.right.body_bytes(), "{what}");
    }

    async fn check_over_a_socket(&self, server: Server) {
        let response = self.right.send(server.address).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.body, self.right.body_bytes());
        // Over a socket everybody is at 127.0.0.1.
        if self.status != 403 {
            assert_eq!(self.wrong.send(server.address).await.status, self.status);
        }
    }
}

/// Puts a layer on everything that it can stand on. Each stack gets a layer of its own.
macro_rules! on_everything {
    ($case:expr, $layer:expr) => {{
        let case: Case = $case;
        let trace = TraceLayer::new_for_http;

        let full = $layer.layer(service_fn(echo::<Full<Bytes>>));
        case.check("service_fn of Full", full).await;
        let body = $layer.layer(service_fn(echo::<Body>));
        case.check("service_fn of Body", body).await;

        let on_methods = || {
            Router::new()
                .route("/hooks", post(echo_bytes).layer($layer))
                .route("/hooks/{token}", post(echo_bytes).layer($layer))
        };
        case.check::<Body, _, _>("MethodRouter", on_methods()).await;
        let server = Server::start(on_methods()).await;
        case.check_over_a_socket(server).await;

        let routes = || {
            Router::new()
                .route("/hooks", post(echo_bytes))
                .route("/hooks/{token}", post(echo_bytes))
        };
        case.check::<Body, _, _>("Router", routes().layer($layer))
            .await;
        let app = routes().route_layer($layer);
        case.check::<Body, _, _>("Router of route_layer", app).await;

        let stack = ServiceBuilder::new().layer(trace()).layer($layer);
        let full = stack.service(service_fn(echo::<Full<Bytes>>));
        case.check("trace outside, Full", full).await;
        let traced = || {
            let stack = ServiceBuilder::new().layer(trace()).layer($layer);
            stack.service(service_fn(echo::<Body>))
        };
        case.check("trace outside, Body", traced()).await;
        let server = Server::start_service(traced()).await;
        case.check_over_a_socket(server).await;
        let stack = ServiceBuilder::new().layer($layer).layer(trace());
        let body = stack.service(service_fn(echo::<Body>));
        case.check("trace inside", body).await;

        let stack = || ServiceBuilder::new().layer(trace()).layer($layer);
        let app = Router::new()
            .route("/hooks", post(echo_bytes).layer(stack()))
            .route("/hooks/{token}", post(echo_bytes).layer(stack()));
        case.check::<Body, _, _>("trace and layer on a MethodRouter", app)
            .await;
        let app = routes().layer(stack());
        case.check::<Body, _, _>("trace and layer on a Router", app)
            .await;
    }};
}

#[tokio::test]
async fn a_secret_path_alone_on_everything() {
    let right = Preset::Blox.delivery(1);
    let case = Case {
        wrong: right.clone().target(&format!("/hooks/{WRONG_TOKEN}")),
        right,
        status: 404,
    };
    on_everything!(case, path());
}

#[tokio::test]
async fn a_source_address_alone_on_everything() {
    let case = Case {
        right: Preset::Bloquo.delivery(1),
        wrong: Preset::Bloquo.delivery(1).header("x-elsewhere", "yes"),
        status: 403,
    };
    on_everything!(case, source());
}

fn signed_and_forged() -> Case {
    Case {
        right: Preset::BlendFi.delivery(1),
        wrong: Preset::BlendFi.delivery(1).body("{}"),
        status: 401,
    }
}

#[tokio::test]
async fn a_signature_alone_on_everything() {
    on_everything!(signed_and_forged(), signature());
}

#[tokio::test]
async fn a_whole_webhook_on_everything() {
    on_everything!(signed_and_forged(), webhook());
}

#[tokio::test]
async fn a_dedupe_layer_without_gates_on_everything() {
    let case = || Case {
        right: Preset::BlendFi.delivery(1),
        wrong: Preset::BlendFi.delivery(1).body("{}"),
        status: 400,
    };
    let open = || dedupe(&[]).with_insecure_unauthenticated();
    on_everything!(case(), open().build(MemoryStore::new()).unwrap());
}

#[tokio::test]
async fn a_duplicate_is_answered_by_a_dedupe_layer_alone() {
    let layer = dedupe(&[]).with_insecure_unauthenticated();
    let layer = layer.build(MemoryStore::new()).unwrap();
    let service = layer.layer(service_fn(echo::<Full<Bytes>>));
    let send = || {
        let request = Preset::BlendFi.delivery(1).to_http();
        service.clone().oneshot(request)
    };
    assert!(
        !send()
            .await
            .unwrap()
            .headers()
            .contains_key("idempotent-replayed")
    );
    let duplicate = send().await.unwrap();
    assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_signature_that_was_passed_is_observed_where_asked_for() {
    let seen = Recorder::new();
    let endpoint = endpoint().observer(seen.clone());
    let quiet = VerifySignatureLayer::new(&endpoint, verifier());
    let loud = quiet.clone().observe_passed();
    let send = async |layer: VerifySignatureLayer| {
        let service = layer.layer(service_fn(echo::<Full<Bytes>>));
        service
            .oneshot(Preset::BlendFi.delivery(1).to_http())
            .await
            .unwrap();
    };
    send(quiet).await;
    assert_eq!(seen.take(), []);
    send(loud).await;
    assert_eq!(seen.next().await.verdict, Verdict::Passed);
}
