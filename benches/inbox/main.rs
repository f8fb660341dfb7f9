//! The cost of acknowledging an event once it is held. Run it with
//! `cargo bench --bench inbox --features inbox,sqlite,postgres`.
//!
//! - `sqlite`, `postgres`: events of 1 KiB from request to answer over 64 connections. They are compared with a
//!   hand-written route that stores each by an `INSERT` with its own commit and, on SQLite, with one whose
//!   inserts are committed together as they arrive. The hand-written routes verify nothing.
//! - `redis`: the same, against a hand-written route that calls the inbox's script for each event.
//! - `slow`: the time of an acknowledgment while handlers take two seconds, compared with handlers
//!   that take no time.
//! - `bytes`: the space of a 1 KiB event in an inbox in Redis, SQLite and Postgres, while it waits
//!   and once it is done. It does not depend on any clock.
//!
//! Server and senders are in one process. The compared variants take turns in short rounds, so that
//! other load on the machine affects both equally.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod bytes;
#[path = "../../src/store/redis/inbox/code.rs"]
#[allow(dead_code, reason = "one of the scripts is measured")]
mod code;
#[path = "../common/mod.rs"]
mod common;
mod hand;
mod rates;
#[path = "../../tests/redis_support/mod.rs"]
mod redis_support;
mod senders;
mod slow;
#[path = "../../tests/sql_support/mod.rs"]
mod sql_support;

use std::path::PathBuf;

use common::Result;
use lexopt::prelude::*;

struct Options {
    parts: Vec<String>,
    rounds: usize,
}

impl Options {
    /// `None` if nothing is to be measured.
    fn parse() -> std::result::Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            parts: Vec::new(),
            rounds: 9,
        };
        let mut is_bench = false;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("bench") => is_bench = true,
                Long("quick") => options.rounds = 3,
                Value(part) => options.parts.push(part.string()?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(is_bench.then_some(options))
    }

    fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|chosen| chosen == part)
    }
}

/// A folder of the build, on disk.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn main() -> Result<()> {
    let Some(options) = Options::parse()? else {
        println!(
            "skipped: run it with `cargo bench --bench inbox --features inbox,sqlite,postgres`"
        );
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if options.has("sqlite") {
        runtime.block_on(rates::sqlite(options.rounds))?;
    }
    if options.has("postgres") {
        runtime.block_on(rates::postgres(options.rounds))?;
    }
    if options.has("redis") {
        runtime.block_on(rates::redis(options.rounds))?;
    }
    if options.has("bytes") {
        let events = if options.rounds < 9 { 5_000 } else { 100_000 };
        runtime.block_on(bytes::all(events))?;
    }
    if options.has("slow") {
        runtime.block_on(slow::sqlite(options.rounds))?;
    }
    Ok(())
}
