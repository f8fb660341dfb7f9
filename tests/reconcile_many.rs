//! Many events that are known already: memory stays flat, and the time is at most three times that of looking them up
//! in batches: by the store, and in an optimised build also by hand, by statements on the tables and by `MGET` on Redis.
//!
//! `RECONCILE_EVENTS=1000000 cargo test --release --features postgres,redis,sqlite --test reconcile_many -- --nocapture
//! --test-threads 1` is the long form; it prints what it measures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has done its work"
)]

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use redis_support::Server;
use serde::Deserialize;
use sql_support::Postgres;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, SqlitePool};
use tower_webhook::reconcile::{ApiError, Found, Page, Reconciler, Recovery, RunEnd, Source};
use tower_webhook::store::{Claim, ClaimOutcome, Complete, StoredResponse, Token};
use tower_webhook::store::{PostgresStore, RedisStore};
use tower_webhook::{
    EventKey, Fingerprint, Name, PathTokens, Provider, SqliteStore, Store, Webhook, provider,
};

#[path = "redis_support/mod.rs"]
mod redis_support;
#[path = "sql_support/mod.rs"]
mod sql_support;

const PAGE: u64 = 1_000;
const DAY: Duration = Duration::from_secs(86_400);

fn events() -> u64 {
    let set = std::env::var("RECONCILE_EVENTS").ok();
    set.map_or(4_000, |text| text.parse().unwrap())
}

fn body(number: u64) -> String {
    format!(
        r#"{{"checkoutId":"c-{number:09}","status":"COMPLETED","amount":"15000","timestamp":"2026-05-04T13:00:00Z"}}"#
    )
}

fn bodies(page: u64, all: u64) -> impl Iterator<Item = String> {
    (page * PAGE..all.min((page + 1) * PAGE)).map(body)
}

struct Listed(u64);

impl Source for Listed {
    fn recovery(&self) -> Recovery {
        Recovery::members(["/checkoutId", "/status", "/amount"])
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        let page = cursor.map_or(0, |text| text.parse().unwrap());
        let found = Page::of(bodies(page, self.0).map(Found::event));
        Ok(match (page + 1) * PAGE < self.0 {
            true => found.then((page + 1).to_string()),
            false => found,
        })
    }
}

/// How somebody looks keys up who knows how they are made, and has one connection.
enum ByHand {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    /// Of as many texts as there are records, under the same keys.
    Redis(redis::aio::MultiplexedConnection),
}

const BATCH: usize = 256;

impl ByHand {
    async fn run(&mut self, all: u64) {
        for page in 0..all.div_ceil(PAGE) {
            let keys: Vec<_> = bodies(page, all)
                .map(|body| {
                    let (checkout, status) = members(&body);
                    format!("blox:{checkout}:{status}")
                })
                .collect();
            for some in keys.chunks(BATCH) {
                assert_eq!(self.known(some).await, some.len());
            }
        }
    }

    /// How many of these are known, each read as a whole.
    async fn known(&mut self, keys: &[String]) -> usize {
        match self {
            Self::Sqlite(pool) => {
                let places = vec!["?"; keys.len()].join(", ");
                let sql = format!(
                    "SELECT * FROM tower_webhook_records WHERE namespace = 'default' AND key IN ({places})"
                );
                let query = keys
                    .iter()
                    .fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, key| {
                        query.bind(key)
                    });
                query.fetch_all(&*pool).await.unwrap().len()
            }
            Self::Postgres(pool) => {
                let sql = "SELECT * FROM tower_webhook_records WHERE namespace = 'default' AND key = ANY ($1)";
                let query = sqlx::query(sql).bind(keys);
                query.fetch_all(&*pool).await.unwrap().len()
            }
            Self::Redis(conn) => {
                let found: Vec<Option<Vec<u8>>> = redis::cmd("MGET")
                    .arg(keys)
                    .query_async(conn)
                    .await
                    .unwrap();
                found.iter().flatten().count()
            }
        }
    }
}

/// As somebody does it who knows how keys are made.
async fn by_lookups(store: &impl Store, all: u64) {
    for page in 0..all.div_ceil(PAGE) {
        let keys: Vec<_> = bodies(page, all)
            .map(|body| {
                let (checkout, status) = members(&body);
                EventKey::new(Name::new("blox").unwrap(), [checkout, status]).unwrap()
            })
            .collect();
        for some in keys.chunks(BATCH) {
            let views = store.lookup_many(some).await.unwrap();
            assert!(views.iter().all(Option::is_some));
        }
    }
}

fn members(body: &str) -> (String, String) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Checkout {
        checkout_id: String,
        status: String,
    }
    let Checkout {
        checkout_id,
        status,
    } = serde_json::from_str(body).unwrap();
    (checkout_id, status)
}

/// As if each had been handled: a store that has lost a record writes it anew as done.
async fn handled(store: &impl Store, all: u64) {
    let key = EventKey::new(Name::new("blox").unwrap(), ["the", "first"]).unwrap();
    let token = Token::random().unwrap();
    let claim = Claim::new(key, token, Fingerprint::of(b"first"), DAY, DAY);
    let ClaimOutcome::Claimed(grant) = store.claim(&claim).await.unwrap() else {
        panic!("claimed before");
    };
    stream::iter(0..all)
        .for_each_concurrent(512, |number| async move {
            let provider = blox();
            let (name, headers, body) = (provider.name(), http::HeaderMap::new(), body(number));
            let event = provider
                .rule()
                .identify(name, &headers, None, body.as_bytes())
                .unwrap();
            let token = Token::random().unwrap();
            let response = StoredResponse::new(200);
            let done = Complete::new(event.key, token, grant, event.fingerprint, response, DAY);
            store.complete(&done).await.unwrap();
        })
        .await;
}

fn blox() -> Provider {
    let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"]).unwrap();
    provider::blox(tokens).without_status_check()
}

/// Memory that this process holds, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|text| text.trim().strip_suffix(" kB"));
    kib.map_or(0, |text| text.trim().parse().unwrap())
}

/// Reconciles them and looks them up by hand, in turns.
async fn measure(name: &str, store: impl Store + Clone, mut hand: ByHand, all: u64) {
    let webhook = Webhook::new(blox()).store(store.clone()).build().unwrap();
    let reconciler = Reconciler::of(&webhook, Listed(all))
        .handler(async || {})
        .build()
        .unwrap();
    // What is allocated once is allocated by then.
    assert_eq!(reconciler.run_once().await.known, all);
    hand.run(all.min(10 * PAGE)).await;
    let (mut ours, mut lookups, mut hands) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let before = resident();
    let rounds = if all > 100_000 { 1 } else { 3 };
    for _ in 0..rounds {
        let begun = Instant::now();
        let report = reconciler.run_once().await;
        ours = ours.min(begun.elapsed());
        assert_eq!((report.end, report.known), (RunEnd::Complete, all));
        let begun = Instant::now();
        by_lookups(&store, all).await;
        lookups = lookups.min(begun.elapsed());
        let begun = Instant::now();
        hand.run(all).await;
        hands = hands.min(begun.elapsed());
    }
    let grown = resident().saturating_sub(before);
    let ratio = |to: Duration| ours.as_secs_f64() / to.as_secs_f64();
    println!(
        "{name}: {all} known events: {ours:?}; {:.2} of lookups by the store ({lookups:?}), {:.2} of those by hand \
         ({hands:?}); {grown} KiB more held",
        ratio(lookups),
        ratio(hands)
    );
    assert!(
        ratio(lookups) <= 3.0,
        "{name}: {ours:?}, lookups {lookups:?}"
    );
    // Statements by hand are the server's work, and optimised whatever this build is.
    if !cfg!(debug_assertions) {
        assert!(ratio(hands) <= 3.0, "{name}: {ours:?}, by hand {hands:?}");
    }
    assert!(grown < 16 * 1024, "{grown} KiB");
}

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn known_events_in_a_file_take_the_time_of_their_lookups_and_no_memory() {
    let all = events();
    let name = format!("tower-webhook-many-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    let store = SqliteStore::builder(&path).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    handled(&store, all).await;
    let url = format!("sqlite://{}?mode=ro", path.display());
    let pool = SqlitePoolOptions::new().max_connections(1).connect(&url);
    let pool = pool.await.unwrap();
    measure("SQLite", store, ByHand::Sqlite(pool), all).await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_events_on_postgres_take_the_time_of_their_lookups_and_no_memory() {
    let (all, server) = (events(), Postgres::start());
    let store = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .migrate();
    let store = store.connect().await.unwrap();
    handled(&store, all).await;
    // As autovacuum does it, some time later.
    server.ask("VACUUM ANALYZE tower_webhook_records");
    let url = server.url();
    let pool = PgPoolOptions::new().max_connections(1).connect(&url);
    let pool = pool.await.unwrap();
    measure("Postgres", store, ByHand::Postgres(pool), all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_events_on_redis_take_the_time_of_their_lookups_and_no_memory() {
    let (all, server) = (events(), Server::start());
    let store = RedisStore::builder(server.url()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    handled(&store, all).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut conn = client.get_multiplexed_async_connection().await.unwrap();
    for page in 0..all.div_ceil(PAGE) {
        let mut pairs = redis::pipe();
        for number in page * PAGE..all.min((page + 1) * PAGE) {
            // As long as a record.
            pairs
                .set(format!("blox:c-{number:09}:COMPLETED"), &[b'r'; 80])
                .ignore();
        }
        let () = pairs.query_async(&mut conn).await.unwrap();
    }
    measure("Redis", store, ByHand::Redis(conn), all).await;
}
