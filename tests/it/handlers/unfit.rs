//! Events that do not fit the type that their handler reads.

use axum::http::StatusCode;
use tower_webhook::layer::Verdict;
use tower_webhook::{DedupeConfig, Event, MemoryStore, Reason};

use crate::support::blendfi;
use crate::support::log::Log;
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::wait::released;

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
