//! Each layer alone on everything it can stand on, and layers in the wrong place.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that panics has done its work"
)]

mod support;

use std::convert::Infallible;
use std::fmt::Debug;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Path};
use axum::http::{StatusCode, Uri};
use axum::routing::{any, get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use support::http::Request;
use support::log::Log;
use support::observer::Recorder;
use support::presets::{Preset, TOKEN, WRONG_TOKEN, clock, tokens};
use support::server::Server;
use support::stage::Stage;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::trace::TraceLayer;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{
    DedupeBuilder, DedupeLayer, PeerAddr, Proof, Reception, RequireSecretPathLayer,
    RequireSourceIpLayer, Verdict, VerifySignatureLayer,
};
use tower_webhook::signature::Verifier;
use tower_webhook::{
    Allowlist, Authenticated, ConfigErrorKind, Delivery, DeliveryProfile, Event, MemoryStore,
    PathTokens, ProviderName, Reason, Rejection, RetriedStatuses, RetrySchedule, Store, Webhook,
    WebhookLayer,
};

fn reception_of(name: &'static str) -> Reception {
    let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None);
    Reception::new(ProviderName::new(name).unwrap(), profile).clock(clock())
}

/// The reception of the provider whose deliveries most of these tests send.
fn reception() -> Reception {
    reception_of("blendfi")
}

fn verifier() -> Verifier {
    Preset::BlendFi.provider().verifier().unwrap().clone()
}

fn by_id() -> EventRule {
    EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap()
}

fn path() -> RequireSecretPathLayer {
    RequireSecretPathLayer::new(&reception(), tokens())
}

fn source() -> RequireSourceIpLayer {
    RequireSourceIpLayer::new(&reception(), Allowlist::parse(["127.0.0.1"]).unwrap()).unwrap()
}

fn signature() -> VerifySignatureLayer {
    VerifySignatureLayer::new(&reception(), verifier())
}

fn dedupe(proofs: &[Proof]) -> DedupeBuilder {
    DedupeLayer::builder(&reception(), by_id(), proofs.iter().copied())
}

fn webhook() -> WebhookLayer {
    let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
    webhook.layer().unwrap()
}

fn reason_of<B>(response: &http::Response<B>) -> Option<Reason> {
    response.extensions().get().map(Rejection::reason)
}

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

async fn echo<B>(request: http::Request<B>) -> Result<http::Response<Full<Bytes>>, Infallible>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Debug,
{
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(http::Response::new(Full::new(body)))
}

async fn echo_bytes(body: Bytes) -> Bytes {
    body
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
async fn a_copy_is_answered_by_a_dedupe_layer_alone() {
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
    let copy = send().await.unwrap();
    assert_eq!(copy.headers()["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_signature_that_was_passed_is_observed_where_asked_for() {
    let seen = Recorder::new();
    let reception = reception().observer(seen.clone());
    let quiet = VerifySignatureLayer::new(&reception, verifier());
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
    fn reception(&self, name: &'static str) -> Reception {
        reception_of(name).observer(self.seen.clone())
    }

    fn dedupe(&self, proofs: &[Proof]) -> DedupeLayer {
        let reception = self.reception("blendfi");
        let builder = DedupeLayer::builder(&reception, by_id(), proofs.iter().copied());
        builder.build(self.store.clone()).unwrap()
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
        let reception = |seconds: u64| {
            let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None)
                .with_time_to_answer(Duration::from_secs(seconds));
            Reception::new(ProviderName::new("blendfi").unwrap(), profile).clock(clock())
        };
        let dedupe = DedupeLayer::builder(&reception(inner), by_id(), [Proof::Signature]);
        let service = ServiceBuilder::new()
            .layer(VerifySignatureLayer::new(&reception(outer), verifier()))
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
    let gate = |it: &Seat| VerifySignatureLayer::new(&it.reception("acme"), verifier());
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
        let own = VerifySignatureLayer::new(&it.reception("blendfi"), verifier());
        let stack = ServiceBuilder::new()
            .layer(gate(it))
            .layer(own)
            .layer(it.dedupe(&[Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    before_gate.await.assert_500("before a gate", &right).await;
    let before_webhook = Misplaced::start(|it| {
        let webhook = Webhook::new(Preset::BlendFi.provider())
            .dedupe(it.store.clone())
            .observer(it.seen.clone())
            .clock(clock());
        let stack = ServiceBuilder::new()
            .layer(gate(it))
            .layer(webhook.layer().unwrap());
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    before_webhook
        .await
        .assert_500("before a webhook", &right)
        .await;
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

const OTHER_TOKEN: &str = "a7e35d82c6b0f19e4d7a2358";

/// What a handler inside sees of the request's path.
async fn echo_uri(uri: Uri, OriginalUri(original): OriginalUri) -> String {
    format!("{uri} {original}")
}

#[tokio::test]
async fn around_a_whole_application_the_token_is_cut_off_before_anything_sees_it() {
    let log = Log::default();
    let _guard = log.capture(false);
    let bloque = Webhook::new(Preset::BloqueAccounts.provider()).clock(clock());
    let app = Router::new()
        .route(
            "/hooks/bloque",
            post(echo_uri).layer(bloque.layer().unwrap()),
        )
        .route("/hooks/{name}/deep", any(async || StatusCode::OK))
        .route("/other/{x}", get(async |Path(x): Path<String>| x))
        .route(
            "/plain/{name}",
            post(async |Path(all): Path<Vec<(String, String)>>| format!("{all:?}")),
        )
        .layer(TraceLayer::new_for_http());
    let bare = app.clone();
    let gate = |prefix| {
        let reception = reception_of("bloque");
        RequireSecretPathLayer::new(&reception, tokens()).mounted_at(prefix)
    };
    for prefix in ["", "/", "hooks", "/hooks/", "hooks/bloque/"] {
        let error = gate(prefix).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::PathToken, "{prefix:?}");
    }
    let stack = ServiceBuilder::new()
        .layer(gate("/hooks/bloque").unwrap())
        .layer(gate("/plain/acme").unwrap());
    let server = Server::start_service(stack.service(app)).await;
    let event = Preset::BloqueAccounts.delivery(1);
    let send = async |method: &str, path: &str| {
        let request = event.clone().method(method).target(path);
        request.send(server.address).await
    };
    let text = |body: Vec<u8>| String::from_utf8(body).unwrap();

    let response = send("POST", &format!("/hooks/bloque/{TOKEN}?a=b")).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(text(response.body), "/hooks/bloque?a=b /hooks/bloque?a=b");
    let response = send("POST", &format!("http://localhost/hooks/bloque/{TOKEN}")).await;
    assert_eq!(response.header("idempotent-replayed"), Some("true"));
    let response = send("POST", &format!("/plain/acme/{TOKEN}")).await;
    assert_eq!(text(response.body), r#"[("name", "acme")]"#);

    let unknown = send("POST", "/nowhere").await;
    assert_eq!(unknown.status, 404);
    for path in [
        "/hooks/bloque",
        "/hooks/bloque/",
        "/hooks/bloque//",
        "/hooks/bloque?x",
        &format!("/hooks/bloque/{WRONG_TOKEN}"),
        &format!("/hooks/bloque/{TOKEN}/"),
        &format!("/hooks/bloque//{TOKEN}"),
        &format!("/hooks/bloque/{TOKEN}/extra"),
        &format!("/hooks/bloque/{TOKEN}/{TOKEN}"),
        &format!("/hooks/bloque/x/{TOKEN}"),
        // Guarded, though a route of the application stands there.
        "/hooks/bloque/deep",
        "/plain/acme",
        // Not guarded, and no route.
        "/hooks/bloquex",
        "/hooks/bloque%2F",
        "/hooks/%62loque",
        "//hooks/bloque",
        "/HOOKS/bloque",
        "*",
    ] {
        for method in ["POST", "GET", "OPTIONS"] {
            if path == "*" && method == "POST" {
                continue;
            }
            let response = send(method, path).await;
            assert_eq!(
                response.without_date(),
                unknown.without_date(),
                "{method} {path}"
            );
        }
    }
    let response = send("GET", &format!("/hooks/bloque/{TOKEN}")).await;
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("POST"))
    );

    let log = log.text();
    assert!(log.contains("/hooks/bloque?a=b"), "the log is there: {log}");
    assert!(!log.contains(TOKEN), "{log}");

    // Other routes are as they were, a token in them included.
    let bare = Server::start(bare).await;
    for (method, path) in [
        ("GET", format!("/other/{TOKEN}")),
        ("POST", format!("/other/{TOKEN}")),
        ("GET", "/other/a%20b".to_owned()),
        ("DELETE", "/hooks/acme/deep".to_owned()),
        ("POST", format!("/plain/{TOKEN}")),
    ] {
        let request = event.clone().method(method).target(&path);
        let expected = request.send(bare.address).await;
        let response = request.send(server.address).await;
        assert_eq!(
            response.without_date(),
            expected.without_date(),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn two_providers_around_one_application_stay_apart_in_both_orders() {
    let other_tokens = PathTokens::parse([OTHER_TOKEN]).unwrap();
    for bloque_first in [true, false] {
        let bloque = Webhook::new(Preset::BloqueAccounts.provider());
        let blox = tower_webhook::provider::blox(other_tokens.clone());
        let blox = Webhook::new(blox.without_status_check().unwrap());
        let app = Router::new()
            .route(
                "/hooks/bloque",
                post(echo_uri).layer(bloque.layer().unwrap()),
            )
            .route("/hooks/blox", post(echo_uri).layer(blox.layer().unwrap()));
        let bloque = RequireSecretPathLayer::new(&reception_of("bloque"), tokens());
        let bloque = bloque.mounted_at("/hooks/bloque").unwrap();
        let blox = RequireSecretPathLayer::new(&reception_of("blox"), other_tokens.clone());
        let blox = blox.mounted_at("/hooks/blox").unwrap();
        let server = if bloque_first {
            Server::start_service(ServiceBuilder::new().layer(bloque).layer(blox).service(app))
                .await
        } else {
            Server::start_service(ServiceBuilder::new().layer(blox).layer(bloque).service(app))
                .await
        };
        let send = async |preset: Preset, path: String| {
            preset
                .delivery(1)
                .target(&path)
                .send(server.address)
                .await
                .status
        };
        use Preset::{BloqueAccounts, Blox};
        assert_eq!(
            send(BloqueAccounts, format!("/hooks/bloque/{OTHER_TOKEN}")).await,
            404
        );
        assert_eq!(send(Blox, format!("/hooks/blox/{TOKEN}")).await, 404);
        assert_eq!(send(Blox, "/hooks/blox".to_owned()).await, 404);
        assert_eq!(send(BloqueAccounts, "/hooks/bloque".to_owned()).await, 404);
        assert_eq!(
            send(BloqueAccounts, format!("/hooks/bloque/{TOKEN}")).await,
            200
        );
        assert_eq!(send(Blox, format!("/hooks/blox/{OTHER_TOKEN}")).await, 200);
    }
}
