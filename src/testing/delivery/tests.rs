use http::HeaderMap;

use super::*;
use crate::clock::UnixTime;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::event::{EventRule, Name};
use crate::path::PathTokens;
use crate::provider::{blendfi, bloquo, blox};
use crate::secret::KeyRing;
use crate::signature::{Component, Scheme, SignatureErrorKind, Verifier};
use crate::source::Allowlist;
use crate::testing::Sample;

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";
/// date -u -d 2026-05-04T13:00:00Z +%s
const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
const BODY: &str =
    r#"{"id":"evt_1","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{}}"#;
/// printf '%s.%s' 1777899600 "$BODY" | openssl dgst -sha256 -hmac "$SECRET"
const MAC: &str = "8f632700b26a730ce3336878aa995ddd9aacdf16f66935ae53361c3c47f787e2";

fn blendfi_provider() -> Provider {
    blendfi(blendfi::keys([SECRET]).unwrap())
}

fn of_blendfi() -> TestDelivery {
    TestDelivery::new(&blendfi_provider(), BODY).at(NOW)
}

/// Standard Webhooks, keyed on the signed id.
fn standard() -> Provider {
    let scheme = Scheme::builder("webhook-signature")
        .list("v1,", Encoding::Base64)
        .timestamp_header("webhook-timestamp")
        .id_header("webhook-id")
        .or_family("svix-signature")
        .timestamp_header("svix-timestamp")
        .id_header("svix-id")
        .content([
            Component::Id,
            Component::literal("."),
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .build()
        .unwrap();
    let secret = SigningSecret::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    Provider::signed(
        Name::new("standard").unwrap(),
        Verifier::new(scheme, secret),
        EventRule::signed_id(),
        SenderContract::new(RetrySchedule::Never, RetriedStatuses::None),
    )
}

fn request(delivery: &TestDelivery) -> Request<Bytes> {
    delivery.request().unwrap()
}

#[track_caller]
fn refused_as(delivery: &TestDelivery, kind: SignatureErrorKind) {
    let request = request(delivery);
    let verifier = delivery.provider.verifier().unwrap();
    let verdict = verifier.verify(&request, request.body(), NOW);
    assert_eq!(verdict.unwrap_err().kind(), kind);
}

#[test]
fn a_delivery_is_signed_as_its_sender_would() {
    let request = request(&of_blendfi().to("/webhooks/blendfi"));
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "/webhooks/blendfi");
    assert_eq!(request.body(), BODY);
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let signature = format!("t=1777899600,v1={MAC}");
    headers.insert("x-blendfi-signature", signature.parse().unwrap());
    headers.insert("x-blendfi-event-id", "evt_1".parse().unwrap());
    assert_eq!(*request.headers(), headers);
}

#[test]
fn a_signature_is_changed_in_one_bit() {
    let changed = request(&of_blendfi().signature_changed());
    let other = MAC.replacen("8f", "8e", 1);
    let signature = format!("t=1777899600,v1={other}");
    assert_eq!(changed.headers()["x-blendfi-signature"], signature);
}

#[test]
fn the_published_example_of_standard_webhooks_comes_out() {
    let delivery = TestDelivery::new(&standard(), r#"{"test": 2432232314}"#)
        .at(UnixTime::from_secs(1_614_265_330))
        .id("msg_p5jXN8AQM9LWM0D4loKWxJek");
    let headers = request(&delivery).headers().clone();
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(headers["webhook-signature"], signature);
    assert_eq!(headers["webhook-timestamp"], "1614265330");
    let headers = request(&delivery.in_family("svix-signature"))
        .into_parts()
        .0
        .headers;
    assert_eq!(headers["svix-signature"], signature);
    assert_eq!(headers["svix-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert!(!headers.contains_key("webhook-signature"));
}

#[test]
fn an_id_that_was_not_given_follows_the_body() {
    let id = |body: &'static str| {
        request(&TestDelivery::new(&standard(), body)).headers()["webhook-id"].clone()
    };
    // printf 'a' | openssl dgst -sha256
    assert_eq!(id("a"), "msg_ca978112ca1bbdcafac231b39a");
    assert_ne!(id("a"), id("b"));
}

#[test]
fn each_tamper_is_found_for_what_it_is() {
    use SignatureErrorKind::{
        InvalidTimestamp, Mismatch, MissingHeader, RepeatedHeader, TooNew, TooOld,
    };
    let fine = request(&of_blendfi().aged(Duration::from_secs(300)));
    let verifier = blendfi_provider().verifier().cloned().unwrap();
    assert!(verifier.verify(fine.headers(), fine.body(), NOW).is_ok());

    refused_as(&of_blendfi().wrong_secret(), Mismatch);
    refused_as(&of_blendfi().signature_changed(), Mismatch);
    refused_as(&of_blendfi().body_changed(), Mismatch);
    refused_as(&of_blendfi().timestamp_changed(), Mismatch);
    refused_as(&of_blendfi().without_signature(), MissingHeader);
    refused_as(&of_blendfi().aged(Duration::from_secs(301)), TooOld);
    refused_as(&of_blendfi().ahead(Duration::from_secs(301)), TooNew);
    refused_as(&of_blendfi().timestamp("01777899600"), InvalidTimestamp);
    let signature = "x-blendfi-signature";
    refused_as(
        &of_blendfi().header(signature, format!("t=1777899601,v1={MAC}")),
        Mismatch,
    );
    refused_as(
        &of_blendfi().another_header(signature, "t=1,v1=00"),
        RepeatedHeader,
    );
    refused_as(&of_blendfi().without_header(signature), MissingHeader);

    let standard = TestDelivery::new(&standard(), "{}").at(NOW);
    refused_as(&standard.clone().header_id("msg_other"), Mismatch);
    refused_as(&standard.clone().timestamp_changed(), Mismatch);
    refused_as(&standard.without_signature(), MissingHeader);
}

#[test]
fn a_header_id_that_disagrees_is_told_and_the_signature_stays_right() {
    let request = request(&of_blendfi().header_id("evt_2"));
    assert_eq!(request.headers()["x-blendfi-event-id"], "evt_2");
    let verifier = blendfi_provider().verifier().cloned().unwrap();
    assert!(
        verifier
            .verify(request.headers(), request.body(), NOW)
            .is_ok()
    );
}

#[test]
fn the_old_secret_of_a_roll_over_signs_too() {
    let old = SigningSecret::from_text("whsec_test_the_old_one").unwrap();
    let keys = KeyRing::parse(
        &blendfi::secret_format(),
        [SECRET, "whsec_test_the_old_one"],
    )
    .unwrap();
    let provider = blendfi(keys);
    let request = request(&TestDelivery::new(&provider, BODY).at(NOW).signed_by(old));
    let verified = provider
        .verifier()
        .unwrap()
        .verify(request.headers(), request.body(), NOW)
        .unwrap();
    assert_eq!(verified.key_id().as_str(), "2");
}

#[test]
fn a_token_ends_the_path_and_an_address_is_the_peers() {
    let blox = blox(PathTokens::parse([TOKEN]).unwrap()).without_status_check();
    let delivery = TestDelivery::new(&blox, Sample::Blox.body(1)).to("/webhooks/blox/");
    let uri = |delivery: &TestDelivery| request(delivery).uri().to_string();
    assert_eq!(
        uri(&delivery.clone().token(TOKEN)),
        format!("/webhooks/blox/{TOKEN}")
    );
    assert_eq!(
        uri(&delivery.clone().to(&format!("/hooks/{TOKEN}"))),
        format!("/hooks/{TOKEN}")
    );
    assert_eq!(
        uri(&delivery.clone().token(TOKEN).wrong_token()),
        "/webhooks/blox/no-receiver-has-this-token"
    );
    let url = delivery.to("https://example.com/hooks").token(TOKEN);
    assert_eq!(uri(&url), format!("https://example.com/hooks/{TOKEN}"));

    let bloquo = bloquo(Allowlist::parse(["192.0.2.1"]).unwrap());
    let delivery = TestDelivery::new(&bloquo, Sample::Bloquo.body(1));
    assert_eq!(request(&delivery).extensions().get::<PeerAddr>(), None);
    let request = request(&delivery.from("192.0.2.1".parse().unwrap()));
    let peer = request.extensions().get::<PeerAddr>().unwrap();
    assert_eq!(peer.0.ip().to_string(), "192.0.2.1");
    assert!(!request.headers().contains_key("x-blendfi-signature"));
}

#[test]
fn what_no_request_can_be_is_refused_with_what_to_do() {
    #[track_caller]
    fn refuses(delivery: &TestDelivery, text: &str) {
        let error = delivery.request::<Bytes>().unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    let blox = blox(tokens).without_status_check();
    let of_blox = TestDelivery::new(&blox, "{}");
    refuses(
        &of_blox,
        "test delivery: the provider demands a secret path, give its token with `token`",
    );
    refuses(
        &of_blox.clone().token("no token"),
        "test delivery: its path and token make no URI",
    );
    let of_blox = of_blox.token(TOKEN);
    refuses(
        &of_blox.clone().wrong_secret(),
        "test delivery: this provider signs nothing",
    );
    refuses(
        &of_blox.clone().signature_changed(),
        "test delivery: this provider signs nothing",
    );
    refuses(
        &of_blox.clone().aged(Duration::ZERO),
        "test delivery: this provider signs no time",
    );
    refuses(
        &of_blox.header_id("evt_2"),
        "test delivery: this provider's id stands in no header",
    );
    refuses(
        &of_blendfi().header("no header", ""),
        "test delivery: \"no header\" is not a header name",
    );
    refuses(
        &of_blendfi().header("x-any", "\n"),
        "test delivery: what it says cannot stand in x-any",
    );
    refuses(
        &of_blendfi().timestamp("\n"),
        "signature scheme: what it signs cannot stand in x-blendfi-signature",
    );
    refuses(
        &of_blendfi().in_family("x-other"),
        "signature scheme: has no family \"x-other\"",
    );
}

/// The delivery that a repeated one is again, told by a header that nothing signs.
#[test]
fn a_delivery_of_a_type_that_needs_an_unsigned_id_has_one() {
    let keys = crate::provider::github::keys([SECRET]).unwrap();
    let github = crate::provider::github(keys);
    let added = r#"{"team":{"id":1},"repository":{"id":2}}"#;
    let key = |delivery: &TestDelivery| {
        let (head, body) = request(delivery).into_parts();
        let (name, rule) = (&github.name, &github.rule);
        let identity = rule.identify(name, &head.headers, None, &body);
        identity.unwrap().key
    };
    let first = TestDelivery::new(&github, added);
    // Sent again it is the same one; another one is another event, as equal as it may be.
    assert_eq!(key(&first), key(&first.clone()));
    assert_ne!(key(&first), key(&TestDelivery::new(&github, added)));
    let set = |id: &str| TestDelivery::new(&github, added).id(id);
    assert_eq!(key(&set("1")), key(&set("1")));
    let by_header = TestDelivery::new(&github, added).header("X-GitHub-Delivery", "1");
    assert_eq!(key(&set("1")), key(&by_header));
    let without = first.without_header("X-GitHub-Delivery");
    assert!(
        !request(&without)
            .headers()
            .contains_key("x-github-delivery")
    );
}

#[cfg(feature = "jwt")]
#[test]
fn a_token_names_the_key_that_signs_it() {
    use crate::secret::SigningKey;
    use crate::signature::{Jws, JwsAlgorithm, Place};

    let key = |id: &'static str, secret: &str| {
        SigningKey::new(id, SigningSecret::from_text(secret).unwrap())
    };
    let ring = KeyRing::new([
        key("2026-06", "whsec_test_the_new_one"),
        key("2026-05", SECRET),
    ]);
    let token = Jws::new([JwsAlgorithm::Hs256]).key_by_kid();
    let scheme = Scheme::jws(
        Place::header("x-token"),
        token.body_hash("body", Encoding::Hex),
    );
    let acme = Provider::signed(
        Name::new("acme").unwrap(),
        Verifier::new(scheme.build().unwrap(), ring.unwrap()),
        EventRule::body(),
        SenderContract::new(RetrySchedule::Never, RetriedStatuses::None),
    );
    let named = |delivery: &TestDelivery| {
        let request = request(delivery);
        let token = request.headers()["x-token"].to_str().unwrap();
        let (header, _) = token.split_once('.').unwrap();
        let header = data_encoding::BASE64URL_NOPAD.decode(header.as_bytes());
        let header: serde_json::Value = serde_json::from_slice(&header.unwrap()).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    };
    let delivery = TestDelivery::new(&acme, "{}").at(NOW);
    assert_eq!(named(&delivery), "2026-06");
    let old = SigningSecret::from_text(SECRET).unwrap();
    assert_eq!(named(&delivery.clone().signed_by(old)), "2026-05");
    // What is wrong about it is the secret alone.
    assert_eq!(named(&delivery.clone().wrong_secret()), "2026-06");
    let others = SigningSecret::from_text("whsec_test_of_nobody_here").unwrap();
    assert_eq!(named(&delivery.signed_by(others)), "2026-06");
}

#[test]
fn no_secret_is_printed() {
    let delivery = of_blendfi()
        .signed_by(SigningSecret::from_text("a-secret-of-its-own").unwrap())
        .token(TOKEN)
        .to("/hooks/a-secret-path")
        .header("authorization", "a-secret-value");
    let text = format!("{delivery:?}");
    assert!(text.contains("Set(authorization)"), "{text}");
    for secret in [SECRET, TOKEN, "a-secret", "evt_1"] {
        assert!(!text.contains(secret), "{text}");
    }
}
