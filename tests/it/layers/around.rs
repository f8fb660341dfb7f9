//! Layers around a whole application.

use crate::support::log::Log;
use crate::support::presets::{Preset, TOKEN, WRONG_TOKEN, clock, tokens};
use crate::support::server::Server;
use axum::Router;
use axum::extract::{OriginalUri, Path};
use axum::http::{StatusCode, Uri};
use axum::routing::{any, get, post};
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;
use tower_webhook::layer::RequireSecretPathLayer;
use tower_webhook::{ConfigErrorKind, MemoryStore, PathTokens, Webhook};

use super::reception_of;

const OTHER_TOKEN: &str = "a7e35d82c6b0f19e4d7a2358";

/// What a handler inside sees of the request's path.
async fn echo_uri(uri: Uri, OriginalUri(original): OriginalUri) -> String {
    format!("{uri} {original}")
}

#[tokio::test]
async fn around_a_whole_application_the_token_is_cut_off_before_anything_sees_it() {
    let log = Log::default();
    let _guard = log.capture(false);
    let bloque = Webhook::new(Preset::BloqueAccounts.provider())
        .store(MemoryStore::new())
        .clock(clock());
    let app = Router::new()
        .route(
            "/hooks/bloque",
            post(echo_uri).layer(bloque.build().unwrap()),
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
        let endpoint = reception_of("bloque");
        RequireSecretPathLayer::new(&endpoint, tokens()).mounted_at(prefix)
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
        let bloque = Webhook::new(Preset::BloqueAccounts.provider()).store(MemoryStore::new());
        let blox = tower_webhook::provider::blox(other_tokens.clone());
        let blox = Webhook::new(blox.without_status_check()).store(MemoryStore::new());
        let app = Router::new()
            .route(
                "/hooks/bloque",
                post(echo_uri).layer(bloque.build().unwrap()),
            )
            .route("/hooks/blox", post(echo_uri).layer(blox.build().unwrap()));
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
