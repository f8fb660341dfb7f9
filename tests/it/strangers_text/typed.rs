//! Handlers that read a payload of a type of their own.

use std::sync::{Arc, Mutex};

use crate::support::presets::{Preset, clock};
use axum::http::StatusCode;
use serde::Deserialize;
use tower_webhook::provider::{blendfi, bloque};
use tower_webhook::{Event, MemoryStore, Webhook};

use super::{BOM, Sender, strangers};

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
