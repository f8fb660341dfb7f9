//! Workers on one Postgres, as of several processes, and handlers with transactions of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use tower_webhook::inbox::{EntryStatus, Inbox, PostgresInbox};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::{Backoff, InboxExt};
use tower_webhook::{Delivery, Tx, TxError};

use super::workers::{self, accept, layer, until_counted};
use super::{Working, stands};
use crate::sql_support::proxy::Proxy;
use crate::sql_support::{PgBouncer, Postgres};
use crate::support::amount::short_or_long;
use crate::support::blendfi::{event, key};
use crate::support::stage::Stage;
use crate::support::wait::LIMIT;

pub(super) async fn inbox(url: String) -> PostgresInbox {
    let builder = PostgresInbox::builder(url).deadline(LIMIT);
    builder.migrate().connect().await.unwrap()
}

fn at_once() -> Backoff {
    Backoff::new(Duration::from_millis(1), Duration::from_millis(1)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_each_event_once_and_poison_stops_none() {
    let server = Postgres::start();
    let (first, second) = (inbox(server.url()).await, inbox(server.url()).await);
    workers::two_workers_run_each_event_once_and_poison_stops_none(first, second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_behind_pgbouncer_run_each_event_once() {
    let server = Postgres::start();
    let bouncer = PgBouncer::before(&server, 4);
    let (first, second) = (inbox(bouncer.url()).await, inbox(bouncer.url()).await);
    workers::two_workers_run_each_event_once_and_poison_stops_none(first, second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_retries_that_are_due_at_once_are_all_worked_off() {
    let server = Postgres::start();
    let inbox = inbox(server.url()).await;
    workers::retries_that_are_due_at_once_are_all_worked_off(inbox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_bytes_is_taken_once_some_are_left() {
    let server = Postgres::start();
    let inbox = inbox(server.url()).await;
    workers::what_waits_for_bytes_is_taken_once_some_are_left(inbox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_held_that_vanished_is_taken_over_by_another() {
    let server = Postgres::start();
    let (accepting, other) = (inbox(server.url()).await, inbox(server.url()).await);
    workers::what_a_worker_held_that_vanished_is_taken_over_by_another(accepting, other).await;
}

/// The failed attempt of each is due at the same moment, and each looks through what others have left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_retries_that_are_due_at_one_instant_stall_no_worker() {
    let server = Postgres::start();
    let inbox = inbox(server.url()).await;
    let layer = layer(&inbox);
    let many = short_or_long(4_000, 20_000);
    // One whole entry, and as many like it.
    accept(&layer, &["evt_0".to_owned()]).await;
    server.ask(&format!(
        "CREATE TEMPORARY TABLE more AS SELECT e.*, c.envelope, c.body, n
         FROM tower_webhook_inbox e JOIN tower_webhook_inbox_content c USING (id),
             generate_series(1, {many}) n;
         WITH entry AS (
             INSERT INTO tower_webhook_inbox (due, fence, accepted_at, size, attempts, deaths, state,
                 corrected, namespace, key, route, fingerprint)
             SELECT due, fence, accepted_at, size, 1, 0, 1, false, namespace, key || '-' || n, route,
                 fingerprint FROM more RETURNING id)
         INSERT INTO tower_webhook_inbox_content (id, envelope, body)
         SELECT entry.id, more.envelope, more.body FROM entry, (SELECT * FROM more LIMIT 1) AS more"
    ));
    assert_eq!(inbox.counts().await.unwrap().waiting, many);
    let stage = Stage::new();
    let builder = inbox.worker().concurrency(16);
    let working = Working::start(builder.on(&layer, stands(&stage)));
    // As many as there are places begin, and while those stand there a new event is accepted at once.
    stage.begun(16).await;
    let begun = std::time::Instant::now();
    accept(&layer, &["evt_new".to_owned()]).await;
    assert!(begun.elapsed() < LIMIT);
    stage.let_go(100_000);
    crate::support::wait::within("a thousand to be done", async {
        while inbox.counts().await.unwrap().done < 1_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    working.end().await;
}

/// All that is due takes twice as long as the deadline to come over the link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_behind_a_slow_link_takes_what_that_carries_in_time() {
    let server = Postgres::start();
    drop(inbox(server.url()).await);
    let proxy = Proxy::before(server.port).await;
    let behind = PostgresInbox::connect(proxy.url()).await.unwrap();
    let data = format!("\"{}\"", "0".repeat(200_000));
    let layer = layer(&behind);
    for number in 0..16 {
        let event = event(&format!("evt_{number}"), &data);
        assert_eq!(super::send(&layer, &event).await.status().as_u16(), 200);
    }
    proxy.slow_down(1_500_000);
    let builder = behind.worker().concurrency(16).on(&layer, async || {});
    let working = Working::start(builder);
    until_counted(&inbox(server.url()).await, 16, 0).await;
    working.end().await;
}

/// A database with a table of effects, in which nothing is unique.
struct Ledger {
    server: Postgres,
    inbox: PostgresInbox,
}

impl Ledger {
    async fn open() -> Self {
        let server = Postgres::start();
        server.ask("CREATE TABLE effects (key text NOT NULL, attempt int NOT NULL)");
        let inbox = on_pool(&server).await;
        Self { server, inbox }
    }

    /// For a role that sets everything otherwise than the one that has made the tables.
    async fn of_hostile_role() -> Self {
        let ledger = Self::open().await;
        ledger.server.make_hostile_role();
        // The tables of its handlers are in its path. Its limit of a tenth of a second for a statement is for its
        // handlers too, and a busy machine would meet it.
        ledger.server.ask(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hostile;
             ALTER ROLE hostile SET search_path = evil, public, pg_catalog;
             ALTER ROLE hostile SET statement_timeout = '20s'",
        );
        let pool = PgPoolOptions::new().max_connections(4);
        let pool = pool
            .connect(&ledger.server.url_of("hostile"))
            .await
            .unwrap();
        let builder = PostgresInbox::on_pool(pool).deadline(LIMIT);
        let inbox = builder.connect().await.unwrap();
        Self { inbox, ..ledger }
    }

    fn effects(&self) -> String {
        let sql =
            "SELECT string_agg(key || ' ' || attempt, ', ' ORDER BY key, attempt) FROM effects";
        self.server.ask(sql)
    }
}

/// An inbox for handlers with transactions.
pub(super) async fn on_pool(server: &Postgres) -> PostgresInbox {
    let options = PgPoolOptions::new().max_connections(4);
    let pool = options.connect(&server.url()).await.unwrap();
    let builder = PostgresInbox::on_pool(pool).deadline(LIMIT);
    builder.migrate().connect().await.unwrap()
}

async fn credit(tx: &mut Tx<sqlx::Postgres>, delivery: &Delivery) -> Result<(), TxError> {
    let query = sqlx::query("INSERT INTO effects VALUES ($1, $2)")
        .bind(delivery.key().to_string())
        .bind(i64::from(delivery.attempt()));
    query.execute(tx.connection().await?).await.unwrap();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_effect_stands_with_the_end_of_the_entry_or_not_at_all() {
    each_way_to_end(Ledger::open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_does_for_a_role_that_sets_everything_otherwise() {
    each_way_to_end(Ledger::of_hostile_role().await).await;
}

async fn each_way_to_end(ledger: Ledger) {
    let layer = layer(&ledger.inbox);
    let ids = [
        "a-done",
        "b-fails-once",
        "c-gives-up",
        "d-commits",
        "e-panics-once",
    ];
    accept(&layer, &ids.map(str::to_owned)).await;
    let handler = async |delivery: Delivery, mut tx: Tx<sqlx::Postgres>| {
        credit(&mut tx, &delivery).await?;
        let (id, is_first) = (delivery.key().to_string(), delivery.attempt() == 1);
        match &*id {
            "b-fails-once" if is_first => Err(Failure::retry("down")),
            "c-gives-up" => Err(Failure::permanent("no such account")),
            "d-commits" if is_first => {
                let conn = tx.connection().await?;
                sqlx::raw_sql("ROLLBACK").execute(conn).await.unwrap();
                Ok(())
            }
            "e-panics-once" if is_first => panic!("made up"),
            _ => Ok(()),
        }
    };
    let builder = ledger.inbox.worker().backoff(at_once());
    let working = Working::start(builder.on(&layer, handler));
    until_counted(&ledger.inbox, 4, 1).await;
    working.end().await;
    assert_eq!(
        ledger.effects(),
        "a-done 1, b-fails-once 2, d-commits 2, e-panics-once 2"
    );
    let dead = ledger.inbox.lookup(&key("c-gives-up")).await.unwrap();
    assert_eq!(dead.unwrap().status, EntryStatus::Dead);
    let broken = ledger
        .inbox
        .lookup(&key("d-commits"))
        .await
        .unwrap()
        .unwrap();
    let reason = &*broken.entry.history.last().unwrap().reason;
    assert_eq!(reason, "its transaction was not committed");
    // What is done needs no content any more.
    let contents = "SELECT count(*) FROM tower_webhook_inbox_content";
    assert_eq!(ledger.server.ask(contents), "1");
}

/// Whoever takes an entry over ends the transaction of the holder before, whose effect is undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_froze_with_its_transaction_open_has_no_effect() {
    let ledger = Ledger::open().await;
    let layer = layer(&ledger.inbox);
    accept(&layer, &["evt_1".to_owned()]).await;
    let lease = Duration::from_secs(1);
    let (begun, doomed) = (Stage::new(), tokio::runtime::Runtime::new().unwrap());
    let frozen = Arc::new(Mutex::new(None));
    let handler = {
        let (begun, frozen) = (begun.clone(), Arc::clone(&frozen));
        move |delivery: Delivery, mut tx: Tx<sqlx::Postgres>| {
            let (begun, frozen) = (begun.clone(), Arc::clone(&frozen));
            async move {
                credit(&mut tx, &delivery).await?;
                // It outlives its worker, as that of a process that stands still.
                *frozen.lock().unwrap() = Some(tx);
                begun.stand().await;
                Ok::<_, Failure>(())
            }
        }
    };
    let worker = ledger.inbox.worker().lease(lease).on(&layer, handler);
    let worker = worker.build().unwrap();
    doomed.spawn(async move { worker.run().await });
    begun.begun(1).await;
    doomed.shutdown_background();
    let attempts = Arc::new(AtomicU32::new(0));
    let handler = {
        let attempts = Arc::clone(&attempts);
        move |delivery: Delivery, mut tx: Tx<sqlx::Postgres>| {
            attempts.store(delivery.attempt(), Ordering::Relaxed);
            async move { Ok::<_, Failure>(credit(&mut tx, &delivery).await?) }
        }
    };
    let builder = ledger.inbox.worker().lease(lease).backoff(at_once());
    let working = Working::start(builder.on(&layer, handler));
    until_counted(&ledger.inbox, 1, 0).await;
    working.end().await;
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    assert_eq!(ledger.effects(), "evt_1 2");
    drop(frozen.lock().unwrap().take());
    assert_eq!(ledger.effects(), "evt_1 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_forgeries_before_and_after_the_truth_change_nothing() {
    let server = Postgres::start();
    super::unconfirmed::forged_before_and_after(&inbox(server.url()).await, 2_000).await;
}

/// What the tables of the inbox take, with their indexes.
#[cfg(feature = "testing")]
fn used(server: &Postgres) -> u64 {
    let sql = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
               WHERE relkind = 'r' AND relname LIKE 'tower_webhook_%'";
    server.ask(sql).parse().unwrap()
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_a_mebibyte_takes_less_than_three() {
    let server = Postgres::start();
    let inbox = inbox(server.url()).await;
    super::sizes::a_batch(&inbox, async || used(&server)).await;
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_event_takes_little_more_than_its_body() {
    let server = Postgres::start();
    // One of 161 bytes takes more, some 700: its keys and what is known of its delivery are as long as itself.
    let lengths = short_or_long(vec![863, 65_375], vec![863, 3_952, 65_375]);
    let inbox = inbox(server.url()).await;
    super::sizes::queued(&inbox, &lengths, async || used(&server)).await;
}
