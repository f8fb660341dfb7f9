//! An inbox in a file: the contract, the rules of an entry, and its state after a restart.

mod faults;
mod ordering;
mod plans;

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use proptest::test_runner::{Config, TestRunner};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, raw_sql};

use super::*;
use crate::clock::{ManualClock, UnixTime};
use crate::inbox::{EntryStatus, Verdict};
use crate::store::SqliteStore;
use crate::store::error::StoreErrorKind;
use crate::store::sql::inbox::tests::{DAY, accept, begin, histories, inline_is_known, key, take};
use crate::store::sqlite::tests::Folder;

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

fn builder(folder: &Folder) -> SqliteInboxBuilder {
    SqliteInbox::builder(folder.file()).deadline(PATIENCE)
}

async fn inbox(folder: &Folder) -> SqliteInbox {
    builder(folder).connect().await.unwrap()
}

async fn run(conn: &mut SqliteConnection, sql: &str) {
    let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
    sql.execute(conn).await.unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let folder = Folder::new();
    crate::testing::check_inbox(inbox(&folder).await)
        .await
        .unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_where_no_look_goes_through_all() {
    crate::store::sql::inbox::tests::crowds::narrow();
    let folder = Folder::new();
    crate::testing::check_inbox(inbox(&folder).await)
        .await
        .unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_file_keep_the_contract_side_by_side() {
    let folder = Folder::new();
    let (first, second) = (inbox(&folder).await, inbox(&folder).await);
    let (first, second) = tokio::join!(
        crate::testing::check_inbox(first),
        crate::testing::check_inbox(second),
    );
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart_however_far_it_got() {
    let folder = Folder::new();
    {
        let inbox = inbox(&folder).await;
        for id in ["queued", "running", "dead", "done"] {
            inbox.accept(&accept(id, id)).await.unwrap();
        }
        let taken = take(4);
        assert_eq!(inbox.take(&taken).await.unwrap().len(), 4);
        for (id, end) in [
            ("running", None),
            (
                "dead",
                Some(Verdict::Bury {
                    reason: "no".to_owned(),
                }),
            ),
            ("done", Some(Verdict::Done)),
        ] {
            let begin = begin(&taken, id);
            inbox.begin(&begin).await.unwrap();
            if let Some(end) = end {
                let finish = Finish::new(key(id), begin.token, end, DAY);
                assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
            }
        }
        let given_back = Verdict::GiveBack {
            after: Duration::ZERO,
        };
        let finish = Finish::new(key("queued"), taken.token, given_back, DAY);
        inbox.finish(&finish).await.unwrap();
        let acme = Name::new("acme").unwrap();
        inbox.set_paused(&acme, true).await.unwrap();
    }
    let inbox = inbox(&folder).await;
    for (id, status, body) in [
        ("queued", EntryStatus::Queued, Some("queued")),
        ("running", EntryStatus::Running, Some("running")),
        ("dead", EntryStatus::Dead, Some("dead")),
        ("done", EntryStatus::Done, None),
    ] {
        let view = inbox.lookup(&key(id)).await.unwrap().unwrap();
        assert_eq!(view.status, status, "{id}");
        assert_eq!(view.body.as_deref(), body.map(str::as_bytes), "{id}");
    }
    assert_eq!(inbox.take(&take(4)).await.unwrap(), [], "paused, too");
}

#[tokio::test]
async fn what_was_handled_inline_in_the_same_file_is_a_duplicate() {
    let folder = Folder::new();
    let store = SqliteStore::builder(folder.file()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    let inbox = inbox(&folder).await;
    inline_is_known(&store, &inbox).await;
}

#[tokio::test]
async fn commands_that_come_together_share_a_commit() {
    let folder = Folder::new();
    let inbox = inbox(&folder).await;
    let accepts: Vec<_> = (0..1_000)
        .map(|number| accept(&number.to_string(), "a"))
        .collect();
    let accepted = join_all(accepts.iter().map(|accept| inbox.accept(accept))).await;
    for outcome in accepted {
        assert_eq!(outcome.unwrap(), Accepted::Queued);
    }
    let commits = inbox.database.commits();
    assert!(commits <= 100, "{commits}");
    let taken = inbox.take(&take(1_000)).await.unwrap();
    assert_eq!(taken.len(), 1_000);
}

#[tokio::test]
async fn a_body_leaves_the_file_when_its_event_is_done() {
    let folder = Folder::new();
    let clock = ManualClock::new(UnixTime::from_secs(1_777_899_600));
    let inbox = builder(&folder).clock(clock.clone()).connect();
    let inbox = inbox.await.unwrap();
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let taken = take(1);
    inbox.take(&taken).await.unwrap();
    let begin = begin(&taken, "evt_1");
    inbox.begin(&begin).await.unwrap();
    let finish = Finish::new(key("evt_1"), begin.token, Verdict::Done, DAY);
    inbox.finish(&finish).await.unwrap();
    let mut conn = folder.beside().await;
    let mut count = async |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql));
        count.fetch_one(&mut conn).await.unwrap()
    };
    assert_eq!(count("tower_webhook_inbox_content").await, 0);
    assert_eq!(count("tower_webhook_inbox").await, 1);
    // Some time after its retention, with the next removal of expired rows.
    clock.advance(DAY + Duration::from_secs(301));
    let begun = std::time::Instant::now();
    while count("tower_webhook_inbox").await > 0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_file_does_as_the_rules_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = Folder::new();
    let clock = ManualClock::new(histories::START);
    let file = runtime.block_on(builder(&folder).clock(clock.clone()).connect());
    let (file, number) = (file.unwrap(), AtomicU32::new(0));
    let config = Config {
        cases: 120,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&histories::deeds(), |deeds| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let file = file.namespace(Name::new(format!("n{number}")).unwrap());
        runtime.block_on(histories::compare(&file, &clock, deeds));
        Ok(())
    });
    outcome.unwrap();
}
