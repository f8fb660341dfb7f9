//! The cost of the stores. Run it with `cargo bench --bench store`.
//!
//! - `pairs`: claim and complete through `RedisStore`, compared with the same scripts sent with
//!   only the `redis` crate, one key per call.
//! - `bytes`: the space of a finished record in Redis, compared with a plain key of the same name.
//! - `memory`: claim and complete through `MemoryStore` on one thread and on two, and the space of
//!   a record there.
//!
//! `cargo bench --bench store -- --quick` uses few rounds and records; `-- pairs --rounds 5` runs a
//! part, `-- bytes --records 50000` a small one. Redis is started on a free port. The compared
//! variants take turns in short rounds, so that other load on the machine affects both equally;
//! each ratio is the median of the rounds' ratios.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod bytes;
#[path = "../../src/store/redis/code.rs"]
#[allow(dead_code, reason = "two of the scripts are measured")]
mod code;
#[path = "../common/mod.rs"]
mod common;
mod event;
mod memory;
mod pairs;
mod processor;
#[path = "../../tests/redis_support/mod.rs"]
mod redis_support;

use std::error::Error;

use lexopt::prelude::*;

const PARTS: [&str; 3] = ["pairs", "bytes", "memory"];

struct Options {
    parts: Vec<String>,
    rounds: usize,
    records: u32,
}

impl Options {
    /// `None` if nothing is to be measured.
    fn parse() -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            parts: Vec::new(),
            rounds: 31,
            records: 1_000_000,
        };
        let mut is_bench = false;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("bench") => is_bench = true,
                Long("quick") => (options.rounds, options.records) = (5, 50_000),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("records") => options.records = parser.value()?.parse()?,
                Value(part) if PARTS.iter().any(|known| part == **known) => {
                    options.parts.push(part.string()?);
                }
                other => return Err(other.unexpected()),
            }
        }
        if options.rounds == 0 || options.records == 0 {
            return Err("nothing can be measured in 0 rounds or of 0 records".into());
        }
        Ok(is_bench.then_some(options))
    }

    fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|chosen| chosen == part)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        println!("skipped: run it with `cargo bench --bench store`");
        return Ok(());
    };
    // Always two threads: one for the active client, one for its runtime's work.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if options.has("pairs") {
        runtime.block_on(pairs::print(options.rounds));
    }
    if options.has("bytes") {
        runtime.block_on(bytes::print(options.records));
    }
    if options.has("memory") {
        memory::print(options.rounds, options.records);
    }
    Ok(())
}
