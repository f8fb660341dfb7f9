//! Claim and complete through a store, compared with a hand-written version.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_webhook::store::{Claim, ClaimOutcome, Held, Store};
use tower_webhook::{PostgresStore, SqliteStore};

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::sql_support::Postgres;
use crate::{event, hand_postgres, hand_sqlite};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const IN_FLIGHT: u32 = 64;
const PAIRS: u32 = 6_400;
pub(crate) const CONNECTIONS: u32 = 8;

/// Runs every number of a range once, so many at a time, and returns the pairs/s.
pub(crate) async fn rate<F>(numbers: Range<u32>, pair: impl Fn(Arc<Claim>) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let count = f64::from(numbers.end - numbers.start);
    let claims: Vec<_> = numbers
        .map(|number| Arc::new(event::claim(number)))
        .collect();
    let mut shares: Vec<Vec<_>> = (0..IN_FLIGHT).map(|_| Vec::new()).collect();
    let places = shares.len();
    for (number, claim) in claims.into_iter().enumerate() {
        shares[number % places].push(pair(claim));
    }
    let begun = Instant::now();
    let tasks = shares.into_iter().map(|share| {
        tokio::spawn(async move {
            for pair in share {
                pair.await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    count / begun.elapsed().as_secs_f64()
}

pub(crate) async fn pair(store: &impl Store, claim: &Claim) {
    let ClaimOutcome::Claimed(grant) = store.claim(claim).await.unwrap() else {
        panic!("a new event is granted");
    };
    let complete = event::complete(claim, grant);
    assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
}

/// The number of commits that a store reports.
fn commits(store: &impl std::fmt::Debug) -> f64 {
    let text = format!("{store:?}");
    let (_, rest) = text.split_once("commits: ").unwrap();
    let number = rest.split(|c: char| !c.is_ascii_digit()).next();
    number.unwrap().parse().unwrap()
}

/// A folder of the build, on disk.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) async fn sqlite(rounds: usize) {
    let folder = folder("bench-sqlite");
    let (mut rates, mut shared) = (Vec::new(), Vec::new());
    // The first round is a warm-up.
    for round in 0..=rounds {
        let path = folder.join(format!("hand-{round}.db"));
        let hand = hand_sqlite::Hand::new(&path).await;
        let first = rate(0..PAIRS, |claim| {
            let hand = hand.clone();
            async move { hand.pair(&claim).await }
        });
        let first = first.await;
        let path = folder.join(format!("store-{round}.db"));
        let store = SqliteStore::builder(path).deadline(PATIENCE);
        let store = store.connect().await.unwrap();
        let second = rate(0..PAIRS, |claim| {
            let store = store.clone();
            async move { pair(&store, &claim).await }
        });
        let second = second.await;
        if round > 0 {
            rates.push((first, second));
            shared.push(2.0 * f64::from(PAIRS) / commits(&store));
        }
    }
    let medians = Medians::of(rates);
    let table = Table::new("sql", "Claim and complete in SQLite, 64 in flight");
    let row = "`SqliteStore` beside `INSERT` and `UPDATE` by hand, committed together";
    table.put(row, "by hand", "pairs/s", medians.first);
    table.put(row, "store", "pairs/s", medians.second);
    table.require(row, "ratio", "", medians, Bound::AtLeast(0.8));
    let shared = crate::common::medians::median(shared);
    table.require(row, "commands a commit", "", shared, Bound::AtLeast(16.0));
    let _ = std::fs::remove_dir_all(folder);
}

pub(crate) async fn postgres(rounds: usize) {
    let server = Postgres::start();
    server.ask(hand_postgres::TABLE);
    let hand = hand_postgres::Hand::new(&server.url(), CONNECTIONS).await;
    let store = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .connections(CONNECTIONS);
    let store = store.migrate().connect().await.unwrap();
    let mut rates = Vec::new();
    for round in 0..=rounds {
        server.ask("TRUNCATE by_hand, tower_webhook_records");
        let first = rate(0..PAIRS / 4, |claim| {
            let hand = hand.clone();
            async move { hand.pair(&claim).await }
        });
        let first = first.await;
        let second = rate(0..PAIRS / 4, |claim| {
            let store = store.clone();
            async move { pair(&store, &claim).await }
        });
        let second = second.await;
        if round > 0 {
            rates.push((first, second));
        }
    }
    let medians = Medians::of(rates);
    let table = Table::new(
        "sql",
        "Claim and complete in Postgres, 64 in flight over 8 connections",
    );
    let row = "`PostgresStore` beside the same statements by hand";
    table.put(row, "by hand", "pairs/s", medians.first);
    table.put(row, "store", "pairs/s", medians.second);
    table.require(row, "ratio", "", medians, Bound::AtLeast(0.85));
}
