//! How the cost of a step grows with the size of its input: keys, signatures in the header,
//! allowlist entries, records, mounted senders, events in one delivery, receiver processes on one
//! Redis, masters of a Cluster. Run it with `cargo bench --bench growth`. `-- --quick` runs few
//! rounds; `-- steps`, `-- items`, `-- receivers` and `-- masters` run a part.
//!
//! Each size is measured once in every round, and its time is the median of the rounds. The
//! exponent is that of a power law fitted to all sizes: 1 is linear, 0 is constant.
//!
//! Receivers are further instances of this program, on another core than the Redis servers, which
//! are started on free ports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../store/event.rs"]
#[allow(dead_code, reason = "the bench `store` uses the rest")]
mod event;
mod items;
mod masters;
mod mounted;
#[path = "../store/processor.rs"]
#[allow(dead_code, reason = "the bench `store` uses the rest")]
mod processor;
mod receiver;
mod receivers;
#[path = "../../tests/redis_support/mod.rs"]
mod redis_support;
mod rows;
mod steps;

use std::process::ExitCode;

use common::Result;

const PARTS: [&str; 4] = ["steps", "items", "receivers", "masters"];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [receiver, url, number] = &arguments[..]
        && receiver == receiver::ARGUMENT
    {
        receiver::run(url, number.parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench --bench growth`");
        return Ok(ExitCode::SUCCESS);
    }
    let (rounds, of_processes) = if has("--quick") { (5, 5) } else { (31, 15) };
    let named = PARTS.iter().any(|part| has(part));
    let part = |name: &str| !named || has(name);
    if part("receivers") || part("masters") {
        let cores = std::thread::available_parallelism()?.get();
        if cores < 2 {
            return Err("Redis and the receivers need a core each, and here is one".into());
        }
    }
    if part("steps") {
        steps::keys(rounds)?;
        steps::candidates(rounds)?;
        steps::entries(rounds)?;
        steps::records(rounds)?;
        mounted::mounted(rounds)?;
    }
    if part("items") && !items::measure(of_processes)? {
        eprintln!("what is required of events in one delivery is missed");
    }
    if part("receivers") {
        receivers::measure(of_processes)?;
    }
    if part("masters") {
        masters::measure(of_processes)?;
    }
    Ok(ExitCode::SUCCESS)
}
