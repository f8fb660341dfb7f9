//! Lists that reach two receivers at once, and have events in common.

use tower_webhook::store::RedisStore;
use tower_webhook::{DedupeConfig, MemoryStore, SharedStore};

use super::{Stage, list, retrying};
use crate::redis_support::Server as Redis;

async fn two_receivers(store: SharedStore) {
    let receiver = || {
        Stage::with(retrying(), store.clone(), |webhook| {
            webhook.dedupe(DedupeConfig::new().shares_name())
        })
    };
    let one = receiver();
    let mut two = receiver();
    // One book, as one database would be.
    two.app = one.app.clone();
    let other = Stage::with(retrying(), store.clone(), |webhook| {
        webhook.dedupe(DedupeConfig::new().shares_name())
    });
    let ids = |from: usize, to: usize| list((from..to).map(|number| format!("E{number}")));
    let sent = [
        (one.clone(), ids(0, 60)),
        (other.clone(), ids(30, 90)),
        (two, ids(20, 80)),
        (
            other.clone(),
            list((0..90).rev().map(|number| format!("E{number}"))),
        ),
    ];
    let sent = sent.map(|(stage, body)| {
        tokio::spawn(async move {
            loop {
                match stage.deliver(body.clone()).await.0 {
                    200 => return,
                    status => assert_eq!(status, 503),
                }
            }
        })
    });
    for sent in sent {
        sent.await.unwrap();
    }
    let (mine, theirs) = (one.book.effects(), other.book.effects());
    assert_eq!((mine.1, theirs.1), (1, 1));
    assert_eq!(mine.0 + theirs.0, 90, "each at one of both");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_run_once_in_memory() {
    two_receivers(SharedStore::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_run_once_in_redis() {
    let redis = Redis::start();
    let store = RedisStore::connect(redis.url()).await.unwrap();
    two_receivers(SharedStore::new(store)).await;
}
