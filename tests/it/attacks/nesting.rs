//! Webhooks inside each other, around the wrong thing, and side by side.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, post};
use tower::ServiceBuilder;
use tower_webhook::provider::{self, github};
use tower_webhook::store::RecordState;
use tower_webhook::{MemoryStore, Store, Webhook};

use crate::support::blendfi::{event, key};
use crate::support::http::{Connection, Request};
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;

const SECRET: &str = "It's a Secret to Everybody";

fn blendfi(store: &MemoryStore) -> Webhook {
    Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .store(store.clone())
}

fn hub(store: &MemoryStore) -> Webhook {
    let provider = provider::github(github::keys([SECRET]).unwrap());
    Webhook::new(provider).clock(clock()).store(store.clone())
}

fn counting(stage: &Stage) -> impl Fn() -> std::future::Ready<StatusCode> + Clone + Send + use<> {
    let stage = stage.clone();
    move || {
        stage.enter();
        std::future::ready(StatusCode::NO_CONTENT)
    }
}

/// A delivery that both have signed.
fn by_both(id: &str) -> Request {
    let request = event(id, "{}");
    let mac = hmac_sha256(SECRET, request.body_bytes());
    request.header("x-hub-signature-256", format!("sha256={mac}"))
}

#[tokio::test]
async fn one_sender_s_proof_opens_no_route_of_two_senders() {
    for outer_first in [true, false] {
        let (store, stage) = (MemoryStore::new(), Stage::new());
        let (one, two) = (
            blendfi(&store).build().unwrap(),
            hub(&store).build().unwrap(),
        );
        let route = post(counting(&stage));
        let route = if outer_first {
            route.layer(ServiceBuilder::new().layer(one).layer(two))
        } else {
            route.layer(ServiceBuilder::new().layer(two).layer(one))
        };
        let server = Server::start(Router::new().route("/hooks", route)).await;
        let both = by_both("evt_1");
        for alone in [
            both.clone().without("x-hub-signature-256"),
            both.clone().without("x-blendfi-signature"),
            both.clone()
                .without("x-hub-signature-256")
                .without("x-blendfi-signature"),
        ] {
            let answer = alone.send(server.address).await;
            assert!(!answer.is_success(), "{answer:?}");
            assert_eq!(stage.runs(), 0);
        }
        // What has both proofs is nobody's to refuse for good, and runs at most once.
        for _ in 0..3 {
            let answer = both.send(server.address).await;
            assert!(answer.is_success() || answer.status >= 500, "{answer:?}");
        }
        assert!(stage.runs() <= 1);
    }
}

#[tokio::test]
async fn a_layer_around_a_whole_router_runs_nothing_on_its_other_routes() {
    let (store, stage, others) = (MemoryStore::new(), Stage::new(), Stage::new());
    let app = Router::new()
        .route("/hooks", post(counting(&stage)))
        .route("/admin/delete", any(counting(&others)))
        .nest(
            "/nested",
            Router::new().route("/hooks", post(counting(&others))),
        )
        .fallback(counting(&others))
        .layer(blendfi(&store).build().unwrap());
    let server = Server::start(app).await;
    // A stranger without a signature gets nowhere, whatever path and method it is.
    for target in ["/hooks", "/admin/delete", "/nested/hooks", "/", "/none"] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
            let forged = event("evt_1", "{}").without("x-blendfi-signature");
            let answer = forged
                .target(target)
                .method(method)
                .send(server.address)
                .await;
            assert!(
                matches!(answer.status, 401 | 405),
                "{method} {target}: {answer:?}"
            );
        }
    }
    assert_eq!((stage.runs(), others.runs()), (0, 0));
    // A captured delivery, sent to every path at once, is one event all the same.
    let captured = event("evt_1", "{}");
    assert_eq!(captured.send(server.address).await.status, 204);
    for target in ["/hooks", "/admin/delete", "/nested/hooks", "/", "/none"] {
        let answer = captured.clone().target(target).send(server.address).await;
        assert!(answer.is_replayed(), "{target}: {answer:?}");
    }
    assert_eq!((stage.runs(), others.runs()), (1, 0));
}

#[tokio::test]
async fn two_routes_of_one_sender_run_a_captured_delivery_once_between_them() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let layer = blendfi(&store).build().unwrap();
    let app = Router::new()
        .route("/hooks", post(counting(&stage)).layer(layer.clone()))
        .route("/hooks/", post(counting(&stage)).layer(layer.clone()))
        .route("/hooks/{*rest}", any(counting(&stage)).layer(layer.clone()))
        .nest(
            "/v1",
            Router::new().route("/hooks", post(counting(&stage)).layer(layer.clone())),
        )
        .nest_service(
            "/v2",
            Router::new().route("/hooks", post(counting(&stage)).layer(layer)),
        );
    let server = Server::start(app).await;
    let captured = event("evt_1", "{}");
    let mut connection = Connection::open(server.address).await;
    let targets = [
        "/v2/hooks",
        "/hooks/",
        "/hooks/x/y",
        "/v1/hooks",
        "/hooks",
        "/hooks?x=1",
        "/hooks/%2e%2e/admin",
    ];
    for (count, target) in targets.into_iter().enumerate() {
        let answer = connection.exchange(&captured.clone().target(target)).await;
        assert!(answer.is_success(), "{target}: {answer:?}");
        assert_eq!(answer.is_replayed(), count > 0, "{target}");
    }
    assert_eq!(stage.runs(), 1);
    let view = store.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert!(matches!(view.state, RecordState::Done(_)), "{view:?}");
}

#[tokio::test]
async fn an_id_of_one_sender_is_no_id_of_another_on_one_store() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let app = Router::new()
        .route(
            "/hooks",
            post(counting(&stage)).layer(blendfi(&store).build().unwrap()),
        )
        .route(
            "/hub",
            post(counting(&stage)).layer(hub(&store).build().unwrap()),
        );
    let server = Server::start(app).await;
    // GitHub's event is its body's digest: BlendFi signs an id that is that very text.
    let pushed = by_both("evt_1");
    assert_eq!(
        pushed
            .clone()
            .target("/hub")
            .send(server.address)
            .await
            .status,
        204
    );
    let digest = sha256(pushed.body_bytes());
    for id in [
        digest.clone(),
        format!("github:{digest}"),
        format!("event:{digest}"),
        "evt_1".to_owned(),
    ] {
        let answer = event(&id, "{}").send(server.address).await;
        assert_eq!((answer.status, answer.is_replayed()), (204, false), "{id}");
    }
    assert_eq!(stage.runs(), 5);
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes))
}
