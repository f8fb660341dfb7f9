//! What becomes of commands when the server or a connection fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tower_webhook::store::{Held, RecordState, StoreErrorKind};

use super::*;
use crate::sql_support::proxy::{Fault, Proxy};

/// The simple query that ends the transaction of a command; one that removes old records may come between.
/// Of a command, where statements show: one that is prepared is not sent again.
fn is_commit() -> impl FnMut(&[u8]) -> bool + Send {
    let mut of_command = false;
    move |message| {
        let simple = message.strip_prefix(b"Q").map(|rest| &rest[4..]);
        let is = |sql: &[u8]| simple.is_some_and(|own| own.starts_with(sql));
        if is(b"BEGIN") {
            of_command = false;
        }
        let locks = b"ORDER BY namespace, key FOR UPDATE";
        of_command |= message.windows(locks.len()).any(|part| part == locks);
        of_command && is(b"COMMIT")
    }
}

/// Only the first of those that it is asked about.
fn once(
    mut of: impl FnMut(&[u8]) -> bool + Send + 'static,
    fault: Fault,
) -> impl FnMut(&[u8]) -> Fault + Send {
    let mut struck = false;
    move |message| {
        if !struck && of(message) {
            struck = true;
            return fault;
        }
        Fault::Passes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_on_the_way_is_asked_for_again() {
    let server = Postgres::start();
    let direct = store(&server).await;
    let proxy = Proxy::before(server.port).await;
    let through = patient(proxy.url())
        .connections(1)
        .prepare_statements(false);
    let through = through.connect().await.unwrap();
    for fault in [Fault::CutsAfter, Fault::CutsBefore] {
        let claimed = claim(&format!("{fault:?}"));
        proxy.plan(once(is_commit(), fault));
        let grant = granted(through.claim(&claimed).await.unwrap());
        assert_eq!(grant.attempt, 1, "{fault:?}");
        proxy.plan(once(is_commit(), fault));
        assert_eq!(
            through.complete(&complete(&claimed, grant)).await.unwrap(),
            Held::Held
        );
        let view = direct.lookup(&claimed.key).await.unwrap().unwrap();
        assert!(matches!(view.state, RecordState::Done(_)), "{view:?}");
        // Whether there was a record cannot be told by a second attempt.
        proxy.plan(once(is_commit(), Fault::CutsAfter));
        let error = through.forget(&claimed.key).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(direct.lookup(&claimed.key).await.unwrap(), None);
        proxy.plan(|_| Fault::Passes);
        assert!(!through.forget(&claimed.key).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_message_leaves_no_command_half_done() {
    let server = Postgres::start();
    let direct = store(&server).await;
    let proxy = Proxy::before(server.port).await;
    let through = patient(proxy.url()).connections(1).connect().await.unwrap();
    // To break before a message is to break after the one before it.
    let fault = Fault::CutsAfter;
    for number in 0.. {
        let seen = Arc::new(AtomicUsize::new(0));
        let (struck, counter) = (Arc::new(AtomicBool::new(false)), Arc::clone(&seen));
        let own = Arc::clone(&struck);
        proxy.plan(move |_| {
            if counter.fetch_add(1, Ordering::Relaxed) == number {
                own.store(true, Ordering::Relaxed);
                return fault;
            }
            Fault::Passes
        });
        let claimed = claim(&format!("{fault:?}-{number}"));
        let grant = granted(through.claim(&claimed).await.unwrap());
        assert_eq!(grant.attempt, 1, "{fault:?} at message {number}");
        assert_eq!(
            through.complete(&complete(&claimed, grant)).await.unwrap(),
            Held::Held
        );
        let view = direct.lookup(&claimed.key).await.unwrap().unwrap();
        assert!(matches!(view.state, RecordState::Done(_)), "{view:?}");
        if !struck.load(Ordering::Relaxed) {
            assert!(
                number > 10,
                "a claim and a completion are more than {number} messages"
            );
            break;
        }
    }
    let rows = server.ask("SELECT count(*), count(*) FILTER (WHERE state = 2 AND attempt = 1) FROM tower_webhook_records");
    let (all, once) = rows.split_once('|').unwrap();
    assert_eq!(all, once);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_costs_a_deadline_and_then_its_connection() {
    let server = Postgres::start();
    drop(store(&server).await);
    let proxy = Proxy::before(server.port).await;
    let deadline = Duration::from_millis(500);
    let builder = PostgresStore::builder(proxy.url()).deadline(deadline);
    let builder = builder.connections(1).prepare_statements(false);
    let through = builder.connect().await.unwrap();
    proxy.plan(once(is_commit(), Fault::Stalls));
    let claimed = claim("evt_1");
    let begun = std::time::Instant::now();
    let error = through.claim(&claimed).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TimedOut);
    assert!(begun.elapsed() < PATIENCE);
    let patient = PostgresStore::builder(proxy.url()).deadline(PATIENCE);
    let other = patient.connect().await.unwrap();
    assert_eq!(granted(other.claim(&claimed).await.unwrap()).attempt, 1);
    // The one that stalled has another connection after a while.
    while through.claim(&claimed).await.is_err() {
        assert!(begun.elapsed() < 3 * PATIENCE);
        tokio::time::sleep(deadline / 10).await;
    }
}

/// What those who are busy share.
#[derive(Default)]
struct Course {
    stop: AtomicBool,
    /// How many events each has begun.
    rounds: [AtomicUsize; 8],
}

impl Course {
    fn rounds(&self) -> [usize; 8] {
        self.rounds.each_ref().map(|it| it.load(Ordering::Relaxed))
    }
}

/// Claims and finishes one event after the other and says which were acknowledged, and how many calls
/// failed.
async fn busy(store: PostgresStore, who: usize, course: Arc<Course>) -> (Vec<Claim>, usize) {
    let (mut done, mut failed) = (Vec::new(), 0);
    for number in 0.. {
        if course.stop.load(Ordering::Relaxed) {
            break;
        }
        course.rounds[who].fetch_add(1, Ordering::Relaxed);
        let claim = claim(&format!("{who}-{number}"));
        let Ok(outcome) = store.claim(&claim).await else {
            failed += 1;
            continue;
        };
        let grant = granted(outcome);
        assert_eq!(grant.attempt, 1);
        let Ok(held) = store.complete(&complete(&claim, grant)).await else {
            failed += 1;
            continue;
        };
        assert_eq!(held, Held::Held);
        done.push(claim);
    }
    (done, failed)
}

async fn all_are_there(store: &PostgresStore, done: &[Claim]) {
    for claim in done {
        let view = store.lookup(&claim.key).await.unwrap();
        let view = view.expect("what was acknowledged is there");
        assert!(matches!(view.state, RecordState::Done(_)), "{view:?}");
        assert_eq!(view.attempt, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill_of_postgres() {
    let mut server = Postgres::start();
    let patient = store(&server).await;
    let builder = PostgresStore::builder(server.url()).deadline(Duration::from_millis(500));
    let brief = builder.connect().await.unwrap();
    let course = Arc::<Course>::default();
    let workers: Vec<_> = (0..8)
        .map(|who| tokio::spawn(busy(brief.clone(), who, Arc::clone(&course))))
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        server.restart();
    }
    // It comes back by itself.
    tokio::time::sleep(Duration::from_millis(300)).await;
    course.stop.store(true, Ordering::Relaxed);
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap().0);
    }
    assert!(done.len() > 50, "{}", done.len());
    all_are_there(&patient, &done).await;
    granted(brief.claim(&claim("afterwards")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_by_the_operator_cost_no_command() {
    let server = Postgres::start();
    let store = store(&server).await;
    let course = Arc::<Course>::default();
    let workers: Vec<_> = (0..8)
        .map(|who| tokio::spawn(busy(store.clone(), who, Arc::clone(&course))))
        .collect();
    let mut ended = 0;
    for _ in 0..5 {
        // A command is sent three times: none is to be met more often than twice.
        let begun = course.rounds();
        let is_on = |(now, before): (usize, usize)| now >= before + 2;
        while !course.rounds().into_iter().zip(begun).all(is_on) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name = 'tower-webhook'";
        ended += server.ask(sql).parse::<u32>().unwrap();
    }
    course.stop.store(true, Ordering::Relaxed);
    let mut done = Vec::new();
    for worker in workers {
        let (own, failed) = worker.await.unwrap();
        assert_eq!(failed, 0);
        done.extend(own);
    }
    assert!(ended >= 5 && done.len() > 50, "{ended}, {}", done.len());
    all_are_there(&store, &done).await;
}

/// Has the first so many insertions fail with a code; says how many were tried.
fn fails_with(server: &Postgres, code: &str, times: u32) {
    server.ask("DROP SEQUENCE IF EXISTS tries CASCADE; CREATE SEQUENCE tries");
    server.ask(&format!(
        "CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('public.tries') <= {times} THEN
                 RAISE EXCEPTION 'made up' USING ERRCODE = '{code}';
             END IF;
             RETURN NEW;
         END $$;
         DROP TRIGGER IF EXISTS fails ON tower_webhook_records;
         CREATE TRIGGER fails BEFORE INSERT ON tower_webhook_records
         FOR EACH ROW EXECUTE FUNCTION fails()"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_its_code_alone_a_failure_is_sent_again_or_told() {
    let server = Postgres::start();
    let store = store(&server).await;
    for (code, times, kind, tries) in [
        ("40001", 2, None, 3),
        ("40P01", 2, None, 3),
        ("0A000", 1, None, 2),
        ("0A000", 9, Some(StoreErrorKind::Unavailable), 2),
        ("40001", 9, Some(StoreErrorKind::Unavailable), 3),
        ("53100", 9, Some(StoreErrorKind::Full), 1),
        ("57014", 9, Some(StoreErrorKind::TimedOut), 1),
        ("22001", 9, Some(StoreErrorKind::Refused), 1),
        ("42501", 9, Some(StoreErrorKind::Refused), 1),
        ("XX001", 9, Some(StoreErrorKind::Corrupt), 1),
    ] {
        fails_with(&server, code, times);
        let claim = claim(&format!("{code}-{times}"));
        let outcome = store.claim(&claim).await;
        assert_eq!(outcome.err().map(|error| error.kind()), kind, "{code}");
        let tried = server.ask("SELECT last_value FROM tries");
        assert_eq!(tried, tries.to_string(), "{code}");
        let there = store.lookup(&claim.key).await.unwrap().is_some();
        assert_eq!(there, kind.is_none(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_trigger_keeps_as_it_is_is_not_told_to_be_written() {
    let server = Postgres::start();
    let store = store(&server).await;
    let claimed = claim("evt_1");
    granted(store.claim(&claimed).await.unwrap());
    server.ask(
        "CREATE FUNCTION keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER keeps BEFORE UPDATE OR DELETE ON tower_webhook_records
         FOR EACH ROW EXECUTE FUNCTION keeps()",
    );
    let error = store.release(&release(&claimed)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    let error = store.forget(&claimed.key).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
}

/// Two that want the same records in another order: the server undoes the transaction of this crate.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_with_somebody_else_is_got_over() {
    // Sooner than a command of a batch gives up.
    let server = Postgres::with(&["deadlock_timeout=1ms"]);
    let builder = patient(server.url()).connections(1).migrate();
    let store = builder.connect().await.unwrap();
    // The first command waits until the others stand behind it, the last one until somebody waits for
    // what its transaction has inserted before.
    server.ask(
        "CREATE TABLE may (go_on boolean);
         CREATE SEQUENCE tries;
         CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF current_setting('application_name') <> 'tower-webhook' THEN
                 RETURN NEW;
             ELSIF NEW.key = 'acme:first' THEN
                 WHILE NOT EXISTS (SELECT FROM public.may) LOOP PERFORM pg_sleep(0.01); END LOOP;
             ELSIF NEW.key = 'acme:b' AND nextval('public.tries') = 1 THEN
                 WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP
                     PERFORM pg_sleep(0.01);
                 END LOOP;
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER waits BEFORE INSERT ON tower_webhook_records
         FOR EACH ROW EXECUTE FUNCTION waits()",
    );
    let claims = ["first", "a", "b"].map(claim);
    let calls = claims.clone().map(|claim| {
        let store = store.clone();
        tokio::spawn(async move { store.claim(&claim).await })
    });
    // The other one never looks for a deadlock itself.
    let insert = |key: &str| {
        format!(
            "INSERT INTO tower_webhook_records (namespace, key, state, token, attempt, fence, kept_until, corrected)
             VALUES ('default', 'acme:{key}', 3, '', 1, 1, 1, false);"
        )
    };
    let mut other = server.session("SET deadlock_timeout = '1h'; BEGIN;");
    other.runs(&insert("b"));
    other.runs("\\echo holds");
    other.says("holds");
    let sleeps = "SELECT count(*) FROM pg_stat_activity
                  WHERE application_name = 'tower-webhook' AND wait_event = 'PgSleep'";
    crate::sql_support::until("the first is at it", || server.ask(sleeps) == "1");
    server.ask("INSERT INTO may VALUES (true)");
    crate::sql_support::until("the last is at it", || {
        server.ask("SELECT is_called FROM tries") == "t"
    });
    other.runs(&insert("a"));
    other.runs("\\echo undone");
    other.says("undone");
    drop(other);
    for call in calls {
        assert_eq!(granted(call.await.unwrap().unwrap()).attempt, 1);
    }
    // Not by a limit of time. A session tells what it has counted now and then, and when it ends.
    drop(store);
    crate::sql_support::until("the server says so", || {
        let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'";
        server.ask(sql) == "1"
    });
}
