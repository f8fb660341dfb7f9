//! What an operator reads off a change of secrets.

use tower_webhook::provider::{self, stripe};
use tower_webhook::{Delivery, KeyRing, MemoryStore, SigningKey, SigningSecret};

use super::*;
use crate::support::log::Log;
use crate::support::observer::Recorder;

const OLD: &str = "whsec_test_the_old_one";
const NEW: &str = "whsec_test_the_new_one";

/// Who signed this delivery, as the log and the observer have it.
async fn signed_by(ring: KeyRing, signature: &str) -> (String, Option<String>) {
    let log = Log::default();
    let _guard = log.capture(false);
    let logged = Webhook::new(provider::stripe(ring.clone()))
        .store(MemoryStore::new())
        .clock(clock());
    let delivery = Request::post("/hooks")
        .header("stripe-signature", signature)
        .body(stripe_body(1));
    assert_eq!(status(&serve_webhook(&logged).await, &delivery).await, 204);
    let observer = Recorder::new();
    let observed = serve_webhook(&logged.observer(observer.clone())).await;
    assert_eq!(status(&observed, &delivery).await, 200);
    let line = log.text();
    let at = line.find("signed_by=").expect(&line) + "signed_by=".len();
    let logged = line[at..].split_whitespace().next().unwrap().to_owned();
    (logged, observer.next().await.signed_by)
}

#[tokio::test]
async fn every_key_that_matches_is_reported_in_both_orders_of_the_ring() {
    let mac = |secret: &str| stripe_mac(secret, NOW, &stripe_body(1));
    let by_both = format!("t={NOW},v1={},v1={}", mac(OLD), mac(NEW));
    for ring in [[NEW, OLD], [OLD, NEW]] {
        let both = signed_by(stripe::keys(ring).unwrap(), &by_both).await;
        assert_eq!(both, ("1,2".to_owned(), Some("1,2".to_owned())));
    }

    // A mistyped new secret does not look like a working one.
    let mistyped = stripe::keys(["whsec_test_the_new_onn", OLD]).unwrap();
    let one = signed_by(mistyped, &by_both).await;
    assert_eq!(one, ("2".to_owned(), Some("2".to_owned())));

    let named =
        KeyRing::new([("new", NEW), ("old", OLD)].map(|(name, secret)| {
            SigningKey::new(name, SigningSecret::from_text(secret).unwrap())
        }));
    let both = signed_by(named.unwrap(), &by_both).await;
    assert_eq!(both, ("new,old".to_owned(), Some("new,old".to_owned())));
}

#[tokio::test]
async fn the_handler_is_told_too() {
    async fn handler(delivery: Delivery) -> String {
        let signature = delivery.authenticated().signature().unwrap();
        assert_eq!(Some(signature.key_ids()), delivery.verified_by());
        delivery.verified_by().unwrap().to_string()
    }
    let keys = stripe::keys([NEW, OLD]).unwrap();
    let webhook = Webhook::new(provider::stripe(keys))
        .store(MemoryStore::new())
        .clock(clock());
    let route = post(handler).layer(webhook.build().unwrap());
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let mac = |secret: &str| stripe_mac(secret, NOW, &stripe_body(1));
    let delivery = Request::post("/hooks")
        .header(
            "stripe-signature",
            format!("t={NOW},v1={},v1={}", mac(OLD), mac(NEW)),
        )
        .body(stripe_body(1));
    let answer = delivery.send(server.address).await;
    assert!(
        String::from_utf8_lossy(&answer.raw).ends_with("1,2"),
        "{answer:?}"
    );
}
