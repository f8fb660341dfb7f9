//! A file that is moved away or replaced while a receiver has it open.

use std::fs;
use std::path::Path;
use std::process::Command;

use sqlx::Sqlite;
use tower_webhook::store::{Claim, ClaimOutcome, SqliteConnectErrorKind, StoreErrorKind, Token};
use tower_webhook::{Delivery, Fingerprint, Tx};

use super::*;
use crate::support::blendfi::event;

async fn credits(delivery: Delivery, mut tx: Tx<Sqlite>) -> StatusCode {
    match credit(&mut tx, &delivery.key().to_string(), delivery.attempt()).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => failed(),
    }
}

/// Moves the file and what is beside it.
fn move_all(ledger: &Ledger, from: &str, to: &str) {
    for beside in ["", "-wal", "-shm"] {
        let path = |name: &str| ledger.folder.join(format!("{name}{beside}"));
        fs::rename(path(from), path(to)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_effect_goes_into_a_file_that_nobody_finds() {
    let ledger = Ledger::with(|builder| builder.transaction_limit(20 * SECOND)).await;
    let server = ledger.serve(credits).await;
    let send = async |id: &str| event(id, "{}").send(server.address).await.status;
    assert_eq!(send("evt_1").await, 204);
    move_all(&ledger, "ledger.db", "away");
    assert_eq!(send("evt_2").await, 503);
    // Another one in its place.
    fs::write(ledger.folder.join("ledger.db"), "").unwrap();
    assert_eq!(send("evt_2").await, 503);
    move_all(&ledger, "away", "ledger.db");
    assert_eq!(send("evt_1").await, 200);
    assert_eq!(send("evt_2").await, 204);
    assert_eq!(ledger.effects().await, 2);
}

/// Between its claim and its effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_whose_file_goes_away_has_no_effect() {
    let ledger = Ledger::with(|builder| builder.transaction_limit(20 * SECOND)).await;
    let folder = ledger.folder.clone();
    let handler = move |delivery: Delivery, tx: Tx<Sqlite>| async move {
        let path = |name: &str| folder.join(name);
        if delivery.attempt() == 1 {
            fs::rename(path("ledger.db"), path("away")).unwrap();
        }
        let answer = credits(delivery, tx).await;
        let _ = fs::rename(path("away"), path("ledger.db"));
        answer
    };
    let server = ledger.serve(handler).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 500);
    assert_eq!(ledger.effects().await, 0);
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
    assert_eq!(ledger.effects().await, 1);
}

fn claim(id: &str) -> Claim {
    let token = Token::random().unwrap();
    Claim::new(
        key(id),
        token,
        Fingerprint::of(b"a"),
        60 * SECOND,
        60 * SECOND,
    )
}

/// A store that no handler has a transaction of.
async fn store_in(folder: &Path) -> SqliteStore {
    let builder = SqliteStore::builder(folder.join("webhooks.db"));
    builder.deadline(10 * SECOND).connect().await.unwrap()
}

/// As `mv` of a backup does it. What stands beside it may belong to the one before.
#[tokio::test]
async fn a_file_that_was_replaced_is_not_written_and_its_own_one_is_again() {
    let ledger = Ledger::with(|builder| builder.transaction_limit(20 * SECOND)).await;
    let folder = &ledger.folder;
    let store = store_in(folder).await;
    store.claim(&claim("evt_1")).await.unwrap();
    let (path, away) = (folder.join("webhooks.db"), folder.join("away"));
    fs::rename(&path, &away).unwrap();
    fs::write(&path, "").unwrap();
    let told = [
        store.claim(&claim("evt_2")).await.unwrap_err(),
        store.lookup(&key("evt_1")).await.unwrap_err(),
    ];
    for error in told {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            source.contains("was replaced while it was in use"),
            "{source}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), b"");
    fs::rename(&away, &path).unwrap();
    let again = store.claim(&claim("evt_1")).await.unwrap();
    assert_eq!(again, ClaimOutcome::InProgress);
}

/// What is acknowledged goes into the log first: into one without a name it goes for nobody.
#[tokio::test]
async fn a_log_that_was_removed_is_not_written() {
    let ledger = Ledger::with(|builder| builder.transaction_limit(20 * SECOND)).await;
    let folder = &ledger.folder;
    let store = store_in(folder).await;
    store.claim(&claim("evt_1")).await.unwrap();
    let (log, away) = (folder.join("webhooks.db-wal"), folder.join("away"));
    fs::rename(&log, &away).unwrap();
    let error = store.claim(&claim("evt_2")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("webhooks.db-wal was"), "{source}");
    // Another process would make one of its own.
    fs::write(&log, "").unwrap();
    let error = store.claim(&claim("evt_2")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    fs::rename(&away, &log).unwrap();
    let again = store.claim(&claim("evt_1")).await.unwrap();
    assert_eq!(again, ClaimOutcome::InProgress);
    store.claim(&claim("evt_2")).await.unwrap();
}

/// As `docker run -v ./webhooks.db:/data/webhooks.db` has it.
#[tokio::test]
async fn a_file_that_is_mounted_without_its_folder_is_refused() {
    let ledger = Ledger::with(|builder| builder.transaction_limit(20 * SECOND)).await;
    let file = ledger.folder.join("webhooks.db");
    fs::write(&file, "").unwrap();
    let run = |command: &mut Command| command.output().is_ok_and(|out| out.status.success());
    if !run(Command::new("mount").arg("--bind").args([&file, &file])) {
        println!("not run: it takes the right to mount");
        return;
    }
    let opened = SqliteStore::connect(&file).await;
    assert!(run(Command::new("umount").arg("-l").arg(&file)));
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), SqliteConnectErrorKind::Path);
    assert!(error.to_string().ends_with("mount its folder"), "{error}");
}
