//! By what an event is, or by whom it must be confirmed or kept; and how such answers are shaped.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use http::Response;
use tower_webhook::provider::blox::CheckoutStatus;
use tower_webhook::store::StoreErrorKind;
use tower_webhook::{DedupeConfig, MemoryStore, Reason, Rejection, Webhook, provider};

use super::{RETRY, in_a_hurry, signed};
use crate::support::faults::{Fault, FaultyStore};
use crate::support::observer::Recorder;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{NOW, Preset, SECRET, WRONG_TOKEN, clock, tokens};
use crate::support::receiver::Receiver;
use crate::support::server::Server;
use crate::support::stage::Stage;

#[tokio::test]
async fn a_body_without_a_usable_key_is_400() {
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        let bloque = matches!(preset, Preset::BloqueAccounts | Preset::BloquePayments);
        for body in ["", "not json", "{", "{}x", "\u{feff}\u{feff}{}", "["] {
            let response = receiver.send(&preset.deliver(body)).await;
            receiver
                .assert_refused(&response, 400, &[], Reason::NoEventKey)
                .await;
        }
        if bloque {
            continue;
        }
        let unknown = ["{}", "\u{feff}{}", "[]", "null", "1", "\"evt_1\""];
        for body in unknown.into_iter().chain([deep.as_str()]) {
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
        captured.clone().header("X-BLENDFI-EVENT-ID", "evt_2"),
        captured.clone().without(ID).header(ID, "evt_1, evt_2"),
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
        // An adapter has repeated the line, or joined the two.
        (
            captured.clone().header("X-BLENDFI-EVENT-ID", "evt_1"),
            200,
            Some("true"),
        ),
        (
            captured.clone().without(ID).header(ID, "evt_1, evt_1"),
            200,
            Some("true"),
        ),
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
    let failed = blox().status_check(async |id| {
        Ok::<_, std::convert::Infallible>(CheckoutStatus::new(id, "FAILED"))
    });
    let pending = blox().status_check(async |id| {
        Ok::<_, std::convert::Infallible>(CheckoutStatus::new(id, "PENDING"))
    });
    let down = blox().status_check(async |_| Err::<CheckoutStatus, _>("no route to host"));
    for (provider, status, extra, reason) in [
        (failed, 400, &[][..], Reason::ConfirmMismatch),
        (pending, 503, RETRY, Reason::ConfirmTryAgain),
        (down, 503, RETRY, Reason::ConfirmTryAgain),
    ] {
        let provider = in_a_hurry(provider);
        let receiver = Receiver::start_with(preset, |_| provider, |w| w).await;
        let response = receiver.send(&preset.delivery(1)).await;
        assert_eq!(response.status, status, "{response:?}");
        for (name, value) in extra {
            assert_eq!(response.header(name), Some(*value));
        }
        assert!(response.body.is_empty());
        assert_eq!(receiver.seen.next().await.reason, Some(reason));
        assert_eq!(receiver.runs.runs(), 0);
        let knows_nothing = receiver.knows_nothing_of(&preset.key(1)).await;
        assert!(knows_nothing, "a forgery leaves nothing behind");
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
            let receiver = Receiver::start_with(preset, in_a_hurry, |w| w.store(store)).await;
            let response = receiver.send(&preset.delivery(1)).await;
            receiver.assert_refused(&response, 503, RETRY, reason).await;
        }
    }
}

#[tokio::test]
async fn an_event_from_before_the_retention_is_422_where_that_was_asked_for() {
    let preset = Preset::BlendFi;
    let receiver = Receiver::start_with(
        preset,
        |p| p,
        |w| w.dedupe(DedupeConfig::new().refuse_old_events()),
    )
    .await;
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
        .store(MemoryStore::new())
        .observer(seen.clone())
        .clock(clock())
        .rejection_response(shape)
        .build()
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
    let duplicate = right.send(server.address).await;
    assert_eq!(duplicate.header("x-reason"), Some("already_done"));
    assert_eq!(duplicate.header("idempotent-replayed"), Some("true"));

    let busy = Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .store(FaultyStore::broken(Fault::Fails(
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
