//! What the answer of a handler does to its event, and to copies of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::{
    DedupeConfig, Delivery, Event, MemoryStore, Permanent, Reason, Rejection, Webhook,
};

use super::SECOND;
use crate::support::blox::checkout;
use crate::support::http::Connection;
use crate::support::log::Log;
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::stage::Stage;
use crate::support::wait::{done_with, record, released, until};
use crate::support::{blendfi, blox};

/// Answers the first attempt with this status and later ones with 204.
fn first_with(
    status: u16,
) -> impl Fn(Delivery) -> std::future::Ready<axum::response::Response> + Clone {
    move |delivery: Delivery| {
        std::future::ready(match delivery.attempt() {
            1 => (StatusCode::from_u16(status).unwrap(), "why not").into_response(),
            _ => StatusCode::NO_CONTENT.into_response(),
        })
    }
}

#[tokio::test]
async fn a_failure_is_answered_so_that_its_sender_retries() {
    // The statuses after which each sender retries, by its documentation.
    for (answered, expected) in [
        (301, 500),
        (302, 500),
        (400, 500),
        (404, 500),
        (410, 500),
        (422, 500),
        (408, 408),
        (409, 409),
        (425, 425),
        (429, 429),
        (500, 500),
        (502, 502),
        (503, 503),
    ] {
        let store = MemoryStore::new();
        let webhook = blendfi::webhook(store.clone());
        let server = blendfi::serve(&webhook, first_with(answered)).await;
        let event = blendfi::event("evt_1", "{}");
        let answer = event.send(server.address).await;
        assert_eq!(answer.status, expected, "BlendFi, {answered}");
        assert_eq!(
            answer.body, b"why not",
            "the handler's own answer, but for its status"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!(view.state, RecordState::Released, "{answered}");
        assert_eq!(
            event.send(server.address).await.status,
            204,
            "the next attempt runs"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(204), 2));
    }
    for (answered, expected) in [(302, 500), (400, 500), (409, 500), (503, 500)] {
        let store = MemoryStore::new();
        let webhook = blox::webhook(store.clone());
        let server = Preset::Blox.serve(&webhook, first_with(answered)).await;
        let event = checkout("c1", "COMPLETED", "1");
        let answer = event.send(server.address).await;
        assert_eq!(answer.status, expected, "BLOX, {answered}");
        let key = blox::key("c1", "COMPLETED");
        assert_eq!(released(&store, &key).await.attempt, 1);
        assert_eq!(event.send(server.address).await.status, 204);
    }
    for status in [302, 400, 404, 409, 500] {
        let bloque = Preset::BloqueAccounts;
        let webhook = Webhook::new(bloque.provider()).store(MemoryStore::new());
        let server = bloque.serve(&webhook, first_with(status)).await;
        let event = bloque.delivery(1);
        assert_eq!(
            event.send(server.address).await.status,
            status,
            "Bloque retries after it"
        );
        assert_eq!(event.send(server.address).await.status, 204);
    }
}

#[tokio::test]
async fn an_answer_marked_never_again_stands_and_settles_the_event() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let handler = {
        let stage = stage.clone();
        move || async move {
            stage.enter();
            Permanent((StatusCode::GONE, "not ours"))
        }
    };
    let server = blendfi::serve(&blendfi::webhook(store.clone()), handler.clone()).await;
    let event = blendfi::event("evt_1", "{}");
    let answer = event.send(server.address).await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (410, &b"not ours"[..])
    );
    assert_eq!(
        done_with(&record(&store, &blendfi::key("evt_1")).await.unwrap()),
        Some(410)
    );
    let copy = event.send(server.address).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );

    let replaying = blendfi::webhook(store.clone())
        .dedupe(DedupeConfig::new().replay_responses(64).shares_name());
    let server = blendfi::serve(&replaying, handler).await;
    let event = blendfi::event("evt_2", "{}");
    assert_eq!(event.send(server.address).await.status, 410);
    let copy = event.send(server.address).await;
    assert_eq!((copy.status, copy.body.as_slice()), (410, &b"not ours"[..]));
    assert!(copy.is_replayed());
    assert_eq!(stage.runs(), 2);
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

#[tokio::test]
async fn an_error_of_the_service_passes_through_and_releases_the_event() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let recorder = Recorder::new();
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let runs = stage.clone();
    let service = ServiceBuilder::new()
        .map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new))
        .layer(webhook.build().unwrap())
        .service_fn(move |_: Request| {
            let run = runs.enter();
            async move {
                match run {
                    1 => Err(Broken),
                    _ => Ok(StatusCode::NO_CONTENT.into_response()),
                }
            }
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let server = tokio::spawn({
        let failures = failures.clone();
        async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(service.clone());
                let failures = failures.clone();
                tokio::spawn(async move {
                    let served = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .http1_only()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    if let Err(error) = served {
                        failures.lock().unwrap().push(error.to_string());
                    }
                });
            }
        }
    });
    let event = blendfi::event("evt_1", "{}");
    let mut sender = Connection::open(address).await;
    sender.send(&event.bytes()).await;
    let answer = sender.response().await;
    assert_eq!(answer, None, "hyper closes without an answer");
    assert_eq!(released(&store, &blendfi::key("evt_1")).await.attempt, 1);
    until("hyper to say so", || !failures.lock().unwrap().is_empty()).await;
    assert_eq!(recorder.seen()[0].reason, Some(Reason::HandlerFailed));
    assert_eq!(event.send(address).await.status, 204);
    assert_eq!(
        record(&store, &blendfi::key("evt_1"))
            .await
            .unwrap()
            .attempt,
        2
    );
    server.abort();
}

#[tokio::test]
async fn a_small_response_is_replayed_to_copies() {
    let store = MemoryStore::new();
    let handler = |event: Event<serde_json::Value>| async move {
        let body = event["data"]["answer"].as_str().unwrap().to_owned();
        (StatusCode::CREATED, body)
    };
    let server = blendfi::serve(
        &blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().replay_responses(8)),
        handler,
    )
    .await;
    let small = blendfi::event("evt_1", r#"{"answer":"12345678"}"#);
    let first = small.send(server.address).await;
    assert_eq!(
        (first.status, first.body.as_slice(), first.is_replayed()),
        (201, &b"12345678"[..], false)
    );
    let copy = small.send(server.address).await;
    assert_eq!(
        (copy.status, copy.body.as_slice(), copy.is_replayed()),
        (201, &b"12345678"[..], true)
    );

    let long = blendfi::event("evt_2", r#"{"answer":"123456789"}"#);
    let first = long.send(server.address).await;
    assert_eq!(
        (first.status, first.body.as_slice()),
        (201, &b"123456789"[..])
    );
    let copy = long.send(server.address).await;
    assert!(
        copy.is_success() && copy.is_replayed() && copy.body.is_empty(),
        "{copy:?}"
    );
}

/// What a sender needs of an answer: without its type a body cannot be read.
#[tokio::test]
async fn a_replayed_body_says_what_it_is() {
    let store = MemoryStore::new();
    let handler = |event: Event<serde_json::Value>| async move {
        let mut response = axum::Json(&event["data"]).into_response();
        match event["data"]["as"].as_str() {
            Some("text") => {
                let text = HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, text);
            }
            Some("nothing") => drop(response.headers_mut().remove(CONTENT_TYPE)),
            _ => {}
        }
        response
    };
    let webhook = blendfi::webhook(store.clone())
        .dedupe(DedupeConfig::new().replay_responses(64))
        .rejection_response(|rejection: &Rejection| {
            // What this says of its own body is not said of the replayed one.
            let mut response = rejection.response().map(|_| Bytes::from_static(b"<p>"));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
            response
        });
    let server = blendfi::serve(&webhook, handler).await;
    for (id, data, content_type) in [
        ("evt_1", r#"{"ok":true}"#, Some("application/json")),
        (
            "evt_2",
            r#"{"as":"text"}"#,
            Some("text/plain; charset=utf-8"),
        ),
        ("evt_3", r#"{"as":"nothing"}"#, None),
    ] {
        let event = blendfi::event(id, data);
        for is_replayed in [false, true] {
            let answer = event.send(server.address).await;
            assert_eq!(answer.is_replayed(), is_replayed, "{id}: {answer:?}");
            assert_eq!(answer.header("content-type"), content_type, "{answer:?}");
            assert_eq!(answer.header("content-language"), None, "{answer:?}");
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, data.as_bytes())
            );
        }
    }
}

/// A body that no status and type alone explain is not kept: copies get the empty 200.
#[tokio::test]
async fn a_body_that_needs_more_than_its_type_is_not_replayed() {
    let store = MemoryStore::new();
    let cases = [
        ("content-encoding", "gzip".to_owned(), 200),
        ("content-range", "bytes 0-3/8".to_owned(), 206),
        // Longer than what is kept of a type; and not of printable ASCII.
        (
            "content-type",
            format!("text/plain; a={}", "b".repeat(255)),
            200,
        ),
        ("content-type", "text/plain; a=\u{e9}".to_owned(), 200),
        // It says where to go, and without that nothing.
        ("location", "/elsewhere".to_owned(), 308),
    ];
    let handler = {
        let cases = cases.clone();
        move |event: Event<serde_json::Value>| async move {
            let case: usize = event["data"]["case"].as_u64().unwrap().try_into().unwrap();
            let (name, value, status) = &cases[case];
            let mut response = "body".into_response();
            *response.status_mut() = StatusCode::from_u16(*status).unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            response.headers_mut().insert(*name, value);
            Permanent(response)
        }
    };
    let webhook = blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().replay_responses(64));
    let server = blendfi::serve(&webhook, handler).await;
    for (number, (name, value, status)) in cases.iter().enumerate() {
        let event = blendfi::event(&format!("evt_{number}"), &format!(r#"{{"case":{number}}}"#));
        let first = event.send(server.address).await;
        assert_eq!(
            (first.status, first.body.as_slice()),
            (*status, &b"body"[..]),
            "{name}"
        );
        assert!(!first.is_replayed(), "{name}: {value}");
        let copy = event.send(server.address).await;
        assert_eq!(
            (copy.status, copy.is_replayed()),
            (200, true),
            "{name}: {value}"
        );
        assert_eq!(
            (copy.body.as_slice(), copy.header("content-type")),
            (&b""[..], None),
            "{name}"
        );
    }
}

/// A response body of a stated length that does not come.
struct Stuck {
    panics: bool,
}

impl http_body::Body for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        assert!(!self.panics, "the body panics");
        Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(4)
    }
}

#[tokio::test]
async fn a_response_body_that_is_to_be_kept_has_the_deadline_and_the_rights_of_its_handler() {
    let store = MemoryStore::new();
    let handler = |event: Event<serde_json::Value>, delivery: Delivery| async move {
        match delivery.attempt() {
            1 => Body::new(Stuck {
                panics: event["data"]["panics"] == true,
            })
            .into_response(),
            _ => "late".into_response(),
        }
    };
    let webhook = blendfi::webhook_answering_in(SECOND, store.clone())
        .dedupe(DedupeConfig::new().replay_responses(8));
    let server = blendfi::serve(&webhook, handler).await;
    let answer = blendfi::event("evt_1", "{}").send(server.address).await;
    assert!(answer.is_not_now(), "answered in time: {answer:?}");

    let panics = blendfi::event("evt_2", r#"{"panics":true}"#);
    assert_eq!(panics.send(server.address).await.status, 500);
    let view = record(&store, &blendfi::key("evt_2")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    assert_eq!(panics.send(server.address).await.body, b"late");
}

/// What a handler of a typed event says of one that is not of its type, over a socket.
#[tokio::test]
async fn what_does_not_fit_the_handlers_type_is_told_by_its_member_and_never_by_its_value() {
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "what is read does not count here")]
    struct Approved {
        data: Data,
    }
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "what is read does not count here")]
    struct Data {
        email: String,
        level: u8,
    }

    let (log, recorder, store) = (Log::default(), Recorder::new(), MemoryStore::new());
    let guard = log.capture(false);
    let handler = async |_: Event<Approved>| StatusCode::NO_CONTENT;
    for (number, observer) in [None, Some(recorder.clone())].into_iter().enumerate() {
        let mut webhook = blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().shares_name());
        if let Some(observer) = observer {
            webhook = webhook.observer(observer);
        }
        let server = Preset::BlendFi.serve(&webhook, handler).await;
        for (name, data, told) in [
            ("missing", r#"{"level":1}"#, "data.email: not there"),
            (
                "string",
                r#"{"email":"a","level":"hunter2"}"#,
                "data.level: of another type: it is a string",
            ),
            (
                "integer",
                r#"{"email":"hunter2","level":1234567}"#,
                "data.level: an integer that its type does not take",
            ),
            ("null", "null", "data: of another type: it is null"),
        ] {
            let id = format!("evt_{name}_{number}");
            let event = blendfi::event(&id, data);
            let answer = event.send(server.address).await;
            // BlendFi does not try again after a 422.
            assert_eq!((answer.status, answer.body.len()), (500, 0), "{data}");
            // It is free again.
            let view = released(&store, &blendfi::key(&id)).await;
            assert_eq!(view.attempt, 1);
            if number == 0 {
                let text = log.text();
                let line = text
                    .lines()
                    .find(|line| line.contains("delivery failed") && line.contains(&id));
                let line = line.unwrap_or_else(|| panic!("{text}"));
                assert!(
                    line.contains("payload_mismatch") && line.contains(told),
                    "{line}"
                );
            } else {
                let seen = recorder.next().await;
                assert_eq!(seen.verdict, Verdict::Failed, "{seen:?}");
                assert_eq!(seen.reason, Some(Reason::PayloadMismatch), "{seen:?}");
                assert_eq!(seen.detail.as_deref(), Some(told), "{seen:?}");
            }
        }
        let event = blendfi::event(&format!("evt_fits_{number}"), r#"{"email":"a","level":1}"#);
        assert_eq!(event.send(server.address).await.status, 204);
    }
    drop(guard);
    let text = log.text();
    assert!(
        text.contains("member=\"data.email\"") && text.contains("problem=\"not there\""),
        "{text}"
    );
    assert!(
        !text.contains("hunter2") && !text.contains("1234567"),
        "{text}"
    );
}

/// The payload of a preset tells it as a type of the user's own does.
#[tokio::test]
async fn what_does_not_fit_the_presets_type_is_told_by_its_member_too() {
    use tower_webhook::provider::blendfi::Payload;

    let log = Log::default();
    let guard = log.capture(false);
    let handler = async |_: Event<Payload>| StatusCode::NO_CONTENT;
    let server = Preset::BlendFi
        .serve(&blendfi::webhook(MemoryStore::new()), handler)
        .await;
    for (id, rest, told) in [
        ("evt_1", r#""type":"a""#, "created_at: not there"),
        (
            "evt_2",
            r#""type":{"hunter2":1},"created_at":"b""#,
            "type: of another type",
        ),
        (
            "evt_3",
            r#""type":"a","created_at":"b","api_version":"hunter2","api_version":1"#,
            "api_version: there twice",
        ),
    ] {
        let event = Preset::BlendFi.deliver(format!(r#"{{"id":"{id}",{rest}}}"#));
        assert_eq!(event.send(server.address).await.status, 500);
        let text = log.text();
        let told = format!("detail={told} ");
        let line =
            (text.lines()).find(|line| line.contains("delivery failed") && line.contains(id));
        assert!(line.is_some_and(|line| line.contains(&told)), "{text}");
    }
    drop(guard);
    let text = log.text();
    assert!(
        text.contains(r#"member="created_at" problem="not there""#),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}
