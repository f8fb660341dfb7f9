use super::*;
use crate::secret::SigningSecret;

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);

fn ring(text: &str) -> KeyRing {
    SigningSecret::from_text(text).unwrap().into()
}

fn ask(
    challenge: &Challenge,
    request: &http::Request<()>,
    keys: Option<&KeyRing>,
) -> Option<ChallengeReply> {
    challenge.reply_to_head(RequestHead::from(request), keys, NOW)
}

fn get(uri: &str) -> http::Request<()> {
    http::Request::get(uri).body(()).unwrap()
}

fn text(reply: Option<ChallengeReply>) -> (u16, String) {
    let reply = reply.unwrap();
    (
        reply.status().as_u16(),
        String::from_utf8(reply.body().to_vec()).unwrap(),
    )
}

#[test]
fn a_text_is_echoed_where_the_token_is_right() {
    let meta = Challenge::in_query(Method::GET, "hub.challenge", ChallengeText::Token)
        .when_parameter("hub.mode", "subscribe")
        .with_token("hub.verify_token", ring("my verify token"));
    let uri = "/?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";
    let right = get(&format!("{uri}my+verify+token"));
    assert_eq!(
        text(ask(&meta, &right, None)),
        (200, "1158201444".to_owned())
    );
    for other in ["my+verify+toke", "", "my+verify+token&hub.verify_token=x"] {
        let wrong = get(&format!("{uri}{other}"));
        assert_eq!(
            text(ask(&meta, &wrong, None)),
            (403, String::new()),
            "{other}"
        );
    }
    assert_eq!(
        ask(&meta, &get("/?hub.mode=unsubscribe&hub.challenge=1"), None),
        None
    );
    assert_eq!(ask(&meta, &get("/?hub.challenge=1"), None), None);
    let post = http::Request::post(format!("{uri}my+verify+token"))
        .body(())
        .unwrap();
    assert_eq!(ask(&meta, &post, None), None);
    let script = get("/?hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token=my+verify+token");
    assert_eq!(text(ask(&meta, &script, None)), (400, String::new()));
}

#[test]
fn a_text_is_signed_only_where_no_event_can_be_it() {
    let x = Challenge::in_query(Method::GET, "crc_token", ChallengeText::Token).answer(
        ChallengeAnswer::Hmac {
            text: None,
            member: "response_token".into(),
            prefix: "sha256=".into(),
            encoding: Encoding::Base64,
        },
    );
    let keys = ring("a consumer secret");
    let token = |text: &str| {
        let query = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        ask(&x, &get(&format!("/?crc_token={query}")), Some(&keys))
    };
    // printf foo123 | openssl dgst -sha256 -hmac 'a consumer secret' -binary | base64
    let mac = "riBcVLa71+z1Gh/N+hbDuP916WvZhka/XJW5HZcorR4=";
    let expected = format!(r#"{{"response_token":"sha256={mac}"}}"#);
    assert_eq!(text(token("foo123")), (200, expected));
    for event in [
        r#"{"for_user_id":"1"}"#,
        "[1]",
        "v0:1777899600:1",
        "hmacsha256=\"a\"",
        " ",
        "",
        &"a".repeat(257),
        "a\nb",
        "é",
    ] {
        assert_eq!(text(token(event)), (400, String::new()), "{event:?}");
    }
    assert_eq!(text(ask(&x, &get("/?crc_token=a"), None)).0, 503, "no key");
}

#[test]
fn each_kind_of_text_has_one_form() {
    use ChallengeText::{Hex, Sentence, Token, Uuid};
    // As Microsoft Graph sends it: microsoftgraph/microsoft-graph-docs, issue 21160.
    let graph =
        "Validation: Testing client application reachability for subscription Request-Id: 877cb92e";
    assert!(Sentence.allows(graph) && !Token.allows(graph));
    assert!(Sentence.allows(&"a".repeat(512)) && !Sentence.allows(&"a".repeat(513)));
    for text in [
        "<b>", "&amp;", "a\"", "'a'", "{}", "[1]", "a\nb", "`a`", "é", "\\", "",
    ] {
        assert!(!Sentence.allows(text), "{text:?}");
    }
    let uuid = "890e4665-4dfe-4ab1-b689-ed553bceeed0";
    assert!(Uuid.allows(uuid) && !Uuid.allows(&uuid.to_uppercase()));
    assert!(!Uuid.allows(uuid.trim_start_matches('8')) && !Uuid.allows(&uuid.replace('-', "0")));
    assert!(Hex.allows("20f9f8ed05f77439fe955c977e4c8a53"));
    assert!(!Hex.allows("20f9f8ed05f77439fe9") && !Hex.allows(&"a".repeat(33)));
    assert!(!Hex.allows(&"A".repeat(20)));
    for text in ["{", "}", "[", "]", "\"", ":", "<", " ", "|", "\n", "\u{0}"] {
        assert!(
            !Token.allows(text) && !Token.allows(&format!("a{text}a")),
            "{text:?}"
        );
    }
}

#[test]
fn a_signed_challenge_is_told_from_an_event_by_its_members() {
    let zoom = Challenge::in_body("/payload/plainToken", ChallengeText::Token)
        .when_member("/event", "endpoint.url_validation")
        .answer(ChallengeAnswer::Hmac {
            text: Some("plainToken".into()),
            member: "encryptedToken".into(),
            prefix: "".into(),
            encoding: Encoding::Hex,
        });
    let keys = ring("a secret token of zoom");
    let asked = |body: &str| zoom.reply_to_body(body.as_bytes(), Some(&keys), NOW);
    let body =
        r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    // printf qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac 'a secret token of zoom'
    let mac = "52bbcbe8930dd0d33e92cf66a462698a35a44faef09809fd127120d205fd462b";
    let expected = format!(r#"{{"encryptedToken":"{mac}","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#);
    assert_eq!(text(asked(body)), (200, expected));
    assert_eq!(asked(&body.replace("url_validation", "other")), None);
    assert_eq!(asked("no json"), None);
    // An event signs `v0:{time}:{body}`.
    let event = body.replace("qgg8vlvZRS6UYooatFL8Aw", "v0:1777899600:{}");
    assert_eq!(text(asked(&event)), (400, String::new()));
    // None of this is answered without a proof.
    assert_eq!(
        ask(
            &zoom,
            &http::Request::post("/").body(()).unwrap(),
            Some(&keys)
        ),
        None
    );
}

#[test]
fn other_answers() {
    let head = Challenge::probe(Method::HEAD);
    let request = http::Request::head("/").body(()).unwrap();
    assert_eq!(text(ask(&head, &request, None)), (200, String::new()));
    assert_eq!(ask(&head, &get("/"), None), None);

    let options = Challenge::in_header(
        Method::OPTIONS,
        "webhook-request-origin",
        ChallengeText::Token,
    )
    .answer(ChallengeAnswer::AllowedOrigin(vec![
        "eventgrid.azure.net".into(),
    ]));
    let from = |origin: &str| {
        let request = http::Request::options("/").header("webhook-request-origin", origin);
        ask(&options, &request.body(()).unwrap(), None).unwrap()
    };
    let allowed = from("eventgrid.azure.net");
    assert_eq!(
        allowed.headers()["webhook-allowed-origin"],
        "eventgrid.azure.net"
    );
    assert_eq!(from("evil.example").status(), StatusCode::BAD_REQUEST);

    let grid = Challenge::in_body("/data/validationCode", ChallengeText::Token)
        .when_member(
            "/eventType",
            "Microsoft.EventGrid.SubscriptionValidationEvent",
        )
        .in_only_item()
        .answer(ChallengeAnswer::json("validationResponse"));
    let item = r#"{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}}"#;
    let asked = |body: &str| grid.reply_to_body(body.as_bytes(), None, NOW);
    assert_eq!(
        text(asked(&format!("[{item}]"))),
        (
            200,
            r#"{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}"#.to_owned()
        )
    );
    assert_eq!(asked(&format!("[{item},{item}]")), None);
    assert_eq!(asked(item), None);
}

#[test]
fn braintree_gets_the_public_key_and_the_mac() {
    use crate::encoding::Encoding;
    use crate::signature::Algorithm;

    // braintree_python `tests/unit/test_webhooks.py`.
    let answer = ChallengeAnswer::SignedText {
        before: "integration_public_key|".into(),
        algorithm: Algorithm::HmacOfHashedSecret(crate::digest::Digest::Sha1),
        encoding: Encoding::Hex,
    };
    let challenge =
        Challenge::in_query(Method::GET, "bt_challenge", ChallengeText::Hex).answer(answer);
    let keys = KeyRing::from(SigningSecret::from_text("integration_private_key").unwrap());
    let reply = |text: &str| {
        let request = http::Request::get(format!("/?bt_challenge={text}"))
            .body(())
            .unwrap();
        let reply =
            challenge.reply_to_head(RequestHead::from(&request), Some(&keys), UnixTime::now());
        let reply = reply.unwrap();
        (
            reply.status().as_u16(),
            String::from_utf8(reply.body().to_vec()).unwrap(),
        )
    };
    let right = "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4";
    assert_eq!(
        reply("20f9f8ed05f77439fe955c977e4c8a53"),
        (200, right.to_owned())
    );
    assert_eq!(reply("CiAgICAgICAgICAg"), (400, String::new()));
}
