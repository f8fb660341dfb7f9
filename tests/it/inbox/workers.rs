//! What workers of several processes come to on one database, whichever it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tower_webhook::inbox::{EntryStatus, Inbox, SharedInbox};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::{Backoff, InboxExt};
use tower_webhook::{Delivery, Webhook, WebhookLayer};

use super::{Working, send, stands};
use crate::support::amount::short_or_long;
use crate::support::blendfi::{event, key};
use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;
use crate::support::wait::within;

pub(super) fn layer(inbox: &(impl Inbox + Clone)) -> WebhookLayer {
    let webhook: Webhook<SharedInbox> = Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .inbox(inbox.clone());
    webhook.build().unwrap()
}

/// How often each event was begun.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs(Arc<Mutex<HashMap<String, u32>>>);

impl Runs {
    pub(super) fn note(&self, delivery: &Delivery) -> u32 {
        let mut runs = self.0.lock().unwrap();
        let count = runs.entry(delivery.key().to_string()).or_default();
        *count += 1;
        *count
    }
}

pub(super) async fn until_counted(inbox: &impl Inbox, done: u64, dead: u64) {
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

pub(super) async fn accept(layer: &WebhookLayer, ids: &[String]) {
    let events: Vec<_> = ids.iter().map(|id| event(id, "{}")).collect();
    for answer in join_all(events.iter().map(|event| send(layer, event))).await {
        assert_eq!(answer.status().as_u16(), 200);
    }
}

pub(super) async fn two_workers_run_each_event_once_and_poison_stops_none<I: Inbox + Clone>(
    first: I,
    second: I,
) {
    let (layer, runs) = (layer(&first), Runs::default());
    let (all, poisoned) = short_or_long((160, 2), (400, 4));
    let ids: Vec<_> = (0..all).map(|number| format!("evt_{number}")).collect();
    accept(&layer, &ids).await;
    let handler = {
        let runs = runs.clone();
        move |delivery: Delivery| {
            runs.note(&delivery);
            let poison = delivery.key().to_string().ends_with("50");
            std::future::ready(match poison {
                true => Err(Failure::permanent("poison")),
                false => Ok(()),
            })
        }
    };
    let working: Vec<_> = [&first, &second]
        .map(|inbox| Working::start(inbox.worker().concurrency(32).on(&layer, handler.clone())))
        .into();
    until_counted(&second, all - poisoned, poisoned).await;
    for working in working {
        working.end().await;
    }
    let runs = runs.0.lock().unwrap();
    assert_eq!(runs.len(), usize::try_from(all).unwrap());
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
}

pub(super) async fn retries_that_are_due_at_once_are_all_worked_off(inbox: impl Inbox + Clone) {
    let many = short_or_long(200, 600);
    let layer = layer(&inbox);
    let ids: Vec<_> = (0..many).map(|number| format!("evt_{number}")).collect();
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
    until_counted(&inbox, many, 0).await;
    working.end().await;
    assert!(runs.0.lock().unwrap().values().all(|count| *count == 2));
}

pub(super) async fn what_waits_for_bytes_is_taken_once_some_are_left(inbox: impl Inbox + Clone) {
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

pub(super) async fn what_a_worker_held_that_vanished_is_taken_over_by_another<I: Inbox + Clone>(
    accepting: I,
    other: I,
) {
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
