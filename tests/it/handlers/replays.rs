//! Responses that are kept, and what of them duplicates are answered with.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use tower_webhook::store::RecordState;
use tower_webhook::{DedupeConfig, Delivery, Event, MemoryStore, Permanent, Rejection};

use super::SECOND;
use crate::support::blendfi;
use crate::support::wait::record;

#[tokio::test]
async fn a_small_response_is_replayed_to_duplicates() {
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
    let duplicate = small.send(server.address).await;
    assert_eq!(
        (
            duplicate.status,
            duplicate.body.as_slice(),
            duplicate.is_replayed()
        ),
        (201, &b"12345678"[..], true)
    );

    let long = blendfi::event("evt_2", r#"{"answer":"123456789"}"#);
    let first = long.send(server.address).await;
    assert_eq!(
        (first.status, first.body.as_slice()),
        (201, &b"123456789"[..])
    );
    let duplicate = long.send(server.address).await;
    assert!(
        duplicate.is_success() && duplicate.is_replayed() && duplicate.body.is_empty(),
        "{duplicate:?}"
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

/// A body that no status and type alone explain is not kept: duplicates get the empty 200.
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
        let duplicate = event.send(server.address).await;
        assert_eq!(
            (duplicate.status, duplicate.is_replayed()),
            (200, true),
            "{name}: {value}"
        );
        assert_eq!(
            (duplicate.body.as_slice(), duplicate.header("content-type")),
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
