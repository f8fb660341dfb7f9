//! A sender that signs its path, behind a router that cuts off a part of that.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::signature::{Component, Place, Scheme, Verifier};
use tower_webhook::{
    Encoding, MemoryStore, Name, Provider, RetriedStatuses, RetrySchedule, SenderContract,
    SigningSecret, Webhook,
};

fn acme() -> Provider {
    let scheme = Scheme::at(Place::header("x-acme-signature"))
        .single("", Encoding::Hex)
        .content([
            Component::Method,
            Component::literal(" "),
            Component::Path,
            Component::literal("\n"),
            Component::Body,
        ]);
    let secret = SigningSecret::from_text("a secret of the sender").unwrap();
    let verifier = Verifier::new(scheme.build().unwrap(), secret);
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    Provider::signed(Name::new("acme").unwrap(), verifier, rule, contract)
}

#[tokio::test]
async fn the_path_is_that_which_the_sender_called() {
    // printf 'POST /api/hooks\n{"id":"evt_1"}' | openssl dgst -sha256 -hmac 'a secret of the sender'
    let mac = "bfa707ea6cf4ec488338f9833f6c1edfdc055eae02b81812bc3dce6504530559";
    let webhook = Webhook::new(acme()).store(MemoryStore::new());
    let on_event = post(async || StatusCode::NO_CONTENT).layer(webhook.build().unwrap());
    let nested = Router::new().nest("/api", Router::new().route("/hooks", on_event.clone()));
    let elsewhere = Router::new().route("/hooks", on_event);
    for (app, path, status) in [
        (elsewhere, "/hooks", StatusCode::UNAUTHORIZED),
        (nested, "/api/hooks", StatusCode::NO_CONTENT),
    ] {
        let request = Request::post(path)
            .header("x-acme-signature", mac)
            .body(Body::from(r#"{"id":"evt_1"}"#));
        let answer = app.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}
