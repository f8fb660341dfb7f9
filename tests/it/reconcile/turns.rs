//! Of many processes one reconciler at a time asks a sender.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tower_webhook::inbox::{Inbox, MemoryInbox, SqliteInbox};
use tower_webhook::reconcile::{ApiError, Found, Page, Reconciler, Recovery, RunEnd, Source};
use tower_webhook::{EventKey, MemoryStore, Name, SqliteStore, Store, Webhook, WebhookLayer};

use crate::support::blox;
use crate::support::folder::Folder;
use crate::support::wait::within;

/// Answers once it is let.
struct Gated {
    asked: Arc<Notify>,
    open: Arc<Notify>,
}

impl Source for Gated {
    fn recovery(&self) -> Recovery {
        Recovery::members(["/checkoutId", "/status"])
    }

    async fn page(&self, _: Option<&str>) -> Result<Page, ApiError> {
        self.asked.notify_one();
        self.open.notified().await;
        let body = r#"{"checkoutId":"c","status":"FAILED","amount":"1","timestamp":"t"}"#;
        Ok(Page::of([Found::event(body)]))
    }
}

fn gated(webhook: &WebhookLayer) -> (Reconciler, Arc<Notify>, Arc<Notify>) {
    let (asked, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let source = Gated {
        asked: Arc::clone(&asked),
        open: Arc::clone(&open),
    };
    let reconciler = Reconciler::of(webhook, source)
        .handler(async || {})
        .build()
        .unwrap();
    (reconciler, asked, open)
}

async fn one_at_a_time(webhook: WebhookLayer) {
    let (first, asked, open) = gated(&webhook);
    let (second, _, open_second) = gated(&webhook);
    let running = tokio::spawn(async move { first.run_once().await });
    within("a question", asked.notified()).await;
    assert_eq!(second.run_once().await.end, RunEnd::Elsewhere);
    assert!(second.last_report().is_none());
    open.notify_one();
    let report = running.await.unwrap();
    assert_eq!((report.end, report.recovered), (RunEnd::Complete, 1));
    open_second.notify_one();
    let report = second.run_once().await;
    assert_eq!((report.end, report.known), (RunEnd::Complete, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_waits_for_its_turn() {
    one_at_a_time(blox::webhook(MemoryStore::new()).build().unwrap()).await;
    let folder = Folder::new("turns");
    let store = SqliteStore::connect(folder.file("webhooks.db")).await;
    let store = store.unwrap();
    one_at_a_time(blox::webhook(store).build().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_inbox_too_which_is_left_as_it_was() {
    let inbox = MemoryInbox::new();
    one_at_a_time(
        Webhook::new(blox::provider())
            .inbox(inbox.clone())
            .build()
            .unwrap(),
    )
    .await;
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.queued, counts.running), (1, 0), "the event itself");
    let folder = Folder::new("turns");
    let inbox = SqliteInbox::connect(folder.file("webhooks.db")).await;
    let inbox = inbox.unwrap();
    one_at_a_time(Webhook::new(blox::provider()).inbox(inbox).build().unwrap()).await;
}

#[tokio::test]
async fn one_that_was_overtaken_stops() {
    let store = MemoryStore::new();
    let webhook = blox::webhook(store.clone()).build().unwrap();
    let (first, asked, _) = gated(&webhook);
    let running = tokio::spawn(async move { first.run_once().await });
    within("a question", asked.notified()).await;
    // As where it slept through its lease, and another one has had its turn meanwhile.
    let turn = EventKey::new(Name::new("tower-webhook").unwrap(), ["reconciler", "blox"]).unwrap();
    assert!(store.forget(&turn).await.unwrap());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    let report = within("its end", running).await.unwrap();
    assert_eq!(report.end, RunEnd::TakenOver);
}
