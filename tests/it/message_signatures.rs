//! Message signatures (RFC 9421) over real sockets: signed by the kit, by hand, and made wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::signature::{
    MessageAlgorithm, MessageSignatures, PublicKeyAlgorithm, PublicUrl, Scheme, Verifier,
};
use tower_webhook::testing::{PrivateKey, TestDelivery};
use tower_webhook::{
    MemoryStore, Name, Provider, RetriedStatuses, RetrySchedule, SenderContract, SigningKey,
    SigningSecret, Webhook,
};

use crate::support::server::Server;

const BODY: &str = r#"{"id":"evt_1","type":"order.paid"}"#;

/// A sender of a user's own: ten lines.
fn acme(algorithm: MessageAlgorithm, key: SigningKey) -> Provider {
    let rules = MessageSignatures::new([algorithm])
        .covering(["@method", "@target-uri", "content-type", "content-digest"])
        .tag("acme");
    let url = PublicUrl::parse("https://shop.example/hooks").unwrap();
    let scheme = Scheme::message_signatures(rules).public_url(url);
    let verifier = Verifier::new(
        scheme.build().unwrap(),
        tower_webhook::KeyRing::new([key]).unwrap(),
    );
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    Provider::signed(Name::new("acme").unwrap(), verifier, rule, contract)
}

struct Receiver {
    server: Server,
    runs: Arc<AtomicUsize>,
}

impl Receiver {
    async fn start(provider: Provider) -> Self {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let on_event = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            StatusCode::NO_CONTENT
        };
        let webhook = Webhook::new(provider).store(MemoryStore::new()).build();
        let app = Router::new().route("/hooks", post(on_event).layer(webhook.unwrap()));
        Self {
            server: Server::start(app).await,
            runs,
        }
    }

    async fn status(&self, delivery: TestDelivery) -> StatusCode {
        self.status_of(delivery, "/hooks").await
    }

    async fn status_of(&self, delivery: TestDelivery, path: &str) -> StatusCode {
        let url = format!("http://{}{path}", self.server.address);
        delivery.send_to(&url).await.unwrap().status()
    }
}

#[tokio::test]
async fn a_signed_message_runs_once_and_a_changed_one_never() {
    let secret = SigningSecret::from_text("a secret of acme's own").unwrap();
    let keys = [
        (MessageAlgorithm::HmacSha256, SigningKey::new("1", secret)),
        (
            MessageAlgorithm::Ed25519,
            SigningKey::private("1", PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519)),
        ),
    ];
    for (algorithm, key) in keys {
        let acme = acme(algorithm, key);
        let receiver = Receiver::start(acme.clone()).await;
        let delivery = || TestDelivery::new(&acme, BODY);
        for wrong in [
            delivery().body_changed(),
            delivery().signature_changed(),
            delivery().timestamp_changed(),
            delivery().wrong_secret(),
            delivery().without_signature(),
            delivery().aged(Duration::from_secs(1_000)),
            delivery().ahead(Duration::from_secs(1_000)),
            delivery().header("content-type", "text/plain"),
            delivery().header("content-digest", "md5=:AAAA:"),
            delivery().without_header("content-digest"),
        ] {
            assert_eq!(receiver.status(wrong).await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(receiver.runs.load(Ordering::SeqCst), 0);
        assert_eq!(receiver.status(delivery()).await, StatusCode::NO_CONTENT);
        assert_eq!(
            receiver.status(delivery()).await,
            StatusCode::OK,
            "a duplicate"
        );
        assert_eq!(receiver.runs.load(Ordering::SeqCst), 1);
        // The query is signed with the URL.
        let with_query = receiver.status_of(delivery(), "/hooks?shop=7").await;
        assert_eq!(with_query, StatusCode::OK);
        let request = delivery().to("/hooks?shop=7").request::<Bytes>().unwrap();
        let elsewhere = delivery()
            .without_signature()
            .header(
                "content-digest",
                request.headers()["content-digest"].as_bytes(),
            )
            .header("signature", request.headers()["signature"].as_bytes())
            .header(
                "signature-input",
                request.headers()["signature-input"].as_bytes(),
            );
        let moved = receiver.status_of(elsewhere, "/hooks?shop=8").await;
        assert_eq!(moved, StatusCode::UNAUTHORIZED);
        assert_eq!(receiver.runs.load(Ordering::SeqCst), 1);
    }
}
