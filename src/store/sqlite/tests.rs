use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::test_runner::{Config, TestRunner};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _, raw_sql};

use super::*;
use crate::amount::short_or_long;
use crate::clock::{ManualClock, UnixTime};
use crate::event::Fingerprint;
use crate::store::error::StoreErrorKind;
use crate::store::sql::tests::histories;
use crate::store::token::Token;

mod faults;
mod plans;

/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(600);

/// A folder that is removed at the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // In memory, if there is such a place.
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = base.join(format!("webhook-sqlite-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("webhooks.db")
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::builder(self.file())
            .deadline(PATIENCE)
            .connect()
            .await
            .unwrap()
    }

    /// A separate connection to the file.
    pub(super) async fn beside(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.file())
            .connect()
            .await
            .unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits for the thread of a dropped store: closing it has also checkpointed the log.
fn until_closed(file: &Path) {
    let begun = std::time::Instant::now();
    while file.with_extension("db-wal").exists() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
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

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_url_in_place_of_a_path_is_refused_and_makes_no_file() {
    for url in [
        "sqlite:webhooks.db",
        "sqlite://webhooks.db",
        "file:webhooks.db?mode=rwc",
        "postgres://localhost/app",
    ] {
        let error = SqliteStore::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), SqliteConnectErrorKind::Path, "{url}");
        assert!(error.to_string().contains("not a URL"), "{error}");
        assert!(!Path::new(url).exists(), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let folder = Folder::new();
    crate::testing::check_store(folder.store().await)
        .await
        .unwrap();
}

/// Two stores on one file behave like two processes.
#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn two_on_one_file_keep_the_contract_together() {
    let folder = Folder::new();
    let (first, second) = (folder.store().await, folder.store().await);
    let provider = Name::new("acme").unwrap();
    let mut granted = 0;
    for number in 0..50 {
        let id = number.to_string();
        let (a, b) = (claim(&id), claim(&id));
        let (a, b) = tokio::join!(first.claim(&a), second.claim(&b));
        granted += u32::from(is_granted(&a.unwrap())) + u32::from(is_granted(&b.unwrap()));
    }
    assert_eq!(granted, 50);
    assert_eq!(first.counts().await.unwrap().claimed, 50);
    assert_eq!(second.unfinished(&provider, 10).await.unwrap(), []);
    crate::testing::check_store(second).await.unwrap();
}

#[test]
fn it_does_what_the_rules_say() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = Folder::new();
    let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
    let builder = SqliteStore::builder(folder.file())
        .deadline(PATIENCE)
        .clock(clock.clone());
    let store = runtime.block_on(builder.connect()).unwrap();
    let number = Mutex::new(0);
    let mut runner = TestRunner::new(Config::with_cases(short_or_long(24, 64)));
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

#[tokio::test]
async fn commands_that_come_together_share_a_commit() {
    let folder = Folder::new();
    let store = folder.store().await;
    let worker = |who: usize| {
        let store = store.clone();
        async move {
            for number in 0..20 {
                let claim = claim(&format!("{who}-{number}"));
                assert!(is_granted(&store.claim(&claim).await.unwrap()));
                assert_eq!(store.release(&release(&claim)).await.unwrap(), Held::Held);
            }
        }
    };
    futures_util::future::join_all((0..64).map(worker)).await;
    let commits = store.database.commits();
    assert!(commits * 16 <= 64 * 20 * 2, "{commits} commits");
    assert_eq!(store.counts().await.unwrap().released, 64 * 20);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_done_or_not_and_blocks_nothing() {
    let folder = Folder::new();
    let store = folder.store().await;
    for number in 0..200 {
        let claim = claim(&number.to_string());
        let call = store.claim(&claim);
        // Polled a few times, then dropped.
        let _ = tokio::time::timeout(Duration::from_micros(number), call).await;
        // Sent again, the claim gives the same result as if sent once.
        let outcome = store.claim(&claim).await.unwrap();
        let ClaimOutcome::Claimed(grant) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(grant.attempt, 1);
    }
}

#[tokio::test]
async fn records_survive_the_store_and_their_namespaces_are_apart() {
    let folder = Folder::new();
    let claim = claim("evt_1");
    {
        let store = folder.store().await;
        assert!(is_granted(&store.claim(&claim).await.unwrap()));
        let other = store.namespace(Name::new("sandbox").unwrap());
        assert_eq!(other.lookup(&claim.key).await.unwrap(), None);
        assert_ne!(other.identity(), store.identity());
    }
    let store = folder.store().await;
    let same = folder.store().await;
    assert_eq!(store.identity(), same.identity());
    let again = store.claim(&self::claim("evt_1")).await.unwrap();
    assert_eq!(again, ClaimOutcome::InProgress);
    assert_eq!(store.renew(&[]).await.unwrap(), []);
}

#[test]
fn renewals_go_on_while_the_runtime_of_the_receiver_stands_still() {
    let folder = Folder::new();
    let receiver = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = receiver.block_on(folder.store());
    let claim = claim("evt_1");
    receiver.block_on(store.claim(&claim)).unwrap();
    let renewing = store.for_renewals().unwrap();
    // From here on, nothing drives the receiver's runtime.
    let other = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let renew = Renew {
        key: claim.key.clone(),
        token: claim.token,
        lease: LEASE,
        retention: RETENTION,
    };
    assert_eq!(
        other.block_on(renewing.renew(&[renew])).unwrap(),
        [Held::Held]
    );
}

#[tokio::test]
async fn records_whose_retention_is_over_are_removed() {
    let folder = Folder::new();
    let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
    let builder = SqliteStore::builder(folder.file())
        .deadline(PATIENCE)
        .clock(clock.clone());
    let store = builder.connect().await.unwrap();
    let claims = (0..1_200).map(|number| {
        let (store, claim) = (store.clone(), claim(&number.to_string()));
        async move { store.claim(&claim).await }
    });
    for outcome in futures_util::future::join_all(claims).await {
        outcome.unwrap();
    }
    let mut beside = folder.beside().await;
    clock.advance(2 * RETENTION);
    store.claim(&claim("last")).await.unwrap();
    let rows = "SELECT count(*) FROM tower_webhook_records";
    let begun = std::time::Instant::now();
    loop {
        let left: i64 = raw_sql(rows).fetch_one(&mut beside).await.unwrap().get(0);
        if left == 1 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{left} are left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.counts().await.unwrap().claimed, 1);
}

#[tokio::test]
async fn a_lease_that_a_clock_set_back_made_too_long_ends_after_its_length() {
    let folder = Folder::new();
    let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
    let builder = SqliteStore::builder(folder.file())
        .deadline(PATIENCE)
        .clock(clock.clone());
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
