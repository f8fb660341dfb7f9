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

fn braintree() -> Receiver {
    let url = PublicUrl::parse("https://hooks.example/hooks").unwrap();
    let sender = senders()
        .find(|sender| sender.name() == "braintree")
        .unwrap();
    let provider = sender.provider("integration_private_key", &url).unwrap();
    Receiver::of(provider.without_confirmation())
}

/// The key that answers is the one that signs payloads: no answer can be one's signature.
#[tokio::test]
async fn braintree_signs_no_text_that_could_be_a_payload() {
    let receiver = braintree();
    let challenge = "20f9f8ed05f77439fe955c977e4c8a53";
    let answer = get(&receiver, &format!("bt_challenge={challenge}")).await;
    let signed = "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4";
    assert_eq!((answer.status, &*answer.body), (200, signed));
    for payload in [
        "CiAgICAgICAgICAgIDxub3Rp",
        "0123456789abcdef0123456789abcdef0",
    ] {
        let asked = get(&receiver, &format!("bt_challenge={payload}")).await;
        assert_eq!((asked.status, &*asked.body), (400, ""), "{payload}");
    }
    let form = format!(
        "bt_signature={}&bt_payload={challenge}",
        signed.replace('|', "%7C")
    );
    let sent = receiver.send(Method::POST, "/hooks", &[], &form).await;
    assert_eq!((sent.status, receiver.runs()), (401, 0));
}

mod handshakes {
    use super::*;
    use std::sync::Mutex;
    use tower_webhook::KeyRing;
    use tower_webhook::challenge::Handshake;
    use tower_webhook::provider::{asana, notion};

    const BROUGHT: &str = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";
    const SOON: UnixTime = UnixTime::from_secs(1_777_899_660);

    fn handshake() -> (Handshake, Arc<Mutex<Vec<String>>>) {
        let kept: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let handshake = Handshake::new(KeyRing::empty(), move |secret: &str| {
            keep.lock().unwrap().push(secret.to_owned());
            Ok::<_, std::io::Error>(())
        });
        (handshake, kept)
    }

    #[tokio::test]
    async fn asana_brings_its_secret_once_and_only_while_it_is_awaited() {
        let (handshake, kept) = handshake();
        let receiver = Receiver::of(asana::by_handshake(handshake.clone()));
        let bring = async |secret: &str| {
            let headers = [("x-hook-secret", secret)];
            receiver.send(Method::POST, "/hooks", &headers, "{}").await
        };
        assert_eq!(bring(BROUGHT).await.status, 403);
        // Without a key nothing is proved, and nothing is lost.
        let zeros = "0".repeat(64);
        let headers = [("x-hook-signature", &*zeros)];
        let early = receiver.send(Method::POST, "/hooks", &headers, "{}").await;
        assert_eq!((early.status, receiver.runs()), (503, 0));
        handshake.open_until(SOON);
        let answer = bring(BROUGHT).await;
        assert_eq!((answer.status, &*answer.body), (200, ""));
        assert_eq!(answer.headers["x-hook-secret"], BROUGHT);
        // A stranger who comes next, even where it was opened again.
        handshake.open_until(SOON);
        assert_eq!(bring("a-secret-of-a-stranger").await.status, 403);
        assert_eq!(*kept.lock().unwrap(), [BROUGHT]);

        // printf '{"events":[{"action":"added"}]}' | openssl dgst -sha256 -hmac "$BROUGHT"
        let body = r#"{"events":[{"action":"added"}]}"#;
        let headers = [(
            "x-hook-signature",
            "ffce832516570e7438e4d19df4a4620b6835ea9f324566a1f774d8acf9b629de",
        )];
        let event = receiver.send(Method::POST, "/hooks", &headers, body).await;
        assert_eq!((event.status, receiver.runs()), (200, 1));
    }

    #[tokio::test]
    async fn notion_brings_its_secret_once_and_only_while_it_is_awaited() {
        let (handshake, kept) = handshake();
        let receiver = Receiver::of(notion::by_handshake(handshake.clone()));
        let token = format!(r#"{{"verification_token":"{BROUGHT}"}}"#);
        // As Notion's documents show it: signed with the token that it brings.
        let signature = "sha256=461e8cbcba8a75c3edd866f0e71280f5a85cbf21eff040ebd10fe266df38a735";
        let headers = [("x-notion-signature", signature)];
        let bring = async |body: &str| {
            receiver
                .send(Method::POST, "/hooks", &headers, body)
                .await
                .status
        };
        assert_eq!(
            bring(&token).await,
            503,
            "there is no key, and none is awaited"
        );
        handshake.open_until(SOON);
        // Whatever else comes meanwhile is no event.
        assert_eq!(bring(r#"{"id":"1","type":"page.created"}"#).await, 401);
        assert_eq!(bring(r#"{"verification_token":"short"}"#).await, 400);
        assert_eq!(bring(&token).await, 200);
        assert_eq!(*kept.lock().unwrap(), [BROUGHT]);
        handshake.open_until(SOON);
        let other = token.replace("tMrl", "else");
        assert_eq!(
            bring(&other).await,
            401,
            "with a key it is an event that nobody signed"
        );
        assert_eq!((kept.lock().unwrap().len(), receiver.runs()), (1, 0));
    }
}
