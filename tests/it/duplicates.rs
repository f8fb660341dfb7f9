//! Duplicates of one event, many at once, and other content under its key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::blendfi::{self, event, key};
use crate::support::http::{Connection, Request, Response};
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::stage::Stage;
use crate::support::wait::{done, done_with, is_claimed, record, until, within};
use axum::http::StatusCode;
use tokio::task::JoinSet;
use tower_webhook::layer::{Budget, Verdict};
use tower_webhook::store::RecordState;
use tower_webhook::{Delivery, MemoryStore, Reason};

const DUPLICATES: usize = 200;

/// How often each event was run, and with which attempt last.
#[derive(Debug, Clone, Default)]
struct Runs(Arc<Mutex<HashMap<String, Vec<u32>>>>);

impl Runs {
    fn note(&self, delivery: &Delivery) {
        let mut runs = self.0.lock().unwrap();
        runs.entry(delivery.key().to_string())
            .or_default()
            .push(delivery.attempt());
    }

    fn of(&self, id: &str) -> Vec<u32> {
        self.0.lock().unwrap().get(id).cloned().unwrap_or_default()
    }
}

/// Sends all of these at once, each on a connection of its own, and repeats what was told "not
/// now" until none is. Returns the first answers and the last ones.
async fn storm(address: SocketAddr, requests: Vec<Request>) -> (Vec<Response>, Vec<Response>) {
    let mut senders = JoinSet::new();
    for request in requests {
        senders.spawn(async move {
            let first = request.send(address).await;
            let mut last = first.clone();
            while last.is_not_now() {
                last = request.send(address).await;
            }
            (first, last)
        });
    }
    within("the storm", senders.join_all())
        .await
        .into_iter()
        .unzip()
}

fn assert_all_told(first: &[Response], last: &[Response]) {
    for answer in first {
        assert!(answer.is_success() || answer.is_not_now(), "{answer:?}");
    }
    for answer in last {
        assert!(answer.is_success(), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_duplicates_at_once_run_once() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let budget = Budget::default();
    let webhook = blendfi::webhook(store.clone())
        .budget(budget.clone())
        .observer(recorder.clone());
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let duplicate = event("evt_1", r#"{"amount":"1"}"#);
    let sent = tokio::spawn(storm(server.address, vec![duplicate.clone(); DUPLICATES]));
    // The first one stays at work until the others wait for it.
    until("the duplicates to wait", || {
        budget.waiting() > DUPLICATES / 2
    })
    .await;
    stage.let_go(1);
    let (first, last) = sent.await.unwrap();
    assert_all_told(&first, &last);
    let handled = first
        .iter()
        .filter(|it| !it.is_replayed() && it.is_success())
        .count();
    assert_eq!(handled, 1, "one answer is the handler's");
    assert_eq!(stage.runs(), 1);
    assert_eq!(recorder.count(Verdict::Handled, None), 1);
    let view = record(&store, &key("evt_1")).await.unwrap();
    assert_eq!((done_with(&view), view.attempt), (Some(204), 1));
    until("the places to be given back", || budget.waiting() == 0).await;
    assert_eq!(budget.body_bytes(), 0);

    stage.let_go(1);
    assert_eq!(event("evt_2", "{}").send(server.address).await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_first_one_fails_exactly_one_waiter_takes_over() {
    for panics in [false, true] {
        let (store, stage, runs) = (MemoryStore::new(), Stage::new(), Runs::default());
        let budget = Budget::default();
        let webhook = blendfi::webhook(store.clone()).budget(budget.clone());
        let handler = {
            let (stage, runs) = (stage.clone(), runs.clone());
            move |delivery: Delivery| async move {
                runs.note(&delivery);
                match stage.stand().await {
                    1 if panics => panic!("the first run panics"),
                    1 => StatusCode::BAD_GATEWAY,
                    _ => StatusCode::NO_CONTENT,
                }
            }
        };
        let server = blendfi::serve(&webhook, handler).await;
        let duplicate = event("evt_1", "{}");
        let sent = tokio::spawn(storm(server.address, vec![duplicate; DUPLICATES]));
        until("the duplicates to wait", || {
            budget.waiting() > DUPLICATES / 2
        })
        .await;
        stage.let_go(1);
        stage.begun(2).await;
        let view = record(&store, &key("evt_1")).await.unwrap();
        assert!(is_claimed(&view), "{view:?}");
        stage.let_go(1);
        let (first, last) = sent.await.unwrap();
        let failed: Vec<_> = first
            .iter()
            .filter(|it| !it.is_success() && !it.is_not_now())
            .collect();
        assert_eq!(
            failed.len(),
            1,
            "the first one alone is told of its failure"
        );
        assert_eq!(failed[0].status, if panics { 500 } else { 502 });
        assert_eq!(
            last.iter().filter(|it| it.is_success()).count(),
            DUPLICATES - 1
        );
        let handled = last
            .iter()
            .filter(|it| it.status == 204 && !it.is_replayed())
            .count();
        assert_eq!(handled, 1);
        assert_eq!(runs.of("evt_1"), [1, 2], "no third run");
        let view = done(&store, &key("evt_1")).await;
        assert_eq!((done_with(&view), view.attempt), (Some(204), 2));
        assert!(
            event("evt_1", "{}")
                .send(server.address)
                .await
                .is_replayed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_events_in_one_storm_run_once_each() {
    let (store, runs) = (MemoryStore::new(), Runs::default());
    let handler = {
        let runs = runs.clone();
        move |delivery: Delivery| async move {
            runs.note(&delivery);
            tokio::task::yield_now().await;
            // Two of them fail at first.
            match (delivery.key().to_string().as_str(), delivery.attempt()) {
                ("evt_2" | "evt_4", 1) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::NO_CONTENT,
            }
        }
    };
    let server = blendfi::serve(&blendfi::webhook(store.clone()), handler).await;
    let ids = ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"];
    let events: Vec<_> = ids.iter().map(|id| event(id, "{}")).collect();
    let requests = events.iter().cycle().take(DUPLICATES).cloned().collect();
    let (first, last) = storm(server.address, requests).await;
    let refused = |answers: &[Response]| {
        let refused = answers
            .iter()
            .filter(|it| !it.is_success() && !it.is_not_now());
        refused.map(|it| it.status).collect::<Vec<_>>()
    };
    // A 503 of the handler's own is told from "not now" by its missing Retry-After.
    assert_eq!(refused(&first), [503, 503]);
    assert_eq!(refused(&last), [503, 503]);
    for (id, attempts) in [
        ("evt_1", vec![1]),
        ("evt_2", vec![1, 2]),
        ("evt_3", vec![1]),
        ("evt_4", vec![1, 2]),
        ("evt_5", vec![1]),
    ] {
        assert_eq!(runs.of(id), attempts, "{id}");
        assert_eq!(
            done_with(&record(&store, &key(id)).await.unwrap()),
            Some(204)
        );
    }
}

#[tokio::test]
async fn a_duplicate_that_finds_no_place_to_wait_comes_again() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let budget = Budget::new(1024 * 1024, 1);
    let webhook = blendfi::webhook(store.clone())
        .budget(budget.clone())
        .observer(recorder.clone());
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let address = server.address;
    let duplicate = event("evt_1", "{}");
    let first = duplicate.spawn(address);
    stage.begun(1).await;
    let waiter = duplicate.spawn(address);
    until("the waiter", || budget.waiting() == 1).await;
    assert!(duplicate.send(address).await.is_not_now());
    assert_eq!(
        recorder.count(Verdict::Refused, Some(Reason::BudgetUsedUp)),
        1
    );
    // Another event needs no place.
    stage.let_go(2);
    assert_eq!(event("evt_2", "{}").send(address).await.status, 204);
    assert_eq!(first.await.unwrap().status, 204);
    assert!(waiter.await.unwrap().is_replayed());
    assert_eq!(budget.waiting(), 0);
    assert!(duplicate.send(address).await.is_replayed());
    assert_eq!(stage.runs(), 2);
}

#[tokio::test]
async fn a_waiter_that_hangs_up_gives_its_place_back_and_one_out_of_time_comes_again() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let budget = Budget::default();
    let webhook =
        blendfi::webhook_answering_in(Duration::from_secs(1), store.clone()).budget(budget.clone());
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let duplicate = event("evt_1", "{}");
    let mut first = Connection::open(server.address).await;
    first.send(&duplicate.bytes()).await;
    stage.begun(1).await;
    let mut waiter = Connection::open(server.address).await;
    waiter.send(&duplicate.bytes()).await;
    until("the waiter", || budget.waiting() == 1).await;
    waiter.hang_up();
    until("its place", || budget.waiting() == 0).await;
    // This one waits until its own time is up; so does the handler's sender.
    assert!(duplicate.send(server.address).await.is_not_now());
    assert!(first.response().await.unwrap().is_not_now());
    stage.let_go(1);
    done(&store, &key("evt_1")).await;
    assert!(duplicate.send(server.address).await.is_replayed());
    assert_eq!(stage.runs(), 1);
}

#[tokio::test]
async fn other_content_under_the_key_is_refused_until_the_event_has_failed() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let webhook = blendfi::webhook_with_plain_key(store.clone()).observer(recorder.clone());
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| async move {
            let failed = stage.stand().await == 1;
            let text = format!(
                "attempt {}, corrected {}",
                delivery.attempt(),
                delivery.is_corrected()
            );
            let status = if failed {
                StatusCode::INTERNAL_SERVER_ERROR
            } else {
                StatusCode::OK
            };
            (status, text)
        }
    };
    let server = blendfi::serve(&webhook, handler).await;
    let address = server.address;
    let wrong = event("evt_1", r#"{"amount":100.5,"asset":"BRL"}"#);
    let right = event("evt_1", r#"{"amount":100.51,"asset":"BRL"}"#);

    let first = wrong.spawn(address);
    stage.begun(1).await;
    let refused = right.send(address).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (422, None),
        "while running"
    );
    let claimed = record(&store, &key("evt_1")).await.unwrap();
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 500);
    let view = record(&store, &key("evt_1")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    assert!(view.fingerprint.is_some() && view.fingerprint == claimed.fingerprint);

    stage.let_go(1);
    let corrected = right.send(address).await;
    assert_eq!(corrected.body, b"attempt 2, corrected true");
    let view = record(&store, &key("evt_1")).await.unwrap();
    assert_eq!((done_with(&view), view.attempt), (Some(200), 2));
    assert_ne!(view.fingerprint, claimed.fingerprint);
    let counted: Vec<_> = recorder
        .seen()
        .iter()
        .map(|it| (it.verdict, it.corrected))
        .collect();
    assert_eq!(counted.last(), Some(&(Verdict::Handled, true)));

    assert_eq!(wrong.send(address).await.status, 422, "once done");
    assert_eq!(recorder.count(Verdict::Refused, Some(Reason::Conflict)), 2);
    assert_eq!(record(&store, &key("evt_1")).await, Some(view));

    // The same number in other digits, members in another order, and what is not of the meaning.
    let spelled = Preset::BlendFi.deliver(
        br#"{ "data" : {"asset":"BRL","amount":100.510},
              "created_at":"2026-05-04T13:00:01Z","type":"conversion.completed","id":"evt_1",
              "attempt": 3 }"#,
    );
    let duplicate = spelled.send(address).await;
    assert_eq!((duplicate.status, duplicate.is_replayed()), (200, true));
    assert_eq!(stage.runs(), 2);

    stage.let_go(1);
    let next = event("evt_2", r#"{"amount":100.5}"#).send(address).await;
    assert_eq!(next.body, b"attempt 1, corrected false");
    assert!(
        event("evt_2", r#"{"amount":100.50}"#)
            .send(address)
            .await
            .is_replayed()
    );
    // A string is no number: what it says may mean something else.
    assert_eq!(
        event("evt_2", r#"{"amount":"100.50"}"#)
            .send(address)
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn a_duplicate_spelled_otherwise_waits_for_the_first_one_too() {
    let (store, stage, budget) = (MemoryStore::new(), Stage::new(), Budget::default());
    let webhook = blendfi::webhook(store.clone()).budget(budget.clone());
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let address = server.address;
    let spawn = |data| event("evt_1", data).spawn(address);
    let first = spawn(r#"{"amount":100.5,"asset":"BRL"}"#);
    stage.begun(1).await;
    let duplicate = spawn(r#"{"asset":"BRL","amount":100.50}"#);
    until("the duplicate to wait", || budget.waiting() == 1).await;
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    assert!(duplicate.await.unwrap().is_replayed());
    assert_eq!(stage.runs(), 1);
}
