//! Journals in Postgres and SQLite.

use std::time::Duration;

use axum::http::StatusCode;
use tower_webhook::MemoryStore;
use tower_webhook::journal::{
    Journal, JournalFilter, JournalLine, JournalPosition, PostgresJournal,
};
use tower_webhook::layer::Verdict;

use super::{flushed, started};
use crate::sql_support::Postgres;
use crate::sql_support::proxy::{Fault, Proxy};
use crate::support::blendfi::{self, event, key};
use crate::support::folder::Folder;
use crate::support::server::Server;

/// Numbers of transactions are not ordered as their texts are: 99 comes before 100.
#[tokio::test]
async fn a_journal_in_postgres_is_read_in_the_order_of_its_transactions() {
    let postgres = Postgres::start();
    let table = PostgresJournal::new(postgres.url()).unwrap().migrate();
    let journal = started(table.clone());
    flushed(&journal).await;
    postgres.ask(&table.migration_sql());
    let line =
        |id: &str| format!(r#"{{"v":1,"id":"{id}","at":1,"provider":"acme","verdict":"handled"}}"#);
    for (xid, id) in [(100, "second"), (99, "first"), (101, "third")] {
        postgres.ask(&format!(
            "INSERT INTO tower_webhook_journal (xid, at, authenticated, id, provider, line)
             VALUES ('{xid}', 1, true, '{id}', 'acme', '{}')",
            line(id)
        ));
    }
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..3 {
        let page = table.read(&JournalFilter::new(), after.as_ref(), 1).await;
        let page = page.unwrap();
        found.extend(page.lines.iter().map(|line| line.id.clone()));
        after = Some(page.next);
    }
    assert_eq!(found, ["first", "second", "third"]);
}

/// A receiver that is taken down.
async fn receiver(journal: &Journal) -> Server {
    let webhook = blendfi::webhook(MemoryStore::new()).journal(journal);
    blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await
}

async fn all(table: &PostgresJournal) -> Vec<JournalLine> {
    table
        .read(&JournalFilter::new(), None, 100_000)
        .await
        .unwrap()
        .lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_in_postgres_is_written_read_and_pruned() {
    let postgres = Postgres::start();
    let table = PostgresJournal::new(postgres.url()).unwrap().migrate();
    let journal = started(table.clone());
    let server = receiver(&journal).await;
    event("evt_1", "{}").send(server.address).await;
    event("evt_1", "{}").send(server.address).await;
    // A body with a zero is no text of Postgres, and its line is all the same.
    event("evt_2", "{}")
        .body("\0\u{7f}{}")
        .send(server.address)
        .await;
    flushed(&journal).await;
    let lines = all(&table).await;
    let verdicts: Vec<_> = lines.iter().map(|line| &*line.verdict).collect();
    assert_eq!(verdicts, ["handled", "duplicate", "refused"]);
    let body = lines[2].request.as_ref().unwrap().body.as_ref().unwrap();
    assert_eq!(body.whole().unwrap(), b"\0\x7f{}");
    let filter = JournalFilter::new()
        .key(key("evt_1"))
        .verdict(Verdict::Duplicate);
    assert_eq!(table.read(&filter, None, 9).await.unwrap().lines.len(), 1);

    // What is over is removed, in batches: the oldest of each kind by its own time.
    postgres.ask(
        "INSERT INTO tower_webhook_journal (at, authenticated, id, provider, line)
         SELECT 1, number % 2 = 0, 'old', 'old', 'no line' FROM generate_series(1, 3000) number",
    );
    // The tests' own clock is in the past.
    let years = Duration::from_secs(10 * 366 * 86_400);
    let pruning = Journal::builder(table.clone())
        .retention(years)
        .retention_of_refused(years);
    let pruning = pruning.start().unwrap();
    super::wait_for("old lines to go", || {
        postgres.ask("SELECT count(*) FROM tower_webhook_journal WHERE at = 1") == "0"
    })
    .await;
    drop(pruning);
    let left = postgres.ask("SELECT count(*) FROM tower_webhook_journal");
    assert_eq!(left, "3");
}

/// The numbers of transactions begin anew where a dump is restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_of_another_server_is_read_before_what_is_written_here() {
    let postgres = Postgres::start();
    let table = PostgresJournal::new(postgres.url()).unwrap().migrate();
    let journal = started(table.clone());
    let server = receiver(&journal).await;
    for id in ["evt_1", "evt_2"] {
        event(id, "{}").send(server.address).await;
        flushed(&journal).await;
    }
    postgres
        .ask("UPDATE tower_webhook_journal SET xid = (xid::text::bigint + 1000000)::text::xid8");
    let keys = |lines: &[JournalLine]| -> Vec<_> {
        let keys = lines.iter().filter_map(|line| line.key.clone());
        keys.map(|key| key.replace("blendfi:", "")).collect()
    };
    let read = async |after: &JournalPosition, limit: usize| {
        let page = table.read(&JournalFilter::new(), Some(after), limit).await;
        page.unwrap()
    };
    let first = table.read(&JournalFilter::new(), None, 1).await.unwrap();
    assert_eq!(keys(&first.lines), ["evt_1"]);
    let second = read(&first.next, 100).await;
    assert_eq!(keys(&second.lines), ["evt_2"]);
    // What is written here has lower numbers.
    for id in ["evt_3", "evt_4"] {
        event(id, "{}").send(server.address).await;
        flushed(&journal).await;
    }
    assert_eq!(
        keys(&all(&table).await),
        ["evt_1", "evt_2", "evt_3", "evt_4"]
    );
    let third = read(&second.next, 1).await;
    assert_eq!(keys(&third.lines), ["evt_3"]);
    let fourth = read(&third.next, 100).await;
    assert_eq!(keys(&fourth.lines), ["evt_4"]);
    let last = read(&fourth.next, 100).await;
    assert_eq!(keys(&last.lines), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_on_misses_nothing_that_is_committed_late() {
    let postgres = Postgres::start();
    let table = PostgresJournal::new(postgres.url()).unwrap().migrate();
    let journal = started(table.clone());
    let server = receiver(&journal).await;
    event("evt_1", "{}").send(server.address).await;
    flushed(&journal).await;
    let first = table.read(&JournalFilter::new(), None, 100).await.unwrap();
    assert_eq!(first.lines.len(), 1);

    // Another receiver has written a line, and has not committed it.
    let line = first.lines[0].to_json().replace("evt_1", "evt_late");
    let mut late = postgres.session(&format!(
        "BEGIN; INSERT INTO tower_webhook_journal (at, authenticated, id, provider, line)
         VALUES (1, true, 'late', 'blendfi', $line${line}$line$); SELECT 'written';"
    ));
    late.says("written");
    event("evt_2", "{}").send(server.address).await;
    flushed(&journal).await;
    assert_eq!(
        postgres.ask("SELECT count(*) FROM tower_webhook_journal"),
        "2"
    );
    // The line of evt_2 is there; to read it now would be to pass the late one by.
    let second = table
        .read(&JournalFilter::new(), Some(&first.next), 100)
        .await
        .unwrap();
    assert!(second.lines.is_empty(), "{:?}", second.lines);
    late.runs("COMMIT; SELECT 'committed';");
    late.says("committed");
    let third = table
        .read(&JournalFilter::new(), Some(&second.next), 100)
        .await
        .unwrap();
    let mut keys: Vec<_> = third
        .lines
        .iter()
        .map(|line| line.event_key().unwrap())
        .collect();
    keys.sort_by_key(ToString::to_string);
    assert_eq!(keys, [key("evt_2"), key("evt_late")]);
    let last = table
        .read(&JournalFilter::new(), Some(&third.next), 100)
        .await
        .unwrap();
    assert!(last.lines.is_empty() && last.is_last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_away_costs_no_delivery_its_answer() {
    let mut postgres = Postgres::start();
    let table = PostgresJournal::new(postgres.url()).unwrap().migrate();
    let journal = started(table.clone());
    let server = receiver(&journal).await;
    event("evt_0", "{}").send(server.address).await;
    flushed(&journal).await;
    postgres.kill();
    for number in 1..20 {
        let answer = event(&format!("evt_{number}"), "{}")
            .send(server.address)
            .await;
        assert_eq!(answer.status, 204);
    }
    super::wait_for("a write that fails", || journal.stats().failed_writes > 0).await;
    postgres.restart();
    flushed(&journal).await;
    let mut keys: Vec<_> = all(&table)
        .await
        .iter()
        .map(|line| line.key.clone())
        .collect();
    keys.sort();
    assert_eq!(keys.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_whose_commit_was_not_answered_stands_there_once() {
    let postgres = Postgres::start();
    let proxy = Proxy::before(postgres.port).await;
    let table = PostgresJournal::new(proxy.url()).unwrap().migrate();
    let journal = started(table.clone());
    let server = receiver(&journal).await;
    event("evt_0", "{}").send(server.address).await;
    flushed(&journal).await;
    // The server carries the commit behind the next line out, and the connection breaks.
    let (mut has_written, mut is_over) = (false, false);
    proxy.plan(move |message| {
        let holds = |words: &[u8]| message.windows(words.len()).any(|it| it == words);
        has_written |= holds(b"INSERT INTO");
        let is_it = has_written && !is_over && holds(b"COMMIT");
        is_over |= is_it;
        match is_it {
            true => Fault::CutsAfter,
            false => Fault::Passes,
        }
    });
    event("evt_1", "{}").send(server.address).await;
    flushed(&journal).await;
    assert!(journal.stats().failed_writes > 0);
    let lines = all(&table).await;
    let keys: Vec<_> = lines.iter().map(JournalLine::event_key).collect();
    assert_eq!(keys, [Some(key("evt_0")), Some(key("evt_1"))]);
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_in_sqlite_is_written_read_on_and_pruned() {
    use tower_webhook::journal::SqliteJournal;
    let folder = Folder::new("journal");
    let table = SqliteJournal::open(folder.file("journal.db")).unwrap();
    let journal = started(table.clone());
    let server = receiver(&journal).await;
    for number in 0..30 {
        event(&format!("evt_{number}"), "{}")
            .send(server.address)
            .await;
        event("evt_0", "{}").body("{}").send(server.address).await;
    }
    flushed(&journal).await;
    let (mut lines, mut position) = (Vec::new(), None);
    loop {
        let page = table
            .read(&JournalFilter::new(), position.as_ref(), 7)
            .await
            .unwrap();
        lines.extend(page.lines);
        position = Some(page.next);
        if page.is_last {
            break;
        }
    }
    assert_eq!(lines.len(), 60);
    assert_eq!(lines.iter().filter(|line| line.authenticated).count(), 30);
    let filter = JournalFilter::new().key(key("evt_7"));
    assert_eq!(table.read(&filter, None, 9).await.unwrap().lines.len(), 1);

    // Of a smaller journal the oldest lines go.
    let years = Duration::from_secs(10 * 366 * 86_400);
    let smaller = Journal::builder(table.clone().rows(10, 5));
    let smaller = smaller
        .retention(years)
        .retention_of_refused(years)
        .start()
        .unwrap();
    flushed(&smaller).await;
    let filter = JournalFilter::new();
    let mut left = Vec::new();
    for _ in 0..3_000 {
        left = table.read(&filter, None, 100).await.unwrap().lines;
        if left.len() <= 15 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(left.len(), 15);
    assert_eq!(
        left.last().map(|line| &line.id),
        lines.last().map(|line| &line.id)
    );
}
