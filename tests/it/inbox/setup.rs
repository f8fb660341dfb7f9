//! What a worker can be built of.

use std::time::Duration;

use tower_webhook::inbox::{EntryStatus, MemoryInbox};
use tower_webhook::worker::{InboxExt, WorkerBuilder};
use tower_webhook::{ConfigErrorKind, Event, MemoryStore};

use super::{Working, entry_with, send, webhook};
use crate::support::blendfi;
use crate::support::log::Log;

#[tokio::test]
async fn a_worker_is_told_what_is_wrong_with_it() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let text = |builder: WorkerBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        text(inbox.worker()),
        "worker: it serves nothing: name a webhook and its handler by on(…)"
    );
    assert_eq!(
        text(
            inbox
                .worker()
                .on(&layer, async || {})
                .on(&layer, async || {})
        ),
        "worker: the webhook blendfi has two handlers"
    );
    assert_eq!(
        text(MemoryInbox::new().worker().on(&layer, async || {})),
        "worker: the webhook blendfi keeps its events in another inbox than this worker's"
    );
    let inline = blendfi::webhook(MemoryStore::new()).build().unwrap();
    assert_eq!(
        text(inbox.worker().on(&inline, async || {})),
        "worker: a webhook that it is to serve has no inbox: give it one by inbox(…)"
    );
    let on = || inbox.worker().on(&layer, async || {});
    for builder in [
        on().concurrency(0),
        on().concurrency(10_001),
        on().max_attempts(0),
        on().lease(Duration::from_millis(999)),
        on().time_limit(Duration::from_secs(604_801)),
        on().poll_every(Duration::ZERO),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Limit, "{error}");
    }
    assert!(on().build().is_ok());
}

/// Nobody sends again what a worker runs: "the next attempt" is none.
#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_of_a_workers_type_is_told_to_be_dead() {
    let (log, inbox) = (Log::default(), MemoryInbox::new());
    let guard = log.capture(false);
    let layer = webhook(&inbox).build().unwrap();
    let answer = send(&layer, &blendfi::event("evt_1", r#"{"amount":"1"}"#)).await;
    assert_eq!(answer.status().as_u16(), 200);
    let handler = async |_: Event<u64>| {};
    let working = Working::start(inbox.worker().on(&layer, handler));
    entry_with(&inbox, &blendfi::key("evt_1"), EntryStatus::Dead).await;
    working.end().await;
    drop(guard);
    let text = log.text();
    let line = (text.lines()).find(|line| line.contains("not of the handler's type"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    for told in [
        "the event is dead: mend the type, and redrive it",
        "provider=blendfi",
        "key=blendfi:evt_1",
    ] {
        assert!(line.contains(told), "{told}: {line}");
    }
}

#[tokio::test]
async fn two_webhooks_of_one_name_do_not_share_an_inbox() {
    let inbox = MemoryInbox::new();
    let first = webhook(&inbox).build().unwrap();
    let second = webhook(&inbox).build().unwrap_err().to_string();
    assert!(
        second.contains("both keep their records as blendfi"),
        "{second}"
    );
    drop(first);
    assert!(webhook(&inbox).build().is_ok());
}
