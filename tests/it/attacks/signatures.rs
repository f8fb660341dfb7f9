//! Signatures that are forged, bent, or taken from elsewhere.

use std::time::Duration;

use tower_webhook::{KeyRing, MemoryStore, Reason, SecretFormat, Webhook, provider};

use crate::attacks::run_once;
use crate::support::http::Request;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{NOW, Preset, SECRET, blendfi_signature, clock};
use crate::support::receiver::Receiver;
use crate::support::stage::Stage;

const HEADER: &str = "x-blendfi-signature";

fn signed(header: impl AsRef<[u8]>) -> Request {
    Preset::BlendFi
        .delivery(1)
        .without(HEADER)
        .header(HEADER, header)
}

fn right() -> String {
    Preset::BlendFi.signature(Preset::BlendFi.body(1)).unwrap()
}

fn mac() -> String {
    right().rsplit('=').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_header_full_of_guesses_is_refused_before_any_is_tried() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let guess = |number: usize| format!("v1={number:064x}");
    let guesses = |count: usize| (0..count).map(guess).collect::<Vec<_>>().join(",");
    for header in [
        format!("t={NOW},{}", guesses(65)),
        format!("t={NOW},{}", guesses(200)),
        format!("t={NOW},v1={}", "0".repeat(16 * 1024)),
        format!("t={NOW},{}", ",".repeat(10_000)),
        format!("t={NOW},{}", "x=y,".repeat(4_000)),
    ] {
        let answer = receiver.send(&signed(&header)).await;
        assert_eq!(answer.status, 401, "{} bytes", header.len());
        assert_eq!(
            receiver.seen.next().await.reason,
            Some(Reason::SignatureHeader)
        );
    }
    let lines = (0..60).fold(signed(right()), |request, number| {
        request.header(HEADER, guess(number))
    });
    assert_eq!(receiver.send(&lines).await.status, 401);
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 1).await;
}

#[tokio::test]
async fn times_at_the_ends_of_what_a_number_holds_are_no_time() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let body = Preset::BlendFi.body(1);
    for time in [
        "0",
        "1",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "-1",
        "-9223372036854775808",
        "+1777899600",
        "01777899600",
        "1777899600.0",
        "1.7778996e9",
        "0x69f89850",
        "1777899600\t",
        "１７７７８９９６００",
        "NaN",
        "inf",
        "",
        "1777899600000",
        "4294967296",
    ] {
        // Signed with the right key, over this very time.
        let header = blendfi_signature(time, SECRET, &body);
        let answer = receiver.send(&signed(&header)).await;
        assert_eq!((answer.status, answer.body.len()), (401, 0), "{time:?}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    for (ahead, expected) in [(-301_i64, 401), (301, 401), (-300, 204), (300, 200)] {
        let time = NOW.checked_add_signed(ahead).unwrap();
        let header = blendfi_signature(time, SECRET, &body);
        assert_eq!(
            receiver.send(&signed(&header)).await.status,
            expected,
            "{ahead}"
        );
    }
}

#[tokio::test]
async fn other_spellings_of_a_right_signature_are_none() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let mac = mac();
    for header in [
        format!("t={NOW},v1={}", mac.to_uppercase()),
        format!("t={NOW},v1=0x{mac}"),
        format!("t={NOW},v1={mac}00"),
        format!("t={NOW},v1={}", &mac[..62]),
        format!("t={NOW},v1=\"{mac}\""),
        format!("t={NOW};v1={mac}"),
        format!("t={NOW},V1={mac}"),
        format!("t={NOW},v0={mac}"),
        format!("t={NOW},v2={mac}"),
        format!("t={NOW},v11={mac}"),
        format!("t={NOW},sha256={mac}"),
        format!("t={NOW}&v1={mac}"),
        format!("v1={mac}"),
        format!("t=1,t={NOW},v1={mac}"),
        mac.clone(),
        String::new(),
        "t=,v1=".to_owned(),
    ] {
        let answer = receiver.send(&signed(&header)).await;
        assert_eq!((answer.status, answer.body.len()), (401, 0), "{header}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 1).await;
}

#[tokio::test]
async fn a_byte_moved_between_time_and_body_breaks_the_signature() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    // What is signed is `{time}.{body}`: the same bytes, cut elsewhere.
    let time = format!("{NOW}.5");
    let body = Preset::BlendFi.body(1);
    let mac = hmac_sha256(SECRET, format!("{time}.{body}"));
    for (time, body) in [
        (NOW.to_string(), format!("5.{body}")),
        (time.clone(), body.clone()),
    ] {
        let request = (Request::post("/hooks"))
            .header(HEADER, format!("t={time},v1={mac}"))
            .body(body);
        let answer = receiver.send(&request).await;
        assert!([400, 401].contains(&answer.status), "{time}: {answer:?}");
    }
    assert_eq!(receiver.runs.runs(), 0);
}

#[tokio::test]
async fn a_captured_delivery_runs_once_in_whatever_dress() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    run_once(&receiver, 1).await;
    let captured = || Preset::BlendFi.delivery(1);
    for (what, again) in [
        ("as it was", captured()),
        (
            "another event's type",
            captured().header("x-blendfi-event-type", "payout.sent"),
        ),
        (
            "another content type",
            captured()
                .without("content-type")
                .header("content-type", "text/plain"),
        ),
        ("a query", captured().target("/hooks?id=evt_2")),
        (
            "another host",
            captured().without("host").header("host", "evil.example"),
        ),
        (
            "a range",
            captured()
                .header("range", "bytes=0-1")
                .header("if-none-match", "*"),
        ),
        (
            "a key of its own",
            captured().header("idempotency-key", "fresh"),
        ),
        ("a request id", captured().header("x-request-id", "fresh")),
        (
            "another sender's signature",
            captured().header("x-hub-signature-256", "sha256=00"),
        ),
    ] {
        let answer = receiver.send(&again).await;
        assert!(answer.is_replayed(), "{what}: {answer:?}");
    }
    // An id header that names another event is a lie.
    let lie = captured().header("x-blendfi-event-id", "evt_2");
    assert_eq!(receiver.send(&lie).await.status, 400);
    let mut chunked = crate::support::http::Connection::open(receiver.server.address).await;
    chunked.send(&captured().bytes_chunked(7)).await;
    assert!(chunked.response().await.unwrap().is_replayed());
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn one_senders_signature_is_no_other_senders() {
    // Both with one secret, which nobody should do: the schemes still tell them apart.
    let runs = Stage::new();
    let keys = || KeyRing::parse(&SecretFormat::Text, [SECRET]).unwrap();
    let webhook = Webhook::new(provider::bloque_payments(keys()))
        .store(MemoryStore::new())
        .clock(clock());
    let count = runs.clone();
    let handler = move || async move {
        count.enter();
    };
    let server = Preset::BloquePayments.serve(&webhook, handler).await;
    let body = Preset::BloquePayments.body(1);
    let of_blendfi = blendfi_signature(NOW, SECRET, &body);
    for value in [
        of_blendfi.clone(),
        of_blendfi.rsplit('=').next().unwrap().to_owned(),
    ] {
        let request = (Request::post("/hooks"))
            .header("x-bloque-signature", &value)
            .header(HEADER, &of_blendfi)
            .body(&body);
        assert_eq!(request.send(server.address).await.status, 401, "{value}");
    }
    assert_eq!(runs.runs(), 0);
    let right = hmac_sha256(SECRET, &body);
    let right = Request::post("/hooks")
        .header("x-bloque-signature", right)
        .body(&body);
    assert_eq!(right.send(server.address).await.status, 200);
}

#[tokio::test]
async fn a_storm_of_forgeries_leaves_no_record_and_keeps_nobody_waiting() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let forged: Vec<_> = (0..300)
        .map(|number| {
            let request = Preset::BlendFi.delivery(1_000 + number);
            request.body(Preset::BlendFi.body_with(1_000 + number, "forged"))
        })
        .collect();
    let storm: Vec<_> = forged
        .iter()
        .map(|it| it.spawn(receiver.server.address))
        .collect();
    let right: Vec<_> = (0..30)
        .map(|number| {
            Preset::BlendFi
                .delivery(number)
                .spawn(receiver.server.address)
        })
        .collect();
    for answer in right {
        assert_eq!(answer.await.unwrap().status, 204);
    }
    for answer in storm {
        assert!([401, 503].contains(&answer.await.unwrap().status));
    }
    for number in 0..300 {
        assert!(
            receiver
                .knows_nothing_of(&Preset::BlendFi.key(1_000 + number))
                .await
        );
    }
    assert_eq!(receiver.runs.runs(), 30);
}

#[tokio::test]
async fn a_storm_of_one_event_runs_it_once() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let storm: Vec<_> = (0..100)
        .map(|_| Preset::BlendFi.delivery(1).spawn(receiver.server.address))
        .collect();
    let mut first = 0;
    for answer in storm {
        let answer = answer.await.unwrap();
        assert!(answer.is_success(), "{answer:?}");
        first += usize::from(!answer.is_replayed());
    }
    assert_eq!((first, receiver.runs.runs()), (1, 1));
}

#[tokio::test]
async fn every_refusal_of_a_signature_is_the_same_bytes() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let body = Preset::BlendFi.body(1);
    let old = NOW - Duration::from_secs(3_600).as_secs();
    let mut answers = Vec::new();
    for request in [
        Preset::BlendFi.delivery(1).without(HEADER),
        signed(""),
        signed("garbage"),
        signed(format!("t={NOW},v1={}", "0".repeat(64))),
        signed(blendfi_signature(old, SECRET, &body)),
        signed(blendfi_signature(NOW, "another", &body)),
        signed(right()).header(HEADER, "t=1,v1=00"),
        signed([0xff, 0xfe]),
        Preset::BlendFi.delivery(1).body("{}"),
    ] {
        answers.push(receiver.send(&request).await.without_date());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].starts_with("HTTP/1.1 401"), "{}", answers[0]);
}
