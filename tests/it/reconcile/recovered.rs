//! A receiver that was down while events of BLOX and of BlendFi happened, in the long form 500 of each, takes
//! up each of them once.

use tower_webhook::inbox::{MemoryInbox, PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};
use tower_webhook::reconcile::RunEnd;
use tower_webhook::store::SharedStore;
use tower_webhook::{PostgresStore, RedisStore, SqliteStore};

use super::catch_up::{KeptIn, catch_up};
use crate::redis_support::Server;
use crate::sql_support::Postgres;
use crate::support::amount::short_or_long;
use crate::support::folder::Folder;

async fn all_take_effect_once(kept_in: KeptIn) {
    let events: u64 = short_or_long(100, 500);
    let count = usize::try_from(events).unwrap();
    let caught_up = catch_up(kept_in, events).await.unwrap();
    assert_eq!(caught_up.ledger.of("blox").len(), count);
    assert_eq!(caught_up.ledger.of("blendfi").len(), count);
    assert_eq!(caught_up.ledger.doubled(), 0);
    let (blox, blendfi) = (caught_up.blox, caught_up.blendfi);
    assert_eq!(
        (blox.end, blox.seen, blox.mismatched, blox.failed),
        (RunEnd::Complete, events, 0, 0)
    );
    assert_eq!(
        (blendfi.end, blendfi.seen, blendfi.recovered, blendfi.failed),
        (RunEnd::Complete, events, 0, 0)
    );
    let polled = caught_up
        .ledger
        .of("blox")
        .iter()
        .filter(|it| it.polled)
        .count();
    assert!(polled >= count * 4 / 5, "{polled}");
    assert!(caught_up.ledger.of("blendfi").iter().all(|it| !it.polled));
    // A question for each checkout and each page in each of three runs or so, and for deliveries of BLOX.
    let questions = caught_up.api_requests - blendfi.requested;
    assert!(questions < 6 * events, "{questions}");
    for again in caught_up.again {
        assert_eq!(
            (again.end, again.seen, again.known),
            (RunEnd::Complete, events, events)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let folder = Folder::new("recovered");
    let store = SqliteStore::connect(folder.file("webhooks.db")).await;
    let store = store.unwrap();
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
    let folder = Folder::new("recovered");
    let inbox = SqliteInbox::connect(folder.file("webhooks.db")).await;
    let inbox = inbox.unwrap();
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
