//! What is refused before a handler runs, byte by byte over real sockets.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that panics has done its work"
)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use http::Response;
use support::faults::{Fault, FaultyStore};
use support::http::{Connection, Request, chunk};
use support::observer::Recorder;
use support::openssl::hmac_sha256;
use support::presets::{
    NOW, PAYMENTS_SECRET, Preset, SECRET, TOKEN, WRONG_TOKEN, answering_in, blendfi_signature,
    clock, tokens,
};
use support::receiver::Receiver;
use support::server::Server;
use support::stage::Stage;
use support::wait::{LIMIT, until};
use tower_webhook::layer::Budget;
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::store::StoreErrorKind;
use tower_webhook::{
    Allowlist, DeliveryProfile, Encoding, KeyRing, MemoryStore, Provider, ProviderName, Reason,
    Rejection, RetriedStatuses, RetrySchedule, SigningKey, SigningSecret, Store, UnixTime, Webhook,
};

const ALLOW: &[(&str, &str)] = &[("allow", "POST")];
const RETRY: &[(&str, &str)] = &[("retry-after", "5")];

/// An allowlist that this machine is not on.
fn elsewhere() -> Allowlist {
    Allowlist::parse(["192.0.2.1"]).unwrap()
}

/// A time to answer that leaves 400 ms.
fn in_a_hurry(provider: Provider) -> Provider {
    answering_in(Duration::from_millis(500), provider)
}

#[tokio::test]
async fn another_method_is_405_with_one_allow_whatever_the_path_token() {
    const METHODS: [&str; 8] = [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
    ];
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        for method in METHODS {
            let request = preset.delivery(1).method(method);
            let response = receiver.send(&request).await;
            receiver
                .assert_refused(&response, 405, ALLOW, Reason::MethodNotAllowed)
                .await;
            let guess = preset.route().replace("{token}", WRONG_TOKEN);
            let response = receiver.send(&request.target(&guess)).await;
            receiver
                .assert_refused(&response, 405, ALLOW, Reason::MethodNotAllowed)
                .await;
        }
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn a_wrong_path_token_looks_like_a_route_that_was_never_there() {
    for preset in Preset::ALL.into_iter().filter(|p| p.has_path_token()) {
        let receiver = Receiver::start(preset).await;
        let unknown = |path: &str| preset.delivery(1).target(path);
        let nowhere = receiver.send(&unknown("/nowhere/else")).await;
        assert_eq!(
            nowhere.without_date(),
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "what axum answers to an unknown route"
        );
        let encoded = format!("%33{}", &TOKEN[1..]);
        let mut tricks = vec![
            WRONG_TOKEN.to_owned(),
            TOKEN.to_uppercase(),
            TOKEN[..23].to_owned(),
            format!("{TOKEN}4"),
            format!("{TOKEN}%00"),
            format!("{TOKEN}%2F"),
            format!("%2F{TOKEN}"),
            format!("{TOKEN};a=b"),
            encoded,
            "%ff%fe".to_owned(),
            "%zz".to_owned(),
            "..".to_owned(),
            "%2e%2e".to_owned(),
            "x".repeat(6_000),
        ];
        for trick in &mut tricks {
            let response = receiver.send(&unknown(&format!("/hooks/{trick}"))).await;
            assert_eq!(
                response.without_date(),
                nowhere.without_date(),
                "{preset:?} {trick}"
            );
            // Percent-encoded bytes that are no UTF-8 still reach the gate.
            let seen = receiver.seen.next().await;
            assert_eq!(seen.reason, Some(Reason::UnknownPath), "{trick}");
        }
        for path in [
            "/hooks/",
            "/hooks",
            "//",
            "/hooks//",
            &format!("/hooks/{TOKEN}/"),
            &format!("/hooks/{TOKEN}/extra"),
            &format!("/hooks/extra/{TOKEN}"),
            &format!("//hooks/{TOKEN}"),
            &format!("/hooks?{TOKEN}"),
        ] {
            let response = receiver.send(&unknown(path)).await;
            assert_eq!(response.without_date(), nowhere.without_date(), "{path}");
        }
        assert_eq!(receiver.seen.take(), [], "those are no routes at all");
        receiver.assert_untouched("wrong paths").await;

        // A query does not spoil a right token, nor does the absolute form.
        let absolute = format!("http://localhost/hooks/{TOKEN}?a=b");
        let response = receiver.send(&unknown(&absolute)).await;
        assert_eq!(response.status, 204);
    }
}

#[tokio::test]
async fn a_404_is_the_same_with_a_large_body_that_is_never_sent_or_never_read() {
    for preset in Preset::ALL.into_iter().filter(|p| p.has_path_token()) {
        let receiver = Receiver::start(preset).await;
        let mut unsent = Vec::new();
        let mut unread = Vec::new();
        for path in ["/nowhere/else".to_owned(), format!("/hooks/{WRONG_TOKEN}")] {
            let request = preset.delivery(1).target(&path);
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head_announcing(1_500_000)).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.header("connection"), None);
            // What becomes of the connection tells nothing either.
            connection.finish().await;
            unsent.push((response.without_date(), connection.is_closed().await));

            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head_announcing(1_500_000)).await;
            connection.send(&[b' '; 100_000]).await;
            let response = connection.response().await.unwrap();
            connection.finish().await;
            unread.push((response.without_date(), connection.is_closed().await));

            let chunked = request.head_chunked();
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&chunked).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.without_date(), unsent[0].0);
        }
        assert_eq!(unsent[0], unsent[1], "{preset:?}");
        assert_eq!(unread[0], unread[1], "{preset:?}");
        assert_eq!(unsent[0], unread[0], "{preset:?}");

        // The rest of a body is not read on either: each of the two is closed while a refusal whose
        // body is thrown away is still being read, although that one began earlier.
        let gzip = preset.delivery(1).header("content-encoding", "gzip");
        for path in ["/nowhere/else".to_owned(), format!("/hooks/{WRONG_TOKEN}")] {
            let mut discarded = Connection::open(receiver.server.address).await;
            discarded.send(&gzip.head_announcing(1_500_000)).await;
            assert_eq!(discarded.response().await.unwrap().status, 415);
            let request = preset.delivery(1).target(&path);
            let mut refused = Connection::open(receiver.server.address).await;
            refused.send(&request.head_announcing(1_500_000)).await;
            assert_eq!(refused.response().await.unwrap().status, 404);
            assert!(refused.is_closed().await, "{preset:?} {path}");
            assert!(discarded.is_idle().await, "{preset:?} {path}: read on");
        }
    }
}

#[tokio::test]
async fn forms_of_request_targets_that_are_no_paths_are_answered() {
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        // The same layer around a whole router sees what matches no route.
        let store = MemoryStore::new();
        let webhook = Webhook::new(preset.provider()).dedupe(store).clock(clock());
        let around = Router::new()
            .route("/hooks", post(async || StatusCode::NO_CONTENT))
            .fallback(async || StatusCode::OK)
            .layer(webhook.layer().unwrap());
        let around = Server::start(around).await;

        for server in [receiver.server.address, around.address] {
            for (method, target) in [
                ("OPTIONS", "*"),
                ("POST", "*"),
                ("CONNECT", "localhost:443"),
                ("POST", "http://localhost"),
                ("POST", "/"),
                ("GET", "/?"),
            ] {
                let request = preset.delivery(1).method(method).target(target);
                let response = request.send(server).await;
                // The fallback of the second one is a handler like any other.
                let fallback = server == around.address && method == "POST";
                let known = matches!(response.status, 404 | 405);
                assert!(
                    known || (fallback && response.status == 200),
                    "{preset:?} {method} {target}: {response:?}"
                );
            }
        }
        let star = preset.delivery(1).method("OPTIONS").target("*");
        assert_eq!(receiver.send(&star).await.status, 404);
        assert_eq!(star.send(around.address).await.status, 405);
        receiver.assert_untouched("odd targets").await;
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn a_token_route_works_inside_a_nest() {
    for preset in Preset::ALL.into_iter().filter(|p| p.has_path_token()) {
        let seen = Recorder::new();
        let layer = Webhook::new(preset.provider())
            .observer(seen.clone())
            .layer()
            .unwrap();
        let inner = Router::new().route("/hooks/{token}", post(echo_uris).layer(layer));
        let app = Router::new().nest("/api", Router::new().nest("/v1", inner));
        let server = Server::start(app).await;

        let right = preset
            .delivery(1)
            .target(&format!("/api/v1/hooks/{TOKEN}?a=b"));
        let response = right.send(server.address).await;
        let body = String::from_utf8(response.body).unwrap();
        assert_eq!(
            (response.status, body.as_str()),
            (200, "/hooks?a=b /api/v1/hooks?a=b")
        );

        let unknown = right
            .clone()
            .target("/api/v1/nowhere/at-all")
            .send(server.address)
            .await;
        for path in [
            format!("/api/v1/hooks/{WRONG_TOKEN}"),
            "/api/v1/hooks/".to_owned(),
        ] {
            let response = right.clone().target(&path).send(server.address).await;
            assert_eq!(response.without_date(), unknown.without_date(), "{path}");
        }
    }
}

async fn echo_uris(
    axum::extract::OriginalUri(original): axum::extract::OriginalUri,
    uri: axum::http::Uri,
) -> String {
    format!("{uri} {original}")
}

#[tokio::test]
async fn an_address_that_is_not_on_the_list_is_403_for_every_sender() {
    for preset in Preset::ALL {
        let refused = |provider: Provider| provider.and_from_source(elsewhere());
        let receiver = Receiver::start_with(preset, refused, |webhook| webhook).await;
        let response = receiver.send(&preset.delivery(1)).await;
        receiver
            .assert_refused(&response, 403, &[], Reason::SourceRefused)
            .await;
    }
}

/// A delivery of BlendFi with another signature header.
fn signed(header: impl AsRef<[u8]>) -> Request {
    (Preset::BlendFi.delivery(1))
        .without("x-blendfi-signature")
        .header("x-blendfi-signature", header)
}

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
    const TWICE: &str = "header x-blendfi-signature: there more than once";
    const GRAMMAR: &str = "header x-blendfi-signature: does not follow the scheme's grammar";
    const NONE: &str = "header x-blendfi-signature: holds no well-formed signature";
    const TIME: &str = "header x-blendfi-signature: no single timestamp of 1 to 19 digits without \
                        a leading zero";
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
        "a space",
        signed(right.replace(',', ", ")),
        SignatureHeader,
        GRAMMAR,
    );
    case(
        "a comma more",
        signed(format!("{right},")),
        SignatureHeader,
        GRAMMAR,
    );
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
        "twice the same",
        signed(&right).header("x-blendfi-signature", &right),
        SignatureHeader,
        TWICE,
    );
    case(
        "twice in other case",
        signed(&right).header("X-BLENDFI-Signature", "x"),
        SignatureHeader,
        TWICE,
    );
    case(
        "t twice",
        signed(format!("t={now},{right}")),
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
        "md5 first",
        signed(format!("md5=0cc175b9c0f1b6a8,{right}")),
        SignatureHeader,
        GRAMMAR,
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
        "signed too far ahead by key \"1\", 301 s away: a replay, or a wrong clock",
    );
    case(
        "the last second",
        signed(at("9999999999999999999")),
        SignatureStale,
        "signed too far ahead by key \"1\", 9999999998222100399 s away: a replay, or a wrong clock",
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
        let replaced = |_| provider::blendfi(KeyRing::new(keys).unwrap()).unwrap();
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
        with(format!("{mac},{mac}")),
        with(format!("t={NOW},v1={mac}")),
        with(mac.to_uppercase()),
        with(mac[1..].to_owned()),
        with(mac.clone()).header("x-bloque-signature", &mac),
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
    let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None);
    let rule = tower_webhook::event::EventRule::body();
    let github = Provider::signed(
        ProviderName::new("github").unwrap(),
        verifier,
        rule,
        profile,
    );
    let layer = Webhook::new(github).layer().unwrap();
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

#[tokio::test]
async fn what_is_cheaper_to_refuse_is_refused_first() {
    let refused = |provider: Provider| provider.and_from_source(elsewhere());
    for preset in Preset::ALL {
        let closed = Receiver::start_with(preset, refused, |w| w.max_body_bytes(200)).await;
        let open = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(200)).await;
        // Wrong in every way: each answer is the next cheapest reason.
        let mut wrong = Request::post(&preset.route().replace("{token}", WRONG_TOKEN))
            .header("content-encoding", "gzip");
        let head = |request: &Request| request.head_announcing(5_000_000);
        let send = async |receiver: &Receiver, request: &Request| {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&head(request)).await;
            connection.response().await.unwrap().status
        };
        let by_get = wrong.clone().method("GET");
        assert_eq!(send(&closed, &by_get).await, 405);
        if preset.has_path_token() {
            assert_eq!(send(&closed, &wrong).await, 404);
            wrong = wrong.target(&preset.path());
        }
        assert_eq!(send(&closed, &wrong).await, 403);
        assert_eq!(send(&open, &wrong).await, 415);
        wrong = wrong.without("content-encoding");
        if let Some(name) = preset.signature_header() {
            assert_eq!(send(&open, &wrong).await, 401);
            wrong = wrong.header(name, preset.signature(preset.body(1)).unwrap());
        }
        assert_eq!(send(&open, &wrong).await, 413);
        closed.assert_untouched("cheap refusals").await;
        open.assert_untouched("cheap refusals").await;
    }
}

#[tokio::test]
async fn content_encodings_other_than_identity_are_415_before_the_body() {
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        for encodings in [
            &["gzip"][..],
            &["br"],
            &["x-nothing-known"],
            &["identity, gzip"],
            &["identity", "gzip"],
            &["gzip", "identity"],
        ] {
            let mut request = preset.delivery(1);
            for encoding in encodings {
                request = request.header("content-encoding", encoding);
            }
            // The body is never sent.
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head()).await;
            let response = connection.response().await.unwrap();
            receiver
                .assert_refused(&response, 415, &[], Reason::ContentEncoding)
                .await;
        }
        for (n, identity) in [(1, "identity"), (2, "Identity")] {
            let request = preset.delivery(n).header("content-encoding", identity);
            assert_eq!(receiver.send(&request).await.status, 204, "{identity}");
        }
    }
}

/// A right delivery of event 1 whose body is exactly so long.
fn delivery_of(preset: Preset, length: usize) -> Request {
    let pad = length - preset.body_with(1, "-").len() + 1;
    let body = preset.body_with(1, &"x".repeat(pad));
    assert_eq!(body.len(), length);
    preset.deliver(&body)
}

#[tokio::test]
async fn a_body_over_the_cap_is_413_announced_or_not() {
    for preset in Preset::ALL {
        let receiver = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(1_000)).await;
        let request = delivery_of(preset, 1_001);
        // Announced, and never sent.
        for length in ["1001", "1048577", "9223372036854775807"] {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head_announcing(length)).await;
            let response = connection.response().await.unwrap();
            receiver
                .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
                .await;
        }
        for bytes in [
            request.bytes(),
            request.bytes_chunked(1),
            request.bytes_chunked(1_000),
            request.bytes_chunked(5_000),
        ] {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&bytes).await;
            let response = connection.response().await.unwrap();
            receiver
                .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
                .await;
        }
        // A body that never ends.
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&request.head_chunked()).await;
        for _ in 0..3 {
            connection.send(&chunk(&[b' '; 500])).await;
        }
        let response = connection.response().await.unwrap();
        receiver
            .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
            .await;
        // A length that is no number is the server's to refuse.
        let mut connection = Connection::open(receiver.server.address).await;
        let absurd = request.head_announcing("99999999999999999999999");
        connection.send(&absurd).await;
        assert_eq!(connection.response().await.unwrap().status, 400);
        receiver.assert_untouched("absurd length").await;

        // One byte less fits, in whatever frames it comes.
        let mut connection = Connection::open(receiver.server.address).await;
        let fits = delivery_of(preset, 1_000);
        connection.send(&fits.bytes_chunked(7)).await;
        assert_eq!(connection.response().await.unwrap().status, 204);
        assert_eq!(receiver.send(&fits).await.status, 200, "a copy");
        assert_eq!(receiver.runs.runs(), 1);
    }
}

#[tokio::test]
async fn the_usual_cap_is_a_mebibyte() {
    const CAP: usize = 1024 * 1024;
    for preset in [Preset::BlendFi, Preset::BloqueAccounts] {
        let receiver = Receiver::start(preset).await;
        let response = receiver.send(&delivery_of(preset, CAP + 1)).await;
        receiver
            .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
            .await;
        assert_eq!(receiver.send(&delivery_of(preset, CAP)).await.status, 204);
    }
}

#[tokio::test]
async fn half_a_body_runs_nothing() {
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        let bytes = preset.delivery(1).bytes();
        let chunked = preset.delivery(1).bytes_chunked(10);
        for part in [
            &bytes[..bytes.len() - 20],
            &bytes[..bytes.len() - 1],
            preset.delivery(1).head().as_slice(),
            &chunked[..chunked.len() - 12],
            // Everything but the end of the body.
            &chunked[..chunked.len() - 5],
        ] {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(part).await;
            connection.finish().await;
            if let Some(response) = connection.response().await {
                assert_eq!(response.status, 400, "{preset:?}: {response:?}");
                assert!(response.body.is_empty());
            }
            receiver.assert_untouched("half a body").await;

            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(part).await;
            connection.reset();
        }
        // A chunk that is none.
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&preset.delivery(1).head_chunked()).await;
        connection.send(b"zz\r\n{}\r\n").await;
        if let Some(response) = connection.response().await {
            assert_eq!(response.status, 400, "{preset:?}: {response:?}");
        }
        receiver.assert_untouched("half a body").await;
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn a_body_that_drips_in_is_408_at_the_deadline() {
    for preset in Preset::ALL {
        let receiver = Receiver::start_with(preset, in_a_hurry, |w| w).await;
        let mut connection = Connection::open(receiver.server.address).await;
        let request = delivery_of(preset, 20_000);
        let bytes = request.bytes();
        let head = request.head().len();
        connection.send(&bytes[..head]).await;
        let mut drip = tokio::time::interval(Duration::from_millis(50));
        let mut rest = bytes[head..].iter();
        let response = loop {
            tokio::select! {
                response = connection.response() => break response.unwrap(),
                _ = drip.tick() => {}
            }
            connection.send(&[*rest.next().unwrap()]).await;
        };
        receiver
            .assert_refused(&response, 408, &[], Reason::BodyTooSlow)
            .await;
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn what_strangers_hold_is_bounded_and_given_back() {
    for preset in Preset::ALL {
        let budget = Budget::new(640, 8);
        let shared = budget.clone();
        let receiver = Receiver::start_with(preset, |p| p, |w| w.budget(shared)).await;
        let whole = delivery_of(preset, 1_000).bytes();
        let mut stranger = Connection::open(receiver.server.address).await;
        stranger.send(&whole[..whole.len() - 400]).await;
        until("the stranger's bytes are counted", || {
            budget.body_bytes() == 600
        })
        .await;

        let response = receiver.send(&preset.delivery(1)).await;
        receiver
            .assert_refused(&response, 503, RETRY, Reason::BudgetUsedUp)
            .await;
        assert_eq!(budget.body_bytes(), 600, "the refused one holds nothing");

        // The stranger goes over it too.
        stranger
            .send(&whole[whole.len() - 400..whole.len() - 200])
            .await;
        let response = stranger.response().await.unwrap();
        receiver
            .assert_refused(&response, 503, RETRY, Reason::BudgetUsedUp)
            .await;
        until("they are given back", || budget.body_bytes() == 0).await;
        receiver.assert_takes_the_right_one().await;

        // Who hangs up gives back too.
        let mut stranger = Connection::open(receiver.server.address).await;
        stranger.send(&whole[..whole.len() - 400]).await;
        until("the stranger's bytes are counted", || {
            budget.body_bytes() == 600
        })
        .await;
        stranger.reset();
        until("they are given back", || budget.body_bytes() == 0).await;
    }
}

/// Writes all of it before it reads anything, as `urllib` does.
fn write_then_read(to: SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(bytes)?;
    let mut read = Vec::new();
    let mut buffer = [0; 512];
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => read.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_writes_a_large_body_to_a_refused_route_gets_its_answer() {
    const LARGE: usize = 1_500_000;
    const TIMES: usize = 20;
    let preset = Preset::BlendFi;
    let cap = |webhook: Webhook| webhook.max_body_bytes(4 * LARGE);
    let roomy = Receiver::start_with(preset, |p| p, cap).await;
    let capped = Receiver::start(preset).await;
    let refused = |provider: Provider| provider.and_from_source(elsewhere());
    let closed = Receiver::start_with(preset, refused, cap).await;
    let path = Receiver::start_with(Preset::BloqueAccounts, |p| p, |w| w).await;
    let tiny =
        Receiver::start_with(preset, |p| p, |w| cap(w).budget(Budget::new(100_000, 8))).await;

    let large = delivery_of(preset, LARGE);
    let unsigned = large.clone().without("x-blendfi-signature");
    let forged = large.clone().body("x".repeat(LARGE));
    let account = delivery_of(Preset::BloqueAccounts, LARGE);
    let gzip = |request: &Request| request.clone().header("content-encoding", "gzip").bytes();
    for (status, receiver, bytes) in [
        (405, &roomy, large.clone().method("PUT").bytes()),
        (403, &closed, large.bytes()),
        (415, &roomy, gzip(&large)),
        (415, &path, gzip(&account)),
        (401, &roomy, unsigned.bytes()),
        (401, &roomy, unsigned.bytes_chunked(8_192)),
        (401, &roomy, forged.bytes()),
        (413, &capped, large.bytes()),
        (413, &capped, large.bytes_chunked(8_192)),
        (413, &path, account.bytes()),
        (503, &tiny, large.bytes()),
    ] {
        let address = receiver.server.address;
        for time in 1..=TIMES {
            let bytes = bytes.clone();
            let answer = tokio::task::spawn_blocking(move || write_then_read(address, &bytes));
            let answer = answer.await.unwrap();
            let answer = answer.unwrap_or_else(|error| panic!("{status}, {time}: {error}"));
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            assert!(!answer.to_lowercase().contains("connection:"), "{answer}");
        }
        receiver.assert_untouched("large").await;
    }
}

#[tokio::test]
async fn a_connection_lives_on_after_a_refusal() {
    for preset in Preset::ALL {
        let receiver = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(1_000)).await;
        let right = preset.delivery(1);
        let mut wrong = vec![
            (405, right.clone().method("PUT").bytes()),
            (
                415,
                right.clone().header("content-encoding", "gzip").bytes(),
            ),
            (413, delivery_of(preset, 5_000).bytes()),
            (413, delivery_of(preset, 5_000).bytes_chunked(100)),
            (400, preset.deliver("not json").bytes()),
        ];
        if let Some(name) = preset.signature_header() {
            wrong.push((401, right.clone().without(name).bytes()));
            wrong.push((401, right.clone().body("{}").bytes()));
        }
        let mut connection = Connection::open(receiver.server.address).await;
        for (status, bytes) in &wrong {
            connection.send(bytes).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.status, *status, "{preset:?}: {response:?}");
        }
        receiver.assert_untouched("one connection").await;
        assert_eq!(connection.exchange(&right).await.status, 204, "{preset:?}");
    }
}

#[tokio::test]
async fn no_refusal_by_headers_is_preceded_by_leave_to_send_the_body() {
    for preset in Preset::ALL {
        let refused = |provider: Provider| provider.and_from_source(elsewhere());
        let closed = Receiver::start_with(preset, refused, |w| w).await;
        let open = Receiver::start(preset).await;
        let expecting = preset.delivery(1).header("expect", "100-continue");
        let mut cases = vec![
            (405, &open, expecting.clone().method("PUT").head()),
            (403, &closed, expecting.head()),
            (
                415,
                &open,
                expecting.clone().header("content-encoding", "gzip").head(),
            ),
            (413, &open, expecting.head_announcing(2_000_000)),
        ];
        if preset.has_path_token() {
            let path = preset.route().replace("{token}", WRONG_TOKEN);
            cases.push((404, &open, expecting.clone().target(&path).head()));
        }
        if let Some(name) = preset.signature_header() {
            cases.push((401, &open, expecting.clone().without(name).head()));
        }
        for (status, receiver, head) in cases {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&head).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.status, status, "{preset:?}: {response:?}");
            connection.finish().await;
            assert!(connection.is_closed().await, "{preset:?}, {status}: more");
            receiver.assert_untouched("expecting").await;
        }
        let mut connection = Connection::open(open.server.address).await;
        connection.send(&expecting.head()).await;
        assert_eq!(connection.response().await.unwrap().status, 100);
        connection.send(preset.body(1).as_bytes()).await;
        assert_eq!(
            connection.response().await.unwrap().status,
            204,
            "{preset:?}"
        );
    }
}

#[tokio::test]
async fn a_body_without_a_usable_key_is_400() {
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        let bloque = matches!(preset, Preset::BloqueAccounts | Preset::BloquePayments);
        for body in ["", "not json", "{", "{}x", "\u{feff}{}", "["] {
            let response = receiver.send(&preset.deliver(body)).await;
            receiver
                .assert_refused(&response, 400, &[], Reason::NoEventKey)
                .await;
        }
        if bloque {
            continue;
        }
        for body in ["{}", "[]", "null", "1", "\"evt_1\"", deep.as_str()] {
            let response = receiver.send(&preset.deliver(body)).await;
            receiver
                .assert_refused(&response, 400, &[], Reason::NoEventKey)
                .await;
        }
        receiver.assert_takes_the_right_one().await;
    }
    // Each field of a key, missing, of another type, empty, ambiguous or twice.
    for (preset, bodies) in [
        (
            Preset::BlendFi,
            &[
                r#"{"id":null,"type":"a","data":{}}"#,
                r#"{"id":"","type":"a","data":{}}"#,
                r#"{"id":true,"type":"a","data":{}}"#,
                r#"{"id":1.0,"type":"a","data":{}}"#,
                r#"{"id":["evt_1"],"type":"a","data":{}}"#,
                r#"{"id":"evt_1","id":"evt_1","type":"a","data":{}}"#,
                r#"{"id":"evt_1","type":"a","type":"b","data":{}}"#,
            ][..],
        ),
        (
            Preset::Bloquo,
            &[
                r#"{"OrderId":1}"#,
                r#"{"Status":"COMPLETED"}"#,
                r#"{"OrderId":1,"orderId":2,"Status":"COMPLETED"}"#,
                r#"{"OrderId":1,"Status":"COMPLETED","status":"FAILED"}"#,
                r#"{"OrderId":1e3,"Status":"COMPLETED"}"#,
                r#"{"OrderId":-0,"Status":"COMPLETED"}"#,
            ],
        ),
        (
            Preset::Blox,
            &[
                r#"{"checkoutId":"chk-1","amount":"1"}"#,
                r#"{"checkoutId":{},"status":"COMPLETED","amount":"1"}"#,
                r#"{"checkoutId":"chk-1","status":"COMPLETED","status":"FAILED"}"#,
            ],
        ),
        (
            Preset::BloqueAccounts,
            &[
                r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1","transaction_id":"tx_2"}"#,
            ],
        ),
    ] {
        let receiver = Receiver::start(preset).await;
        for body in bodies {
            let response = receiver.send(&preset.deliver(body)).await;
            receiver
                .assert_refused(&response, 400, &[], Reason::NoEventKey)
                .await;
        }
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn bloque_is_never_failed_for_an_unknown_shape() {
    for preset in [Preset::BloqueAccounts, Preset::BloquePayments] {
        let receiver = Receiver::start(preset).await;
        let bodies = ["{}", "[]", "null", "1", r#"{"hello":1.0}"#, r#"{"id":1.5}"#];
        for (n, body) in (1..).zip(bodies) {
            let response = receiver.send(&preset.deliver(body)).await;
            assert_eq!(response.status, 204, "{preset:?} {body}");
            let response = receiver.send(&preset.deliver(body)).await;
            assert_eq!(
                response.header("idempotent-replayed"),
                Some("true"),
                "{body}"
            );
            assert_eq!(receiver.runs.runs(), n);
        }
    }
}

#[tokio::test]
async fn a_captured_delivery_of_blendfi_under_another_id_runs_nothing() {
    const ID: &str = "x-blendfi-event-id";
    let preset = Preset::BlendFi;
    let receiver = Receiver::start(preset).await;
    let captured = preset.delivery(1).header(ID, "evt_1");
    for request in [
        captured.clone().without(ID).header(ID, "evt_2"),
        captured.clone().without(ID).header(ID, ""),
        captured.clone().without(ID).header(ID, "EVT_1"),
        captured.clone().header(ID, "evt_2"),
        captured
            .clone()
            .without(ID)
            .header(ID, "evt_2")
            .header(ID, "evt_1"),
        captured.clone().header("X-BLENDFI-EVENT-ID", "evt_1"),
    ] {
        let response = receiver.send(&request).await;
        receiver
            .assert_refused(&response, 400, &[], Reason::NoEventKey)
            .await;
    }
    assert!(receiver.knows_nothing_of(&preset.key(2)).await);
    assert_eq!(receiver.send(&captured).await.status, 204);

    // Now that it was handled.
    for (request, status, replayed) in [
        (captured.clone().without(ID).header(ID, "evt_2"), 400, None),
        (captured.clone().without(ID), 200, Some("true")),
        (captured.clone(), 200, Some("true")),
        (
            captured.clone().header("x-blendfi-timestamp", "1"),
            200,
            Some("true"),
        ),
        (
            captured.clone().header("x-blendfi-event-type", "other"),
            200,
            Some("true"),
        ),
    ] {
        let response = receiver.send(&request).await;
        assert_eq!(response.status, status, "{request:?}");
        assert_eq!(response.header("idempotent-replayed"), replayed);
    }
    let mac = hmac_sha256(SECRET, format!("{NOW}.{}", preset.body(1)));
    for t in [NOW + 1, NOW - 1, NOW + 600] {
        let replay = signed(format!("t={t},v1={mac}"));
        assert_eq!(receiver.send(&replay).await.status, 401);
    }
    assert!(receiver.knows_nothing_of(&preset.key(2)).await);
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn an_event_that_blox_does_not_confirm_runs_nothing() {
    let preset = Preset::Blox;
    let blox = || provider::blox(tokens());
    let failed = blox()
        .status_check(async |_| Ok::<_, std::convert::Infallible>(CheckoutStatus::new("FAILED")));
    let pending = blox()
        .status_check(async |_| Ok::<_, std::convert::Infallible>(CheckoutStatus::new("PENDING")));
    let down = blox().status_check(async |_| Err::<CheckoutStatus, _>("no route to host"));
    for (provider, status, extra, reason) in [
        (failed, 400, &[][..], Reason::ConfirmMismatch),
        (pending, 503, RETRY, Reason::ConfirmTryAgain),
        (down, 503, RETRY, Reason::ConfirmTryAgain),
    ] {
        let provider = in_a_hurry(provider.unwrap());
        let receiver = Receiver::start_with(preset, |_| provider, |w| w).await;
        let response = receiver.send(&preset.delivery(1)).await;
        assert_eq!(response.status, status, "{response:?}");
        for (name, value) in extra {
            assert_eq!(response.header(name), Some(*value));
        }
        assert!(response.body.is_empty());
        assert_eq!(receiver.seen.next().await.reason, Some(reason));
        assert_eq!(receiver.runs.runs(), 0);
        // It was claimed, and given back without what it said.
        let record = receiver
            .store
            .lookup(&preset.key(1))
            .await
            .unwrap()
            .unwrap();
        assert!(record.state.is_unfinished(), "{record:?}");
        assert_eq!(record.fingerprint, None, "a forgery leaves nothing behind");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_is_503_and_runs_nothing() {
    use StoreErrorKind::{Full, Refused, TimedOut, Unavailable};
    for preset in Preset::ALL {
        for (fault, reason) in [
            (Fault::Fails(Unavailable), Reason::StoreUnavailable),
            (Fault::Fails(TimedOut), Reason::StoreTooSlow),
            (Fault::Fails(Full), Reason::StoreFull),
            (Fault::Fails(Refused), Reason::StoreUnavailable),
            (Fault::Hangs, Reason::StoreTooSlow),
        ] {
            let store = FaultyStore::broken(fault);
            let receiver = Receiver::start_with(preset, in_a_hurry, |w| w.dedupe(store)).await;
            let response = receiver.send(&preset.delivery(1)).await;
            receiver.assert_refused(&response, 503, RETRY, reason).await;
        }
    }
}

#[tokio::test]
async fn an_event_from_before_the_retention_is_422_where_that_was_asked_for() {
    let preset = Preset::BlendFi;
    let receiver = Receiver::start_with(preset, |p| p, Webhook::refuse_old_events).await;
    let old = |day: u32| {
        let body = preset
            .body(1)
            .replace("2026-05-04T13", &format!("2026-04-{day:02}T13"));
        preset.deliver(&body)
    };
    // The retention of BlendFi is 30 days.
    let response = receiver.send(&old(3)).await;
    receiver
        .assert_refused(&response, 422, &[], Reason::EventTooOld)
        .await;
    assert_eq!(receiver.send(&old(5)).await.status, 204);
}

#[tokio::test]
async fn a_user_shapes_the_answers_and_layers_outside_can_read_why() {
    let shape = |rejection: &Rejection| {
        let mut response = rejection.response();
        if rejection.reason() == Reason::UnknownPath {
            // What BLOX documents.
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        let headers = response.headers_mut();
        headers.insert("content-type", "text/plain".parse().unwrap());
        response.map(|_| Bytes::from(format!("no: {}", rejection.status())))
    };
    let seen = Recorder::new();
    let runs = Stage::new();
    let preset = Preset::Blox;
    let layer = Webhook::new(preset.provider())
        .observer(seen.clone())
        .clock(clock())
        .rejection_response(shape)
        .layer()
        .unwrap();
    let count = runs.clone();
    let handler = post(async move || {
        count.enter();
    })
    .layer(layer);
    // What a layer outside sees, it writes into a header.
    let app = Router::new()
        .route(preset.route(), handler)
        .layer(axum::middleware::map_response(
            async |mut response: axum::response::Response| {
                let rejection = response.extensions().get::<Rejection>().cloned();
                if let Some(rejection) = rejection {
                    let reason = rejection.reason().code().parse().unwrap();
                    response.headers_mut().insert("x-reason", reason);
                    let retry = rejection.retry_after().is_some();
                    let retry = if retry { "yes" } else { "no" };
                    response
                        .headers_mut()
                        .insert("x-retry", retry.parse().unwrap());
                    let status = rejection.status().as_str().parse().unwrap();
                    response.headers_mut().insert("x-status", status);
                }
                response
            },
        ));
    let server = Server::start(app).await;
    let right = preset.delivery(1);
    let wrong = right.clone().target(&format!("/hooks/{WRONG_TOKEN}"));
    let gzip = right.clone().header("content-encoding", "gzip");
    for (request, status, body, why) in [
        (
            right.clone().method("GET"),
            405,
            "no: 405 Method Not Allowed",
            ["method_not_allowed", "405"],
        ),
        (wrong, 401, "no: 404 Not Found", ["unknown_path", "404"]),
        (
            gzip,
            415,
            "no: 415 Unsupported Media Type",
            ["content_encoding", "415"],
        ),
        (
            preset.deliver("{}"),
            400,
            "no: 400 Bad Request",
            ["no_event_key", "400"],
        ),
    ] {
        let response = request.send(server.address).await;
        assert_eq!(response.status, status, "{response:?}");
        assert_eq!(String::from_utf8_lossy(&response.body), body);
        assert_eq!(response.header("content-type"), Some("text/plain"));
        assert_eq!(
            [response.header("x-reason"), response.header("x-status")],
            why.map(Some)
        );
        assert_eq!(response.header("x-retry"), Some("no"));
        let seen = seen.next().await;
        assert_eq!(seen.status, Some(status), "the one that was sent");
        assert_eq!(seen.reason.unwrap().code(), why[0]);
    }
    assert_eq!(runs.runs(), 0);
    assert_eq!(right.send(server.address).await.status, 200);
    let copy = right.send(server.address).await;
    assert_eq!(copy.header("x-reason"), Some("already_done"));
    assert_eq!(copy.header("idempotent-replayed"), Some("true"));

    let busy = Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .dedupe(FaultyStore::broken(Fault::Fails(
            StoreErrorKind::Unavailable,
        )))
        .rejection_response(|rejection: &Rejection| {
            let mut response = Response::new(Bytes::from_static(b"later"));
            *response.status_mut() = rejection.status();
            response
        });
    let server = Preset::BlendFi.serve(&busy, async || ()).await;
    let response = Preset::BlendFi.delivery(1).send(server.address).await;
    assert_eq!(
        response.without_date(),
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\nlater",
        "a shape of the user's own is sent as it is"
    );
}
