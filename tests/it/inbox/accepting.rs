//! What a sender is told, and what then stands in the inbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::to_bytes;
use tokio::time::sleep;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::inbox::{EntryStatus, Inbox, MemoryInbox, Moved, Redrive};
use tower_webhook::layer::{Budget, Verdict};
use tower_webhook::runtime::Failure;
use tower_webhook::{
    Confirmation, DedupeConfig, Delivery, Event, Permanent, Reason, Rejection, Unconfirmed, Webhook,
};

use super::{Working, entry, entry_with, send, webhook};
use crate::support::blendfi::{body, event, key};
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;

fn reason<B>(response: &axum::http::Response<B>) -> Option<Reason> {
    let rejection = response.extensions().get::<Rejection>();
    rejection.map(Rejection::reason)
}

#[tokio::test]
async fn an_event_is_acknowledged_once_it_is_held_and_its_duplicate_too() {
    let (inbox, recorder) = (MemoryInbox::new(), Recorder::new());
    let layer = webhook(&inbox).observer(recorder.clone()).build().unwrap();

    let first = send(&layer, &event("evt_1", "{}")).await;
    assert_eq!(
        (first.status().as_u16(), reason(&first)),
        (200, Some(Reason::Queued))
    );
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let view = entry(&inbox, &key("evt_1")).await;
    assert_eq!((view.status, view.entry.attempts), (EntryStatus::Queued, 0));
    assert_eq!(view.route.as_str(), "blendfi");
    assert_eq!(view.body.unwrap(), body("evt_1", "{}"));

    let duplicate = send(&layer, &event("evt_1", "{}")).await;
    assert_eq!(duplicate.status().as_u16(), 200);
    assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
    // The id is the sender's own and signed: other words are the same event.
    let retold = send(&layer, &event("evt_1", r#"{"more":1}"#)).await;
    assert_eq!(
        (retold.status().as_u16(), reason(&retold)),
        (200, Some(Reason::AlreadyDone))
    );

    let verdicts: Vec<_> = recorder.seen().iter().map(|seen| seen.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Queued, Verdict::Duplicate, Verdict::Duplicate]
    );
    assert_eq!(inbox.counts().await.unwrap().queued, 1);
}

#[tokio::test]
async fn a_forged_delivery_is_not_accepted() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let forged = event("evt_1", "{}").body(body("evt_1", r#"{"amount":"1000"}"#));
    assert_eq!(send(&layer, &forged).await.status().as_u16(), 401);
    assert!(inbox.lookup(&key("evt_1")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_full_inbox_is_not_now_and_keeps_what_it_has() {
    let inbox = MemoryInbox::with_capacity(1);
    let layer = webhook(&inbox).build().unwrap();
    assert_eq!(
        send(&layer, &event("evt_1", "{}")).await.status().as_u16(),
        200
    );
    let refused = send(&layer, &event("evt_2", "{}")).await;
    assert_eq!(
        (refused.status().as_u16(), reason(&refused)),
        (503, Some(Reason::StoreFull))
    );
    assert!(inbox.lookup(&key("evt_2")).await.unwrap().is_none());
    assert_eq!(
        send(&layer, &event("evt_1", "{}")).await.status().as_u16(),
        200
    );
}

#[tokio::test]
async fn other_content_under_a_key_that_no_id_makes_is_a_conflict() {
    let inbox = MemoryInbox::new();
    let shape = Shape::new("event", ["/id"]).and_then(|shape| shape.fingerprint(["/data"]));
    let rule = EventRule::members([shape.unwrap()]).unwrap();
    let provider = Preset::BlendFi.provider().replace_rule(rule);
    let layer = Webhook::new(provider).clock(clock()).inbox(inbox.clone());
    let layer = layer.build().unwrap();
    assert_eq!(
        send(&layer, &event("evt_1", r#"{"a":1}"#))
            .await
            .status()
            .as_u16(),
        200
    );
    assert_eq!(
        send(&layer, &event("evt_1", r#"{"a":1}"#))
            .await
            .status()
            .as_u16(),
        200
    );
    let other = send(&layer, &event("evt_1", r#"{"a":2}"#)).await;
    assert_eq!(
        (other.status().as_u16(), reason(&other)),
        (422, Some(Reason::Conflict))
    );
    let kept = entry(&inbox, &key("evt_1")).await.body.unwrap();
    assert_eq!(kept, body("evt_1", r#"{"a":1}"#));
}

#[tokio::test]
async fn what_wants_its_answer_now_stays_inline() {
    let inbox = MemoryInbox::new();
    let shape = Shape::new("question", ["/id"]).unwrap().answered();
    let rule = EventRule::members([shape]).unwrap();
    let provider = Preset::BlendFi.provider().replace_rule(rule);
    let layer = Webhook::new(provider).clock(clock()).inbox(inbox.clone());
    let layer = layer.build().unwrap();
    let inline = send(&layer, &event("evt_1", "{}")).await;
    let answer = to_bytes(axum::body::Body::new(inline.into_body()), 100).await;
    assert!(answer.unwrap().is_empty());
    assert_eq!(
        inbox.counts().await.unwrap(),
        Default::default(),
        "nothing is queued"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_is_confirmed_behind_its_answer_and_a_duplicate_is_not_asked_about() {
    let (inbox, asked) = (MemoryInbox::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let confirm = move |event: Unconfirmed| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(match event.key.to_string().as_str() {
            "evt_true" => Confirmation::Confirmed,
            _ => Confirmation::Mismatch,
        })
    };
    let layer = webhook(&inbox).dedupe(DedupeConfig::new().confirm(confirm));
    let layer = layer.build().unwrap();
    for id in ["evt_true", "evt_untrue"] {
        let queued = send(&layer, &event(id, "{}")).await;
        assert_eq!(reason(&queued), Some(Reason::Queued));
        let again = send(&layer, &event(id, "{}")).await;
        assert_eq!(reason(&again), Some(Reason::AlreadyDone));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let ran = Stage::new();
    let working = Working::on(&inbox, &layer, {
        let ran = ran.clone();
        move |delivery: Delivery| {
            assert_eq!(delivery.key(), &key("evt_true"));
            ran.enter();
            std::future::ready(())
        }
    });
    entry_with(&inbox, &key("evt_true"), EntryStatus::Done).await;
    while inbox.counts().await.unwrap().mismatched == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    working.end().await;
    for id in ["evt_true", "evt_untrue"] {
        let again = send(&layer, &event(id, "{}")).await;
        assert_eq!(reason(&again), Some(Reason::AlreadyDone), "{id}");
    }
    assert!(inbox.lookup(&key("evt_untrue")).await.unwrap().is_none());
    assert_eq!((asked.load(Ordering::SeqCst), ran.runs()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_replaces_a_redriven_event_is_confirmed_first() {
    let (inbox, asked) = (MemoryInbox::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let confirm = move |_: Unconfirmed| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Confirmation::Confirmed)
    };
    let shape = Shape::new("event", ["/id"]).and_then(|shape| shape.fingerprint(["/data"]));
    let rule = EventRule::members([shape.unwrap()]).unwrap();
    let provider = Preset::BlendFi.provider().replace_rule(rule);
    let layer = Webhook::new(provider).clock(clock()).inbox(inbox.clone());
    let layer = layer.dedupe(DedupeConfig::new().confirm(confirm)).build();
    let layer = layer.unwrap();
    let send_it = async |data: &str| {
        let answer = send(&layer, &event("evt_1", data)).await;
        (answer.status().as_u16(), asked.load(Ordering::SeqCst))
    };
    assert_eq!(send_it(r#"{"a":1}"#).await, (200, 0));
    let broken = async || Err::<(), _>(Permanent("broken"));
    let working = Working::on(&inbox, &layer, broken);
    entry_with(&inbox, &key("evt_1"), EntryStatus::Dead).await;
    working.end().await;
    let redrive = Redrive::new(key("evt_1"));
    assert_eq!(inbox.redrive(&redrive).await.unwrap(), Moved::Done);
    assert_eq!(send_it(r#"{"a":2}"#).await, (200, 1));
    // What failed stands until the other content is confirmed.
    let before = inbox.lookup(&redrive.key).await.unwrap().unwrap();
    assert_eq!(before.body.unwrap(), body("evt_1", r#"{"a":1}"#));
    let ran = Stage::new();
    let handler = {
        let ran = ran.clone();
        move |Event(event): Event<serde_json::Value>| {
            let is_newest = event["data"]["a"] == 2;
            if is_newest {
                ran.enter();
            }
            let failed = Failure::retry("the ledger is closed");
            std::future::ready(if is_newest { Ok(()) } else { Err(failed) })
        }
    };
    let working = Working::on(&inbox, &layer, handler);
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    assert!(done.entry.corrected);
    working.end().await;
    assert_eq!((asked.load(Ordering::SeqCst), ran.runs()), (2, 1));
}

/// Its capacity is the limit of what waits in it: the budget is for requests.
#[tokio::test(start_paused = true)]
async fn what_waits_in_memory_takes_nothing_of_the_budget() {
    let (inbox, budget) = (MemoryInbox::new(), Budget::new(4 * 1024 * 1024, 16));
    let layer = webhook(&inbox).budget(budget.clone()).build().unwrap();
    let long = format!(r#"{{"a":"{}"}}"#, "1".repeat(500 * 1024));
    for number in 0..8 {
        let told = send(&layer, &event(&format!("evt_{number}"), &long)).await;
        assert_eq!((told.status().as_u16(), budget.body_bytes()), (200, 0));
    }
    let view = entry(&inbox, &key("evt_7")).await;
    assert_eq!(view.body.unwrap(), body("evt_7", &long));
}
