//! Claim and complete through our stores and through those of `idempotent`: pairs/s, and bytes of a
//! finished record. peers/README.md says how to run it; `-- --quick` takes few rounds and records.
//!
//! Both sides do the same for each event: claim a new key with its fingerprint for 15 s, then
//! complete it with a status and no body, to be kept for 30 days. They take turns in short rounds,
//! and each ratio is the median of the rounds' ratios.

#[path = "../../src/store/redis/code.rs"]
#[allow(dead_code, reason = "two of the scripts are measured")]
mod code;
#[path = "../../benches/common/mod.rs"]
mod common;
#[path = "../../benches/store/event.rs"]
mod event;
#[path = "../../benches/store/pairs.rs"]
#[allow(dead_code, reason = "the main crate's bench uses the rest")]
mod pairs;
#[path = "../../benches/store/processor.rs"]
#[allow(dead_code, reason = "the main crate's bench uses the rest")]
mod processor;
#[path = "../../tests/redis_support/mod.rs"]
mod redis_support;

use std::ops::Range;
use std::time::Instant;

use allocation_counter::measure;
use idempotent::entry::Processing;
use idempotent::fingerprint::{DefaultFingerprintStrategy, FingerprintStrategy};
use idempotent::memory::MemoryStore as TheirMemory;
use idempotent::valkey::ValkeyStore;
use idempotent::{
    CachedResponse, FencedOutcome, IdempotencyEntry, IdempotencyKey, IdempotencyStore,
    InsertResult, Metadata,
};
use tokio::runtime::{Builder, Runtime};
use tower_webhook::MemoryStore;
use tower_webhook::store::{Claim, ClaimOutcome, Held, Store};

use common::Result;
use common::measured::Table;
use common::medians::Medians;
use event::{LEASE, RETENTION, portions};
use pairs::{PATIENCE, Side};
use redis_support::Server;

/// How many in flight, and how many pairs a round: some tenths of a second.
const IN_MEMORY: [(u32, u32); 2] = [(1, 10_000), (64, 40_000)];
const ON_REDIS: [(u32, u32); 3] = [(1, 1_000), (64, 6_400), (512, 10_240)];

#[derive(Clone)]
struct OurMemory(MemoryStore);

impl Side for OurMemory {
    type Work = Claim;

    fn prepare(&self, number: u32) -> Claim {
        event::claim(number)
    }

    async fn pair(&self, claim: &Claim) {
        let ClaimOutcome::Claimed(grant) = self.0.claim(claim).await.unwrap() else {
            panic!("a new event is granted");
        };
        let complete = event::complete(claim, grant);
        assert_eq!(self.0.complete(&complete).await.unwrap(), Held::Held);
    }
}

#[derive(Clone)]
struct Theirs<S>(S);

impl<S: IdempotencyStore + Clone> Side for Theirs<S> {
    type Work = (IdempotencyKey, IdempotencyEntry<Processing>);

    fn prepare(&self, number: u32) -> Self::Work {
        // As long as our keys, and without the characters that it keeps to itself.
        let key = event::key(number).encoded().replace([':', '/'], ".");
        let fingerprint =
            DefaultFingerprintStrategy.compute(&"POST /webhooks/blendfi".into(), key.as_bytes());
        (
            IdempotencyKey::new(key).unwrap(),
            IdempotencyEntry::new(fingerprint, LEASE),
        )
    }

    async fn pair(&self, (key, entry): &Self::Work) {
        let InsertResult::Claimed { fencing_token } =
            self.0.try_insert(key, entry.clone()).await.unwrap()
        else {
            panic!("a new event is granted");
        };
        let response = CachedResponse::new(200, Metadata::new(), bytes::Bytes::new());
        let entry = entry.clone().complete(response, RETENTION);
        let outcome = self.0.complete(key, entry, fencing_token).await.unwrap();
        assert!(matches!(outcome, FencedOutcome::Applied));
    }
}

fn main() -> Result<()> {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench`, see peers/README.md");
        return Ok(());
    }
    let (rounds, records) = if has("--quick") {
        (5, 50_000)
    } else {
        (31, 500_000)
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    in_memory(&runtime, rounds);
    on_redis(&runtime, rounds);
    let table = Table::new("peers-stores", "A finished record");
    let row = |name: &str, ours: f64, theirs: f64| {
        table.put(name, "ours", "bytes", ours);
        table.put(name, "`idempotent`", "bytes", theirs);
        table.put(name, "ours ÷ theirs", "", ours / theirs);
    };
    row(
        "asked of the allocator",
        our_bytes(records),
        their_bytes(records),
    );
    let ours = bytes_on_redis(&runtime, records, async |server| {
        pairs::Ours(pairs::store(server).await)
    });
    let theirs = bytes_on_redis(&runtime, records, async |server| their_store(server).await);
    row("on Redis", ours, theirs);
    Ok(())
}

async fn their_store(server: &Server) -> Theirs<ValkeyStore> {
    let store = ValkeyStore::with_url(server.url()).prefix("wh.default");
    Theirs(store.response_timeout(PATIENCE).try_build().await.unwrap())
}

fn tell(table: &Table, in_flight: u32, rates: Vec<(f64, f64)>) {
    let rates = Medians::of(rates);
    let row = format!("{in_flight} in flight");
    table.put(&row, "`idempotent`", "pairs/s", rates.first);
    table.put(&row, "ours", "pairs/s", rates.second);
    table.put(&row, "ours ÷ theirs", "", rates);
}

fn in_memory(runtime: &Runtime, rounds: usize) {
    let table = Table::new("peers-stores", "Claim and complete in memory");
    for (in_flight, count) in IN_MEMORY {
        let mut rates = Vec::new();
        // The first one warms up.
        for round in 0..=rounds {
            let pair = runtime.block_on(async {
                let theirs = Theirs(TheirMemory::builder().try_build().unwrap());
                let first = rate(&theirs, in_flight, 0..count).await;
                theirs.0.close().await;
                let ours = OurMemory(MemoryStore::new());
                (first, rate(&ours, in_flight, 0..count).await)
            });
            if round > 0 {
                rates.push(pair);
            }
        }
        tell(&table, in_flight, rates);
    }
}

/// Pairs/s of so many tasks.
async fn rate<S: Side>(side: &S, in_flight: u32, numbers: Range<u32>) -> f64 {
    let count = f64::from(numbers.end - numbers.start);
    let mut shares: Vec<Vec<_>> = (0..in_flight).map(|_| Vec::new()).collect();
    for (number, share) in numbers.zip((0..shares.len()).cycle()) {
        shares[share].push(side.prepare(number));
    }
    let begun = Instant::now();
    let tasks: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let side = side.clone();
            tokio::spawn(async move {
                for work in &share {
                    side.pair(work).await;
                }
                // Dropped when the time is taken.
                share
            })
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    count / begun.elapsed().as_secs_f64()
}

fn on_redis(runtime: &Runtime, rounds: usize) {
    let server = Server::start();
    let (theirs, ours) = runtime.block_on(async {
        let theirs = their_store(&server).await;
        (theirs, pairs::Ours(pairs::store(&server).await))
    });
    let table = Table::new("peers-stores", "Claim and complete on Redis");
    for (in_flight, count) in ON_REDIS {
        let mut rates = Vec::new();
        // The first one warms up.
        for round in 0..=rounds {
            server.ask(&["FLUSHALL"]);
            let first = runtime.block_on(rate(&theirs, in_flight, 0..count));
            server.ask(&["FLUSHALL"]);
            let second = runtime.block_on(rate(&ours, in_flight, 0..count));
            if round > 0 {
                rates.push((first, second));
            }
        }
        tell(&table, in_flight, rates);
    }
}

/// What the allocator was asked for, and has not been given back, for each finished record. All of
/// it happens on this thread, which is the one that is counted.
fn bytes_each<S: Side>(records: u32, store: impl AsyncFnOnce() -> S) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut side = None;
    let counted = measure(|| {
        runtime.block_on(async {
            let filled = store().await;
            for portion in portions(records) {
                for number in portion {
                    filled.pair(&filled.prepare(number)).await;
                }
            }
            side = Some(filled);
        });
    });
    drop(side);
    counted.bytes_current as f64 / f64::from(records)
}

fn our_bytes(records: u32) -> f64 {
    let capacity = usize::try_from(records).unwrap();
    bytes_each(records, async || {
        OurMemory(MemoryStore::with_capacity(capacity).unwrap())
    })
}

fn their_bytes(records: u32) -> f64 {
    bytes_each(records, async || {
        Theirs(TheirMemory::builder().try_build().unwrap())
    })
}

fn bytes_on_redis<S: Side>(
    runtime: &Runtime,
    records: u32,
    store: impl AsyncFnOnce(&Server) -> S,
) -> f64 {
    const IN_FLIGHT: u32 = 512;
    let server = Server::start();
    let side = runtime.block_on(store(&server));
    // The scripts and buffers are there before.
    runtime.block_on(rate(&side, IN_FLIGHT, 0..IN_FLIGHT));
    server.ask(&["FLUSHALL"]);
    let before = server.steadily_used();
    for portion in portions(records) {
        runtime.block_on(rate(&side, IN_FLIGHT, portion));
    }
    let bytes = server.steadily_used() - before;
    let keys: u32 = server.ask(&["DBSIZE"]).parse().unwrap();
    // Theirs counts in a key of its own.
    assert!((records..=records + 1).contains(&keys), "{keys}");
    bytes / f64::from(records)
}
