//! A receiver that was down while 500 BLOX and 500 BlendFi events happened takes up each of them once.

use tower_webhook::inbox::{MemoryInbox, PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};
use tower_webhook::reconcile::RunEnd;
use tower_webhook::store::SharedStore;
use tower_webhook::{PostgresStore, RedisStore, SqliteStore};

use super::catch_up::{KeptIn, catch_up};
use crate::redis_support::Server;
use crate::sql_support::Postgres;

const EVENTS: u64 = 500;

async fn all_take_effect_once(kept_in: KeptIn) {
    let caught_up = catch_up(kept_in, EVENTS).await.unwrap();
    assert_eq!(caught_up.ledger.of("blox").len(), 500);
    assert_eq!(caught_up.ledger.of("blendfi").len(), 500);
    assert_eq!(caught_up.ledger.doubled(), 0);
    let (blox, blendfi) = (caught_up.blox, caught_up.blendfi);
    assert_eq!(
        (blox.end, blox.seen, blox.mismatched, blox.failed),
        (RunEnd::Complete, 500, 0, 0)
    );
    assert_eq!(
        (blendfi.end, blendfi.seen, blendfi.recovered, blendfi.failed),
        (RunEnd::Complete, 500, 0, 0)
    );
    let polled = caught_up
        .ledger
        .of("blox")
        .iter()
        .filter(|it| it.polled)
        .count();
    assert!(polled >= 400, "{polled}");
    assert!(caught_up.ledger.of("blendfi").iter().all(|it| !it.polled));
    // A question for each checkout and each page in each of three runs or so, and for deliveries of BLOX.
    let questions = caught_up.api_requests - blendfi.requested;
    assert!(questions < 3_000, "{questions}");
    for again in caught_up.again {
        assert_eq!(
            (again.end, again.seen, again.known),
            (RunEnd::Complete, 500, 500)
        );
    }
}

fn file(name: &str) -> std::path::PathBuf {
    let name = format!("tower-webhook-{name}-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let store = SqliteStore::connect(file("recovered")).await.unwrap();
    all_take_effect_once(KeptIn::Store(SharedStore::new(store))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let postgres = Postgres::start();
    let store = PostgresStore::builder(postgres.url())
        .migrate()
        .connect()
        .await
        .unwrap();
    all_take_effect_once(KeptIn::Store(SharedStore::new(store))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_redis() {
    let redis = Server::start();
    let store = RedisStore::connect(redis.url()).await.unwrap();
    all_take_effect_once(KeptIn::Store(SharedStore::new(store))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_inbox_in_memory() {
    all_take_effect_once(KeptIn::Inbox(SharedInbox::new(MemoryInbox::new()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_inbox_on_sqlite() {
    let inbox = SqliteInbox::connect(file("recovered-inbox")).await.unwrap();
    all_take_effect_once(KeptIn::Inbox(SharedInbox::new(inbox))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_inbox_on_postgres() {
    let postgres = Postgres::start();
    let inbox = PostgresInbox::builder(postgres.url())
        .migrate()
        .connect()
        .await
        .unwrap();
    all_take_effect_once(KeptIn::Inbox(SharedInbox::new(inbox))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_an_inbox_on_redis() {
    let redis = Server::start();
    let inbox = RedisInbox::connect(redis.url()).await.unwrap();
    all_take_effect_once(KeptIn::Inbox(SharedInbox::new(inbox))).await;
}
