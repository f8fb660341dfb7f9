//! An inbox on a real Postgres: the contract, the rules of an entry, and failures of the server.

mod ending;
mod faults;
mod gathering;
mod ordering;
mod plans;
mod told;
mod versions;

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::clock::ManualClock;
use crate::inbox::{EntryStatus, Verdict};
use crate::store::PostgresStore;
use crate::store::error::StoreErrorKind;
use crate::store::postgres::tests::beside;
use crate::store::postgres::tests::sql_support::{PgBouncer, Postgres, until};
use crate::store::sql::inbox::tests::{
    DAY, accept, begin, histories, inline_is_known, key, route, take,
};

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn builder(url: String) -> PostgresInboxBuilder {
    PostgresInbox::builder(url).deadline(PATIENCE)
}

async fn inbox(server: &Postgres) -> PostgresInbox {
    let builder = builder(server.url()).migrate();
    builder.connect().await.unwrap()
}

/// The least rights of a dedicated role, in addition to those for a store.
const GRANT: &str = "\
GRANT SELECT, INSERT, UPDATE, DELETE ON tower_webhook_inbox, tower_webhook_inbox_content,
    tower_webhook_inbox_order, tower_webhook_inbox_paused, tower_webhook_inbox_rates TO hostile";

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_as_two_processes_side_by_side() {
    let server = Postgres::start();
    let (first, second) = (inbox(&server).await, inbox(&server).await);
    // Counts of one must not include entries of the other.
    let second = second.namespace(Name::new("second").unwrap());
    let (first, second) = tokio::join!(
        crate::testing::check_inbox(first),
        crate::testing::check_inbox(second),
    );
    first.unwrap();
    second.unwrap();
}

/// A role and a schema with every setting against it, and with the least rights.
#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_for_a_role_that_sets_everything_otherwise() {
    let server = Postgres::start();
    drop(inbox(&server).await);
    server.make_hostile_role();
    server.ask(GRANT);
    let hostile = builder(server.url_of("hostile")).connect().await;
    crate::testing::check_inbox(hostile.unwrap()).await.unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_behind_pgbouncer() {
    let server = Postgres::start();
    let bouncer = PgBouncer::before(&server, 2);
    // The tables, too, are created through it.
    let inbox = builder(bouncer.url()).migrate().connect().await;
    crate::testing::check_inbox(inbox.unwrap()).await.unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_where_no_look_goes_through_all() {
    crate::store::sql::inbox::tests::crowds::narrow();
    let server = Postgres::start();
    crate::testing::check_inbox(inbox(&server).await)
        .await
        .unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_without_prepared_statements() {
    let server = Postgres::start();
    let inbox = builder(server.url()).migrate().prepare_statements(false);
    let inbox = inbox.connect().await.unwrap();
    crate::testing::check_inbox(inbox.clone()).await.unwrap();
    assert!(!inbox.server.database.sessions().preparing.is_on());
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_in_a_database_that_knows_no_unicode() {
    let server = Postgres::start();
    server.ask("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let url = format!("postgres://app@127.0.0.1:{}/old", server.port);
    let inbox = builder(url).schema("own").table_prefix("wh_").migrate();
    let inbox = inbox.connect().await.unwrap();
    crate::testing::check_inbox(inbox.clone()).await.unwrap();
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let taken = take(1);
    inbox.take(&taken).await.unwrap();
    let begin = begin(&taken, "evt_1");
    inbox.begin(&begin).await.unwrap();
    let reason = "\u{1f980} ünïcode\0".to_owned();
    let end = Verdict::Bury {
        reason: reason.clone(),
    };
    let finish = Finish::new(key("evt_1"), begin.token, end, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let dead = inbox.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert_eq!(*dead.entry.history.last().unwrap().reason, *reason);
}

/// Also for a role with every setting changed, and behind PgBouncer.
#[test]
fn it_does_as_the_rules_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Postgres::start();
    let _owner = runtime.block_on(inbox(&server));
    server.make_hostile_role();
    server.ask(GRANT);
    let bouncer = PgBouncer::before(&server, 2);
    let number = AtomicU32::new(0);
    for (url, cases) in [
        (server.url(), 24),
        (server.url_of("hostile"), 3),
        (bouncer.url(), 3),
    ] {
        let clock = ManualClock::new(histories::START);
        let mut builder = builder(url);
        builder.settings.time.clock = Some(Arc::new(clock.clone()));
        let inbox = runtime.block_on(builder.connect()).unwrap();
        let config = Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&histories::deeds(), |deeds| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let own = inbox.namespace(Name::new(format!("n{number}")).unwrap());
            runtime.block_on(histories::compare(&own, &clock, deeds));
            Ok(())
        });
        outcome.unwrap();
    }
}

#[tokio::test]
async fn what_was_handled_inline_in_the_same_database_is_a_duplicate() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    let store = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    inline_is_known(&store, &inbox).await;
}

#[tokio::test]
async fn commands_that_come_together_share_a_commit() {
    let server = Postgres::start();
    let builder = builder(server.url()).connections(2).migrate();
    let inbox = builder.connect().await.unwrap();
    let accepts: Vec<_> = (0..1_000)
        .map(|number| accept(&number.to_string(), "a"))
        .collect();
    let accepted = join_all(accepts.iter().map(|accept| inbox.accept(accept))).await;
    for outcome in accepted {
        assert_eq!(outcome.unwrap(), Accepted::Queued);
    }
    let commits = inbox.server.database.commits();
    assert!(commits <= 100, "{commits}");
    let taken = inbox.take(&take(1_000)).await.unwrap();
    assert_eq!(taken.len(), 1_000);
}

/// In the order of arrival, whoever takes them, and each once.
#[tokio::test]
async fn many_that_take_at_once_take_each_entry_once() {
    let server = Postgres::start();
    let (first, second) = (inbox(&server).await, inbox(&server).await);
    let accepts: Vec<_> = (0..500).map(|it| accept(&it.to_string(), "a")).collect();
    for accept in accepts.chunks(100) {
        join_all(accept.iter().map(|it| first.accept(it))).await;
    }
    let mut keys = Vec::new();
    while keys.len() < 500 {
        let takes: Vec<_> = (0..8).map(|_| take(20)).collect();
        let calls = takes.iter().enumerate().map(|(number, take)| {
            let inbox = if number % 2 == 0 { &first } else { &second };
            inbox.take(take)
        });
        let taken = join_all(calls).await.into_iter().flat_map(Result::unwrap);
        keys.extend(taken.map(|taken| taken.key.to_string()));
    }
    assert_eq!(keys.len(), 500);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 500);
}

#[tokio::test]
async fn a_full_inbox_says_so_until_there_is_room() {
    let server = Postgres::start();
    let builder = builder(server.url()).capacity(3).migrate();
    let inbox = builder.connect().await.unwrap();
    let accepts: Vec<_> = (0..5).map(|it| accept(&it.to_string(), "a")).collect();
    let outcomes = join_all(accepts.iter().map(|accept| inbox.accept(accept))).await;
    let mut kept = None;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(accepted) => {
                assert_eq!(accepted, Accepted::Queued);
                kept = Some(number.to_string());
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Full),
        }
    }
    assert_eq!(inbox.counts().await.unwrap().queued, 3);
    let kept = kept.unwrap();
    // Existing entries continue, and make room.
    let same = inbox.accept(&accept(&kept, "a")).await.unwrap();
    assert_eq!(same, Accepted::Duplicate { differs: false });
    let discard = Discard::new(key(&kept), DAY);
    assert_eq!(inbox.discard(&discard).await.unwrap(), Moved::Done);
    let next = inbox.accept(&accept("5", "a")).await.unwrap();
    assert_eq!(next, Accepted::Queued);
    let error = inbox.accept(&accept("6", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    // An entry that it already holds, unconfirmed, takes no further room.
    let was_held = crate::inbox::Accept {
        was_held: true,
        ..accept("7", "a")
    };
    assert_eq!(inbox.accept(&was_held).await.unwrap(), Accepted::Queued);
    // Another process counts the entries before it accepts its first.
    let other = PostgresInbox::builder(server.url()).deadline(PATIENCE);
    let other = other.capacity(3).connect().await.unwrap();
    let error = other.accept(&accept("6", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
}

/// An inbox whose event `evt_1` is done, and its clock.
async fn with_one_done(server: &Postgres) -> (PostgresInbox, ManualClock) {
    let clock = ManualClock::new(histories::START);
    let mut builder = builder(server.url()).migrate();
    builder.settings.time.clock = Some(Arc::new(clock.clone()));
    let inbox = builder.connect().await.unwrap();
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let taken = take(1);
    inbox.take(&taken).await.unwrap();
    let begin = begin(&taken, "evt_1");
    inbox.begin(&begin).await.unwrap();
    let finish = Finish::new(key("evt_1"), begin.token, Verdict::Done, DAY);
    inbox.finish(&finish).await.unwrap();
    (inbox, clock)
}

#[tokio::test]
async fn a_body_leaves_the_tables_when_its_event_is_done_and_the_rest_after_the_retention() {
    let server = Postgres::start();
    let (inbox, clock) = with_one_done(&server).await;
    let count = |table: &str| server.ask(&format!("SELECT count(*) FROM tower_webhook_{table}"));
    assert_eq!(count("inbox_content"), "0");
    assert_eq!(count("inbox"), "1");
    // Some time after its retention, with the next removal of expired rows.
    clock.advance(DAY + Duration::from_secs(301));
    let begun = std::time::Instant::now();
    while count("inbox") != "1" || inbox.lookup(&key("evt_2")).await.unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE);
        inbox.accept(&accept("evt_2", "a")).await.unwrap();
    }
}

/// As after a dump was restored without its sequences.
#[tokio::test]
async fn what_is_removed_takes_no_content_of_another_entry_with_its_number() {
    let server = Postgres::start();
    let (inbox, clock) = with_one_done(&server).await;
    server.ask("ALTER TABLE tower_webhook_inbox ALTER COLUMN id RESTART WITH 1");
    inbox.accept(&accept("evt_2", "b")).await.unwrap();
    clock.advance(DAY + Duration::from_secs(301));
    let rest = "SELECT count(*) FROM tower_webhook_inbox WHERE key = 'acme:evt_1'";
    let begun = std::time::Instant::now();
    while server.ask(rest) != "0" {
        assert!(begun.elapsed() < PATIENCE);
        inbox.accept(&accept("evt_3", "c")).await.unwrap();
    }
    let second = inbox.lookup(&key("evt_2")).await.unwrap().unwrap();
    assert_eq!(second.body.as_deref(), Some(&b"b"[..]));
}

#[tokio::test]
async fn a_migration_has_numbers_go_on_above_the_contents_that_are_there() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    server.ask("ALTER TABLE tower_webhook_inbox ALTER COLUMN id RESTART WITH 1");
    let error = inbox.accept(&accept("evt_2", "b")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    server.ask("ALTER TABLE tower_webhook_inbox ALTER COLUMN id RESTART WITH 1");
    inbox.migrate().await.unwrap();
    for id in ["evt_2", "evt_3"] {
        let accepted = inbox.accept(&accept(id, "b")).await.unwrap();
        assert_eq!(accepted, Accepted::Queued);
    }
    // It never sets them back.
    inbox.migrate().await.unwrap();
    let numbers = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM tower_webhook_inbox";
    assert_eq!(server.ask(numbers), "1 2 3");
}
