//! What the log, or a failed assertion, says of receivers that are set up wrongly.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::Request;
use axum::middleware::map_request;
use axum::routing::{MethodRouter, post};
use axum::{Extension, Router};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::limit::RequestBodyLimitLayer;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{
    Budget, DedupeLayer, EndpointConfig, Proof, RequireSecretPathLayer, VerifySignatureLayer,
};
use tower_webhook::runtime::ConfirmLimits;
use tower_webhook::{
    Allowlist, Authenticated, Confirm, Confirmation, DedupeConfig, Delivery, Event, MemoryStore,
    Name, Unconfirmed, Webhook, WebhookLayer, provider,
};

use crate::support::log::Log;
use crate::support::presets::{Preset, TOKEN, clock, tokens};

/// What is logged of one delivery to this router.
async fn logged(app: Router, request: Request<Body>) -> String {
    let log = Log::default();
    let _guard = log.capture(false);
    let _ = app.oneshot(request).await.unwrap();
    log.text()
}

fn signed() -> Request<Body> {
    Preset::BlendFi.delivery(1).to_http()
}

fn routed(route: MethodRouter) -> Router {
    Router::new().route("/hooks", route)
}

fn blendfi() -> Webhook {
    let webhook = Webhook::new(Preset::BlendFi.provider()).store(MemoryStore::new());
    webhook.clock(clock())
}

fn webhook() -> WebhookLayer {
    blendfi().build().unwrap()
}

fn endpoint() -> EndpointConfig {
    let provider = Preset::BlendFi.provider();
    EndpointConfig::new(provider.name().clone(), provider.contract().clone()).clock(clock())
}

fn verify(endpoint: &EndpointConfig) -> VerifySignatureLayer {
    let provider = Preset::BlendFi.provider();
    VerifySignatureLayer::new(endpoint, provider.verifier().unwrap().clone())
}

fn dedupe() -> DedupeLayer {
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let layer = DedupeLayer::builder(&endpoint(), rule, [Proof::Signature]);
    layer.build(MemoryStore::new()).unwrap()
}

fn of_address() -> MethodRouter {
    let bloquo = provider::bloquo(Allowlist::parse(["203.0.113.9"]).unwrap());
    let bloquo = Webhook::new(bloquo).store(MemoryStore::new());
    post(async || "").layer(bloquo.build().unwrap())
}

/// A misuse, a router where it is done, and a delivery to that.
type Misused = (&'static str, Router, Request<Body>);

/// Gates that are missing, stand wrongly, or do not know who sends.
fn gates() -> Vec<Misused> {
    let on = |layer: DedupeLayer| routed(post(async || "").layer(layer));
    let behind = |gate: VerifySignatureLayer, layer: WebhookLayer| {
        routed(post(async || "").layer(ServiceBuilder::new().layer(gate).layer(layer)))
    };
    let inside_out = ServiceBuilder::new()
        .layer(dedupe())
        .layer(verify(&endpoint()));
    let contract = Preset::BlendFi.provider().contract().clone();
    let others = EndpointConfig::new(Name::new("acme").unwrap(), contract).clock(clock());
    let twice = blendfi().dedupe(DedupeConfig::new().shares_name());
    let twice = twice.build().unwrap();
    let twice = ServiceBuilder::new().layer(twice.clone()).layer(twice);

    let proxy: SocketAddr = "10.0.0.1:4711".parse().unwrap();
    let behind_a_proxy = routed(of_address()).layer(Extension(MockConnectInfo(proxy)));
    let forwarded = Preset::BlendFi
        .delivery(1)
        .header("x-forwarded-for", "203.0.113.9");
    vec![
        ("no `ConnectInfo`", routed(of_address()), signed()),
        (
            "a proxy that is not declared",
            behind_a_proxy,
            forwarded.to_http(),
        ),
        ("a dedupe layer without a gate", on(dedupe()), signed()),
        (
            "a dedupe layer outside of its gate",
            routed(post(async || "").layer(inside_out)),
            signed(),
        ),
        (
            "the gate of another provider",
            behind(verify(&others), webhook()),
            signed(),
        ),
        (
            "the same layer twice",
            routed(post(async || "").layer(twice)),
            signed(),
        ),
    ]
}

/// Handlers that ask for what no layer has given.
fn handlers() -> Vec<Misused> {
    #[derive(serde::Deserialize)]
    struct Paid {
        #[expect(dead_code, reason = "it is asked for")]
        amount: u64,
    }

    let alone = post(async |_: Authenticated| "");
    let unclaimed = post(async |_: Delivery| "").layer(verify(&endpoint()));
    let gate = RequireSecretPathLayer::new(&endpoint(), tokens());
    let unread = post(async |_: Event<serde_json::Value>| "").layer(gate);
    let unread = Router::new().route("/hooks/{token}", unread);
    let to_path = Request::post(format!("/hooks/{TOKEN}"));
    let of_another_type = post(async |_: Event<Paid>| "").layer(webhook());
    let of_text = post(async || Err::<(), String>("the ledger is closed".to_owned()));
    vec![
        (
            "an error that is a `String`, from a handler without `event_handler`: axum answers it with 200, and the \
             event is done; return a status, a `Failure` or a `Permanent`",
            routed(of_text.layer(webhook())),
            signed(),
        ),
        ("a handler without a layer", routed(alone), signed()),
        (
            "a `Delivery` behind gates alone",
            routed(unclaimed),
            signed(),
        ),
        (
            "an `Event` behind a gate that reads no body",
            unread,
            to_path.body(Body::from("{}")).unwrap(),
        ),
        (
            "a type that the body is not of",
            routed(of_another_type),
            signed(),
        ),
    ]
}

/// Layers outside that do something with the body.
fn bodies() -> Vec<Misused> {
    let limited = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(16))
        .layer(webhook().handler_body::<Body>());
    let anew = map_request(async |request: Request<Body>| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        Request::from_parts(parts, Body::from(format!("{value:#}")))
    });
    let anew = ServiceBuilder::new().layer(anew).layer(webhook());
    let event = Preset::BlendFi.delivery(1);
    let announced = event.body_bytes().len().to_string();
    let announced = event.header("content-length", announced);
    vec![
        (
            "a limit outside that is too small",
            routed(post(async || "").layer(limited)),
            signed(),
        ),
        (
            "a layer outside that writes the body anew",
            routed(post(async || "").layer(anew)),
            announced.to_http(),
        ),
    ]
}

/// Each misuse, and what is said of it.
pub(super) async fn cases() -> Vec<(&'static str, String)> {
    let mut cases = Vec::new();
    for (misuse, app, request) in gates().into_iter().chain(handlers()).chain(bodies()) {
        cases.push((misuse, logged(app, request).await));
    }
    #[cfg(feature = "inbox")]
    cases.push(unserved().await);
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    cases.push(without_a_pool().await);
    let log = Log::default();
    {
        let _guard = log.capture(false);
        let small = blendfi().budget(Budget::new(1 << 20, 16));
        drop(small.max_body_bytes(1 << 20).build().unwrap());
    }
    cases.push(("a budget without room for the largest body", log.text()));
    cases.push((
        "a confirmation without room for the largest body",
        asked_in_a_small_room(),
    ));
    #[cfg(feature = "testing")]
    cases.extend(assertions().await);
    cases
}

fn asked_in_a_small_room() -> String {
    struct Small;

    impl Confirm for Small {
        async fn confirm(&self, _: Unconfirmed) -> Confirmation {
            Confirmation::Confirmed
        }

        fn limits(&self) -> ConfirmLimits {
            ConfirmLimits::default().body_bytes(1 << 20)
        }
    }

    let log = Log::default();
    let _guard = log.capture(false);
    let asking = blendfi().dedupe(DedupeConfig::new().confirm(Small));
    drop(asking.max_body_bytes(1 << 18).build().unwrap());
    assert_eq!(log.text(), "", "it fits");
    let asking = blendfi().dedupe(DedupeConfig::new().confirm(Small));
    drop(asking.max_body_bytes(1 << 19).build().unwrap());
    log.text()
}

/// An inbox from which nobody takes anything.
#[cfg(feature = "inbox")]
async fn unserved() -> (&'static str, String) {
    let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
    let webhook = webhook.inbox(tower_webhook::inbox::MemoryInbox::new());
    let app = routed(post(async || "").layer(webhook.build().unwrap()));
    let misuse = "an inbox route that no worker serves: each delivery is answered with 200, and none runs; \
                  `tower_webhook_inbox_oldest_seconds` grows, and `webhook inbox counts` and `webhook doctor` show what \
                  is queued";
    (misuse, logged(app, signed()).await)
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
async fn without_a_pool() -> (&'static str, String) {
    #[cfg(feature = "sqlite")]
    type Database = sqlx::Sqlite;
    #[cfg(not(feature = "sqlite"))]
    type Database = sqlx::Postgres;
    let handler = async |_: tower_webhook::Tx<Database>| "";
    let app = routed(post(handler).layer(webhook()));
    (
        "a handler with a `Tx`, and a store without a pool",
        logged(app, signed()).await,
    )
}

/// Assertions of the testing kit on what no layer has seen.
#[cfg(feature = "testing")]
async fn assertions() -> [(&'static str, String); 2] {
    use tower_webhook::Reason;
    use tower_webhook::testing::{assert_handled, assert_rejected};

    let mut elsewhere = signed();
    *elsewhere.uri_mut() = "/hook".parse().unwrap();
    let app = routed(post(async || "").layer(webhook()));
    let elsewhere = app.oneshot(elsewhere).await.unwrap();
    let bare = routed(post(async || "")).oneshot(signed()).await.unwrap();
    [
        (
            "a test that delivers to a wrong path",
            panicked(|| assert_handled(&elsewhere)),
        ),
        (
            "a test of a route without a layer",
            panicked(|| assert_rejected(&bare, Reason::SignatureStale)),
        ),
    ]
}

#[cfg(feature = "testing")]
fn panicked(assertion: impl FnOnce()) -> String {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let panic = catch_unwind(AssertUnwindSafe(assertion)).unwrap_err();
    *panic.downcast::<String>().unwrap()
}
