//! Tests the memory store against the contract, and its use of memory.

mod capacity;
mod clocks;
mod histories;
mod purge;
mod waiting;

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use super::shard::Sizes;
use super::*;
use crate::clock::{ManualClock, UnixTime};
use crate::event::Fingerprint;
use crate::store::record::Record;
use crate::store::{ContentType, StoredResponse, Token};
#[cfg(feature = "testing")]
use crate::testing::check_store;

const LEASE: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(600);

fn name(name: &'static str) -> Name {
    Name::new(name).unwrap()
}

fn key(number: usize) -> EventKey {
    EventKey::new(name("acme"), [number.to_string()]).unwrap()
}

fn token(who: u8) -> Token {
    Token::from_bytes([who; 16])
}

fn claim(number: usize, who: u8) -> Claim {
    Claim {
        key: key(number),
        token: token(who),
        fingerprint: Fingerprint::from_bytes([1; 16]),
        lease: LEASE,
        retention: RETENTION,
    }
}

fn complete(number: usize, who: u8) -> Complete {
    Complete {
        key: key(number),
        token: token(who),
        attempt: 1,
        fence: 1,
        fingerprint: Fingerprint::from_bytes([1; 16]),
        response: StoredResponse {
            status: 200,
            body: Some(Bytes::from_static(b"ok")),
            content_type: ContentType::new("text/plain"),
        },
        retention: RETENTION,
    }
}

fn release(number: usize, who: u8) -> Release {
    Release::new(key(number), token(who), RETENTION)
}

fn manual() -> ManualClock {
    ManualClock::new(UnixTime::from_secs(1_000_000))
}

/// The answer of a memory store, which never waits for one.
fn now<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreErrorKind> {
    answer.now_or_never().unwrap().map_err(|error| error.kind())
}

fn sizes(store: &MemoryStore) -> Sizes {
    let mut all = Sizes::default();
    for shard in store.space.shards() {
        let sizes = shard.sizes();
        all.records += sizes.records;
        all.items += sizes.items;
        all.waiters += sizes.waiters;
        all.listeners += sizes.listeners;
    }
    all
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    let store = MemoryStore::new();
    check_store(store.clone()).await.unwrap();
    assert_eq!(sizes(&store).waiters, 0, "nobody waits any more");
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn it_keeps_the_contract_behind_a_handle_on_one_thread() {
    let store = MemoryStore::new().namespace(name("sandbox"));
    let handle = crate::store::SharedStore::new(store);
    assert_eq!(
        format!("{handle:?}"),
        "SharedStore(tower_webhook::store::memory::MemoryStore)"
    );
    check_store(handle).await.unwrap();
}
