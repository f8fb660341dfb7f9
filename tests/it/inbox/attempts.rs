//! What becomes of an event whose handler fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tower_webhook::inbox::{EntryStatus, Inbox, List, MemoryInbox, Moved, Redrive};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::{Backoff, InboxExt};
use tower_webhook::{Delivery, Event, Permanent, Reason};

use super::{Working, entry_with, send, webhook};
use crate::support::blendfi::{event, key};
use crate::support::log::Log;
use crate::support::observer::Recorder;

fn reasons(view: &tower_webhook::inbox::EntryView) -> Vec<(u32, &str)> {
    let failed = view.entry.history.iter();
    failed.map(|it| (it.attempt, &*it.reason)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_tried_again_until_it_is_done() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |delivery: Delivery| match delivery.attempt() {
        1 => Err(Failure::retry("the ledger is closed")),
        2 => panic!("as a handler may"),
        _ => Ok(()),
    };
    let working = Working::on(&inbox, &layer, handler);
    send(&layer, &event("evt_1", "{}")).await;
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    assert_eq!(done.entry.attempts, 3);
    assert_eq!(
        reasons(&done),
        [(1, "the ledger is closed"), (2, "the handler panicked")]
    );
    assert_eq!(done.body, None, "what is done needs no body");
    working.end().await;
}

/// As after an error, it is told when the next attempt is made, or that there is none.
#[tokio::test(start_paused = true)]
async fn a_panic_tells_when_the_event_runs_again() {
    let (inbox, log) = (MemoryInbox::new(), Log::default());
    let guard = log.capture(false);
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |_: Delivery| -> () { panic!("as a handler may") };
    let working = Working::start(inbox.worker().max_attempts(2).on(&layer, handler));
    send(&layer, &event("evt_1", "{}")).await;
    entry_with(&inbox, &key("evt_1"), EntryStatus::Dead).await;
    working.end().await;
    drop(guard);
    let text = log.text();
    let lines = text
        .lines()
        .filter(|it| it.contains("an attempt at a queued event has failed"));
    let [first, last] = lines.collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    assert!(
        first.contains("retry_after_ms=") && first.contains("attempt=1"),
        "{first}"
    );
    assert!(
        !last.contains("retry_after_ms=") && last.contains("the event is dead"),
        "{last}"
    );
}

/// `reason` is the field of codes: what a handler says in words is the detail.
#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_line_in_the_log() {
    let (inbox, log) = (MemoryInbox::new(), Log::default());
    let _guard = log.capture(false);
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |delivery: Delivery| match delivery.attempt() {
        1 => Err(Failure::retry("the ledger is closed")),
        _ => Ok(()),
    };
    let working = Working::on(&inbox, &layer, handler);
    send(&layer, &event("evt_1", "{}")).await;
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    working.end().await;
    let text = log.text();
    // Whoever looks at the entry finds the log of the worker that has run it.
    let worker = format!("worker={}", done.entry.worker().unwrap());
    let line = |level: &str, message: &str| {
        let found = (text.lines()).find(|line| line.contains(level) && line.contains(message));
        found.unwrap_or_else(|| panic!("{level} {message}: {text}"))
    };
    let failed = line(
        "WARN",
        "tower_webhook: an attempt at a queued event has failed",
    );
    for field in [
        "key=blendfi:evt_1",
        "attempt=1",
        "retry_after_ms=",
        r#"detail="the ledger is closed""#,
        &worker,
    ] {
        assert!(failed.contains(field), "{field}: {failed}");
    }
    assert!(!failed.contains("reason="), "{failed}");
    let handled = line("INFO", "tower_webhook: a queued event is handled");
    assert!(handled.contains("key=blendfi:evt_1"), "{handled}");
    assert!(handled.contains(&worker), "{handled}");
    let begun = line("INFO", "tower_webhook: a worker has begun");
    assert!(begun.contains(&worker), "{begun}");
    assert_eq!(text.matches("a queued event is handled").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn delays_stay_under_a_limit_that_doubles_and_a_handler_may_name_its_own() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let own = Duration::from_secs(60);
    let handler = move |delivery: Delivery| {
        std::future::ready(match delivery.attempt() {
            1 => Err(Failure::retry("busy").after(own)),
            2 | 3 => Err(Failure::retry("down")),
            _ => Ok(()),
        })
    };
    let backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(20)).unwrap();
    let working = Working::start(inbox.worker().backoff(backoff).on(&layer, handler));
    let sent = Instant::now();
    send(&layer, &event("evt_1", "{}")).await;
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    // 60 s as the handler says, then up to 20 s twice; half a second for each look at the inbox.
    let took = sent.elapsed();
    assert!(
        took >= own && took < own + Duration::from_secs(42),
        "{took:?}"
    );
    let at: Vec<_> = done.entry.history.iter().map(|it| it.at).collect();
    assert!(at[1].saturating_since(at[0]) >= own);
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_attempt_can_help_is_dead_at_once_and_stops_no_other() {
    #[derive(Deserialize)]
    struct Paid {
        data: Amount,
    }
    #[derive(Deserialize)]
    struct Amount {
        amount: u32,
    }
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |Event(paid): Event<Paid>| match paid.data.amount {
        0 => Err(Permanent("nothing was paid")),
        _ => Ok(()),
    };
    let working = Working::start(inbox.worker().concurrency(1).on(&layer, handler));
    for (id, data) in [
        ("evt_none", r#"{"amount":0}"#),
        ("evt_text", r#"{"amount":"much"}"#),
        ("evt_paid", r#"{"amount":5}"#),
    ] {
        send(&layer, &event(id, data)).await;
    }
    entry_with(&inbox, &key("evt_paid"), EntryStatus::Done).await;
    let none = entry_with(&inbox, &key("evt_none"), EntryStatus::Dead).await;
    assert_eq!(reasons(&none), [(1, "nothing was paid")]);
    let text = entry_with(&inbox, &key("evt_text"), EntryStatus::Dead).await;
    let [(1, why)] = reasons(&text)[..] else {
        panic!("{:?}", text.entry.history);
    };
    assert!(
        why.contains("data.amount") && !why.contains("much"),
        "{why}"
    );
    let dead = inbox.list(&List::of(EntryStatus::Dead)).await.unwrap();
    let keys: Vec<_> = dead.iter().map(|view| view.key.to_string()).collect();
    assert_eq!(keys, ["evt_none", "evt_text"]);
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn used_up_attempts_end_in_the_dead_letters_and_lead_out_of_them_again() {
    let (inbox, seen) = (MemoryInbox::new(), Recorder::new());
    let layer = webhook(&inbox).observer(seen.clone()).build().unwrap();
    let mended = Arc::new(AtomicU32::new(0));
    let handler = {
        let mended = Arc::clone(&mended);
        move |_: Delivery| {
            std::future::ready(match mended.load(Ordering::SeqCst) {
                0 => Err(Failure::retry("broken")),
                _ => Ok(()),
            })
        }
    };
    let working = Working::start(inbox.worker().max_attempts(2).on(&layer, handler));
    for id in ["evt_1", "evt_2", "evt_3"] {
        send(&layer, &event(id, "{}")).await;
        let dead = entry_with(&inbox, &key(id), EntryStatus::Dead).await;
        assert_eq!(reasons(&dead), [(1, "broken"), (2, "broken")]);
    }
    // A sender that sends it again revives it, and once it is dead again not before a pause.
    assert_eq!(
        send(&layer, &event("evt_1", "{}")).await.status().as_u16(),
        200
    );
    let again = entry_with(&inbox, &key("evt_1"), EntryStatus::Dead).await;
    assert_eq!(
        again.entry.history.iter().count(),
        4,
        "fresh attempts, its history kept"
    );
    assert_eq!(
        send(&layer, &event("evt_1", "{}")).await.status().as_u16(),
        503
    );

    mended.store(1, Ordering::SeqCst);
    assert_eq!(
        inbox.redrive(&Redrive::new(key("evt_2"))).await.unwrap(),
        Moved::Done
    );
    assert_eq!(
        send(&layer, &event("evt_3", "{}")).await.status().as_u16(),
        200
    );
    for id in ["evt_2", "evt_3"] {
        let done = entry_with(&inbox, &key(id), EntryStatus::Done).await;
        assert_eq!(done.entry.attempts, 1);
    }
    let refused = seen.wait_for(|it| it.reason == Some(Reason::DeadLetter));
    let told = refused.await.detail.unwrap_or_default();
    assert!(told.contains("`webhook redrive`"), "{told}");
    tokio::time::advance(Duration::from_secs(15 * 60)).await;
    assert_eq!(
        send(&layer, &event("evt_1", "{}")).await.status().as_u16(),
        200
    );
    entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_dropped_and_counts() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |delivery: Delivery| {
        if delivery.attempt() == 1 {
            std::future::pending::<()>().await;
        }
    };
    let limit = Duration::from_secs(100);
    let working = Working::start(inbox.worker().time_limit(limit).on(&layer, handler));
    send(&layer, &event("evt_1", "{}")).await;
    // Held all the while: the lease is 30 s.
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    assert_eq!(reasons(&done), [(1, "the handler took longer than 100s")]);
    assert_eq!((done.entry.attempts, done.entry.deaths), (2, 0));
    working.end().await;
}

struct PanicsDropped;

impl Drop for PanicsDropped {
    fn drop(&mut self) {
        panic!("as what a handler holds may");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_panics_as_it_is_dropped_at_its_limit_is_tried_again() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |delivery: Delivery| {
        if delivery.attempt() == 1 {
            let _held = PanicsDropped;
            std::future::pending::<()>().await;
        }
    };
    let limit = Duration::from_secs(100);
    let working = Working::start(inbox.worker().time_limit(limit).on(&layer, handler));
    send(&layer, &event("evt_1", "{}")).await;
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    assert_eq!(reasons(&done), [(1, "the handler took longer than 100s")]);
    assert_eq!((done.entry.attempts, done.entry.deaths), (2, 0));
    working.end().await;
}

/// As where it repeats a `Retry-After` of somebody else that is none.
#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_for_a_delay_of_years_waits_a_week() {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let handler = async |delivery: Delivery| match delivery.attempt() {
        1 => Err(Failure::retry("the ledger is closed").after(50 * YEAR)),
        _ => Ok(()),
    };
    let working = Working::on(&inbox, &layer, handler);
    send(&layer, &event("evt_1", "{}")).await;
    let failed = entry_with(&inbox, &key("evt_1"), EntryStatus::Waiting).await;
    let week = Duration::from_secs(7 * 86_400);
    let waits = failed.entry.due().unwrap();
    let failed_at = failed.entry.history.last().unwrap().at;
    assert_eq!(waits.saturating_since(failed_at), week);
    working.end().await;
}
