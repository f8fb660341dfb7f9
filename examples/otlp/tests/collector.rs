//! What a collector receives, over a real socket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_webhook::provider::{self, github};
use tower_webhook::{MemoryStore, Webhook};

const SECRET: &str = "github_test_9f8e7d6c5b4a";
const BODY: &str = r#"{"action":"opened","number":1}"#;

/// A span as received: its name, kind, parent, own id and attributes.
#[derive(Debug)]
struct Span {
    name: String,
    kind: i64,
    id: String,
    parent: String,
    attributes: BTreeMap<String, String>,
}

fn spans(exported: &[Value]) -> Vec<Span> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let resources = exported.iter().flat_map(|it| each(it, "resourceSpans"));
    let scopes = resources.flat_map(|it| each(&it, "scopeSpans"));
    let spans = scopes.flat_map(|it| each(&it, "spans"));
    spans
        .map(|span| {
            let attributes = each(&span, "attributes").into_iter().map(|attribute| {
                let value = &attribute["value"];
                let value = value.as_object().and_then(|it| it.values().next());
                let value = value.map(|it| it.as_str().map_or(it.to_string(), str::to_owned));
                (text(&attribute["key"]), value.unwrap_or_default())
            });
            Span {
                name: text(&span["name"]),
                kind: span["kind"].as_i64().unwrap_or_default(),
                id: text(&span["spanId"]),
                parent: text(&span["parentSpanId"]),
                attributes: attributes.collect(),
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_span_of_each_delivery_with_opentelemetrys_names() {
    let exported: Arc<Mutex<Vec<Value>>> = Arc::default();
    let collected = Arc::clone(&exported);
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector_url = format!("http://{}", collector.local_addr().unwrap());
    let traces = post(async move |body: Bytes| {
        collected
            .lock()
            .unwrap()
            .push(serde_json::from_slice(&body).unwrap());
        "{}"
    });
    tokio::spawn(
        async move { axum::serve(collector, Router::new().route("/v1/traces", traces)).await },
    );

    let exporter =
        tokio::task::spawn_blocking(move || tower_webhook_otlp::exporter(&collector_url));
    let exporter = exporter.await.unwrap().unwrap();
    tracing::subscriber::set_global_default(tower_webhook_otlp::subscriber(&exporter)).unwrap();
    let keys = github::keys([SECRET]).unwrap();
    let webhook = Webhook::new(provider::github(keys))
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, tower_webhook_otlp::app(webhook)).await });

    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(BODY.as_bytes());
    let signature = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    for _ in 0..2 {
        let request = format!(
            "POST /webhooks/github HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             x-github-event: pull_request\r\nx-github-delivery: 1\r\ncontent-type: application/json\r\n\
             x-hub-signature-256: sha256={signature}\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Sends the remaining spans.
    let ended = tokio::task::spawn_blocking(move || exporter.shutdown());
    ended.await.unwrap().unwrap();

    let spans = spans(&exported.lock().unwrap());
    // CONSUMER and SERVER, as numbers of the protocol.
    let of = |name: &str, kind: i64| {
        let found = spans
            .iter()
            .filter(|span| span.name == name && span.kind == kind);
        found.collect::<Vec<_>>()
    };
    let (processed, served) = (of("process github", 5), of("POST /webhooks/github", 2));
    assert_eq!((processed.len(), served.len()), (2, 2), "{spans:#?}");
    for (processed, outcome) in processed.iter().zip(["handled", "duplicate"]) {
        let attribute = |name: &str| processed.attributes.get(name).map(String::as_str);
        assert_eq!(attribute("messaging.system"), Some("webhook"));
        assert_eq!(attribute("messaging.operation.type"), Some("process"));
        assert_eq!(attribute("messaging.destination.name"), Some("github"));
        assert!(attribute("messaging.message.id").is_some_and(|id| id.starts_with("github:")));
        assert_eq!(attribute("tower_webhook.outcome"), Some(outcome));
        assert_eq!(attribute("error.type"), None);
        assert!(
            served.iter().any(|server| server.id == processed.parent),
            "{spans:#?}"
        );
    }
    for served in served {
        assert_eq!(served.attributes["http.request.method"], "POST");
        assert_eq!(served.attributes["http.route"], "/webhooks/github");
        assert_eq!(served.attributes["http.response.status_code"], "200");
    }
}
