use super::*;

async fn get(receiver: &Receiver, query: &str) -> Answer {
    receiver
        .send(Method::GET, &format!("/hooks?{query}"), &[], "")
        .await
}

#[tokio::test]
async fn meta_is_echoed_where_its_token_is_right() {
    let receiver = Receiver::named("meta");
    let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={SECRET}");
    let answer = get(&receiver, &query).await;
    assert_eq!((answer.status, &*answer.body), (200, "1158201444"));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let wrong = get(&receiver, &query.replace(SECRET, "guessed")).await;
    assert_eq!((wrong.status, &*wrong.body), (403, ""));
    assert_eq!(get(&receiver, "hub.mode=other").await.status, 405);
    assert_eq!(receiver.runs(), 0);
}

/// The key that answers is the one that signs events: no answer can be one's signature.
#[tokio::test]
async fn x_signs_no_text_that_could_be_an_event() {
    let receiver = Receiver::named("x");
    let answer = get(&receiver, "crc_token=foo123").await;
    // printf foo123 | openssl dgst -sha256 -hmac 5hG7kQ2mW9xZ4tB8vN3c -binary | base64
    let mac = "THN86R3Uhb3f/PhSFqicS3MClQo0+9oFIU1Z4HnCvG0=";
    let expected = format!(r#"{{"response_token":"sha256={mac}"}}"#);
    assert_eq!((answer.status, &*answer.body), (200, &*expected));
    assert_eq!(answer.headers["content-type"], "application/json");

    // A stranger asks for the signature of an event, and sends what was signed as one.
    let event = "crc_token=%7B%22tweet_create_events%22%3A%5B%5D%7D";
    let asked = get(&receiver, event).await;
    assert_eq!((asked.status, &*asked.body), (400, ""));
    let signature = format!("sha256={mac}");
    let headers = [("x-twitter-webhooks-signature", &*signature)];
    let sent = receiver
        .send(Method::POST, "/hooks", &headers, "foo123")
        .await;
    assert_eq!((sent.status, receiver.runs()), (401, 0));
}

#[tokio::test]
async fn linkedin_signs_no_text_that_could_be_an_event() {
    let receiver = Receiver::named("linkedin");
    let code = "890e4665-4dfe-4ab1-b689-ed553bceeed0";
    let answer = get(&receiver, &format!("challengeCode={code}")).await;
    // printf 890e4665-4dfe-4ab1-b689-ed553bceeed0 | openssl dgst -sha256 -hmac 5hG7kQ2mW9xZ4tB8vN3c
    let mac = "019b17f5feb2652a772b609f4a052d487d71260521e19b18c5d609d100f82eff";
    let expected = format!(r#"{{"challengeCode":"{code}","challengeResponse":"{mac}"}}"#);
    assert_eq!((answer.status, &*answer.body), (200, &*expected));

    for event in ["hmacsha256%3D%7B%7D", "HMACSHA256", &code.to_uppercase()] {
        let asked = get(&receiver, &format!("challengeCode={event}")).await;
        assert_eq!((asked.status, &*asked.body), (400, ""), "{event}");
    }
    let sent = receiver
        .send(Method::POST, "/hooks", &[("x-li-signature", mac)], code)
        .await;
    assert_eq!((sent.status, receiver.runs()), (401, 0));
}

/// Signs as Zoom does, with the key that the receiver has.
fn zoom(body: &str) -> Request<Body> {
    use tower_webhook::testing::TestDelivery;

    let delivery = TestDelivery::new(&provider("zoom"), body.to_owned());
    delivery.at(NOW).to("/hooks").request().unwrap()
}

#[tokio::test]
async fn zoom_is_answered_once_its_own_signature_is_right() {
    let receiver = Receiver::named("zoom");
    let asks = |token: &str| {
        format!(r#"{{"event":"endpoint.url_validation","payload":{{"plainToken":"{token}"}}}}"#)
    };
    let body = asks("qgg8vlvZRS6UYooatFL8Aw");
    let text = |response: Response<Body>| async {
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    };
    // printf qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac 5hG7kQ2mW9xZ4tB8vN3c
    let mac = "be1ba2c7ecb47c6ab0c48101abfce3e83a078b58968245c95dbe97738cc149cc";
    let expected = format!(r#"{{"encryptedToken":"{mac}","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#);
    for _ in 0..2 {
        let response = receiver.ask(zoom(&body)).await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("idempotent-replayed"));
        assert_eq!(text(response).await, expected);
    }
    // Without a proof nothing is answered; nor is what an event's signature covers.
    let unsigned = receiver.send(Method::POST, "/hooks", &[], &body).await;
    assert_eq!((unsigned.status, &*unsigned.body), (401, ""));
    let oracle = receiver.ask(zoom(&asks("v0:1777899600:{}"))).await;
    assert_eq!(oracle.status(), 400);
    assert_eq!(text(oracle).await, "");
    assert_eq!(receiver.runs(), 0);
    let event = receiver
        .ask(zoom(r#"{"event":"meeting.started","payload":{}}"#))
        .await;
    assert_eq!((event.status().as_u16(), receiver.runs()), (204, 1));
}

#[tokio::test]
async fn others_are_answered_in_their_words() {
    let okta = Receiver::named("okta");
    let asks = [("x-okta-verification-challenge", "3fb7c0d5")];
    let answer = okta.send(Method::GET, "/hooks", &asks, "").await;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, r#"{"verification":"3fb7c0d5"}"#)
    );
    assert_eq!(okta.send(Method::GET, "/hooks", &[], "").await.status, 405);

    let grid = Receiver::named("azure_event_grid");
    let body = r#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]"#;
    let uri = format!("/hooks?token={SECRET}");
    let answer = grid.send(Method::POST, &uri, &[], body).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, r#"{"validationResponse":"512d38b6"}"#)
    );
    assert_eq!(
        grid.send(Method::POST, "/hooks?token=guessed", &[], body)
            .await
            .status,
        401
    );
    let origin = [("webhook-request-origin", "eventgrid.azure.net")];
    let answer = grid.send(Method::OPTIONS, "/hooks", &origin, "").await;
    assert_eq!(
        answer.headers["webhook-allowed-origin"],
        "eventgrid.azure.net"
    );
    let other = [("webhook-request-origin", "evil.example")];
    assert_eq!(
        grid.send(Method::OPTIONS, "/hooks", &other, "")
            .await
            .status,
        400
    );
    assert_eq!((okta.runs(), grid.runs()), (0, 0));
}

#[tokio::test]
async fn twitch_is_answered_once_its_own_signature_is_right() {
    use tower_webhook::testing::TestDelivery;

    let receiver = Receiver::named("twitch");
    let body = |status: &str| {
        format!(
            r#"{{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","status":"{status}","type":"channel.follow"}}}}"#
        )
    };
    let signed = |body: &str| {
        let delivery = TestDelivery::new(&provider("twitch"), body.to_owned());
        delivery.at(NOW).to("/hooks").request().unwrap()
    };
    let pending = body("webhook_callback_verification_pending");
    let response = receiver.ask(signed(&pending)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    let answer = axum::body::to_bytes(response.into_body(), 1000).await;
    assert_eq!(answer.unwrap(), "pogchamp-kappa-360noscope-vohiyo");
    let unsigned = receiver.send(Method::POST, "/hooks", &[], &pending).await;
    assert_eq!((unsigned.status, &*unsigned.body), (401, ""));
    assert_eq!(receiver.runs(), 0);
    // The same member in an event asks for nothing.
    let event = receiver.ask(signed(&body("enabled"))).await;
    assert_eq!((event.status().as_u16(), receiver.runs()), (204, 1));
}

#[tokio::test]
async fn cloudevents_are_allowed_from_the_origins_that_were_named() {
    let receiver = Receiver::named("cloudevents");
    let asks = async |origin: &str| {
        let headers = [("webhook-request-origin", origin)];
        receiver.send(Method::OPTIONS, "/hooks", &headers, "").await
    };
    let answer = asks("eventgrid.azure.net").await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert_eq!(
        answer.headers["webhook-allowed-origin"],
        "eventgrid.azure.net"
    );
    let other = asks("evil.example").await;
    assert_eq!(other.status, 400);
    assert!(!other.headers.contains_key("webhook-allowed-origin"));
    let unasked = receiver.send(Method::OPTIONS, "/hooks", &[], "").await;
    assert_eq!((unasked.status, receiver.runs()), (405, 0));
    let token = format!("Bearer {SECRET}");
    let headers = [("authorization", &*token)];
    let body = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t"}"#;
    let event = receiver.send(Method::POST, "/hooks", &headers, body).await;
    assert_eq!((event.status, receiver.runs()), (204, 1));
}

/// The layer would sign `foo123` for whoever asks, and then take it for an event.
#[test]
fn a_challenge_whose_answer_could_sign_an_event_is_not_built() {
    use tower_webhook::challenge::{Challenge, ChallengeAnswer, ChallengeText};
    use tower_webhook::event::EventRule;
    use tower_webhook::signature::{Component, Scheme, SchemeBuilder, Verifier};
    use tower_webhook::{Encoding, Name, SenderContract, SigningSecret};
    use tower_webhook::{RetriedStatuses, RetrySchedule};

    let build = |scheme: SchemeBuilder, text: ChallengeText| {
        let secret = SigningSecret::from_text(SECRET).unwrap();
        let verifier = Verifier::new(scheme.build().unwrap(), secret);
        let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
        let name = Name::new("acme").unwrap();
        let asks = Challenge::in_query(Method::GET, "crc", text);
        let signs = ChallengeAnswer::Hmac {
            text: None,
            member: "answer".into(),
            prefix: "".into(),
            encoding: Encoding::Hex,
        };
        let provider = Provider::signed(name, verifier, EventRule::body(), contract);
        let webhook = Webhook::new(provider.challenge(asks.answer(signs)));
        let built = webhook.store(MemoryStore::new()).build();
        built.map(|_| ()).map_err(|error| error.to_string())
    };
    use ChallengeText::{Token, Uuid};
    let start = || Scheme::builder("x-signature");
    let timed = |between: &'static str| {
        let pieces = [
            Component::Timestamp,
            Component::literal(between),
            Component::Body,
        ];
        start().timestamp_header("x-time").content(pieces)
    };
    for (scheme, text) in [(start(), Token), (timed("."), Token), (timed("-"), Uuid)] {
        let error = build(scheme, text).unwrap_err();
        assert!(error.contains("could be the signature"), "{error}");
    }
    for (scheme, text) in [
        (start().json_body(), Token),
        (timed(":"), Token),
        (timed("."), Uuid),
    ] {
        assert_eq!(build(scheme, text), Ok(()));
    }
}
