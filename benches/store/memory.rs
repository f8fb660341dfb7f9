//! Claim and complete in memory.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use tower_webhook::MemoryStore;
use tower_webhook::store::{Claim, ClaimOutcome, Held, Store};

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::event::{self, portions};
use crate::processor::of_this_thread;

/// The same on one thread and on two: a store that grows larger is slower for that reason alone.
const PAIRS: u32 = 200_000;

/// The pairs/s of two threads, relative to those of one.
const REQUIRED: Bound = Bound::AtLeast(1.6);

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

#[derive(Clone, Copy)]
enum Stores {
    /// One store for all threads.
    One,
    /// One store for each thread: the limit that this machine and its allocator set for two
    /// threads.
    OneEach,
}

/// The work of so many threads together, on new stores.
struct Took {
    pairs_per_second: f64,
    /// Processor time.
    micros_per_pair: f64,
}

/// Returns in all threads at once, each running on its own processor: a newly woken thread first
/// shares the processor of the thread that woke it, for longer than the work takes.
fn start_together(arrived: &AtomicU32, threads: u32) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(20) {
        spin_loop();
    }
    arrived.fetch_add(1, Ordering::SeqCst);
    while arrived.load(Ordering::SeqCst) < threads {
        spin_loop();
    }
}

fn run(threads: u32, kind: Stores) -> Took {
    let shared = MemoryStore::new();
    let arrived = Arc::new(AtomicU32::new(0));
    let running: Vec<_> = (0..threads)
        .map(|thread| {
            let count = PAIRS / threads;
            let first = thread * count;
            let claims: Vec<_> = (first..first + count).map(event::claim).collect();
            let store = match kind {
                Stores::One => shared.clone(),
                Stores::OneEach => MemoryStore::new(),
            };
            let arrived = Arc::clone(&arrived);
            thread::spawn(move || {
                start_together(&arrived, threads);
                let (begun, before) = (Instant::now(), of_this_thread());
                work(&store, &claims);
                let busy = of_this_thread() - before;
                // Dropped after the time is taken.
                (begun, Instant::now(), busy, claims, store)
            })
        })
        .collect();
    let done: Vec<_> = running
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    let begun = done.iter().map(|(begun, ..)| *begun).min().unwrap();
    let ended = done.iter().map(|(_, ended, ..)| *ended).max().unwrap();
    let busy: Duration = done.iter().map(|(_, _, busy, ..)| *busy).sum();
    let pairs = f64::from(PAIRS);
    Took {
        pairs_per_second: pairs / (ended - begun).as_secs_f64(),
        micros_per_pair: busy.as_secs_f64() * 1e6 / pairs,
    }
}

/// The bytes still allocated for each finished record.
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
    let (mut rates, mut costs, mut apart) = (vec![], vec![], vec![]);
    // The first round is a warm-up.
    for round in 0..=rounds {
        let one = run(1, Stores::One);
        let two = run(2, Stores::One);
        let each = run(2, Stores::OneEach);
        if round > 0 {
            rates.push((one.pairs_per_second, two.pairs_per_second));
            costs.push((one.micros_per_pair, two.micros_per_pair));
            apart.push((one.pairs_per_second, each.pairs_per_second));
        }
    }
    let [rates, costs, apart] = [rates, costs, apart].map(Medians::of);
    let table = Table::new("store", "Claim and complete in memory");
    table.put("1 thread", "rate", "pairs/s", rates.first);
    table.put("1 thread", "core", "µs", costs.first);
    table.put("2 threads", "rate", "pairs/s", rates.second);
    table.put("2 threads", "core", "µs", costs.second);
    table.require("2 threads", "of one thread", "", rates, REQUIRED);
    table.put("2 threads, a store each", "rate", "pairs/s", apart.second);
    table.put("2 threads, a store each", "of one thread", "", apart);
    let table = Table::new("store", "Allocated memory of finished records");
    table.put(
        "finished record",
        "each",
        "bytes",
        bytes_per_record(records),
    );
}
