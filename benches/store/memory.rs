//! Claim and complete in memory.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use tower_webhook::MemoryStore;
use tower_webhook::store::{Claim, ClaimOutcome, Held, Store};

use crate::event::{self, portions};
use crate::processor::of_this_thread;
use crate::rounds::{Medians, Required};

const PAIRS_PER_THREAD: u32 = 50_000;

/// Of the pairs/s of one thread, by two.
const REQUIRED: Required = Required::AtLeast(1.6);

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

/// What so many threads did together, on one new store.
struct Took {
    pairs_per_second: f64,
    /// Processor time.
    micros_per_pair: f64,
}

fn run(threads: u32) -> Took {
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
                let before = of_this_thread();
                work(&store, &claims);
                // The claims are dropped when the time is taken.
                (of_this_thread() - before, claims)
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
    let busy: Duration = done.iter().map(|(busy, _)| busy).sum();
    let pairs = f64::from(threads * PAIRS_PER_THREAD);
    Took {
        pairs_per_second: pairs / took.as_secs_f64(),
        micros_per_pair: busy.as_secs_f64() * 1e6 / pairs,
    }
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
    let (mut rates, mut costs) = (vec![], vec![]);
    // The first one warms up.
    for round in 0..=rounds {
        let (one, two) = (run(1), run(2));
        if round > 0 {
            rates.push((one.pairs_per_second, two.pairs_per_second));
            costs.push((one.micros_per_pair, two.micros_per_pair));
        }
    }
    let (rates, costs) = (Medians::of(&rates), Medians::of(&costs));
    let (low, high) = rates.middle;
    println!("\n### Claim and complete in memory, medians of {rounds} rounds\n");
    println!("| threads | pairs/s | ratio | middle half | CPU of a pair |");
    println!("| ---: | ---: | ---: | :---: | ---: |");
    println!("| 1 | {:.0} | | | {:.2} µs |", rates.first, costs.first);
    println!(
        "| 2 | {:.0} | {:.3} | {low:.3} to {high:.3} | {:.2} µs |",
        rates.second, rates.ratio, costs.second
    );
    let bytes = bytes_per_record(records);
    println!("\nOne of {records} finished records takes {bytes} bytes of the allocator.");
    println!(
        "\n- `MemoryStore`, two threads against one: {:.3} of the pairs/s ({low:.3} to {high:.3}). {}",
        rates.ratio,
        REQUIRED.verdict(rates.ratio)
    );
}
