//! Events that are about one thing: one at a time, in rising versions, and what is overtaken is skipped.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tower_webhook::event::{EventRule, OrderRule, Shape};
use tower_webhook::inbox::{EntryStatus, Inbox, MemoryInbox, Redrive, SharedInbox};
use tower_webhook::runtime::Failure;
use tower_webhook::testing::Random;
use tower_webhook::worker::{Backoff, InboxExt};
use tower_webhook::{
    Delivery, Event, EventKey, MemoryStore, Name, Provider, Webhook, WebhookLayer,
};

use super::sqlite::inbox_in;
use super::{Working, send_http};
use crate::support::amount::short_or_long;
use crate::support::folder::Folder;
use crate::support::presets::{Preset, clock};

const STATUSES: [&str; 5] = ["CREATED", "PENDING", "PAID", "SHIPPED", "CLOSED"];
/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn provider(order: OrderRule) -> Provider {
    let shape = Shape::new("order", ["/order", "/status"]).unwrap();
    let rule = EventRule::members([shape]).unwrap();
    let provider = Preset::BloqueAccounts.provider().replace_rule(rule);
    provider.ordered(order)
}

fn by_status() -> OrderRule {
    let rule = OrderRule::by(["/order"]).unwrap();
    rule.version_rank("/status", STATUSES).unwrap()
}

fn webhook(inbox: SharedInbox, order: OrderRule) -> WebhookLayer {
    let webhook = Webhook::new(provider(order)).clock(clock()).inbox(inbox);
    webhook.build().unwrap()
}

async fn deliver(layer: &WebhookLayer, order: usize, status: usize) {
    let body = format!(r#"{{"order":{order},"status":"{}"}}"#, STATUSES[status]);
    loop {
        let request = axum::extract::Request::post(Preset::BloqueAccounts.path());
        let request = request.body(axum::body::Body::from(body.clone())).unwrap();
        match send_http(layer, request).await.status().as_u16() {
            200 => return,
            // The machine is busy: "not now".
            status => assert_eq!(status, 503),
        }
    }
}

fn key(order: usize, status: usize) -> EventKey {
    let name = Name::new("bloque").unwrap();
    EventKey::new(name, [&order.to_string(), STATUSES[status]]).unwrap()
}

async fn status_of(inbox: &impl Inbox, order: usize, status: usize) -> EntryStatus {
    let view = inbox.lookup(&key(order, status)).await.unwrap();
    view.unwrap().status
}

/// What a handler has applied of each order, and whether it is at it.
#[derive(Debug, Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<usize, Account>>>);

#[derive(Debug, Clone, Default)]
struct Account {
    is_open: bool,
    applied: Vec<usize>,
}

impl Ledger {
    async fn apply(&self, event: &serde_json::Value) {
        let order = usize::try_from(event["order"].as_u64().unwrap()).unwrap();
        let status = event["status"].as_str().unwrap();
        let status = STATUSES.iter().position(|it| *it == status).unwrap();
        let open = |is_open| {
            let mut accounts = self.0.lock().unwrap();
            let account = accounts.entry(order).or_default();
            assert_ne!(account.is_open, is_open, "two of order {order} at once");
            account.is_open = is_open;
            if !is_open {
                account.applied.push(status);
            }
        };
        open(true);
        for _ in 0..3 {
            yield_now().await;
        }
        open(false);
    }
}

async fn until_over(inbox: &impl Inbox, all: u64) {
    let waited = timeout(PATIENCE, async {
        loop {
            let counts = inbox.counts().await.unwrap();
            if counts.done + counts.stale + counts.dead == all {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    if waited.await.is_err() {
        panic!("not all are over: {:?}", inbox.counts().await.unwrap());
    }
}

/// Deliveries of some orders, in the long form of a thousand, shuffled and thrice, to workers that are at it
/// meanwhile.
pub(super) async fn shuffled_and_thrice<I: Inbox + Clone>(workers: [&I; 2]) {
    let orders = short_or_long(150, 1_000);
    let inbox = workers[0];
    let layer = webhook(SharedInbox::new(inbox.clone()), by_status());
    let ledger = Ledger::default();
    let handler = {
        let ledger = ledger.clone();
        move |Event(event): Event<serde_json::Value>| {
            let ledger = ledger.clone();
            Box::pin(async move { ledger.apply(&event).await })
        }
    };
    let mut deliveries: Vec<_> = (0..orders * STATUSES.len() * 3)
        .map(|number| (number / 3 / STATUSES.len(), number / 3 % STATUSES.len()))
        .collect();
    let mut random = Random::new(18);
    for last in (1..deliveries.len()).rev() {
        let other = random.number() % u64::try_from(last + 1).unwrap();
        deliveries.swap(last, usize::try_from(other).unwrap());
    }
    // Each event that comes after a newer one of its order is overtaken: they run as they come.
    let mut newest = HashMap::new();
    let mut expected = HashMap::<usize, Vec<usize>>::new();
    let mut stale = 0;
    let mut seen = std::collections::HashSet::new();
    for (order, status) in deliveries.iter().filter(|it| seen.insert(**it)) {
        match newest.get(order) {
            Some(newest) if newest > status => stale += 1,
            _ => {
                newest.insert(*order, *status);
                expected.entry(*order).or_default().push(*status);
            }
        }
    }

    let working = workers.map(|inbox| {
        let builder = inbox.worker().concurrency(16).on(&layer, handler.clone());
        Working::start(builder)
    });
    // Those of one order come one after the other.
    let lanes = (0..32).map(async |lane| {
        for (order, status) in deliveries.iter().filter(|it| it.0 % 32 == lane) {
            deliver(&layer, *order, *status).await;
        }
    });
    join_all(lanes).await;
    let all = u64::try_from(orders * STATUSES.len()).unwrap();
    until_over(inbox, all).await;
    for working in working {
        working.end().await;
    }
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.done, counts.stale), (all - stale, stale));
    let accounts = ledger.0.lock().unwrap();
    for (order, expected) in expected {
        let applied = &accounts[&order].applied;
        assert_eq!(*applied, expected, "order {order}");
        assert!(applied.is_sorted_by(|a, b| a < b), "{applied:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_shuffled_and_thrice_are_applied_in_rising_versions() {
    let inbox = MemoryInbox::new();
    shuffled_and_thrice([&inbox, &inbox.clone()]).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_on_a_file_with_two_processes_too() {
    let folder = Folder::new("ordered");
    let (first, second) = (inbox_in(&folder).await, inbox_in(&folder).await);
    shuffled_and_thrice([&first, &second]).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_on_postgres_with_two_processes_too() {
    let server = crate::sql_support::Postgres::start();
    let (first, second) = (
        super::postgres::inbox(server.url()).await,
        super::postgres::inbox(server.url()).await,
    );
    shuffled_and_thrice([&first, &second]).await;
}

/// The end of its entry is written in the handler's transaction, and what comes of it for the key too.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_transaction_has_completed_frees_its_key_and_overtakes_what_is_older() {
    let server = crate::sql_support::Postgres::start();
    let inbox = super::postgres::on_pool(&server).await;
    let layer = webhook(SharedInbox::new(inbox.clone()), by_status());
    for status in [3, 1, 4] {
        deliver(&layer, 7, status).await;
    }
    let handler = async |mut tx: tower_webhook::Tx<sqlx::Postgres>| {
        let query = sqlx::query("SELECT 1");
        query.execute(tx.connection().await?).await.unwrap();
        Ok::<_, Failure>(())
    };
    let working = Working::start(inbox.worker().on(&layer, handler));
    until_over(&inbox, 3).await;
    working.end().await;
    for (status, expected) in [
        (3, EntryStatus::Done),
        (1, EntryStatus::Stale),
        (4, EntryStatus::Done),
    ] {
        assert_eq!(status_of(&inbox, 7, status).await, expected);
    }
    let sql = "SELECT holder IS NULL, kept_until = applied_until FROM tower_webhook_inbox_order";
    assert_eq!(server.ask(sql), "t|t");
}

/// A worker whose handler fails for one event as often as it is asked to.
fn failing(inbox: &MemoryInbox, layer: &WebhookLayer, failing: Arc<Mutex<u32>>) -> Working {
    let handler = move |Event(event): Event<serde_json::Value>, delivery: Delivery| {
        let order = delivery.order().unwrap();
        assert_eq!(order.key.as_str(), "7");
        let is_late = order.forced && event["status"] == STATUSES[1];
        let mut left = failing.lock().unwrap();
        let fails = event["status"] == STATUSES[1] && *left > 0;
        *left -= u32::from(fails);
        ready(match fails {
            true => Err(Failure::retry("the ledger is closed")),
            false if is_late => Err(Failure::permanent("too late")),
            false => Ok(()),
        })
    };
    let backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(5)).unwrap();
    let builder = inbox.worker().max_attempts(3).backoff(backoff);
    Working::start(builder.on(layer, handler))
}

#[tokio::test(start_paused = true)]
async fn the_next_one_waits_while_one_is_to_be_tried_again() {
    let inbox = MemoryInbox::new();
    let layer = webhook(SharedInbox::new(inbox.clone()), by_status());
    let working = failing(&inbox, &layer, Arc::new(Mutex::new(2)));
    deliver(&layer, 7, 1).await;
    deliver(&layer, 7, 2).await;
    until_over(&inbox, 2).await;
    working.end().await;
    // Had the second one not waited the first would have been overtaken.
    assert_eq!(status_of(&inbox, 7, 1).await, EntryStatus::Done);
    assert_eq!(status_of(&inbox, 7, 2).await, EntryStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn a_dead_one_lets_the_next_one_go_on_and_is_redriven_by_force() {
    let inbox = MemoryInbox::new();
    let layer = webhook(SharedInbox::new(inbox.clone()), by_status());
    let working = failing(&inbox, &layer, Arc::new(Mutex::new(3)));
    deliver(&layer, 7, 1).await;
    deliver(&layer, 7, 2).await;
    until_over(&inbox, 2).await;
    assert_eq!(status_of(&inbox, 7, 1).await, EntryStatus::Dead);
    assert_eq!(status_of(&inbox, 7, 2).await, EntryStatus::Done);
    // Its sender's own redelivery queues it again, and it is overtaken.
    deliver(&layer, 7, 1).await;
    until_over(&inbox, 2).await;
    assert_eq!(status_of(&inbox, 7, 1).await, EntryStatus::Stale);
    inbox
        .redrive(&Redrive::new(key(7, 1)).force())
        .await
        .unwrap();
    until_over(&inbox, 2).await;
    working.end().await;
    // Its handler was told.
    let view = inbox.lookup(&key(7, 1)).await.unwrap().unwrap();
    assert_eq!(&*view.entry.history.last().unwrap().reason, "too late");
}

#[tokio::test(start_paused = true)]
async fn a_dead_one_holds_the_next_one_back_where_that_is_asked_for() {
    let inbox = MemoryInbox::new();
    let layer = webhook(
        SharedInbox::new(inbox.clone()),
        by_status().dead_hold_back(),
    );
    let working = failing(&inbox, &layer, Arc::new(Mutex::new(3)));
    deliver(&layer, 7, 1).await;
    deliver(&layer, 7, 2).await;
    until_over(&inbox, 1).await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(status_of(&inbox, 7, 2).await, EntryStatus::Queued);
    inbox.redrive(&Redrive::new(key(7, 1))).await.unwrap();
    until_over(&inbox, 2).await;
    working.end().await;
    assert_eq!(inbox.counts().await.unwrap().done, 2);
}

#[tokio::test]
async fn an_order_needs_an_inbox() {
    let webhook = Webhook::new(provider(by_status())).store(MemoryStore::new());
    let error = webhook.build().unwrap_err().to_string();
    let expected =
        "event rule: its events are in an order, which only those have that wait in an inbox";
    assert!(error.contains(expected), "{error}");
}
