//! Events that are confirmed by a worker, behind the answer to their sender.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::sleep;
use tower::Layer;
use tower_webhook::event::OrderRule;
use tower_webhook::inbox::{EntryStatus, Inbox, List, MemoryInbox, SharedInbox};
use tower_webhook::provider;
use tower_webhook::worker::InboxExt;
use tower_webhook::{
    Confirmation, DedupeConfig, Delivery, Event, Reason, Rejection, Unconfirmed, Webhook,
    WebhookLayer,
};

use super::{Working, entry_with, send};
use crate::support::amount::short_or_long;
use crate::support::blox::{checkout, key};
use crate::support::http::Request;
use crate::support::presets::{clock, tokens};
use crate::support::server::Server;
use crate::support::wait::{LIMIT, within};

const TRUTH: &str = "10.00";

/// What confirmations and handlers saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    judged_untrue: HashSet<String>,
    ran: Vec<String>,
    /// Whether nobody can be asked.
    is_down: bool,
}

impl Seen {
    fn confirm(&self, event: &Unconfirmed) -> Confirmation {
        let mut seen = self.0.lock().unwrap();
        let is_true = text(&event.body).contains(TRUTH);
        match (seen.is_down, is_true) {
            (true, _) => Confirmation::TryAgain,
            (_, true) => Confirmation::Confirmed,
            (_, false) => {
                seen.judged_untrue.insert(text(&event.body));
                Confirmation::Mismatch
            }
        }
    }

    fn is_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    fn ran(&self) -> usize {
        self.0.lock().unwrap().ran.len()
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// Asks about each body for itself.
pub(super) fn layer(inbox: &(impl Inbox + Clone), seen: &Seen) -> WebhookLayer {
    let seen = seen.clone();
    let confirm = move |event: Unconfirmed| std::future::ready(seen.confirm(&event));
    let provider = provider::blox(tokens()).without_status_check();
    Webhook::new(provider)
        .clock(clock())
        .inbox(SharedInbox::new(inbox.clone()))
        .dedupe(DedupeConfig::new().confirm(confirm))
        .build()
        .unwrap()
}

pub(super) fn working(inbox: &(impl Inbox + Clone), layer: &WebhookLayer, seen: &Seen) -> Working {
    let seen = seen.clone();
    let handler = move |Event(event): Event<serde_json::Value>, delivery: Delivery| {
        assert_eq!(delivery.key(), &key("c_1", "COMPLETED"));
        let amount = event["amount"].as_str().unwrap().to_owned();
        seen.0.lock().unwrap().ran.push(amount);
        std::future::ready(())
    };
    Working::start(inbox.worker().concurrency(32).on(layer, handler))
}

/// Where deliveries arrive: at a layer, or over a socket of a receiver that stands before it.
#[derive(Clone)]
enum Door {
    Layer(WebhookLayer),
    Socket(Arc<Server>),
}

impl Door {
    async fn status(&self, request: &Request) -> u16 {
        match self {
            Self::Layer(layer) => send(layer, request).await.status().as_u16(),
            Self::Socket(server) => request.send(server.address).await.status,
        }
    }
}

/// What a delivery of this amount of one checkout was told.
async fn told(layer: &WebhookLayer, amount: &str) -> (u16, Option<Reason>) {
    let answer = send(layer, &checkout("c_1", "COMPLETED", amount)).await;
    let rejection = answer.extensions().get::<Rejection>();
    (answer.status().as_u16(), rejection.map(Rejection::reason))
}

/// How many entries wait to be confirmed.
async fn waiting(inbox: &impl Inbox) -> u64 {
    let counts = inbox.counts().await.unwrap();
    counts.queued + counts.running
}

/// Forged contents of one checkout before the true one, in the long form so many, and as many after it.
pub(super) async fn forged_before_and_after(inbox: &(impl Inbox + Clone), long: usize) {
    let seen = Seen::default();
    let layer = layer(inbox, &seen);
    let (door, forged) = (Door::Layer(layer.clone()), short_or_long(500, long));
    forged_at(&door, inbox, &layer, &seen, forged).await;
}

/// The same over real sockets, a connection each: `FORGED=10000` for the long form.
pub(super) async fn forged_over_sockets(inbox: &(impl Inbox + Clone)) {
    let forged = std::env::var("FORGED").map_or(500, |text| text.parse().unwrap());
    let seen = Seen::default();
    let layer = layer(inbox, &seen);
    let router = axum::Router::new().fallback_service(layer.layer(tower::service_fn(
        async |_: axum::extract::Request| {
            Ok::<_, std::convert::Infallible>(axum::response::Response::new(
                axum::body::Body::empty(),
            ))
        },
    )));
    let server = Server::start(router).await;
    let door = Door::Socket(Arc::new(server));
    let begun = std::time::Instant::now();
    forged_at(&door, inbox, &layer, &seen, forged).await;
    eprintln!(
        "{forged} forged contents before the true one and as many after it: {:?}",
        begun.elapsed()
    );
}

async fn forged_at(
    door: &Door,
    inbox: &(impl Inbox + Clone),
    layer: &WebhookLayer,
    seen: &Seen,
    forged: usize,
) {
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    let forge = |numbers: std::ops::Range<usize>| {
        stream::iter(numbers).for_each_concurrent(64, |number| {
            let (inbox, acknowledged) = (inbox, Arc::clone(&acknowledged));
            async move {
                let request = checkout("c_1", "COMPLETED", &format!("666.{number}"));
                let mut status = 503;
                // The machine may be busy: "not now".
                while status == 503 {
                    status = door.status(&request).await;
                }
                match status {
                    200 => {
                        acknowledged
                            .lock()
                            .unwrap()
                            .insert(text(request.body_bytes()));
                    }
                    // Judged here, or there is a true one already.
                    400 | 422 => {}
                    other => panic!("{other}"),
                }
                if number % 500 == 0 {
                    let held = waiting(inbox).await;
                    assert!(held <= 8 + 1, "{held} wait");
                }
            }
        })
    };
    // Some wait before the first worker comes.
    forge(0..forged / 10).await;
    assert_eq!(waiting(inbox).await, 8);
    let working = working(inbox, layer, seen);
    forge(forged / 10..forged).await;
    // It is acknowledged, or told "not now" and sent again.
    let truth = checkout("c_1", "COMPLETED", TRUTH);
    let truth = async { while door.status(&truth).await != 200 {} };
    within("the true one", truth).await;
    forge(forged..forged * 2).await;
    let all_over = async {
        while waiting(inbox).await > 0 || seen.ran() == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT * 4, all_over).await.unwrap();
    working.end().await;

    assert_eq!(seen.0.lock().unwrap().ran, [TRUTH], "the true one, once");
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.dead, counts.waiting, counts.lapsed), (0, 0, 0));
    let own = inbox.lookup(&key("c_1", "COMPLETED")).await.unwrap();
    assert_eq!(own.unwrap().status, EntryStatus::Done);
    // What was acknowledged was judged, but for what waited or was under way when the true one was found: it
    // has ended by that.
    let untrue = seen.0.lock().unwrap().judged_untrue.clone();
    let acknowledged = acknowledged.lock().unwrap().clone();
    let unjudged = acknowledged.difference(&untrue).count();
    assert!(
        unjudged <= 8 + 64,
        "{unjudged} were acknowledged and not judged"
    );
    assert!(acknowledged.len() >= 8 && counts.mismatched >= 1);
    let mismatched = inbox
        .list(&List::of(EntryStatus::Mismatched))
        .await
        .unwrap();
    assert_eq!(u64::try_from(mismatched.len()).unwrap(), counts.mismatched);
    for view in mismatched {
        assert!(view.key.is_unconfirmed() && view.route.is_unconfirmed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_forgeries_before_and_after_the_truth_change_nothing() {
    forged_before_and_after(&MemoryInbox::new(), 10_000).await;
}

/// While nobody can be asked, contents of one event wait side by side, and none runs.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_waits_and_costs_no_attempt() {
    let (inbox, seen) = (MemoryInbox::new(), Seen::default());
    let layer = layer(&inbox, &seen);
    seen.is_down(true);
    let working = working(&inbox, &layer, &seen);
    assert_eq!(told(&layer, "1").await, (200, Some(Reason::Queued)));
    assert_eq!(told(&layer, TRUTH).await, (200, Some(Reason::Queued)));
    assert_eq!(told(&layer, TRUTH).await, (200, Some(Reason::AlreadyDone)));
    sleep(Duration::from_secs(7_200)).await;
    assert_eq!((seen.ran(), waiting(&inbox).await), (0, 2));
    for view in inbox.list(&List::of(EntryStatus::Queued)).await.unwrap() {
        assert_eq!((view.entry.attempts, view.entry.history.last()), (0, None));
    }
    seen.is_down(false);
    let view = entry_with(&inbox, &key("c_1", "COMPLETED"), EntryStatus::Done).await;
    assert_eq!(view.entry.attempts, 1);
    while waiting(&inbox).await > 0 {
        sleep(Duration::from_secs(1)).await;
    }
    working.end().await;
    assert_eq!(seen.0.lock().unwrap().ran, [TRUTH]);
    assert_eq!(inbox.counts().await.unwrap().mismatched, 1);
    // The one is done, the other is another's.
    assert_eq!(told(&layer, TRUTH).await, (200, Some(Reason::AlreadyDone)));
    assert_eq!(told(&layer, "1").await, (422, Some(Reason::Conflict)));
}

/// Where as many wait as may, the delivery itself is asked about, and told what comes of it.
#[tokio::test(start_paused = true)]
async fn where_eight_wait_the_ninth_is_asked_about_at_the_door() {
    let (inbox, seen) = (MemoryInbox::new(), Seen::default());
    let layer = layer(&inbox, &seen);
    for number in 0..8 {
        let queued = (200, Some(Reason::Queued));
        assert_eq!(told(&layer, &format!("666.{number}")).await, queued);
    }
    let untrue = (400, Some(Reason::ConfirmMismatch));
    assert_eq!(told(&layer, "666.8").await, untrue);
    seen.is_down(true);
    let not_now = (503, Some(Reason::ConfirmTryAgain));
    assert_eq!(told(&layer, TRUTH).await, not_now);
    assert_eq!(waiting(&inbox).await, 8);
    // One that waits is known.
    assert_eq!(
        told(&layer, "666.3").await,
        (200, Some(Reason::AlreadyDone))
    );
    seen.is_down(false);
    assert_eq!(told(&layer, TRUTH).await, (200, Some(Reason::Queued)));
    let working = working(&inbox, &layer, &seen);
    while waiting(&inbox).await > 0 || seen.ran() == 0 {
        sleep(Duration::from_secs(1)).await;
    }
    working.end().await;
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.done, counts.mismatched), (1, 8));
    assert_eq!(seen.0.lock().unwrap().ran, [TRUTH]);
    // The eight were judged by what is true, and not asked about.
    assert_eq!(seen.0.lock().unwrap().judged_untrue.len(), 1);
}

/// An inbox that is full of what is to be confirmed does not stand still.
#[tokio::test(start_paused = true)]
async fn what_is_confirmed_has_room_in_a_full_inbox() {
    let (inbox, seen) = (MemoryInbox::with_capacity(1), Seen::default());
    let layer = layer(&inbox, &seen);
    assert_eq!(told(&layer, TRUTH).await, (200, Some(Reason::Queued)));
    assert_eq!(told(&layer, "1").await, (503, Some(Reason::StoreFull)));
    let working = working(&inbox, &layer, &seen);
    entry_with(&inbox, &key("c_1", "COMPLETED"), EntryStatus::Done).await;
    working.end().await;
}

/// What is about an order is held under its order key once it is confirmed, and not before.
#[tokio::test(start_paused = true)]
async fn content_is_in_an_order_once_it_is_confirmed() {
    let (inbox, seen) = (MemoryInbox::new(), Seen::default());
    let order = OrderRule::by(["/checkoutId"]).unwrap();
    let order = order.version_time("/timestamp").unwrap();
    let confirming = seen.clone();
    let confirm = move |event: Unconfirmed| std::future::ready(confirming.confirm(&event));
    let provider = provider::blox(tokens())
        .without_status_check()
        .ordered(order);
    let webhook = Webhook::new(provider).clock(clock()).inbox(inbox.clone());
    let layer = webhook.dedupe(DedupeConfig::new().confirm(confirm));
    let layer = layer.build().unwrap();
    assert_eq!(told(&layer, TRUTH).await, (200, Some(Reason::Queued)));
    let held = inbox.list(&List::of(EntryStatus::Queued)).await.unwrap();
    assert_eq!(held[0].entry.order, None);
    let versions = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let versions = Arc::clone(&versions);
        move |delivery: Delivery| {
            let order = delivery.order().unwrap();
            let version = order.version.unwrap().number();
            versions
                .lock()
                .unwrap()
                .push((order.key.to_string(), version));
            std::future::ready(())
        }
    };
    let working = Working::on(&inbox, &layer, handler);
    entry_with(&inbox, &key("c_1", "COMPLETED"), EntryStatus::Done).await;
    working.end().await;
    // 2026-05-04T13:00:00Z in nanoseconds, by `date -d … +%s`.
    let expected = ("c_1".to_owned(), 1_777_899_600_000_000_000);
    assert_eq!(*versions.lock().unwrap(), [expected]);
}
