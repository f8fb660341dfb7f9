//! Each event of a delivery takes effect once, and is retried alone.

use std::time::Duration;

use tower_webhook::store::RedisStore;
use tower_webhook::testing::Sender;
use tower_webhook::{MemoryStore, Store};

use super::{Stage, list, retrying};
use crate::redis_support::{Cluster, Server as Redis};

/// A thousand events of which one fails twice: three deliveries, and no event is run again that was
/// done.
async fn one_of_a_thousand_fails_twice(store: impl Store) {
    // A busy machine is not what this is about.
    let contract = retrying().waits(Duration::from_secs(60));
    let stage = Stage::new(contract.clone(), store);
    stage.book.fails("E500", 2);
    let body = list((0..1_000).map(|number| format!("E{number}")));
    // Real time where the store has it: thirty seconds are thirty milliseconds.
    let sender = Sender::new(contract).hurry(1_000);
    let delivery = stage.delivery(body.clone());
    let mut histories = sender.deliver(stage.app.clone(), [delivery]).await.unwrap();
    let history = histories.remove(0);
    let statuses: Vec<_> = history.statuses().map(|status| status.as_u16()).collect();
    assert_eq!(statuses, [502, 502, 200]);
    assert_eq!(stage.book.effects(), (1_000, 1));
    assert_eq!((stage.book.runs(), stage.book.runs_of("E500")), (1_002, 3));
    assert_eq!(
        stage.deliver(body).await,
        (200, true),
        "all of them duplicates"
    );
    assert_eq!(stage.book.runs(), 1_002);
}

#[tokio::test(start_paused = true)]
async fn in_memory() {
    one_of_a_thousand_fails_twice(MemoryStore::new()).await;
}

#[tokio::test]
async fn in_redis() {
    let redis = Redis::start();
    let store = RedisStore::connect(redis.url()).await.unwrap();
    one_of_a_thousand_fails_twice(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster() {
    let cluster = Cluster::start();
    let store = RedisStore::connect(cluster.url()).await.unwrap();
    one_of_a_thousand_fails_twice(store).await;
}
