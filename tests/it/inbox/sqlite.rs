//! Workers on one SQLite file, as of several processes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tower_webhook::inbox::{EntryStatus, Inbox, SharedInbox, SqliteInbox};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::{Backoff, InboxExt};
use tower_webhook::{Delivery, Webhook, WebhookLayer};

use super::{Working, send, stands};
use crate::support::blendfi::{event, key};
use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;
use crate::support::wait::{LIMIT, within};

/// A folder that is removed again.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        // In memory, where there is such a place.
        let shared = Path::new("/dev/shm");
        let base = match shared.is_dir() {
            true => shared.to_owned(),
            false => std::env::temp_dir(),
        };
        let folder = base.join(format!("webhook-it-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) async fn inbox(&self) -> SqliteInbox {
        let builder = SqliteInbox::builder(self.0.join("webhooks.db")).deadline(LIMIT);
        builder.connect().await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn layer(inbox: &SqliteInbox) -> WebhookLayer {
    let webhook: Webhook<SharedInbox> = Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .inbox(inbox.clone());
    webhook.build().unwrap()
}

/// How often each event was begun.
#[derive(Debug, Clone, Default)]
struct Runs(Arc<Mutex<HashMap<String, u32>>>);

impl Runs {
    fn note(&self, delivery: &Delivery) -> u32 {
        let mut runs = self.0.lock().unwrap();
        let count = runs.entry(delivery.key().to_string()).or_default();
        *count += 1;
        *count
    }
}

async fn until_counted(inbox: &impl Inbox, done: u64, dead: u64) {
    within("all to be over", async {
        loop {
            let counts = inbox.counts().await.unwrap();
            if (counts.done, counts.dead) == (done, dead) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

async fn accept(layer: &WebhookLayer, ids: &[String]) {
    let events: Vec<_> = ids.iter().map(|id| event(id, "{}")).collect();
    for answer in join_all(events.iter().map(|event| send(layer, event))).await {
        assert_eq!(answer.status().as_u16(), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_each_event_once_and_poison_stops_none() {
    let folder = Folder::new("two");
    let (first, second) = (folder.inbox().await, folder.inbox().await);
    let (layer, runs) = (layer(&first), Runs::default());
    let ids: Vec<_> = (0..400).map(|number| format!("evt_{number}")).collect();
    accept(&layer, &ids).await;
    let handler = {
        let runs = runs.clone();
        move |delivery: Delivery| {
            runs.note(&delivery);
            let poison = delivery.key().to_string().ends_with("00");
            std::future::ready(match poison {
                true => Err(Failure::permanent("poison")),
                false => Ok(()),
            })
        }
    };
    let working: Vec<_> = [&first, &second]
        .map(|inbox| Working::start(inbox.worker().concurrency(32).on(&layer, handler.clone())))
        .into();
    until_counted(&second, 397, 3).await;
    for working in working {
        working.end().await;
    }
    let runs = runs.0.lock().unwrap();
    assert_eq!(runs.len(), 400);
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_retries_that_are_due_at_once_are_all_worked_off() {
    let folder = Folder::new("retries");
    let inbox = folder.inbox().await;
    let layer = layer(&inbox);
    let ids: Vec<_> = (0..600).map(|number| format!("evt_{number}")).collect();
    accept(&layer, &ids).await;
    let runs = Runs::default();
    let handler = {
        let runs = runs.clone();
        move |delivery: Delivery| {
            std::future::ready(match runs.note(&delivery) {
                1 => Err(Failure::retry("down").after(Duration::ZERO)),
                _ => Ok(()),
            })
        }
    };
    let working = Working::start(inbox.worker().concurrency(128).on(&layer, handler));
    until_counted(&inbox, 600, 0).await;
    working.end().await;
    assert!(runs.0.lock().unwrap().values().all(|count| *count == 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_bytes_is_taken_once_some_are_left_and_not_at_the_next_look() {
    let folder = Folder::new("bytes");
    let inbox = folder.inbox().await;
    let layer = layer(&inbox);
    let ids: Vec<_> = (0..4).map(|number| format!("evt_{number}")).collect();
    accept(&layer, &ids).await;
    // Less than any of them is: they run one after the other.
    let builder = inbox.worker().max_bytes(1);
    let builder = builder.poll_every(Duration::from_secs(3_600));
    let working = Working::start(builder.on(&layer, async || {}));
    until_counted(&inbox, 4, 0).await;
    working.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_held_that_vanished_is_taken_over_by_another() {
    let folder = Folder::new("vanished");
    let (accepting, other) = (folder.inbox().await, folder.inbox().await);
    let layer = layer(&accepting);
    accept(&layer, &["evt_1".to_owned(), "evt_2".to_owned()]).await;
    // In a runtime of its own, which ends as a process that is killed: nothing is given back.
    let (stage, doomed) = (Stage::new(), tokio::runtime::Runtime::new().unwrap());
    let lease = Duration::from_secs(1);
    let worker = accepting.worker().lease(lease).on(&layer, stands(&stage));
    let worker = worker.build().unwrap();
    doomed.spawn(async move { worker.run().await });
    stage.begun(2).await;
    doomed.shutdown_background();

    let quick = Backoff::new(Duration::from_millis(1), Duration::from_millis(1)).unwrap();
    let builder = other.worker().lease(lease).backoff(quick);
    let working = Working::start(builder.on(&layer, async || {}));
    until_counted(&other, 2, 0).await;
    working.end().await;
    let view = other.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert_eq!(view.status, EntryStatus::Done);
    assert_eq!((view.entry.attempts, view.entry.deaths), (2, 1));
}
