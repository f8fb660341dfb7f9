//! Authentic events that carry what strangers wrote, and what no parser of text likes.

use std::sync::{Arc, Mutex};

use crate::support::http::{Request, Response};
use crate::support::presets::{NOW, Preset, SECRET, blendfi_signature, clock};
use crate::support::receiver::Receiver;
use crate::support::server::Server;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use tower_webhook::provider::{self, blendfi, bloque, stripe};
use tower_webhook::{Event, EventKey, Fingerprint, MemoryStore, Name, Store, Webhook};

/// JSON values that some reader of JSON trips over, each with another one that is not the same.
fn strangers() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let pair = |what, one: &[u8], other: &[u8]| (what, one.to_vec(), other.to_vec());
    let nest = |levels: usize, inner: &str| {
        let objects = "{\"a\":".repeat(levels) + inner + &"}".repeat(levels);
        let arrays = "[".repeat(levels) + inner + &"]".repeat(levels);
        (objects.into_bytes(), arrays.into_bytes())
    };
    let ((objects, arrays), (many_objects, many_arrays)) = (nest(129, "1"), nest(100_000, "1"));
    let digits = "9".repeat(5_000);
    vec![
        pair("half a pair", br#""cut \ud83d""#, br#""cut \ud83e""#),
        pair("the other half", br#""\ude00 cut""#, br#""\ude01 cut""#),
        pair(
            "a pair turned over",
            br#""\ude00\ud83d""#,
            br#""\ude01\ud83d""#,
        ),
        pair(
            "half a pair and an escape",
            br#""\ud83d\n""#,
            br#""\ud83d\t""#,
        ),
        pair(
            "half a pair as a name",
            br#"{"\ud83d":1}"#,
            br#"{"\ud83d":2}"#,
        ),
        ("129 objects", objects.clone(), nest(129, "2").0),
        ("129 arrays", arrays.clone(), nest(129, "2").1),
        ("129 levels of either", objects, arrays),
        ("100,000 objects", many_objects, nest(100_000, "2").0),
        ("100,000 arrays", many_arrays, nest(100_000, "2").1),
        pair(
            "exponent",
            b"1e99999999999999999999",
            b"1e99999999999999999998",
        ),
        pair(
            "small",
            b"1e-99999999999999999999",
            b"0e99999999999999999999",
        ),
        (
            "digits",
            digits.clone().into_bytes(),
            (digits + "0").into_bytes(),
        ),
        pair("member twice", br#"{"a":1,"a":2}"#, br#"{"a":1,"a":3}"#),
        pair("or in another way", br#"{"a":1,"\u0061":2}"#, br#"{"a":2}"#),
        pair(
            "twice deep down",
            br#"[[{"b":{"":0,"":1}}]]"#,
            br#"[[{"b":{"":1,"":0}}]]"#,
        ),
        pair("no UTF-8", b"\"\xff\"", b"\"\xfe\""),
        pair("cut off UTF-8", b"\"caf\xc3\"", b"\"caf\xc4\""),
        pair(
            "UTF-8 of half a pair",
            b"\"\xed\xa0\xbd\"",
            b"\"\xed\xa0\xbe\"",
        ),
        pair("an overlong slash", b"\"\xc0\xaf\"", b"\"/\""),
        pair("Latin-1 as a name", b"{\"caf\xe9\":1}", b"{\"caf\xe8\":1}"),
        pair(
            "as no UTF-8 is read",
            b"\"\xff\"",
            "\"\u{fffd}\"".as_bytes(),
        ),
        pair("a tab", b"\"a\tb\"", b"\"a b\""),
        pair("a line break", b"\"a\nb\"", b"\"a\rb\""),
        pair("a zero as a name", b"{\"\0\":1}", b"{\"\0\":2}"),
        pair("a quote's escape", br#""it\'s""#, br#""it's""#),
        pair("half an escape", br#""\u00""#, br#""\u0""#),
        pair("no number", b"NaN", b"null"),
        pair("without an end", b"[Infinity,1]", b"[-Infinity,1]"),
        pair(
            "everything",
            b"{\"\xff\":\"\\ud83d\",\"a\":1e999999999999999999999,\"a\":1}",
            b"1",
        ),
    ]
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A sender whose every event has an id, a type, a time and data, all signed.
#[derive(Debug, Clone, Copy)]
enum Sender {
    BlendFi,
    Stripe,
}

impl Sender {
    fn body(self, id: &str, data: &[u8], beside: &[u8]) -> Vec<u8> {
        let time = match self {
            Self::BlendFi => r#""created_at":"2026-05-04T13:00:00Z""#,
            Self::Stripe => r#""object":"event","created":1777899600"#,
        };
        let middle = format!(r#","id":"{id}","type":"a.b",{time},"data":{{"note":"#);
        [b"{\"beside\":", beside, middle.as_bytes(), data, b"}}"].concat()
    }

    fn deliver(self, body: &[u8]) -> Request {
        let name = match self {
            Self::BlendFi => "x-blendfi-signature",
            Self::Stripe => "stripe-signature",
        };
        Request::post("/hooks")
            .header("content-type", "application/json")
            .header(name, blendfi_signature(NOW, SECRET, body))
            .body(body)
    }

    fn key(self, id: &str) -> EventKey {
        let name = match self {
            Self::BlendFi => "blendfi",
            Self::Stripe => "stripe",
        };
        EventKey::new(Name::new(name).unwrap(), [id]).unwrap()
    }
}

/// A sender's webhook behind a socket, with the bodies that its handler was given.
struct Hook {
    sender: Sender,
    server: Server,
    store: MemoryStore,
    given: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Hook {
    async fn start(sender: Sender) -> Self {
        let provider = match sender {
            Sender::BlendFi => provider::blendfi(blendfi::keys([SECRET]).unwrap()),
            Sender::Stripe => provider::stripe(stripe::keys([SECRET]).unwrap()),
        };
        let (store, given) = (MemoryStore::new(), Arc::default());
        let layer = Webhook::new(provider)
            .store(store.clone())
            .clock(clock())
            .build()
            .unwrap();
        let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::clone(&given);
        let handler = move |body: Bytes| async move {
            bodies.lock().unwrap().push(body.to_vec());
            StatusCode::NO_CONTENT
        };
        let route = post(handler).layer(layer);
        Self {
            sender,
            server: Server::start(Router::new().route("/hooks", route)).await,
            store,
            given,
        }
    }

    async fn send(&self, body: &[u8]) -> Response {
        self.sender.deliver(body).send(self.server.address).await
    }

    /// It is handled with the bytes as they came, and again it is a duplicate.
    async fn assert_handles(&self, what: &str, id: &str, body: &[u8]) -> Fingerprint {
        let what = format!("{:?}, {what}", self.sender);
        let response = self.send(body).await;
        assert_eq!(response.status, 204, "{what}: {response:?}");
        let given = std::mem::take(&mut *self.given.lock().unwrap());
        assert!(given == [body], "{what}: what the handler was given");
        assert!(self.send(body).await.is_replayed(), "{what}");
        assert!(self.given.lock().unwrap().is_empty(), "{what}: run twice");
        let record = self.store.lookup(&self.sender.key(id)).await.unwrap();
        record.unwrap().fingerprint.unwrap()
    }
}

#[tokio::test]
async fn whatever_strangers_wrote_into_an_event_it_is_handled_once() {
    for sender in [Sender::BlendFi, Sender::Stripe] {
        let hook = Hook::start(sender).await;
        for (n, (what, one, other)) in strangers().into_iter().enumerate() {
            let (a, b) = (format!("evt_{n}_a"), format!("evt_{n}_b"));
            let one = sender.body(&a, &one, b"null");
            let other = sender.body(&b, &other, b"null");
            let one = hook.assert_handles(what, &a, &one).await;
            let other = hook.assert_handles(what, &b, &other).await;
            assert_ne!(one, other, "{sender:?}, {what}: other content");
        }
    }
}

/// What stands where nobody reads does not count: the event means the same.
#[tokio::test]
async fn what_nobody_reads_is_none_of_our_business() {
    for sender in [Sender::BlendFi, Sender::Stripe] {
        let hook = Hook::start(sender).await;
        let plain = sender.body("evt_plain", b"1", b"null");
        let plain = hook.assert_handles("plain", "evt_plain", &plain).await;
        for (n, (what, one, other)) in strangers().into_iter().enumerate() {
            for (which, beside) in [("a", one), ("b", other)] {
                let id = format!("evt_{n}_{which}");
                let body = sender.body(&id, b"1", &beside);
                let fingerprint = hook.assert_handles(what, &id, &body).await;
                assert_eq!(fingerprint, plain, "{sender:?}, {what}");
                // White space, a BOM and the order of members before it do not count either.
                let marked = [BOM, b" \r\n\t", &body, b"\n"].concat();
                assert!(hook.send(&marked).await.is_replayed(), "{what}");
            }
        }
        for (n, names) in [
            r#""level":1,"level":2"#,
            r#""level":1,"\u006cevel":1,"level":null"#,
            r#""\ud83d":1,"\ud83d":1"#,
            r#""x":{"id":1,"id":2}"#,
            r#""ID":1,"ID":2"#,
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("evt_twice_{n}");
            let body = sender.body(&id, b"1", format!("0,{names}").as_bytes());
            assert_eq!(hook.assert_handles(names, &id, &body).await, plain);
        }
        for (n, name) in [&b"\xff"[..], b"caf\xe9", b"\xed\xa0\xbd"]
            .into_iter()
            .enumerate()
        {
            let id = format!("evt_bytes_{n}");
            let body = sender.body(&id, b"1", &[b"0,\"", name, b"\":1"].concat());
            assert_eq!(hook.assert_handles("name", &id, &body).await, plain);
        }
    }
}

#[tokio::test]
async fn other_content_under_a_key_that_is_composed_is_refused() {
    let receiver = Receiver::start(Preset::Bloquo).await;
    for (n, (what, one, other)) in strangers().into_iter().enumerate() {
        let body = |meaning: &[u8]| {
            let head = format!(r#"{{"OrderId":{n},"Status":"COMPLETED","OrderType":"#);
            [head.as_bytes(), meaning, b"}"].concat()
        };
        let (one, other) = (body(&one), body(&other));
        let response = receiver.send(&receiver.preset.deliver(&one)).await;
        assert_eq!(response.status, 204, "{what}: {response:?}");
        for (body, status) in [(&other, 422), (&one, 200), (&other, 422)] {
            let response = receiver.send(&receiver.preset.deliver(body)).await;
            assert_eq!(response.status, status, "{what}: {response:?}");
        }
        assert_eq!(receiver.runs.runs(), n + 1, "{what}");
    }
}

/// What is read in two ways, or not at all, is no key: it stays refused, in one BOM or none.
#[tokio::test]
async fn what_leads_to_the_key_must_be_there_once_and_be_text() {
    for sender in [Sender::BlendFi, Sender::Stripe] {
        let hook = Hook::start(sender).await;
        for body in [
            &br#"{"id":"evt_1","id":"evt_1","type":"a","data":1}"#[..],
            br#"{"id":"evt_1","\u0069d":"evt_2","type":"a","data":1}"#,
            br#"{"id":"evt_1","type":"a","type":"b","data":1}"#,
            br#"{"id":"evt_1","type":"a","data":1,"data":1}"#,
            br#"{"id":"evt_1","type":"a","created":1,"created":2,"created_at":1,"created_at":2}"#,
            br#"{"id":"evt_\ud83d","type":"a","data":1}"#,
            b"{\"id\":\"evt_\xff\",\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"\xed\xa0\xbd\",\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1} x",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}\xff",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":\xff}",
            b"{\"id\":\"evt_1\",\xff\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1",
            b"\xef\xbb\xbf\xef\xbb\xbf{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}\xef\xbb\xbf",
            b"\xef\xbb\xbf",
            b"\xef\xbb{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}",
            b"\xff\xfe{\0}\0",
        ] {
            let response = hook.send(body).await;
            let text = String::from_utf8_lossy(body);
            assert_eq!(response.status, 400, "{sender:?} {text}: {response:?}");
        }
        assert!(hook.given.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn bloque_is_not_failed_for_what_is_no_key() {
    let preset = Preset::BloquePayments;
    let receiver = Receiver::start(preset).await;
    let bodies = [
        &b"{\"id\":\"\\ud83d\"}"[..],
        b"{\"id\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"hello\":\"\xff\"}",
        b"[\"\xff\"]",
    ];
    for (n, body) in (1..).zip(bodies) {
        let response = receiver.send(&preset.deliver(body)).await;
        let text = String::from_utf8_lossy(body);
        assert_eq!(response.status, 204, "{text}");
        let again = receiver.send(&preset.deliver(body)).await;
        assert!(again.is_replayed(), "{text}");
        assert_eq!(receiver.runs.runs(), n);
    }
}

/// A payload of a user's own, which reads what strangers wrote.
#[derive(Debug, Deserialize)]
struct Noted {
    id: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    note: String,
}

#[tokio::test]
async fn a_typed_payload_is_read_whatever_strangers_wrote() {
    let handler = async |Event(event): Event<blendfi::Payload>| {
        assert!(event.id.starts_with("evt_"));
        StatusCode::NO_CONTENT
    };
    let webhook = crate::support::blendfi::webhook(MemoryStore::new());
    let server = crate::support::blendfi::serve(&webhook, handler).await;
    for (n, (what, one, other)) in strangers().into_iter().enumerate() {
        for (which, text) in [("a", one), ("b", other)] {
            // Twice the longest are more than the cap.
            let beside = if text.len() < 500_000 {
                &text
            } else {
                &b"1".to_vec()
            };
            for mark in [&b""[..], BOM] {
                let id = format!("evt_{n}_{which}_{}", mark.len());
                let body = [mark, &Sender::BlendFi.body(&id, &text, beside)].concat();
                let response = Sender::BlendFi.deliver(&body).send(server.address).await;
                assert_eq!(response.status, 204, "{what}: {response:?}");
            }
        }
    }
    for twice in [
        r#"0,"level":1,"level":2"#,
        r#"0,"\ud83d":1,"\ud83d":2,"x":1,"x":1,"x":1"#,
    ] {
        let id = format!("evt_twice_{}", twice.len());
        let body = Sender::BlendFi.body(&id, b"1", twice.as_bytes());
        let response = Sender::BlendFi.deliver(&body).send(server.address).await;
        assert_eq!(response.status, 204, "{twice}: {response:?}");
    }

    let read: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&read);
    let handler = move |Event(event): Event<Noted>| async move {
        notes
            .lock()
            .unwrap()
            .push(format!("{}: {}", event.id, event.data.note));
        StatusCode::NO_CONTENT
    };
    let webhook = crate::support::blendfi::webhook(MemoryStore::new());
    let server = crate::support::blendfi::serve(&webhook, handler).await;
    for (id, text, note) in [
        ("evt_1", &br#""cut \ud83d""#[..], "cut \u{fffd}"),
        (
            "evt_2",
            br#""\ude00\ud83d\ude00\uD83D""#,
            "\u{fffd}😀\u{fffd}",
        ),
        ("evt_3", br#""\\ud83d\"\ud83d\n""#, "\\ud83d\"\u{fffd}\n"),
        ("evt_4", b"\"caf\xe9\"", "caf\u{fffd}"),
        ("evt_5", b"\"\xff \\ud83d\"", "\u{fffd} \u{fffd}"),
        ("evt_6", "\"\u{feff}\"".as_bytes(), "\u{feff}"),
    ] {
        for mark in [&b""[..], BOM] {
            let id = format!("{id}_{}", mark.len());
            let body = [mark, &Sender::BlendFi.body(&id, text, b"1")].concat();
            let response = Sender::BlendFi.deliver(&body).send(server.address).await;
            assert_eq!(response.status, 204, "{note}: {response:?}");
            let read = std::mem::take(&mut *read.lock().unwrap());
            assert_eq!(read, [format!("{id}: {note}")]);
        }
    }
}

/// A handler that does not see what it knows acknowledges the event as one of an unknown shape.
#[tokio::test]
async fn a_name_that_is_no_text_hides_no_event_from_a_typed_handler() {
    let seen = |is_known: bool| {
        if is_known {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::IM_A_TEAPOT
        }
    };
    let webhook = |preset: Preset| {
        Webhook::new(preset.provider())
            .store(MemoryStore::new())
            .clock(clock())
    };
    let conversion = async move |Event(event): Event<blendfi::Payload>| {
        seen(matches!(event.data, blendfi::Data::Conversion(_)))
    };
    let preset = Preset::BlendFi;
    let conversions = preset.serve(&webhook(preset), conversion).await;
    let of_card = async move |Event(event): Event<bloque::Payload>| {
        seen(!matches!(event, bloque::Payload::Unknown(_)))
    };
    let preset = Preset::BloqueAccounts;
    let accounts = preset.serve(&webhook(preset), of_card).await;
    let payment = async move |Event(event): Event<bloque::PaymentPayload>| {
        seen(matches!(event, bloque::PaymentPayload::Payment(_)))
    };
    let preset = Preset::BloquePayments;
    let payments = preset.serve(&webhook(preset), payment).await;
    let bodies = [
        (
            Preset::BlendFi,
            &conversions,
            r#"{"id":"evt_N","type":"conversion.created","created_at":"2026-05-04T13:00:00Z","data":{"object":"conversion",@:1}}"#,
        ),
        (
            Preset::BloqueAccounts,
            &accounts,
            r#"{"account_urn":"did:N","medium":"virtual","event_type":"account.activated","event_data":{},"timestamp":"2025-03-15T14:30:01.123Z",@:1}"#,
        ),
        (
            Preset::BloqueAccounts,
            &accounts,
            r#"{@:1,"type":"authorization","event":"purchase","transaction_id":"tx_N","amount":"15","asset":"DUSD/6"}"#,
        ),
        (
            Preset::BloquePayments,
            &payments,
            r#"{"id":"evp_N",@:1,"type":"payment.succeeded","data":{"id":"pay_1"}}"#,
        ),
    ];
    let names = [&br#""\ud83d""#[..], br#""\ude00\ud83d""#, b"\"\xff\""];
    for (n, name) in names.into_iter().enumerate() {
        for (preset, server, body) in bodies {
            let body = body.replace('N', &n.to_string());
            let (before, behind) = body.split_once('@').unwrap();
            let body = [before.as_bytes(), name, behind.as_bytes()].concat();
            let response = preset.deliver(&body).send(server.address).await;
            let text = String::from_utf8_lossy(&body);
            assert_eq!(response.status, 204, "{text}: {response:?}");
        }
    }
}
