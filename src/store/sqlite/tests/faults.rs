//! Calls while the file or the disk fails.

use std::fs;

use super::*;

const BRIEF: Duration = Duration::from_millis(200);

async fn run(conn: &mut SqliteConnection, sql: &str) {
    let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
    sql.execute(conn).await.unwrap();
}

async fn start_error(path: &Path) -> SqliteConnectError {
    let builder = SqliteStore::builder(path).deadline(2 * BRIEF);
    builder.connect().await.unwrap_err()
}

/// A store whose writing connections run this first.
async fn sabotaged(folder: &Folder, sql: &'static str) -> SqliteStore {
    // The file already exists, with a record.
    let store = folder.store().await;
    store.claim(&claim("before")).await.unwrap();
    let mut builder = SqliteStore::builder(folder.file()).deadline(PATIENCE);
    builder.file.sabotage = sql;
    builder.connect().await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_locked_is_not_now_and_reads_go_on() {
    let folder = Folder::new();
    let builder = SqliteStore::builder(folder.file()).deadline(2 * BRIEF);
    let store = builder.connect().await.unwrap();
    let first = claim("evt_1");
    store.claim(&first).await.unwrap();
    let mut beside = folder.beside().await;
    run(&mut beside, "BEGIN IMMEDIATE").await;
    let locked = claim("evt_2");
    let error = store.claim(&locked).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "SQLite: database is locked (code 5)");
    assert!(store.lookup(&first.key).await.unwrap().is_some());
    let error = start_error(&folder.file()).await;
    assert_eq!(error.kind(), SqliteConnectErrorKind::Locked, "{error}");
    run(&mut beside, "COMMIT").await;
    assert!(is_granted(&store.claim(&locked).await.unwrap()));
}

#[tokio::test]
async fn a_disk_that_is_full_takes_no_new_event_and_loses_none() {
    let folder = Folder::new();
    let store = sabotaged(&folder, "PRAGMA max_page_count = 40").await;
    let claims: Vec<_> = (0..2_000)
        .map(|number| claim(&number.to_string()))
        .collect();
    let outcomes = futures_util::future::join_all(claims.iter().map(|it| store.claim(it))).await;
    let mut granted = Vec::new();
    for (claim, outcome) in claims.iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => {
                assert!(is_granted(&outcome));
                granted.push(claim);
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}"),
        }
    }
    assert!((100..1_900).contains(&granted.len()), "{}", granted.len());
    // A lease may have ended in the meantime.
    let held = |counts: crate::store::Counts| counts.claimed + counts.lapsed;
    let before = held(store.counts().await.unwrap());
    assert_eq!(before, u64::try_from(granted.len()).unwrap() + 1);
    // Existing records may need room too, to move. A call that fails with `Full` changes nothing.
    let (gone, kept) = granted.split_at(granted.len() / 2);
    let (mut released, mut full) = (0, Vec::new());
    for claim in kept.iter().copied() {
        match store.release(&release(claim)).await {
            Ok(held) => {
                assert_eq!(held, Held::Held);
                released += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
                full.push(claim);
            }
        }
    }
    let after = store.counts().await.unwrap();
    assert_eq!((after.released, held(after)), (released, before - released));
    // With room again, nothing is refused.
    for claim in gone {
        assert!(store.forget(&claim.key).await.unwrap());
    }
    for claim in full {
        assert_eq!(store.release(&release(claim)).await.unwrap(), Held::Held);
    }
    let after = store.counts().await.unwrap();
    let released = u64::try_from(kept.len()).unwrap();
    assert_eq!((after.released, after.claimed), (released, 1));
}

/// For a user who may only read it. `root` may write everywhere: then the test runs again as nobody.
#[tokio::test]
async fn what_a_user_may_not_write_stops_the_start() {
    const OWN: &str = "store::sqlite::tests::faults::what_a_user_may_not_write_stops_the_start";
    const FOLDER: &str = "TEST_FOLDER_OF_ANOTHER_USER";
    let check = async |folder: &Path| {
        // The file itself, and the folder, which needs to hold the log.
        for name in ["file", "folder"] {
            let error = start_error(&folder.join(name).join("webhooks.db")).await;
            let kind = SqliteConnectErrorKind::ReadOnly;
            assert_eq!(error.kind(), kind, "{name}: {error:?}");
        }
    };
    if let Some(folder) = std::env::var_os(FOLDER) {
        return check(Path::new(&folder)).await;
    }
    let folder = Folder::new();
    let may = |path: &Path, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, mode).unwrap();
    };
    for (name, of_folder, of_file) in [("file", 0o777, 0o444), ("folder", 0o555, 0o666)] {
        let own = folder.0.join(name);
        fs::create_dir_all(&own).unwrap();
        let file = own.join("webhooks.db");
        drop(SqliteStore::connect(&file).await.unwrap());
        until_closed(&file);
        may(&file, of_file);
        may(&own, of_folder);
    }
    if fs::File::create(folder.0.join("folder").join("probe")).is_err() {
        check(&folder.0).await;
    } else {
        let mut again = std::process::Command::new("setpriv");
        again
            .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", OWN])
            .env(FOLDER, &folder.0);
        let out = again.output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.contains("1 passed"), "{said}");
    }
    may(&folder.0.join("folder"), 0o777);
}

#[tokio::test]
async fn a_connection_that_may_only_read_stops_the_start() {
    let folder = Folder::new();
    drop(folder.store().await);
    let mut builder = SqliteStore::builder(folder.file());
    builder.file.sabotage = "PRAGMA query_only = ON";
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), SqliteConnectErrorKind::ReadOnly);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "SQLite: attempt to write a readonly database (code 8)"
    );
}

#[tokio::test]
async fn a_row_that_a_trigger_keeps_as_it_is_is_not_told_to_be_written() {
    let folder = Folder::new();
    let store = folder.store().await;
    let claimed = claim("evt_1");
    store.claim(&claimed).await.unwrap();
    let mut beside = folder.beside().await;
    run(
        &mut beside,
        "CREATE TRIGGER keeps BEFORE UPDATE ON tower_webhook_records BEGIN SELECT RAISE(IGNORE); END",
    )
    .await;
    let error = store.release(&release(&claimed)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
}

#[tokio::test]
async fn one_record_that_cannot_be_read_fails_alone() {
    let folder = Folder::new();
    let store = folder.store().await;
    let bad = claim("bad");
    store.claim(&bad).await.unwrap();
    let mut beside = folder.beside().await;
    run(
        &mut beside,
        "UPDATE tower_webhook_records SET token = x'00'",
    )
    .await;
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
    let renew = |key: &EventKey| Renew {
        key: key.clone(),
        token: bad.token,
        lease: LEASE,
        retention: RETENTION,
    };
    let error = store
        .renew(&[renew(&key("a")), renew(&bad.key)])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(store.forget(&bad.key).await.unwrap());
    assert!(is_granted(&store.claim(&bad).await.unwrap()));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let folder = Folder::new();
    fs::write(
        folder.file(),
        "no database at all, but a text that is long enough\n".repeat(99),
    )
    .unwrap();
    let error = start_error(&folder.file()).await;
    assert_eq!(error.kind(), SqliteConnectErrorKind::Corrupt, "{error}");

    let folder = Folder::new();
    {
        let store = folder.store().await;
        let claims: Vec<_> = (0..500).map(|number| claim(&number.to_string())).collect();
        for outcome in futures_util::future::join_all(claims.iter().map(|it| store.claim(it))).await
        {
            outcome.unwrap();
        }
    }
    let mut beside = folder.beside().await;
    run(&mut beside, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let _ = sqlx::Connection::close(beside).await;
    let mut bytes = fs::read(folder.file()).unwrap();
    // Everything except the header and the tables' names.
    bytes[4 * 4_096..].fill(0x5a);
    fs::write(folder.file(), bytes).unwrap();
    let store = folder.store().await;
    let mut corrupt = 0;
    for number in 0..500 {
        match store.claim(&claim(&number.to_string())).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error:?}");
                corrupt += 1;
            }
        }
    }
    assert!(corrupt > 0);
}

#[tokio::test]
async fn a_log_that_was_cut_short_loses_its_end_and_no_more() {
    let (folder, copy) = (Folder::new(), Folder::new());
    let store = folder.store().await;
    for number in 0..100 {
        store.claim(&claim(&number.to_string())).await.unwrap();
    }
    // As they are if the process is killed here.
    let log = |folder: &Folder| folder.0.join("webhooks.db-wal");
    fs::copy(folder.file(), copy.file()).unwrap();
    let bytes = fs::read(log(&folder)).unwrap();
    fs::write(log(&copy), &bytes[..bytes.len() * 2 / 3 + 77]).unwrap();
    let restarted = copy.store().await;
    let there = restarted.counts().await.unwrap().claimed;
    assert!((20..100).contains(&there), "{there}");
    for number in 0..100 {
        let known = restarted
            .lookup(&key(&number.to_string()))
            .await
            .unwrap()
            .is_some();
        assert_eq!(known, number < there, "the first ones are there");
    }
    assert!(is_granted(&restarted.claim(&claim("99")).await.unwrap()));
}

#[tokio::test]
async fn a_file_of_a_later_version_is_used_where_that_works_and_else_says_so() {
    let folder = Folder::new();
    drop(folder.store().await);
    let mut beside = folder.beside().await;
    run(&mut beside, "UPDATE tower_webhook_schema SET version = 9").await;
    let store = folder.store().await;
    assert!(is_granted(&store.claim(&claim("evt_1")).await.unwrap()));
    drop(store);
    run(
        &mut beside,
        "UPDATE tower_webhook_schema SET works_from = 8",
    )
    .await;
    let error = start_error(&folder.file()).await;
    assert_eq!(error.kind(), SqliteConnectErrorKind::NewerSchema);
    let path = folder.file();
    assert_eq!(
        error.to_string(),
        format!(
            "sqlite store: {}: its tables of the records are of version 9 and need a tower-webhook \
             that knows version 8; this one knows 1",
            path.display()
        )
    );
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let folder = Folder::new();
    let error = start_error(&folder.0.join("none").join("webhooks.db")).await;
    assert_eq!(error.kind(), SqliteConnectErrorKind::Path, "{error}");
    let error = start_error(&folder.0).await;
    assert_eq!(error.kind(), SqliteConnectErrorKind::Path, "{error}");
    let builder = SqliteStore::builder(folder.file()).deadline(Duration::ZERO);
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), SqliteConnectErrorKind::Setting, "{error}");
}

#[tokio::test]
async fn many_that_start_at_once_on_a_new_file_all_start() {
    let folder = Folder::new();
    let stores = futures_util::future::join_all((0..8).map(|_| folder.store())).await;
    for (number, store) in stores.iter().enumerate() {
        let claim = claim(&number.to_string());
        assert!(is_granted(&store.claim(&claim).await.unwrap()));
    }
}
