//! Authentic events that carry what strangers wrote, and what no parser of text likes.

mod keys;
mod typed;

use std::sync::{Arc, Mutex};

use crate::support::http::{Request, Response};
use crate::support::presets::{NOW, SECRET, blendfi_signature, clock};
use crate::support::server::Server;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::provider::{self, blendfi, stripe};
use tower_webhook::{EventKey, Fingerprint, MemoryStore, Name, Store, Webhook};

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
