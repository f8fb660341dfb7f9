//! Signatures with public keys, and keys that are fetched, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde_json::json;
use tower_webhook::keys::{HttpKeys, KeyDocument, KeySource};
use tower_webhook::provider::{self, circle, discord, fusionauth, plaid, standard_webhooks_v1a};
use tower_webhook::signature::{KeyKind, PublicKey, PublicKeyAlgorithm, SignatureErrorKind};
use tower_webhook::testing::{PrivateKey, TestDelivery};
use tower_webhook::{ManualClock, MemoryStore, Name, Provider, SigningSecret, UnixTime, Webhook};

use crate::support::server::Server;

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
/// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1`, and its public half as
/// `openssl pkey -pubout -outform DER | base64` and as a JWK: a key of these tests alone.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsI/32IJKV/ffgImj\n6sDsGnyjFpNXwFM461Zsa/u7YK2hRANCAARUdVQjQUT/4loBJRLPDVl0RLLtftjz\n2vuZQi9c6g3PAUh00y9cHckV0c8RWXG28XiptUkbZnHoSPlGXBbEc0ne\n-----END PRIVATE KEY-----\n";
const SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVHVUI0FE/+JaASUSzw1ZdESy7X7Y89r7mUIvXOoNzwFIdNMvXB3JFdHPEVlxtvF4qbVJG2Zx6Ej5RlwWxHNJ3g==";
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"VHVUI0FE_-JaASUSzw1ZdESy7X7Y89r7mUIvXOoNzwE","y":"SHTTL1wdyRXRzxFZcbbxeKm1SRtmcehI-UZcFsRzSd4"}"#;

/// A sender's API that counts what it is asked.
struct KeyServer {
    server: Server,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(app: impl Fn(&Arc<AtomicUsize>) -> Router) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let server = Server::start(app(&asked)).await;
        Self { server, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers for each key as Circle does: `1` is there, nothing else.
fn circles_api(asked: &Arc<AtomicUsize>) -> Router {
    let asked = Arc::clone(asked);
    let answer = async move |Path(id): Path<String>| {
        asked.fetch_add(1, Ordering::SeqCst);
        match &*id {
            "1" => json!({ "data": { "id": id, "publicKey": SPKI } })
                .to_string()
                .into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    };
    Router::new().route("/keys/{id}", get(answer))
}

fn private() -> PrivateKey {
    PrivateKey::parse(PublicKeyAlgorithm::ES256_DER.key_kind(), PRIVATE).unwrap()
}

async fn receiver(provider: Provider) -> Server {
    let webhook = Webhook::new(provider)
        .store(MemoryStore::new())
        .clock(ManualClock::new(NOW));
    let handler = post(async || StatusCode::OK).layer(webhook.build().unwrap());
    Server::start(Router::new().route("/in", handler)).await
}

async fn deliver(server: &Server, delivery: TestDelivery) -> StatusCode {
    let url = format!("http://{}/in", server.address);
    delivery.at(NOW).send_to(&url).await.unwrap().status()
}

fn event(provider: &Provider, number: usize) -> TestDelivery {
    let body = json!({ "notificationId": format!("n-{number}") }).to_string();
    TestDelivery::new(provider, body).signed_by_key(private())
}

#[tokio::test]
async fn each_key_is_fetched_by_the_id_that_a_delivery_names() {
    let keys = KeyServer::start(circles_api).await;
    let fetch = HttpKeys::get(keys.url("/keys/{id}"), circle::key_document()).unwrap();
    let circle = provider::circle(KeySource::by_id(fetch));
    let receiver = receiver(circle.clone()).await;
    for number in 0..20 {
        assert_eq!(
            deliver(&receiver, event(&circle, number)).await,
            StatusCode::OK
        );
    }
    assert_eq!(keys.asked(), 1);
    let forged = event(&circle, 21).signature_changed();
    assert_eq!(deliver(&receiver, forged).await, StatusCode::UNAUTHORIZED);
    // An id that was asked for since the delivery came, and that there is none of; then within the
    // cool-down; and one that could be a path.
    let named = |id: &str| event(&circle, 22).header("x-circle-key-id", id);
    assert_eq!(
        deliver(&receiver, named("2")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        deliver(&receiver, named("2")).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        deliver(&receiver, named("../1")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(keys.asked(), 3);
    // What is known counts while the sender's API is away; what is not is no reason to refuse.
    drop(keys);
    assert_eq!(deliver(&receiver, event(&circle, 23)).await, StatusCode::OK);
    assert_eq!(
        deliver(&receiver, named("3")).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_list_is_fetched_once_for_a_flood_of_ids_that_are_made_up() {
    let jwks = |asked: &Arc<AtomicUsize>| {
        let asked = Arc::clone(asked);
        let answer = async move || {
            asked.fetch_add(1, Ordering::SeqCst);
            let jwk: serde_json::Value = serde_json::from_str(JWK).unwrap();
            let mut named = jwk.clone();
            named["kid"] = "1".into();
            json!({ "keys": [named] }).to_string()
        };
        Router::new().route("/jwks.json", get(answer))
    };
    let keys = KeyServer::start(jwks).await;
    let fetch = HttpKeys::get(keys.url("/jwks.json"), KeyDocument::Jwks).unwrap();
    let fusionauth = fusionauth::by_key_pair(KeySource::list(fetch));
    let receiver = receiver(fusionauth.clone()).await;
    let right = |number: usize| {
        let body = json!({ "event": { "id": format!("e-{number}") } }).to_string();
        TestDelivery::new(&fusionauth, body).signed_by_key(private())
    };
    assert_eq!(deliver(&receiver, right(0)).await, StatusCode::OK);
    let token = |kid: usize| {
        let header = format!(r#"{{"alg":"ES256","kid":"made-up-{kid}"}}"#);
        let header = data_encoding::BASE64URL_NOPAD.encode(header.as_bytes());
        format!("{header}.e30.{}", "A".repeat(86))
    };
    for kid in 0..300 {
        let made_up = right(1).header("x-fusionauth-signature-jwt", token(kid));
        let status = deliver(&receiver, made_up).await;
        assert_eq!(
            status,
            StatusCode::SERVICE_UNAVAILABLE,
            "within the cool-down"
        );
    }
    assert_eq!(keys.asked(), 1);
    assert_eq!(deliver(&receiver, right(2)).await, StatusCode::OK);
    let forged = right(3).signature_changed();
    assert_eq!(deliver(&receiver, forged).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_is_asked_for_by_a_post_too() {
    let api = |asked: &Arc<AtomicUsize>| {
        let asked = Arc::clone(asked);
        let answer = async move |body: String| {
            asked.fetch_add(1, Ordering::SeqCst);
            let asks: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                asks,
                json!({ "client_id": "c", "secret": "s", "key_id": "1" })
            );
            let mut jwk: serde_json::Value = serde_json::from_str(JWK).unwrap();
            jwk["kid"] = "1".into();
            jwk["expired_at"] = serde_json::Value::Null;
            json!({ "key": jwk, "request_id": "r" }).to_string()
        };
        Router::new().route("/get", post(answer))
    };
    let keys = KeyServer::start(api).await;
    let ask = json!({ "client_id": "c", "secret": "s", "key_id": "{id}" });
    let fetch = HttpKeys::post(keys.url("/get"), ask, plaid::key_document()).unwrap();
    let fetch = fetch
        .header("authorization", "Bearer a-key-of-the-api")
        .unwrap();
    let printed = format!("{fetch:?}");
    assert!(
        !printed.contains("secret") && !printed.contains("a-key-of-the-api"),
        "{printed}"
    );
    let plaid = provider::plaid(KeySource::by_id(fetch));
    let receiver = receiver(plaid.clone()).await;
    let delivery = || TestDelivery::new(&plaid, "{}").signed_by_key(private());
    assert_eq!(deliver(&receiver, delivery()).await, StatusCode::OK);
    let changed = delivery().body_changed();
    assert_eq!(deliver(&receiver, changed).await, StatusCode::UNAUTHORIZED);
    assert_eq!(keys.asked(), 1);
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_endless_answer_read() {
    let elsewhere = KeyServer::start(circles_api).await;
    let there = elsewhere.url("/keys/1");
    let redirecting = KeyServer::start(|_| {
        let there = there.clone();
        Router::new().route("/keys/{id}", get(async move || Redirect::temporary(&there)))
    })
    .await;
    let endless = KeyServer::start(|_| {
        Router::new().route("/keys/{id}", get(async || "x".repeat(1_000_000)))
    })
    .await;
    for keys in [&redirecting, &endless] {
        let fetch = HttpKeys::get(keys.url("/keys/{id}"), circle::key_document()).unwrap();
        let circle = provider::circle(KeySource::by_id(fetch));
        let receiver = receiver(circle.clone()).await;
        let status = deliver(&receiver, event(&circle, 1)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(elsewhere.asked(), 0);
    for url in [
        "http://keys.example/",
        "https://{id}.example/",
        "ftp://127.0.0.1/",
        "no URL",
    ] {
        assert!(HttpKeys::get(url, KeyDocument::Jwks).is_err(), "{url}");
    }
}

#[tokio::test]
async fn more_signatures_than_a_sender_sends_cost_no_verification() {
    let key = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519);
    let acme = provider::standard_webhooks_v1a(Name::new("acme").unwrap(), key);
    let request = TestDelivery::new(&acme, "{}")
        .at(NOW)
        .request::<bytes::Bytes>()
        .unwrap();
    let right = request.headers()["webhook-signature"]
        .to_str()
        .unwrap()
        .to_owned();
    let verify = |signatures: &str| {
        let mut request = request.clone();
        let signatures = signatures.parse().unwrap();
        request
            .headers_mut()
            .insert("webhook-signature", signatures);
        let verifier = acme.verifier().unwrap();
        verifier
            .verify(&request, request.body(), NOW)
            .map_err(|error| error.kind())
    };
    let other = |number: u8| {
        let bytes = data_encoding::BASE64.encode(&[number; 64]);
        format!("v1a,{bytes}")
    };
    let among = |count: u8| {
        let others: Vec<_> = (1..count).map(other).collect();
        format!("{} {right}", others.join(" "))
    };
    assert!(verify(&among(4)).is_ok());
    // One and the same counts once, other versions and what is no signature not at all.
    assert!(verify(&format!("{} {0} v1,AAAA v1a,AAAA v1a,!", among(4))).is_ok());
    assert_eq!(
        verify(&among(5)),
        Err(SignatureErrorKind::TooManyCandidates)
    );
    assert_eq!(
        verify(&among(64)),
        Err(SignatureErrorKind::TooManyCandidates)
    );
    assert_eq!(verify("v1a,AAAA"), Err(SignatureErrorKind::NoCandidate));
}

#[test]
fn a_key_of_another_kind_builds_no_webhook() {
    let refused = |provider| {
        let built = Webhook::new(provider).store(MemoryStore::new()).build();
        built.unwrap_err().to_string()
    };
    let secret = || SigningSecret::from_text("5hG7kQ2mW9xZ4tB8vN3c").unwrap();
    let point = PublicKey::parse(PublicKeyAlgorithm::ES256_DER.key_kind(), SPKI).unwrap();
    let words = "the ring holds a key of another kind than the scheme takes";
    assert!(refused(provider::discord(secret())).contains(words));
    assert!(refused(provider::discord(point.clone())).contains(words));
    // A public key is no secret, whatever takes one.
    assert!(refused(provider::netlify(point.clone())).contains(words));
    assert!(refused(provider::github(point)).contains(words));
    let error = discord::keys(["5hG7kQ2mW9xZ4tB8vN3c"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("discord"), "{error}");
    assert!(standard_webhooks_v1a::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).is_err());
    assert!(PublicKey::parse(KeyKind::Ed25519, SPKI).is_err());
    let fetch = HttpKeys::get("https://keys.example/{id}", circle::key_document()).unwrap();
    assert!(refused(provider::github(KeySource::by_id(fetch))).contains("public keys"));
}
