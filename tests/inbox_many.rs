//! What an inbox does over a long time. The short forms see that all is worked off; the long ones measure.
//!
//! ```sh
//! INBOX_EVENTS=1000000 cargo test --release --features postgres,redis,sqlite,inbox,testing --test inbox_many \
//!     -- --nocapture --test-threads 1 memory
//! READER_SECONDS=600 cargo test --release --features postgres,redis,sqlite,inbox,testing --test inbox_many \
//!     -- --nocapture --test-threads 1 reader
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has done its work"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sql_support::Postgres;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tower::ServiceExt;
use tower_webhook::inbox::{
    Finish, Inbox, PostgresInbox, RedisInbox, Route, SqliteInbox, Take, Verdict,
};
use tower_webhook::provider::{self, blendfi};
use tower_webhook::store::{self, Token};
use tower_webhook::testing::TestDelivery;
use tower_webhook::worker::InboxExt;
use tower_webhook::{Provider, RouterExt, Webhook, WebhookLayer, event_handler};

#[path = "redis_support/mod.rs"]
mod redis_support;
#[path = "sql_support/mod.rs"]
mod sql_support;

const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing takes as long in the short form.
const LIMIT: Duration = Duration::from_secs(120);

fn set(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

/// Memory that this process holds, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|text| text.trim().strip_suffix(" kB"));
    kib.map_or(0, |text| text.trim().parse().unwrap())
}

/// The most and the least memory that was held, from a tenth of the way on.
#[derive(Debug, Clone, Copy)]
struct Held {
    least: u64,
    most: u64,
}

impl Held {
    fn none_yet() -> Self {
        Self {
            least: u64::MAX,
            most: 0,
        }
    }

    fn look(&mut self) {
        let now = resident();
        *self = Self {
            least: self.least.min(now),
            most: self.most.max(now),
        };
    }

    /// Within a tenth of the middle, either way.
    fn is_flat(self) -> bool {
        10 * (self.most - self.least) <= self.most + self.least
    }
}

fn sender() -> Provider {
    provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"]).unwrap())
}

/// A receiver that holds events in an inbox, and a sender of events of 1 KiB.
#[derive(Clone)]
struct Receiver {
    router: axum::Router,
    signer: Provider,
}

impl Receiver {
    fn of(webhook: WebhookLayer) -> Self {
        let handler = event_handler(async || {});
        Self {
            router: axum::Router::new().webhook("/hooks", webhook, handler),
            signer: sender(),
        }
    }

    /// Delivers an event until it is taken.
    async fn deliver(&self, number: u64) {
        let data = "x".repeat(860);
        let body = format!(
            r#"{{"id":"evt_{number:020}","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{{"note":"{data}"}}}}"#
        );
        loop {
            let delivery = TestDelivery::new(&self.signer, body.clone()).to("/hooks");
            let request = delivery.request::<axum::body::Body>().unwrap();
            let answer = self.router.clone().oneshot(request).await.unwrap();
            if answer.status().is_success() {
                return;
            }
        }
    }
}

/// Events are accepted by a receiver, and then worked off; memory is looked at all the way.
async fn flat<I: Inbox + Clone>(name: &str, inbox: I) {
    let long = set("INBOX_EVENTS");
    let all = long.unwrap_or(600);
    let webhook = Webhook::new(sender()).inbox(inbox.clone());
    let webhook: WebhookLayer = webhook.build().unwrap();
    let receiver = Receiver::of(webhook.clone());
    let ran = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&ran);
    let handler = move || {
        counts.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    let begun = Instant::now();
    let (mut receiving, mut working) = (Held::none_yet(), Held::none_yet());
    for part in 0..10 {
        stream::iter(all * part / 10..all * (part + 1) / 10)
            .for_each_concurrent(64, |number| receiver.deliver(number))
            .await;
        receiving.look();
    }
    assert_eq!(inbox.counts().await.unwrap().queued, all);
    let accepted = begun.elapsed();
    let worker = inbox
        .worker()
        .concurrency(32)
        .on(&webhook, handler)
        .build()
        .unwrap();
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    let over = async {
        while ran.load(Ordering::Relaxed) < all {
            if ran.load(Ordering::Relaxed) * 10 >= all {
                working.look();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = if long.is_some() { LIMIT * 1_000 } else { LIMIT };
    timeout(limit, over).await.unwrap();
    running.abort();
    println!(
        "{name}: {all} events accepted in {accepted:?}, all handled after {:?}; KiB held by the receiver {receiving:?}, \
         by the worker {working:?}",
        begun.elapsed()
    );
    assert_eq!(ran.load(Ordering::Relaxed), all);
    if long.is_some() {
        assert!(receiving.is_flat() && working.is_flat(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_flat_over_a_file() {
    let path = std::env::temp_dir().join(format!("tower-webhook-many-{}.db", std::process::id()));
    let inbox = SqliteInbox::builder(&path)
        .deadline(PATIENCE)
        .capacity(2_000_000);
    flat("SQLite", inbox.connect().await.unwrap()).await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_flat_over_postgres() {
    let server = Postgres::start();
    let inbox = PostgresInbox::builder(server.url())
        .deadline(PATIENCE)
        .capacity(2_000_000);
    flat("Postgres", inbox.migrate().connect().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_flat_over_redis() {
    let server = redis_support::Server::start();
    let inbox = RedisInbox::builder(server.url())
        .deadline(PATIENCE)
        .capacity(2_000_000);
    flat("Redis", inbox.connect().await.unwrap()).await;
}

/// How long each fetch took.
#[derive(Default)]
struct Fetches(Vec<Duration>);

impl Fetches {
    fn p99(&mut self) -> Duration {
        self.0.sort_unstable();
        let at = (self.0.len() * 99 / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// Accepts so many events a second for a while, and takes and finishes them as they come, as a worker does.
async fn fetches(
    inbox: &PostgresInbox,
    receiver: &Receiver,
    numbers: &Arc<AtomicU64>,
    per_second: u64,
    time: Duration,
) -> Fetches {
    let numbers = Arc::clone(numbers);
    let route = Route::parse("blendfi").unwrap();
    let (begun, accepted) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let accepting = tokio::spawn({
        let (receiver, accepted) = (receiver.clone(), Arc::clone(&accepted));
        async move {
            // Ten times a second a tenth of them, all at once.
            let mut ticks = interval(Duration::from_millis(100));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while begun.elapsed() < time {
                ticks.tick().await;
                let numbers = (0..per_second / 10).map(|_| numbers.fetch_add(1, Ordering::Relaxed));
                join_all(numbers.map(|number| receiver.deliver(number))).await;
                accepted.fetch_add(per_second / 10, Ordering::Relaxed);
            }
        }
    });
    let (mut fetches, mut handled) = (Fetches::default(), 0);
    while !accepting.is_finished() || handled < accepted.load(Ordering::Relaxed) {
        let mut take = Take::new(vec![route.clone()], Token::random().unwrap(), 64, PATIENCE);
        (take.begin, take.max_attempts) = (true, 30);
        let asked = Instant::now();
        let taken = inbox.take(&take).await.unwrap();
        fetches.0.push(asked.elapsed());
        let finishes: Vec<_> = (taken.iter())
            .map(|it| Finish::new(it.key.clone(), take.token, Verdict::Done, PATIENCE))
            .collect();
        for held in join_all(finishes.iter().map(|finish| inbox.finish(finish))).await {
            assert_eq!(held.unwrap(), store::Held::Held);
            handled += 1;
        }
        if taken.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    }
    accepting.await.unwrap();
    fetches
}

/// A transaction that reads, and stays open, keeps what every entry was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reader_holds_up_no_fetch() {
    let long = set("READER_SECONDS");
    let (per_second, time) = match long {
        Some(seconds) => (500, Duration::from_secs(seconds)),
        None => (100, Duration::from_secs(1)),
    };
    let server = Postgres::start();
    let inbox = PostgresInbox::builder(server.url())
        .deadline(PATIENCE)
        .migrate();
    let inbox = inbox.connect().await.unwrap();
    let webhook = Webhook::new(sender()).inbox(inbox.clone()).build().unwrap();
    let (receiver, numbers) = (Receiver::of(webhook), Arc::default());
    // A quarter of the time is enough to know what is usual.
    let mut quiet = fetches(&inbox, &receiver, &numbers, per_second, time / 4).await;
    let mut reader = server.session(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM tower_webhook_inbox;\n\\echo open",
    );
    reader.says("open");
    let mut beside = fetches(&inbox, &receiver, &numbers, per_second, time).await;
    drop(reader);
    let (before, behind) = (quiet.p99(), beside.p99());
    println!(
        "p99 of {} fetches {before:?}, of {} beside a reader of {time:?} {behind:?}: {:.2} of it",
        quiet.0.len(),
        beside.0.len(),
        behind.as_secs_f64() / before.as_secs_f64()
    );
    assert!(!quiet.0.is_empty() && !beside.0.is_empty());
    if long.is_some() {
        assert!(behind < before * 5, "{behind:?} beside {before:?}");
    }
}
