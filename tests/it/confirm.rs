//! Events that are asked about before their handlers run.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::blendfi::{self, event, key};
use crate::support::blox::{self, checkout};
use crate::support::faults::{Fault, FaultyStore, Op};
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, answering_in, clock, tokens};
use crate::support::stage::Stage;
use crate::support::wait::{done_with, record};
use axum::http::StatusCode;
use tower_webhook::layer::{Budget, Verdict};
use tower_webhook::provider::blox::CheckoutStatus;
use tower_webhook::store::StoreErrorKind;
use tower_webhook::{
    Confirmation, Decimal, DedupeConfig, Delivery, MemoryStore, Reason, Unconfirmed, Webhook,
    provider,
};

const SECOND: Duration = Duration::from_secs(1);
const TRUE_DATA: &str = r#"{"amount":"10"}"#;
const FORGED_DATA: &str = r#"{"amount":"9999"}"#;

fn is_forged(event: &Unconfirmed) -> bool {
    String::from_utf8_lossy(&event.body).contains("9999")
}

/// Counts its runs and answers 204.
fn counting(
    stage: &Stage,
) -> impl Fn(Delivery) -> std::future::Ready<(StatusCode, String)> + Clone + use<> {
    let stage = stage.clone();
    move |delivery: Delivery| {
        stage.enter();
        let text = format!(
            "attempt {}, corrected {}",
            delivery.attempt(),
            delivery.is_corrected()
        );
        std::future::ready((StatusCode::OK, text))
    }
}

#[tokio::test]
async fn a_refused_forgery_leaves_nothing_that_could_refuse_the_true_delivery() {
    let (store, runs, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let webhook = blendfi::webhook_with_plain_key(store.clone())
        .observer(recorder.clone())
        .dedupe(
            DedupeConfig::new().confirm(|event: Unconfirmed| async move {
                match is_forged(&event) {
                    true => Confirmation::Mismatch,
                    false => Confirmation::Confirmed,
                }
            }),
        );
    let server = blendfi::serve(&webhook, counting(&runs)).await;
    let refused = event("evt_1", FORGED_DATA).send(server.address).await;
    assert_eq!((refused.status, refused.header("retry-after")), (400, None));
    assert_eq!(record(&store, &key("evt_1")).await, None);
    assert_eq!(runs.runs(), 0);
    assert_eq!(
        recorder.count(Verdict::Refused, Some(Reason::ConfirmMismatch)),
        1
    );

    let answer = event("evt_1", TRUE_DATA).send(server.address).await;
    assert_eq!(answer.body, b"attempt 1, corrected false");
    let view = record(&store, &key("evt_1")).await.unwrap();
    assert_eq!(done_with(&view), Some(200));
    // What was confirmed refuses other content now.
    assert_eq!(
        event("evt_1", FORGED_DATA)
            .send(server.address)
            .await
            .status,
        422
    );
    assert!(
        event("evt_1", TRUE_DATA)
            .send(server.address)
            .await
            .is_replayed()
    );
    assert_eq!(runs.runs(), 1);
}

#[tokio::test]
async fn a_forgery_that_is_being_asked_about_does_not_refuse_the_true_delivery() {
    let (store, runs, asked) = (MemoryStore::new(), Stage::new(), Stage::new());
    let budget = Budget::default();
    let confirm = {
        let asked = asked.clone();
        move |event: Unconfirmed| {
            let asked = asked.clone();
            async move {
                asked.stand().await;
                match is_forged(&event) {
                    true => Confirmation::Mismatch,
                    false => Confirmation::Confirmed,
                }
            }
        }
    };
    let webhook = blendfi::webhook(store.clone())
        .budget(budget.clone())
        .dedupe(DedupeConfig::new().confirm(confirm));
    let server = blendfi::serve(&webhook, counting(&runs)).await;
    let address = server.address;
    let spawn = |data| event("evt_1", data).spawn(address);
    let forgery = spawn(FORGED_DATA);
    asked.begun(1).await;
    let truth = spawn(TRUE_DATA);
    // Neither waits for the other, and nothing of them is kept.
    asked.begun(2).await;
    assert_eq!(budget.waiting(), 0);
    assert_eq!(record(&store, &key("evt_1")).await, None);
    asked.let_go(2);
    assert_eq!(forgery.await.unwrap().status, 400);
    assert_eq!(truth.await.unwrap().body, b"attempt 1, corrected false");
    assert_eq!(runs.runs(), 1);
    asked.let_go(1);
    assert_eq!(event("evt_2", TRUE_DATA).send(address).await.status, 200);
}

#[tokio::test]
async fn what_was_confirmed_refuses_other_content_while_its_handler_runs() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let webhook = blendfi::webhook_with_plain_key(store.clone())
        .dedupe(DedupeConfig::new().confirm(|_| async { Confirmation::Confirmed }));
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let address = server.address;
    let first = event("evt_1", TRUE_DATA).spawn(address);
    stage.begun(1).await;
    assert!(
        record(&store, &key("evt_1"))
            .await
            .unwrap()
            .fingerprint
            .is_some()
    );
    assert_eq!(event("evt_1", FORGED_DATA).send(address).await.status, 422);
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    assert_eq!(event("evt_1", FORGED_DATA).send(address).await.status, 422);
    assert_eq!(stage.runs(), 1);
}

#[tokio::test]
async fn what_cannot_be_told_yet_is_asked_again_and_then_comes_again() {
    let (store, runs, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let confirm = {
        let asked = asked.clone();
        move |event: Unconfirmed| {
            let id = event.key.to_string();
            let times = {
                let mut asked = asked.lock().unwrap();
                let times = asked.entry(id.clone()).or_default();
                *times += 1;
                *times
            };
            assert!(
                id != "evt_panics_at_once" || times > 2,
                "no future, but a panic"
            );
            async move {
                match (id.as_str(), times) {
                    ("evt_soon", 1 | 2) | ("evt_never", _) => Confirmation::TryAgain,
                    ("evt_panics", 1) => panic!("a confirmation that panics"),
                    ("evt_panics_always", _) => panic!("a confirmation that always panics"),
                    ("evt_hangs", 1) => pending().await,
                    _ => Confirmation::Confirmed,
                }
            }
        }
    };
    let webhook = blendfi::webhook_answering_in(3 * SECOND, store.clone())
        .observer(recorder.clone())
        .dedupe(DedupeConfig::new().confirm(confirm));
    let server = blendfi::serve(&webhook, counting(&runs)).await;
    let times = |id: &str| asked.lock().unwrap().get(id).copied().unwrap_or(0);

    for (id, questions) in [
        ("evt_soon", 3),
        ("evt_panics", 2),
        ("evt_panics_at_once", 3),
    ] {
        let answer = event(id, TRUE_DATA).send(server.address).await;
        assert_eq!(answer.body, b"attempt 1, corrected false", "{id}");
        assert_eq!(times(id), questions, "{id}");
        assert_eq!(
            done_with(&record(&store, &key(id)).await.unwrap()),
            Some(200)
        );
    }
    let ran = runs.runs();
    for id in ["evt_never", "evt_panics_always", "evt_hangs"] {
        let answer = event(id, TRUE_DATA).send(server.address).await;
        assert!(answer.is_not_now(), "{id}: {answer:?}");
        assert_eq!(record(&store, &key(id)).await, None, "{id}");
    }
    assert!(times("evt_never") >= 2, "asked again inside the deadline");
    assert!(times("evt_panics_always") >= 2);
    assert_eq!(runs.runs(), ran, "none of them ran");
    assert_eq!(
        recorder.count(Verdict::Refused, Some(Reason::ConfirmTryAgain)),
        3
    );

    let next = event("evt_hangs", TRUE_DATA).send(server.address).await;
    assert_eq!(next.body, b"attempt 1, corrected false");
}

#[tokio::test]
async fn a_checkout_of_blox_runs_when_its_api_says_the_same() {
    let (store, runs) = (MemoryStore::new(), Stage::new());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let api = {
        let asked = asked.clone();
        move |id: String| {
            let times = {
                let mut asked = asked.lock().unwrap();
                asked.push(id.clone());
                asked.iter().filter(|it| **it == id).count()
            };
            async move {
                let found = |status: &str| CheckoutStatus::new(id.clone(), status);
                let completed = found("COMPLETED");
                match (id.as_str(), times) {
                    ("slow", 1) => Ok(found("PENDING")),
                    ("down", 1) => Err("the API is down"),
                    ("pending", _) => Ok(found("PENDING")),
                    ("failed", _) => Ok(found("FAILED")),
                    ("priced", _) => Ok(completed.amount(Decimal::parse("15000").unwrap())),
                    _ => Ok(completed),
                }
            }
        }
    };
    let blox = provider::blox(tokens()).status_check(api);
    let webhook = Webhook::new(answering_in(SECOND, blox))
        .clock(clock())
        .store(store.clone());
    let server = Preset::Blox.serve(&webhook, counting(&runs)).await;
    let asked_for = |id: &str| asked.lock().unwrap().iter().filter(|it| *it == id).count();

    for (id, questions) in [("plain", 1), ("slow", 2), ("down", 2), ("priced", 1)] {
        let answer = checkout(id, "COMPLETED", "15000")
            .send(server.address)
            .await;
        assert_eq!((answer.status, asked_for(id)), (200, questions), "{id}");
        assert_eq!(
            done_with(&record(&store, &blox::key(id, "COMPLETED")).await.unwrap()),
            Some(200)
        );
        assert!(
            checkout(id, "COMPLETED", "15000")
                .send(server.address)
                .await
                .is_replayed()
        );
        assert_eq!(
            checkout(id, "COMPLETED", "15001")
                .send(server.address)
                .await
                .status,
            422
        );
    }
    assert_eq!(runs.runs(), 4);

    // Not what the API says: another status, another amount.
    for (id, status, amount) in [
        ("failed", "COMPLETED", "1"),
        ("priced", "CANCELLED", "15000"),
    ] {
        assert_eq!(
            checkout(id, status, amount)
                .send(server.address)
                .await
                .status,
            400,
            "{id}"
        );
        assert_eq!(record(&store, &blox::key(id, status)).await, None, "{id}");
    }
    // An id that would ask another question is not asked about.
    let before = asked.lock().unwrap().len();
    assert_eq!(
        checkout("../me", "COMPLETED", "1")
            .send(server.address)
            .await
            .status,
        400
    );
    assert_eq!(asked.lock().unwrap().len(), before);
    // Not final yet.
    let answer = checkout("pending", "COMPLETED", "1")
        .send(server.address)
        .await;
    assert!(answer.is_not_now(), "{answer:?}");
    assert!(asked_for("pending") >= 2);
    let key = blox::key("pending", "COMPLETED");
    assert_eq!(record(&store, &key).await, None);
    assert_eq!(runs.runs(), 4);
    assert_eq!(
        checkout("next", "CANCELLED", "1")
            .send(server.address)
            .await
            .status,
        400
    );
    assert_eq!(
        checkout("next", "COMPLETED", "1")
            .send(server.address)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn while_it_is_asked_about_an_event_nothing_is_held() {
    let (store, runs, asked) = (
        FaultyStore::new(MemoryStore::new()),
        Stage::new(),
        Stage::new(),
    );
    let confirm = {
        let asked = asked.clone();
        move |_| {
            let asked = asked.clone();
            async move {
                asked.stand().await;
                Confirmation::Confirmed
            }
        }
    };
    let webhook =
        blendfi::webhook_with_plain_key(store.clone()).dedupe(DedupeConfig::new().confirm(confirm));
    let server = blendfi::serve(&webhook, counting(&runs)).await;
    let address = server.address;
    let first = event("evt_1", TRUE_DATA).spawn(address);
    asked.begun(1).await;
    assert_eq!(store.calls(Op::Claim), 0);
    assert_eq!(store.calls(Op::Lookup), 1);
    asked.let_go(1);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(store.calls(Op::Claim), 1);
    // What is done is not asked about.
    assert!(event("evt_1", TRUE_DATA).send(address).await.is_replayed());
    assert_eq!(event("evt_1", FORGED_DATA).send(address).await.status, 422);
    assert_eq!((asked.runs(), runs.runs()), (1, 1));
    assert_eq!(store.calls(Op::Claim), 1);
}

#[tokio::test]
async fn running_unchecked_is_not_running_unconfirmed() {
    let (store, runs) = (FaultyStore::new(MemoryStore::new()), Stage::new());
    for op in [Op::Lookup, Op::Claim] {
        store.always(op, Fault::Fails(StoreErrorKind::Unavailable));
    }
    let webhook = blendfi::webhook(store.clone()).dedupe(
        DedupeConfig::new()
            .with_insecure_fail_open()
            .confirm(|event: Unconfirmed| async move {
                match is_forged(&event) {
                    true => Confirmation::Mismatch,
                    false => Confirmation::Confirmed,
                }
            }),
    );
    let server = blendfi::serve(&webhook, counting(&runs)).await;
    assert_eq!(
        event("evt_1", FORGED_DATA)
            .send(server.address)
            .await
            .status,
        400
    );
    assert_eq!(runs.runs(), 0);
    let answer = event("evt_1", TRUE_DATA).send(server.address).await;
    assert_eq!(answer.body, b"attempt 0, corrected false");
}
