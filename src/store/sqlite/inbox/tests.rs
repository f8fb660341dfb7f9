//! An inbox in a file: the contract, the rules of an entry, and what is left of it after a restart.

mod faults;
mod histories;
mod ordering;
mod plans;

use bytes::Bytes;
use futures_util::future::join_all;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, raw_sql};

use super::*;
use crate::clock::{ManualClock, UnixTime};
use crate::event::Fingerprint;
use crate::inbox::{Content, EntryStatus, Route, Verdict};
use crate::store::command::{Claim, ClaimOutcome, Complete, Release, StoredResponse};
use crate::store::error::StoreErrorKind;
use crate::store::sqlite::tests::Folder;
use crate::store::token::Token;
use crate::store::{SqliteStore, Store};

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(15);
const DAY: Duration = Duration::from_secs(86_400);

fn builder(folder: &Folder) -> SqliteInboxBuilder {
    SqliteInbox::builder(folder.file()).deadline(PATIENCE)
}

async fn inbox(folder: &Folder) -> SqliteInbox {
    builder(folder).connect().await.unwrap()
}

fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [id]).unwrap()
}

fn route() -> Route {
    Route::parse("acme").unwrap()
}

fn accept(id: &str, what: &str) -> Accept {
    Accept {
        key: key(id),
        route: route(),
        fingerprint: Fingerprint::of(what.as_bytes()),
        has_own_id: false,
        order: None,
        content: Content::new(Bytes::from_static(b"{}"), Bytes::from(what.to_owned())),
        revive_every: DAY,
    }
}

fn take(limit: usize) -> Take {
    Take::new(vec![route()], Token::random().unwrap(), limit, LEASE)
}

fn begin(taken: &Take, id: &str) -> Begin {
    Begin::new(key(id), taken.token, Token::random().unwrap(), LEASE)
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
    let claim = |id: &str| {
        let token = Token::random().unwrap();
        Claim::new(key(id), token, Fingerprint::of(b"a"), LEASE, DAY)
    };
    let (done, held, failed) = (claim("done"), claim("held"), claim("failed"));
    for claim in [&done, &held, &failed] {
        let outcome = store.claim(claim).await.unwrap();
        let ClaimOutcome::Claimed(grant) = outcome else {
            panic!("{outcome:?}");
        };
        if claim.key == done.key {
            let (key, token) = (claim.key.clone(), claim.token);
            let response = StoredResponse::new(200);
            let complete = Complete::new(key, token, grant, claim.fingerprint, response, DAY);
            store.complete(&complete).await.unwrap();
        }
    }
    let release = Release::new(failed.key.clone(), failed.token, DAY);
    store.release(&release).await.unwrap();
    for (id, what, expected) in [
        ("done", "a", Accepted::Duplicate { differs: false }),
        ("done", "b", Accepted::Conflict),
        ("held", "a", Accepted::HeldInline),
        ("failed", "a", Accepted::Queued),
        ("failed", "a", Accepted::Duplicate { differs: false }),
    ] {
        let accepted = inbox.accept(&accept(id, what)).await.unwrap();
        assert_eq!(accepted, expected, "{id} {what}");
    }
    assert_eq!(inbox.take(&take(9)).await.unwrap().len(), 1);
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
    // A while behind its retention, with the next look at what is over.
    clock.advance(DAY + Duration::from_secs(301));
    let begun = std::time::Instant::now();
    while count("tower_webhook_inbox").await > 0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
