//! Workers on one SQLite file, as of several processes.

use std::path::Path;

use tower_webhook::inbox::SqliteInbox;

use super::workers;
use crate::support::folder::Folder;
use crate::support::wait::LIMIT;

pub(super) async fn inbox_in(folder: &Folder) -> SqliteInbox {
    let builder = SqliteInbox::builder(folder.file("webhooks.db")).deadline(LIMIT);
    builder.connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_each_event_once_and_poison_stops_none() {
    let folder = Folder::new("two");
    let (first, second) = (inbox_in(&folder).await, inbox_in(&folder).await);
    workers::two_workers_run_each_event_once_and_poison_stops_none(first, second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_retries_that_are_due_at_once_are_all_worked_off() {
    let folder = Folder::new("retries");
    let inbox = inbox_in(&folder).await;
    workers::retries_that_are_due_at_once_are_all_worked_off(inbox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_bytes_is_taken_once_some_are_left_and_not_at_the_next_look() {
    let folder = Folder::new("bytes");
    let inbox = inbox_in(&folder).await;
    workers::what_waits_for_bytes_is_taken_once_some_are_left(inbox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_held_that_vanished_is_taken_over_by_another() {
    let folder = Folder::new("vanished");
    let (accepting, other) = (inbox_in(&folder).await, inbox_in(&folder).await);
    workers::what_a_worker_held_that_vanished_is_taken_over_by_another(accepting, other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_forgeries_before_and_after_the_truth_change_nothing() {
    let folder = Folder::new("forged");
    super::unconfirmed::forged_before_and_after(&inbox_in(&folder).await, 2_000).await;
}

/// How large the file is without its log.
#[cfg(feature = "testing")]
async fn used(path: &Path) -> u64 {
    use sqlx::Connection as _;
    let url = format!("sqlite://{}", path.display());
    let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    sqlx::query(sql).execute(&mut conn).await.unwrap();
    std::fs::metadata(path).unwrap().len()
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_a_mebibyte_takes_less_than_three() {
    let folder = Folder::new("batch");
    let path = folder.file("webhooks.db");
    super::sizes::a_batch(&inbox_in(&folder).await, async || used(&path).await).await;
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_event_takes_little_more_than_its_body() {
    let folder = Folder::new("sizes");
    let path = folder.file("webhooks.db");
    let (inbox, lengths) = (inbox_in(&folder).await, super::sizes::lengths());
    super::sizes::queued(&inbox, &lengths, async || used(&path).await).await;
}
