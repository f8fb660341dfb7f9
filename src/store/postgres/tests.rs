use std::sync::Mutex;

use proptest::test_runner::{Config, TestRunner};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};

use super::*;
use crate::clock::{ManualClock, UnixTime};
use crate::event::Fingerprint;
use crate::store::error::StoreErrorKind;
use crate::store::sql::tests::histories;
use crate::store::token::Token;

use sql_support::{PgBouncer, Postgres};

mod connections;
pub(super) mod plans;
mod prepared;
mod pruning;
#[path = "../../../tests/sql_support/mod.rs"]
pub(super) mod sql_support;

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(600);

async fn store(server: &Postgres) -> PostgresStore {
    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    builder.migrate().connect().await.unwrap()
}

pub(super) async fn beside(server: &Postgres) -> PgConnection {
    let options: PgConnectOptions = server.url().parse().unwrap();
    options.connect().await.unwrap()
}

fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [id]).unwrap()
}

fn claim(id: &str) -> Claim {
    Claim {
        key: key(id),
        token: Token::random().unwrap(),
        fingerprint: Fingerprint::from_bytes([1; 16]),
        lease: LEASE,
        retention: RETENTION,
    }
}

fn release(claim: &Claim) -> Release {
    Release::new(claim.key.clone(), claim.token, RETENTION)
}

fn is_granted(outcome: &ClaimOutcome) -> bool {
    matches!(outcome, ClaimOutcome::Claimed(_))
}

/// Also for a role with every setting changed, and behind PgBouncer.
#[test]
fn it_does_what_the_rules_say() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = Postgres::start();
    let _owner = runtime.block_on(store(&server));
    server.make_hostile_role();
    let bouncer = PgBouncer::before(&server, 2);
    let number = Mutex::new(0);
    for (url, cases) in [
        (server.url(), 8),
        (server.url_of("hostile"), 2),
        (bouncer.url(), 2),
    ] {
        let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
        let mut builder = PostgresStore::builder(url).deadline(PATIENCE);
        builder.settings.time.clock = Some(Arc::new(clock.clone()));
        let store = runtime.block_on(builder.connect()).unwrap();
        let mut runner = TestRunner::new(Config::with_cases(cases));
        let tested = runner.run(&histories::deeds(), |deeds| {
            let number = {
                let mut number = number.lock().unwrap();
                *number += 1;
                *number
            };
            let own = store.namespace(Name::new(format!("n{number}")).unwrap());
            runtime.block_on(histories::compare(&own, &clock, deeds));
            Ok(())
        });
        tested.unwrap();
    }
}

#[tokio::test]
async fn the_time_is_that_of_the_server() {
    let server = Postgres::start();
    let store = store(&server).await;
    let before: u64 = server
        .ask("SELECT extract(epoch FROM clock_timestamp())::bigint")
        .parse()
        .unwrap();
    store.claim(&claim("evt_1")).await.unwrap();
    let view = store.lookup(&key("evt_1")).await.unwrap().unwrap();
    let kept = view.kept_until.as_secs() - RETENTION.as_secs();
    assert!(
        (before - 1..before + 60).contains(&kept),
        "{kept} is not {before}"
    );
    assert_eq!(
        view.fence / 1_000_000,
        kept,
        "the fence is the time of the grant"
    );
}

#[tokio::test]
async fn commands_that_come_together_share_a_transaction() {
    let server = Postgres::start();
    let builder = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .connections(2);
    let store = builder.migrate().connect().await.unwrap();
    let worker = |who: usize| {
        let store = store.clone();
        async move {
            for number in 0..10 {
                let claim = claim(&format!("{who}-{number}"));
                assert!(is_granted(&store.claim(&claim).await.unwrap()));
                assert_eq!(store.release(&release(&claim)).await.unwrap(), Held::Held);
            }
        }
    };
    futures_util::future::join_all((0..64).map(worker)).await;
    let commits = store.server.database.commits();
    assert!(commits * 8 <= 64 * 10 * 2, "{commits} transactions");
    assert_eq!(store.counts().await.unwrap().released, 64 * 10);
}

#[tokio::test]
async fn of_many_that_claim_one_event_at_once_one_gets_it_each_time() {
    let server = Postgres::start();
    let (one, other) = (store(&server).await, store(&server).await);
    for number in 0..30 {
        let claims: Vec<_> = (0..24).map(|_| claim(&number.to_string())).collect();
        let calls = claims.iter().enumerate().map(|(position, claim)| {
            let store = if position % 2 == 0 { &one } else { &other };
            store.claim(claim)
        });
        let outcomes = futures_util::future::join_all(calls).await;
        let granted = outcomes
            .iter()
            .filter(|it| is_granted(it.as_ref().unwrap()));
        assert_eq!(granted.count(), 1);
    }
}

#[tokio::test]
async fn a_record_that_somebody_has_locked_holds_up_no_other() {
    let server = Postgres::start();
    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let store = builder.connections(1).migrate().connect().await.unwrap();
    let locked = claim("locked");
    store.claim(&locked).await.unwrap();
    let mut beside = beside(&server).await;
    let sql = "BEGIN; SELECT * FROM tower_webhook_records FOR UPDATE";
    raw_sql(sql).execute(&mut beside).await.unwrap();
    let others: Vec<_> = (0..20).map(|number| claim(&number.to_string())).collect();
    let meanwhile = async {
        let calls = others.iter().map(|it| store.claim(it));
        for outcome in futures_util::future::join_all(calls).await {
            assert!(is_granted(&outcome.unwrap()));
        }
        let builder = PostgresStore::builder(server.url()).deadline(Duration::from_secs(2));
        let brief = builder.connect().await.unwrap();
        let error = brief.claim(&locked).await.unwrap_err();
        // On a busy machine, the deadline may come before the lock limit.
        if error.kind() != StoreErrorKind::TimedOut {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("SQLSTATE 55P03"), "{source}");
        }
        raw_sql("COMMIT").execute(&mut beside).await.unwrap();
    };
    let (first, ()) = tokio::join!(store.claim(&locked), meanwhile);
    assert!(is_granted(&first.unwrap()));
}

#[tokio::test]
async fn one_record_that_cannot_be_read_fails_alone() {
    let server = Postgres::start();
    let store = store(&server).await;
    let bad = claim("bad");
    store.claim(&bad).await.unwrap();
    server.ask("UPDATE tower_webhook_records SET token = ''");
    let claims = ["a", "bad", "b"].map(claim);
    let calls = claims.iter().map(|claim| store.claim(claim));
    let outcomes = futures_util::future::join_all(calls).await;
    let kinds = outcomes
        .into_iter()
        .map(|it| it.err().map(|error| error.kind()));
    let corrupt = Some(StoreErrorKind::Corrupt);
    assert_eq!(kinds.collect::<Vec<_>>(), [None, corrupt, None]);
    assert_eq!(
        store.lookup(&bad.key).await.unwrap_err().kind(),
        StoreErrorKind::Corrupt
    );
    assert!(store.forget(&bad.key).await.unwrap());
    assert!(is_granted(&store.claim(&bad).await.unwrap()));
}

/// A record that the database rejects, for example because of a limit of its owner.
#[tokio::test]
async fn a_batch_that_fails_on_its_data_runs_one_by_one() {
    let server = Postgres::start();
    let builder = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .connections(1);
    let store = builder.migrate().connect().await.unwrap();
    server.ask("ALTER TABLE tower_webhook_records ADD CHECK (key NOT LIKE '%bad%')");
    let claims: Vec<_> = (0..30)
        .map(|number| {
            claim(&if number == 7 {
                "bad".to_owned()
            } else {
                number.to_string()
            })
        })
        .collect();
    let calls = claims.iter().map(|claim| store.claim(claim));
    for (number, outcome) in futures_util::future::join_all(calls)
        .await
        .into_iter()
        .enumerate()
    {
        match outcome {
            Ok(outcome) => assert!(is_granted(&outcome)),
            Err(error) => assert_eq!((number, error.kind()), (7, StoreErrorKind::Refused)),
        }
    }
    assert_eq!(store.counts().await.unwrap().claimed, 29);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_done_or_not_and_blocks_nothing() {
    let server = Postgres::start();
    let store = store(&server).await;
    for number in 0..200 {
        let claim = claim(&number.to_string());
        // Polled a few times, then dropped.
        let _ = tokio::time::timeout(Duration::from_micros(20 * number), store.claim(&claim)).await;
        // Sent again, the claim gives the same result as if sent once.
        let outcome = store.claim(&claim).await.unwrap();
        let ClaimOutcome::Claimed(grant) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(grant.attempt, 1);
    }
}

#[tokio::test]
async fn records_whose_retention_is_over_are_removed() {
    let server = Postgres::start();
    let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
    let mut builder = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .migrate();
    builder.settings.time.clock = Some(Arc::new(clock.clone()));
    let store = builder.connect().await.unwrap();
    let claims: Vec<_> = (0..1_200)
        .map(|number| claim(&number.to_string()))
        .collect();
    let calls = claims.iter().map(|claim| store.claim(claim));
    for outcome in futures_util::future::join_all(calls).await {
        outcome.unwrap();
    }
    // A locked record is left to the next time.
    let mut beside = beside(&server).await;
    let sql = "BEGIN; SELECT * FROM tower_webhook_records WHERE key = 'acme:5' FOR UPDATE";
    raw_sql(sql).execute(&mut beside).await.unwrap();
    clock.advance(2 * RETENTION);
    let left = |expected: &'static str| {
        let begun = std::time::Instant::now();
        let (server, store) = (&server, &store);
        async move {
            while server.ask("SELECT count(*) FROM tower_webhook_records") != expected {
                assert!(begun.elapsed() < PATIENCE);
                store.claim(&claim("last")).await.unwrap();
            }
        }
    };
    left("2").await;
    raw_sql("COMMIT").execute(&mut beside).await.unwrap();
    left("1").await;
}

#[tokio::test]
async fn a_lease_that_a_clock_set_back_made_too_long_ends_after_its_length() {
    let server = Postgres::start();
    let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
    let mut builder = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .migrate();
    builder.settings.time.clock = Some(Arc::new(clock.clone()));
    let store = builder.connect().await.unwrap();
    store.claim(&claim("evt_1")).await.unwrap();
    clock.set(UnixTime::from_secs(1_700_000_000 - 3_600));
    // A wait writes the correction.
    assert_eq!(
        records::lease_left(&store, &key("evt_1")).await.unwrap(),
        Some(LEASE)
    );
    clock.advance(LEASE / 3);
    assert_eq!(
        records::lease_left(&store, &key("evt_1")).await.unwrap(),
        Some(LEASE * 2 / 3)
    );
}
