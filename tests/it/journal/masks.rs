//! Secrets do not stand in a journal, and signatures do.

use axum::http::StatusCode;
use axum::{Router, routing::post};
use tower_webhook::journal::JournalFilter;
use tower_webhook::{MemoryStore, Webhook};

use super::{Kept, text_in};
use crate::support::presets::{Preset, TOKEN, WRONG_TOKEN, clock};
use crate::support::server::Server;

#[tokio::test]
async fn a_token_in_the_path_is_masked_right_or_wrong() {
    let kept = Kept::start();
    let preset = Preset::BloqueAccounts;
    let webhook = Webhook::new(preset.provider())
        .clock(clock())
        .store(MemoryStore::new());
    let webhook = webhook.journal(&kept.journal);
    let server = preset
        .serve(&webhook, async || StatusCode::NO_CONTENT)
        .await;
    let right = preset.delivery(1);
    for request in [
        right.clone(),
        right
            .clone()
            .header("x-original-url", format!("https://a.example/hooks/{TOKEN}")),
        right.clone().target(&format!("/hooks/{WRONG_TOKEN}?a=b")),
        right.clone().target(&format!(
            "/hooks/{TOKEN}?source=1&api_token=s3cret-a&key=s3cret-b"
        )),
    ] {
        request
            .header("cookie", "session=s3cret-c")
            .header("authorization", "Bearer s3cret-d")
            .header("x-hook-secret", "s3cret-e")
            .send(server.address)
            .await;
    }
    let lines = kept.lines().await;
    let uris: Vec<_> = lines
        .iter()
        .map(|line| &*line.request.as_ref().unwrap().uri)
        .collect();
    assert_eq!(
        uris,
        [
            "/hooks/[REDACTED]",
            "/hooks/[REDACTED]",
            "/hooks/[REDACTED]?a=b",
            "/hooks/[REDACTED]?source=1&api_token=[REDACTED]&key=[REDACTED]",
        ]
    );
    let text = text_in(&kept.folder);
    for secret in [TOKEN, WRONG_TOKEN, "s3cret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(text.matches("[REDACTED]").count(), 4 + 2 + 1 + 4 * 3);
}

#[tokio::test]
async fn what_a_user_names_is_masked_too() {
    let kept = Kept::with(|builder| {
        builder
            .mask_header("X-Gateway")
            .mask_parameter("customer")
            .mask_member("/data/iban")
    });
    let webhook = crate::support::blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let route = post(async || StatusCode::NO_CONTENT).layer(webhook.build().unwrap());
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let event = crate::support::blendfi::event("evt_1", r#"{"iban":"s3cret-1","more":"kept"}"#);
    let event = event
        .target("/hooks?customer=s3cret-2&page=kept")
        .header("x-gateway", "s3cret-3");
    assert_eq!(event.send(server.address).await.status, 204);
    let lines = kept.lines().await;
    let text = text_in(&kept.folder);
    assert!(!text.contains("s3cret"), "{text}");
    let body = lines[0].request.as_ref().unwrap().body.as_ref().unwrap();
    assert!(body.masked && body.whole().is_none());
    assert!(body.text.as_ref().unwrap().contains(r#""more":"kept""#));
}

#[tokio::test]
async fn a_handshake_of_a_stranger_is_masked() {
    let kept = Kept::start();
    let webhook = crate::support::blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let server = crate::support::blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    for body in [
        r#"{"verification_token":"s3cret-1","a":{"client_secret":"s3cret-2"}}"#,
        r#"{"verification_token":"s3cret-3"#,
        "verification_token=s3cret-4&x=1",
    ] {
        let request = crate::support::blendfi::event("evt_1", "{}").body(body);
        assert_eq!(request.send(server.address).await.status, 401);
    }
    kept.lines().await;
    let text = text_in(&kept.folder);
    assert!(!text.contains("s3cret"), "{text}");
}

#[cfg(feature = "senders")]
#[tokio::test]
async fn a_shared_token_is_masked_where_its_scheme_has_it() {
    use tower_webhook::event::{EventRule, Shape};
    use tower_webhook::signature::{Place, Scheme, Verifier};
    use tower_webhook::{
        Name, Provider, RetriedStatuses, RetrySchedule, SenderContract, SigningSecret,
    };

    for (place, target, header, body) in [
        (
            Place::header("x-acme"),
            "/hooks",
            "hunter2-hunter2",
            r#"{"id":"evt_1"}"#,
        ),
        (
            Place::query("v"),
            "/hooks?v=hunter2-hunter2",
            "-",
            r#"{"id":"evt_1"}"#,
        ),
        (
            Place::member("/v"),
            "/hooks",
            "-",
            r#"{"id":"evt_1","v":"hunter2-hunter2"}"#,
        ),
    ] {
        let kept = Kept::start();
        let scheme = Scheme::token(place).build().unwrap();
        let secret = SigningSecret::from_text("hunter2-hunter2").unwrap();
        let verifier = Verifier::new(scheme, secret);
        let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
        let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
        let provider = Provider::signed(Name::new("acme").unwrap(), verifier, rule, contract);
        let provider = provider.without_confirmation();
        let webhook = Webhook::new(provider)
            .store(MemoryStore::new())
            .journal(&kept.journal);
        let server = Preset::BlendFi
            .serve(&webhook, async || StatusCode::OK)
            .await;
        let request = crate::support::http::Request::post(target).header("x-acme", header);
        let answer = request.body(body).send(server.address).await;
        assert_eq!(answer.status, 200, "{target} {answer:?}");
        kept.lines().await;
        let text = text_in(&kept.folder);
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("[REDACTED]"), "{text}");
        let found = kept
            .files
            .read(&JournalFilter::new().authenticated(), None, 9)
            .unwrap();
        assert_eq!(found.lines.len(), 1);
    }
}
