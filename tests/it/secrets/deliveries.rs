//! What is logged, observed and answered of deliveries, right and wrong.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use crate::support::http::{Connection, Request};
use crate::support::log::Log;
use crate::support::observer::Recorder;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{
    NOW, Preset, SECRET, TOKEN, WRONG_TOKEN, blendfi_signature, clock, tokens,
};
use crate::support::server::Server;
use crate::support::wait::until;
use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use tower::{Layer, ServiceBuilder};
use tower_http::trace::TraceLayer;
use tower_webhook::layer::{EndpointConfig, Interest, RequireSecretPathLayer, TracingObserver};
use tower_webhook::{
    Authenticated, DedupeConfig, Delivery, Event, EventRejection, MemoryStore, Observation,
    Observer, Reason, Rejection, Store, Webhook,
};

use super::{BODY, CREDENTIAL, Needles, secrets};

/// Prints all that it is shown, and writes the usual log lines too.
#[derive(Clone, Default)]
struct Printer(Arc<Mutex<String>>);

impl Observer for Printer {
    fn observe(&self, observation: &Observation<'_>) {
        let mut text = self.0.lock().unwrap();
        writeln!(text, "{observation:?}").unwrap();
        if let Some(detail) = observation.detail {
            writeln!(text, "{detail} {detail:?}").unwrap();
        }
        TracingObserver.observe(observation);
    }

    fn interest(&self) -> Interest {
        Interest {
            headers: true,
            body: true,
        }
    }
}

#[derive(Debug, serde::Deserialize)]
#[allow(dead_code, reason = "it is never read")]
struct OtherType {
    pad: u64,
}

/// Logs all that a handler is given, then does what the event's number says.
async fn handler(
    delivery: Delivery,
    mark: Authenticated,
    uri: Uri,
    OriginalUri(original): OriginalUri,
    payload: Result<Event<OtherType>, EventRejection>,
) -> StatusCode {
    tracing::info!(?delivery, ?mark, %uri, ?original, "handling");
    let error = payload.unwrap_err();
    tracing::info!(%error, ?error, "not of this type");
    let key = delivery.key().to_string();
    if key.contains("66") {
        panic!("the handler crashes");
    }
    if key.contains("67") {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::OK
}

/// Right, forged, malformed and crashing deliveries of one sender; every signature that they carry
/// is added to what must not be found, and the right ones of the forged bodies too.
fn batch(preset: Preset, needles: &mut Needles) -> Vec<Request> {
    let body = |n| preset.body_with(n, BODY);
    let mut requests = Vec::new();
    for n in [1, 1, 2, 66, 67] {
        requests.push(preset.deliver(body(n)));
    }
    // Other content under a known key.
    let other = (body(1).replace("{}", r#"{"x":1}"#)).replace("15", "16");
    requests.push(preset.deliver(other.replace("1.5", "1.6")));
    for text in ["", "not json", "{}", "[", &format!(r#"{{"{BODY}":1}}"#)] {
        requests.push(preset.deliver(text));
    }
    let right = preset.deliver(body(3));
    requests.push(right.clone().method("GET"));
    requests.push(right.clone().header("content-encoding", "gzip"));
    requests.push(right.clone().header("x-blendfi-event-id", "evt_9"));
    requests.push(right.clone().header("x-forwarded-for", "203.0.113.9"));
    requests.push(preset.deliver(preset.body_with(3, &BODY.repeat(200))));
    if preset.has_path_token() {
        for path in [
            format!("/hooks/{WRONG_TOKEN}"),
            format!("/hooks/{TOKEN}/"),
            format!("/hooks/{TOKEN}/{WRONG_TOKEN}"),
            format!("/hooks/{TOKEN}?token={WRONG_TOKEN}").replace(WRONG_TOKEN, "x"),
        ] {
            requests.push(right.clone().target(&path));
        }
    }
    let Some(name) = preset.signature_header() else {
        return requests.into_iter().map(with_credentials).collect();
    };
    let signature = preset.signature(body(3)).unwrap();
    let bare = right.clone().without(name);
    let with = |value: &str| bare.clone().header(name, value);
    let stale = blendfi_signature(NOW - 900, SECRET, body(3));
    let forged = blendfi_signature(NOW, "whsec_test_of_a_stranger", body(3));
    for value in [
        signature.clone(),
        stale,
        forged,
        hmac_sha256("some_other_secret", body(3)),
        signature.to_uppercase(),
        format!("md5=0cc175b9c0f1b6a831c399e269772661,{signature}"),
        format!("{signature} "),
        format!("{signature},{signature}"),
        format!("sha256={signature}"),
        format!("{signature}00"),
        format!("t={NOW},v1=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"),
        signature.repeat(300),
    ] {
        needles.add_signature("a signature that was sent", value.trim());
        requests.push(with(&value).body(body(4)));
        requests.push(with(&value));
    }
    requests.push(with(&signature).header(name, &signature));
    requests.push(bare);
    for n in [1, 2, 3, 4, 66, 67] {
        let right = preset.signature(body(n)).unwrap();
        needles.add_signature("a right signature", &right);
    }
    requests.into_iter().map(with_credentials).collect()
}

fn with_credentials(request: Request) -> Request {
    request
        .header("authorization", format!("Bearer {CREDENTIAL}"))
        .header("proxy-authorization", format!("Basic {CREDENTIAL}"))
        .header("cookie", format!("session={CREDENTIAL}"))
        .header("x-api-key", CREDENTIAL)
        .header("blox-api-key", CREDENTIAL)
        .header("x-acme-token", CREDENTIAL)
        .header("x-shared-secret", CREDENTIAL)
        .header("x-webhook-signature", CREDENTIAL)
}

/// Sends a batch through one preset; `mounted` cuts path tokens off before anything else.
async fn run(preset: Preset, mounted: bool, ansi: bool) {
    let log = Log::default();
    let _guard = log.capture(ansi);
    let (printer, store) = (Printer::default(), MemoryStore::new());
    let mut needles = secrets();
    let requests = batch(preset, &mut needles);

    let webhook = Webhook::new(preset.provider())
        .store(store.clone())
        .clock(clock())
        .max_body_bytes(2_000)
        .observer(printer.clone())
        .dedupe(DedupeConfig::new().replay_responses(100));
    let layer = webhook.build().unwrap();
    let server = if mounted {
        // The name of the provider whose webhook stands inside.
        let contract = preset.provider().contract().clone();
        let endpoint = EndpointConfig::new(preset.provider().name().clone(), contract);
        let gate = RequireSecretPathLayer::new(&endpoint.observer(printer.clone()), tokens());
        let app = Router::new()
            .route("/hooks", post(handler).layer(layer))
            .layer(TraceLayer::new_for_http());
        Server::start_service(gate.mounted_at("/hooks").unwrap().layer(app)).await
    } else {
        let app = Router::new().route(preset.route(), post(handler).layer(layer));
        let traced = !preset.has_path_token();
        Server::start(if traced {
            app.layer(TraceLayer::new_for_http())
        } else {
            app
        })
        .await
    };

    let mut answers = String::new();
    for request in &requests {
        let response = request.send(server.address).await;
        answers.push_str(&String::from_utf8_lossy(&response.raw));
    }
    // One that is cut off, and one that is broken off.
    for request in [&requests[0], &requests[2]] {
        let bytes = request.bytes();
        for reset in [false, true] {
            let mut connection = Connection::open(server.address).await;
            connection.send(&bytes[..bytes.len() - 9]).await;
            if reset {
                connection.reset();
                continue;
            }
            connection.finish().await;
            if let Some(response) = connection.response().await {
                answers.push_str(&String::from_utf8_lossy(&response.raw));
            }
        }
    }
    let what = format!("{preset:?}, mounted {mounted}, ansi {ansi}");
    let shown = printer.0.lock().unwrap().clone();
    let log = log.text();

    // That nothing is found must not be because there is nothing.
    let statuses = ["200 OK", "500 ", "400 ", "413 ", "415 ", "405 "];
    for status in statuses {
        assert!(answers.contains(status), "{what}: no {status}");
    }
    assert!(
        log.contains("handling") && log.contains("not of this type"),
        "{what}"
    );
    assert!(
        log.contains("HandlerPanicked") || log.contains("handler_panicked"),
        "{what}"
    );
    assert!(shown.contains("HandlerPanicked"), "{what}");
    assert!(shown.contains("[REDACTED]"), "{what}");
    assert!(shown.contains(BODY), "{what}: the body was asked for");
    if preset.signature_header().is_some() {
        assert!(log.contains("signature_mismatch"), "{what}");
    }

    needles.assert_none_in(&format!("the observations of {what}"), &shown);
    needles.add("the body", BODY.as_bytes());
    needles.assert_none_in(&format!("the answers of {what}"), &answers);
    needles.assert_none_in(&format!("the log of {what}"), &log);
    let mut kept = format!("{store:?} {webhook:?}");
    for n in [1, 2, 66, 67] {
        let record = store.lookup(&preset.key(n)).await.unwrap();
        write!(kept, "{record:?}").unwrap();
    }
    needles.assert_none_in(&format!("the records of {what}"), &kept);
}

#[tokio::test]
async fn nothing_secret_is_logged_observed_or_answered() {
    for preset in Preset::ALL {
        for ansi in [false, true] {
            run(preset, false, ansi).await;
            if preset.has_path_token() {
                run(preset, true, ansi).await;
            }
        }
    }
}

#[tokio::test]
async fn refused_bodies_are_shown_only_where_they_were_asked_for() {
    let log = Log::default();
    let _guard = log.capture(false);
    let seen = Recorder::new();
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .store(MemoryStore::new())
        .clock(clock());
    let webhook = webhook.observer(seen.clone());
    let server = Preset::BlendFi.serve(&webhook, handler).await;
    let body = Preset::BlendFi.body_with(1, BODY);
    let forged = Preset::BlendFi.delivery(2).body(&body);
    assert_eq!(forged.send(server.address).await.status, 401);
    assert_eq!(seen.next().await.reason, Some(Reason::SignatureMismatch));
    let right = Preset::BlendFi.deliver(&body);
    assert_eq!(right.send(server.address).await.status, 200);
    until("the log is written", || log.text().contains("handling")).await;
    assert!(!log.text().contains(BODY), "{}", log.text());
}

#[tokio::test]
async fn a_rejection_in_the_extensions_tells_the_reason_and_nothing_else() {
    let layer = Webhook::new(Preset::Blox.provider())
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let service = ServiceBuilder::new().layer(layer).service_fn(
        async |_: http::Request<axum::body::Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::empty()))
        },
    );
    let request = Preset::Blox
        .delivery(1)
        .target(&format!("/hooks/{WRONG_TOKEN}"));
    let response = tower::ServiceExt::oneshot(service, request.to_http())
        .await
        .unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(
        format!("{rejection:?}"),
        "Rejection { reason: UnknownPath, status: 404, retry_after: None, allow: None }"
    );
    assert_eq!(rejection.reason().to_string(), "unknown_path");
}
