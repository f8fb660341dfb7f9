//! The cost of the stores on SQL databases. Run it with `cargo bench --bench sql --features sqlite,postgres`.
//!
//! - `sqlite`: claim and complete through `SqliteStore`, compared with a hand-written `INSERT` and
//!   `UPDATE` of the same row, which a task commits together as they arrive.
//! - `postgres`: claim and complete through `PostgresStore`, compared with the same statements,
//!   hand-written, through a pool of as many connections.
//! - `tx`: an effect in one transaction with its record, compared with the same statements,
//!   hand-written, and with a unique key next to the effect.
//! - `bytes`: the space of a finished record on either, compared with a hand-written table with the same columns.
//! - `growth`: claims/s on Postgres and on SQLite with 10⁴ records and with `--records`, by default 10⁷. It runs
//!   only on request, and fails if a bound is missed. Postgres is in the temporary folder.
//!
//! The compared variants take turns in short rounds, so that other load on the machine affects both equally.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod bytes;
#[path = "../common/mod.rs"]
mod common;
#[path = "../store/event.rs"]
#[allow(dead_code, reason = "that bench has other parts")]
mod event;
mod growth;
mod hand_postgres;
mod hand_sqlite;
mod pairs;
#[path = "../../tests/sql_support/mod.rs"]
mod sql_support;
mod tx;

use std::error::Error;

use lexopt::prelude::*;

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
            rounds: 15,
            records: 10_000_000,
        };
        let mut is_bench = false;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("bench") => is_bench = true,
                Long("quick") => (options.rounds, options.records) = (3, 100_000),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("records") => options.records = parser.value()?.parse()?,
                Value(part) => options.parts.push(part.string()?),
                other => return Err(other.unexpected()),
            }
        }
        if options.rounds == 0 || options.records < 10_000 {
            return Err(
                "nothing can be measured in 0 rounds or of fewer than 10,000 records".into(),
            );
        }
        Ok(is_bench.then_some(options))
    }

    fn has(&self, part: &str) -> bool {
        let asked = self.parts.iter().any(|chosen| chosen == part);
        asked || (self.parts.is_empty() && part != "growth")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        println!("skipped: run it with `cargo bench --bench sql --features sqlite,postgres`");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if options.has("sqlite") {
        runtime.block_on(pairs::sqlite(options.rounds));
    }
    if options.has("postgres") {
        runtime.block_on(pairs::postgres(options.rounds));
    }
    if options.has("tx") {
        runtime.block_on(tx::print(options.rounds));
    }
    if options.has("bytes") {
        runtime.block_on(bytes::print());
    }
    if options.has("growth") && !runtime.block_on(growth::print(options.rounds, options.records)) {
        return Err("claims beside many records are slower than they may be".into());
    }
    Ok(())
}
