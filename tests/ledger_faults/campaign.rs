//! Payments, alone and in lists, each delivered twice at once and again until it is acknowledged, while one thing after the
//! other fails; and the ledger in the end.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tower_webhook::store::{PostgresStore, SqliteStore};

use super::plan::{Plan, Random};
use super::process::Process;
use super::receiver::{ACCOUNTS, Orders, cents};
use super::sender::{Receivers, deliver};
use super::sql_support::Postgres;
use super::trouble::{Kind, World};

const IN_FLIGHT: usize = 32;

pub(crate) async fn on_postgres() {
    let plan = Plan::of(&Kind::ALL);
    let server = Postgres::with(&["max_connections=200"]);
    let store = PostgresStore::builder(server.url()).migrate();
    drop(store.connect().await.unwrap());
    server.ask(&format!(
        "CREATE TABLE accounts (id bigint PRIMARY KEY, cents bigint NOT NULL);
         CREATE TABLE entries (event text NOT NULL, cents bigint NOT NULL);
         INSERT INTO accounts SELECT n, 0 FROM generate_series(0, {ACCOUNTS} - 1) AS n"
    ));
    let mut world = World::around(server).await;
    let mut course = Course::begin(&plan, &world.receivers);
    let mut random = Random(plan.seed);
    let mut struck = BTreeMap::new();
    for (number, kind) in plan.faults.iter().enumerate() {
        course.until(number, plan.faults.len()).await;
        if plan.is_told() {
            println!("{number}: {kind:?}");
        }
        world.suffer(*kind, &mut random, &course.allowed).await;
        *struck.entry(*kind).or_insert(0) += 1;
    }
    let attempts = course.end().await;
    // What is acknowledged is on its disk.
    world.server.kill();
    world.server.restart();
    let found = world
        .server
        .ask(&format!("{LEDGER} FROM tower_webhook_records"));
    assert_eq!(found, plan.balance());
    println!("{attempts} attempts; faults: {struck:?}");
}

pub(crate) async fn on_sqlite() {
    let plan = Plan::of(&[Kind::KilledAtAStatement; 8]);
    let folder = std::env::temp_dir().join(format!("tower-webhook-ledger-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ledger.db");
    drop(SqliteStore::connect(&path).await.unwrap());
    let options = SqliteConnectOptions::new().filename(&path);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let sql = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
               CREATE TABLE entries (event TEXT NOT NULL, cents INTEGER NOT NULL)";
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    for id in 0..i64::try_from(ACCOUNTS).unwrap() {
        let insert = sqlx::query("INSERT INTO accounts VALUES (?, 0)").bind(id);
        insert.execute(&pool).await.unwrap();
    }
    let orders = Orders {
        store: path.display().to_string(),
    };
    let mut process = Process::start(&orders).await;
    let receivers = Receivers::at([process.address]);
    let mut course = Course::begin(&plan, &receivers);
    let mut random = Random(plan.seed);
    for number in 0..plan.faults.len() {
        course.until(number, plan.faults.len()).await;
        // Anywhere in what it is at.
        sleep(Duration::from_micros(random.number() % 30_000)).await;
        process.kill().await;
        process = Process::start(&orders).await;
        receivers.set(0, process.address);
    }
    let attempts = course.end().await;
    process.kill().await;
    let found: String = sqlx::query_scalar("SELECT
            (SELECT count(*) FROM entries) || '|' || (SELECT count(DISTINCT event) FROM entries) || '|' ||
            (SELECT sum(cents) FROM entries) || '|' || (SELECT sum(cents) FROM accounts) || '|' ||
            (SELECT count(*) FROM tower_webhook_records WHERE state = 2) || '|' ||
            (SELECT count(*) FROM tower_webhook_records)")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(found, plan.balance());
    println!(
        "{attempts} attempts; the receiver killed {} times",
        plan.faults.len()
    );
    pool.close().await;
    let _ = std::fs::remove_dir_all(folder);
}

const LEDGER: &str =
    "SELECT (SELECT count(*) FROM entries), (SELECT count(DISTINCT event) FROM entries),
    (SELECT sum(cents) FROM entries), (SELECT sum(cents) FROM accounts),
    count(*) FILTER (WHERE state = 2), count(*)";

impl Plan {
    /// What the ledger must say: as many entries as events, their sum, and a record of each that is done.
    fn balance(&self) -> String {
        let sum: i64 = (0..self.events.try_into().unwrap()).map(cents).sum();
        let events = self.events;
        format!("{events}|{events}|{sum}|{sum}|{events}|{events}")
    }
}

/// What goes in one request each: of twenty events sixteen alone, and four as a list.
fn parcels(events: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let length = if start % 20 == 16 { 4 } else { 1 };
        next = events.min(start + length);
        (start < events).then_some(start..next)
    })
}

/// The deliveries, and how far they are.
struct Course {
    begun: Instant,
    events: usize,
    /// How many may be acknowledged before the next fault.
    allowed: watch::Sender<usize>,
    acknowledged: watch::Receiver<usize>,
    sent: Vec<JoinHandle<usize>>,
}

impl Course {
    fn begin(plan: &Plan, receivers: &Receivers) -> Self {
        println!(
            "\nseed {}, again with LEDGER_SEED={}: {} payments, each sent twice, {} faults",
            plan.seed,
            plan.seed,
            plan.events,
            plan.faults.len()
        );
        let places = Arc::new(Semaphore::new(IN_FLIGHT));
        let (done, acknowledged) = watch::channel(0);
        let allowed = watch::Sender::new(0);
        let sent = parcels(plan.events).map(|parcel| {
            let (places, receivers, done) = (Arc::clone(&places), receivers.clone(), done.clone());
            let mut allowed = allowed.subscribe();
            tokio::spawn(async move {
                // So that no fault comes when all is over.
                if allowed
                    .wait_for(|count| *count > parcel.start)
                    .await
                    .is_err()
                {
                    // The test has failed.
                    return 0;
                }
                let _place = places.acquire().await.unwrap();
                let ids: Vec<_> = parcel
                    .clone()
                    .map(|number| format!("evt_{number}"))
                    .collect();
                let (ids, first) = (ids.join(","), parcel.start);
                let (event, duplicate) = tokio::join!(
                    deliver(&ids, &receivers, first),
                    deliver(&ids, &receivers, first + 1)
                );
                done.send_modify(|count| *count += parcel.len());
                event.len() + duplicate.len()
            })
        });
        Self {
            begun: Instant::now(),
            events: plan.events,
            sent: sent.collect(),
            allowed,
            acknowledged,
        }
    }

    /// Waits until it is time for this one of so many faults: from here on there are enough events for it.
    async fn until(&mut self, fault: usize, faults: usize) {
        let share = self.events / (faults + 1);
        let wanted = (share * fault).saturating_sub(share / 2);
        let reached = self.acknowledged.wait_for(|count| *count >= wanted);
        reached.await.unwrap();
        let enough = *self.acknowledged.borrow() + share;
        self.allowed
            .send_modify(|count| *count = enough.max(*count));
    }

    /// Waits for the last one, and says how many attempts there were.
    async fn end(self) -> usize {
        self.allowed.send_modify(|count| *count = usize::MAX);
        let mut attempts = 0;
        for sent in self.sent {
            attempts += sent.await.unwrap();
        }
        println!("{} events in {:?}", self.events, self.begun.elapsed());
        attempts
    }
}
