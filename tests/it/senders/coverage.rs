use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use tower_webhook::layer::Proof;
use tower_webhook::testing::TestDelivery;
use tower_webhook::{Authenticated, Confirmation, Unconfirmed};

use super::*;

async fn deliver(receiver: &Receiver, delivery: &TestDelivery) -> u16 {
    let request = delivery.request::<Body>().unwrap();
    receiver.ask(request).await.status().as_u16()
}

fn linear(number: u64) -> TestDelivery {
    let body = format!(
        r#"{{"action":"create","type":"Issue","createdAt":"2026-05-04T13:00:00.000Z","data":{{"id":"{number}"}},"webhookTimestamp":0}}"#
    );
    TestDelivery::new(&provider("linear"), body)
        .at(NOW)
        .to("/hooks")
}

#[tokio::test]
async fn an_event_of_the_wider_model_runs_once_and_a_forged_one_never() {
    let receiver = Receiver::named("linear");
    assert_eq!(deliver(&receiver, &linear(1)).await, 200);
    assert_eq!(deliver(&receiver, &linear(1)).await, 200, "a duplicate");
    assert_eq!(deliver(&receiver, &linear(2)).await, 200);
    assert_eq!(receiver.runs(), 2);
    for wrong in [
        linear(3).wrong_secret(),
        linear(3).signature_changed(),
        linear(3).body_changed(),
        linear(3).without_signature(),
        linear(3).aged(std::time::Duration::from_secs(61)),
        linear(3).ahead(std::time::Duration::from_secs(61)),
    ] {
        assert_eq!(deliver(&receiver, &wrong).await, 401, "{wrong:?}");
    }
    assert_eq!(receiver.runs(), 2);
}

/// A sender whose retries are signed anew: the same event with another time in its body.
#[tokio::test]
async fn a_retry_that_is_signed_anew_is_a_duplicate() {
    let receiver = Receiver::named("linear");
    assert_eq!(deliver(&receiver, &linear(1)).await, 200);
    let later = linear(1).at(UnixTime::from_secs(NOW.as_secs() + 30));
    assert_eq!(deliver(&receiver, &later).await, 200);
    assert_eq!(receiver.runs(), 1);
}

#[tokio::test]
async fn a_mark_tells_what_is_vouched_for() {
    let covered = |name: &str, delivery: TestDelivery| {
        let provider = provider(name).without_confirmation();
        let webhook = Webhook::new(provider)
            .store(MemoryStore::new())
            .clock(ManualClock::new(NOW));
        let layer = webhook.build().unwrap();
        let service =
            tower::ServiceBuilder::new()
                .layer(layer)
                .service_fn(async |request: Request<Body>| {
                    let mark = request.extensions().get::<Authenticated>().unwrap();
                    let signed = mark.proves(Proof::Signature);
                    let text = format!(
                        "{:?} {signed} {}",
                        mark.covers(),
                        mark.signature().is_some()
                    );
                    Ok::<_, std::convert::Infallible>(Response::new(Body::from(text)))
                });
        async move {
            let response = service.oneshot(delivery.request().unwrap()).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        }
    };
    let plain = |name: &str| {
        TestDelivery::new(&provider(name), r#"{"id":"evt_1"}"#)
            .at(NOW)
            .to("/hooks")
    };
    assert_eq!(covered("linear", linear(1)).await, "Body true true");
    assert_eq!(covered("square", plain("square")).await, "Body true true");
    assert_eq!(
        covered("hubspot", plain("hubspot")).await,
        "Request true true"
    );
    assert_eq!(
        covered("asaas", plain("asaas")).await,
        "Connection false true"
    );
    assert_eq!(
        covered("plivo_v2", plain("plivo_v2")).await,
        "Id false true"
    );
}

#[tokio::test]
async fn a_body_that_is_not_covered_is_confirmed_and_its_key_is_what_is_signed() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let confirm = move |event: Unconfirmed| {
        seen.lock().unwrap().push(event.key.to_string());
        let is_true = event.body.ends_with(b"true");
        async move {
            match is_true {
                true => Confirmation::Confirmed,
                false => Confirmation::Mismatch,
            }
        }
    };
    let receiver = Receiver::of(provider("plivo_v2").confirm(confirm));
    let captured = TestDelivery::new(&provider("plivo_v2"), "Status=true").to("/hooks");
    let captured = captured.id("nonce-7");
    // Another body beside the same signature: asked about, and refused.
    let mut forged = captured.request::<Body>().unwrap();
    *forged.body_mut() = Body::from("Status=forged");
    assert_eq!(receiver.ask(forged).await.status(), 400);
    assert_eq!(deliver(&receiver, &captured).await, 204);
    // Once it is done, a replay under any body is a duplicate: the key is what is signed.
    let mut again = captured.request::<Body>().unwrap();
    *again.body_mut() = Body::from("Status=true&x=true");
    let again = receiver.ask(again).await;
    assert!(again.headers().contains_key("idempotent-replayed") || again.status() == 422);
    assert_eq!(receiver.runs(), 1);
    let keys = asked.lock().unwrap().clone();
    assert!(
        keys.iter()
            .all(|key| key == "https://hooks.example/hooksnonce-7"),
        "{keys:?}"
    );
}

/// GET and other methods stay 405 where a sender asks nothing by them.
#[tokio::test]
async fn other_methods_are_refused_where_nothing_is_asked_by_them() {
    let receiver = Receiver::named("linear");
    for method in [Method::GET, Method::PUT, Method::OPTIONS] {
        assert_eq!(receiver.send(method, "/hooks", &[], "").await.status, 405);
    }
    let name = HeaderName::from_static("linear-signature");
    let mut request = linear(1).request::<Body>().unwrap();
    request
        .headers_mut()
        .append(name, HeaderValue::from_static("00"));
    assert_eq!(
        receiver.ask(request).await.status(),
        401,
        "two lines that differ"
    );
}
