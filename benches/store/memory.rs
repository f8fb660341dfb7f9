//! Claim and complete in memory.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use allocation_counter::measure;
use tower_webhook::MemoryStore;
use tower_webhook::store::{Claim, ClaimOutcome, Held, Store};

use crate::event::{self, portions};
use crate::rounds::Medians;

const PAIRS_PER_THREAD: u32 = 50_000;

fn work(store: &MemoryStore, claims: &[Claim]) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(async {
        for claim in claims {
            let ClaimOutcome::Claimed(grant) = store.claim(claim).await.unwrap() else {
                panic!("a new event is granted");
            };
            let complete = event::complete(claim, grant);
            assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
        }
    });
}

/// Pairs per second of so many threads together, on one new store.
fn pairs_per_second(threads: u32) -> f64 {
    let store = MemoryStore::new();
    let gate = Arc::new(Barrier::new(usize::try_from(threads + 1).unwrap()));
    let running: Vec<_> = (0..threads)
        .map(|thread| {
            let first = thread * PAIRS_PER_THREAD;
            let claims: Vec<_> = (first..first + PAIRS_PER_THREAD)
                .map(event::claim)
                .collect();
            let (store, gate) = (store.clone(), Arc::clone(&gate));
            thread::spawn(move || {
                gate.wait();
                work(&store, &claims);
                // Dropped when the time is taken.
                claims
            })
        })
        .collect();
    gate.wait();
    let begun = Instant::now();
    let done: Vec<_> = running
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    let took = begun.elapsed();
    drop(done);
    f64::from(threads * PAIRS_PER_THREAD) / took.as_secs_f64()
}

/// What the allocator was asked for, and has not been given back, for each finished record.
fn bytes_per_record(records: u32) -> f64 {
    let capacity = usize::try_from(records).unwrap();
    let mut store = None;
    let counted = measure(|| {
        let filled = MemoryStore::with_capacity(capacity).unwrap();
        for portion in portions(records) {
            let claims: Vec<_> = portion.map(event::claim).collect();
            work(&filled, &claims);
        }
        store = Some(filled);
    });
    drop(store);
    let bytes = u32::try_from(counted.bytes_current / i64::from(records)).unwrap();
    f64::from(bytes)
}

pub(crate) fn print(rounds: usize, records: u32) {
    // The first one warms up.
    let measured: Vec<_> = (0..=rounds)
        .map(|_| (pairs_per_second(1), pairs_per_second(2)))
        .skip(1)
        .collect();
    let Medians {
        first,
        second,
        ratio,
        middle: (low, high),
    } = Medians::of(&measured);
    println!("\n## Claim and complete in memory, medians of {rounds} rounds\n");
    println!("| threads | pairs/s | ratio | middle half |");
    println!("| ---: | ---: | ---: | :---: |");
    println!("| 1 | {first:.0} | | |");
    println!("| 2 | {second:.0} | {ratio:.3} | {low:.3} to {high:.3} |");
    let bytes = bytes_per_record(records);
    println!("\nOne of {records} finished records takes {bytes} bytes of the allocator.");
}
