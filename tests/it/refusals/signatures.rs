//! By what is signed, and how.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::{
    Encoding, KeyRing, MemoryStore, Name, Provider, Reason, RetriedStatuses, RetrySchedule,
    SenderContract, SigningKey, SigningSecret, UnixTime, Webhook, provider,
};

use super::signed;
use crate::support::http::Request;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{NOW, PAYMENTS_SECRET, Preset, SECRET, blendfi_signature};
use crate::support::receiver::Receiver;
use crate::support::server::Server;

#[tokio::test]
async fn every_401_has_the_same_bytes_and_the_operator_can_tell_them_apart() {
    use Reason::{NoActiveKey, SignatureHeader, SignatureMismatch, SignatureStale};

    let receiver = Receiver::start(Preset::BlendFi).await;
    let body = Preset::BlendFi.body(1);
    let mac = |t: &str| hmac_sha256(SECRET, format!("{t}.{body}"));
    let at = |t: &str| format!("t={t},v1={}", mac(t));
    let now = NOW.to_string();
    let right = at(&now);
    let v1 = mac(&now);
    let other_secret = blendfi_signature(NOW, "whsec_test_9f8e7d6c5b4b", &body);
    let last_nibble = |mac: &str| {
        let last = if mac.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &mac[..63])
    };
    let zeros = "0".repeat(64);

    let mut cases: Vec<(String, Request, Reason, &str)> = Vec::new();
    let mut case = |name: &str, request, reason, detail| {
        cases.push((name.to_owned(), request, reason, detail));
    };
    let unsigned = Preset::BlendFi.delivery(1).without("x-blendfi-signature");
    const NOT_THERE: &str = "header x-blendfi-signature: not there";
    const TWICE: &str = "header x-blendfi-signature: there more than once, with values that differ";
    const GRAMMAR: &str = "header x-blendfi-signature: does not follow the scheme's grammar";
    const NONE: &str = "header x-blendfi-signature: holds no well-formed signature";
    const TIME: &str = "header x-blendfi-signature: no single timestamp as the scheme has it: up to \
                        19 digits without a leading zero, or RFC 3339";
    const FORGED: &str = "no active key made this signature over this content";
    case("missing", unsigned.clone(), SignatureHeader, NOT_THERE);
    case("empty", signed(""), SignatureHeader, GRAMMAR);
    case(
        "words",
        signed("signature please"),
        SignatureHeader,
        GRAMMAR,
    );
    case("not ascii", signed([0xff, 0xfe]), SignatureHeader, GRAMMAR);
    case("only t", signed(format!("t={now}")), SignatureHeader, NONE);
    case("only v1", signed(format!("v1={v1}")), SignatureHeader, TIME);
    case(
        "upper case",
        signed(format!("t={now},v1={}", v1.to_uppercase())),
        SignatureHeader,
        NONE,
    );
    case(
        "too short",
        signed(format!("t={now},v1={}", &v1[..62])),
        SignatureHeader,
        NONE,
    );
    case(
        "twice in other case",
        signed(&right).header("X-BLENDFI-Signature", "x"),
        SignatureHeader,
        TWICE,
    );
    case(
        "t twice",
        signed(format!("t=1,{right}")),
        SignatureHeader,
        TIME,
    );
    case("t empty", signed(at("")), SignatureHeader, TIME);
    case(
        "leading zero",
        signed(at(&format!("0{now}"))),
        SignatureHeader,
        TIME,
    );
    case(
        "20 digits",
        signed(at("10000000000000000000")),
        SignatureHeader,
        TIME,
    );
    case(
        "20 digits of now",
        signed(at(&format!("{now:0>20}"))),
        SignatureHeader,
        TIME,
    );
    case(
        "plus",
        signed(at(&format!("+{now}"))),
        SignatureHeader,
        TIME,
    );
    case(
        "fraction",
        signed(at(&format!("{now}.0"))),
        SignatureHeader,
        TIME,
    );
    case(
        "65 candidates",
        signed(format!(
            "t={now}{},v1={v1}",
            format!(",v1={zeros}").repeat(64)
        )),
        SignatureHeader,
        "header x-blendfi-signature: holds more than 64 signatures",
    );
    case(
        "17 KiB",
        signed(format!("{right},v0={}", "a".repeat(17 * 1024))),
        SignatureHeader,
        "header x-blendfi-signature: longer than 16 KiB",
    );
    case(
        "wrong secret",
        signed(&other_secret),
        SignatureMismatch,
        FORGED,
    );
    case(
        "one bit",
        signed(format!("t={now},v1={}", last_nibble(&v1))),
        SignatureMismatch,
        FORGED,
    );
    case(
        "another t",
        signed(right.replace("t=1", "t=2")),
        SignatureMismatch,
        FORGED,
    );
    case(
        "another body",
        signed(&right).body(Preset::BlendFi.body(2)),
        SignatureMismatch,
        FORGED,
    );
    case(
        "no body",
        signed(&right).body(""),
        SignatureMismatch,
        FORGED,
    );
    case(
        "64 wrong ones",
        signed(format!("t={now}{}", format!(",v1={zeros}").repeat(64))),
        SignatureMismatch,
        FORGED,
    );
    case(
        "stale",
        signed(at(&(NOW - 301).to_string())),
        SignatureStale,
        "signed too long ago by key \"1\", 301 s away: a replay, or a wrong clock",
    );
    case(
        "future",
        signed(at(&(NOW + 301).to_string())),
        SignatureStale,
        "signed too far ahead by key \"1\", 301 s away: a wrong clock, the sender's or ours",
    );
    case(
        "the last second",
        signed(at("9999999999999999999")),
        SignatureStale,
        "signed too far ahead by key \"1\", 9999999998222100399 s away: no clock tells such a time",
    );
    case(
        "milliseconds",
        signed(at(&format!("{NOW}000"))),
        SignatureStale,
        "signed too far ahead by key \"1\", 1776121700400 s away: it looks like milliseconds, where seconds are signed",
    );
    case(
        "1970",
        signed(at("0")),
        SignatureStale,
        "signed too long ago by key \"1\", 1777899600 s away: a replay, or a wrong clock",
    );

    const BYTES: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    for (name, request, reason, detail) in &cases {
        let response = receiver.send(request).await;
        assert_eq!(response.without_date(), BYTES, "{name}");
        let seen = receiver.seen.next().await;
        assert_eq!(seen.reason, Some(*reason), "{name}");
        assert_eq!(seen.detail.as_deref(), Some(*detail), "{name}");
        let signed_by = (*reason == SignatureStale).then_some("1");
        assert_eq!(seen.signed_by.as_deref(), signed_by, "{name}");
        receiver.assert_untouched(name).await;
    }
    for (name, t) in [("oldest", NOW - 300), ("newest", NOW + 300)] {
        let response = receiver.send(&signed(at(&t.to_string()))).await;
        assert!(
            matches!(response.status, 200 | 204),
            "{name}: the ends are in"
        );
    }
    for (name, grown) in [
        ("a space", right.replace(',', ", ")),
        ("a comma more", format!("{right},")),
        ("md5 first", format!("md5=0cc175b9c0f1b6a8,{right}")),
        ("t twice", format!("t={now},{right}")),
    ] {
        assert_eq!(receiver.send(&signed(grown)).await.status, 200, "{name}");
    }
    let twice = signed(&right).header("x-blendfi-signature", &right);
    assert_eq!(receiver.send(&twice).await.status, 200, "twice the same");
    let most = format!("t={now}{},v1={v1}", format!(",v1={zeros}").repeat(63));
    assert_eq!(
        receiver.send(&signed(most)).await.status,
        200,
        "64 are taken"
    );
    assert_eq!(receiver.runs.runs(), 1);

    // A key that has expired, alone and beside a new one.
    let at_secs = UnixTime::from_secs;
    let secret = |text: &str| SigningSecret::from_text(text).unwrap();
    let old = SigningKey::new("old", secret(SECRET)).expires_at(at_secs(NOW));
    let new = SigningKey::new("new", secret("whsec_test_the_new_one"));
    for (keys, reason) in [
        (vec![old.clone()], NoActiveKey),
        (vec![old, new], SignatureMismatch),
    ] {
        let replaced = |_| provider::blendfi(KeyRing::new(keys).unwrap());
        let receiver = Receiver::start_with(Preset::BlendFi, replaced, |webhook| webhook).await;
        let response = receiver.send(&Preset::BlendFi.delivery(1)).await;
        if reason == NoActiveKey {
            // Ours to mend, so the sender is asked to come again: a 401 would lose the event.
            assert_eq!(response.status, 503);
            assert_eq!(response.header("retry-after"), Some("5"));
        } else {
            assert_eq!(response.without_date(), BYTES, "{reason:?}");
        }
        assert_eq!(receiver.seen.next().await.reason, Some(reason));
        receiver.assert_untouched("expired").await;
    }

    // A sender whose header is one signature behind a prefix.
    let payments = Receiver::start(Preset::BloquePayments).await;
    let mac = hmac_sha256(PAYMENTS_SECRET, Preset::BloquePayments.body(1));
    let bare = Preset::BloquePayments
        .delivery(1)
        .without("x-bloque-signature");
    let with = |value: String| bare.clone().header("x-bloque-signature", value);
    for request in [
        bare.clone(),
        with(String::new()),
        with(format!("sha256={mac}")),
        with(format!("{mac},{}", last_nibble(&mac))),
        with(format!("t={NOW},v1={mac}")),
        with(mac.to_uppercase()),
        with(mac[1..].to_owned()),
        with(mac.clone()).header("x-bloque-signature", last_nibble(&mac)),
        with(last_nibble(&mac)),
        with(mac.clone()).body(Preset::BloquePayments.body(2)),
    ] {
        let response = payments.send(&request).await;
        assert_eq!(response.without_date(), BYTES, "{request:?}");
    }
    payments.assert_untouched("payments").await;
    payments.assert_takes_the_right_one().await;
}

#[tokio::test]
async fn md5_before_a_right_sha256_is_refused_for_a_prefixed_header() {
    let scheme = Scheme::builder("x-hub-signature-256")
        .single("sha256=", Encoding::Hex)
        .build()
        .unwrap();
    let verifier = Verifier::new(scheme, SigningSecret::from_text(SECRET).unwrap());
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let rule = tower_webhook::event::EventRule::body();
    let github = Provider::signed(Name::new("github").unwrap(), verifier, rule, contract);
    let layer = Webhook::new(github)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let app = Router::new().route("/", post(async || StatusCode::NO_CONTENT).layer(layer));
    let server = Server::start(app).await;

    let mac = hmac_sha256(SECRET, "Hello");
    let send = async |value: String| {
        let request = Request::post("/").header("x-hub-signature-256", value);
        request.body("Hello").send(server.address).await.status
    };
    assert_eq!(
        send(format!("md5=0cc175b9c0f1b6a8,sha256={mac}")).await,
        401
    );
    assert_eq!(
        send(format!("sha256={mac},md5=0cc175b9c0f1b6a8")).await,
        401
    );
    assert_eq!(send(format!("sha256={mac}")).await, 204);
}
