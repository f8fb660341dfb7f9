//! A signed delivery of 1 KiB over loopback, to a handler behind our layers and behind those of
//! `webhook-verify` and `idempotent`, which do a part each. peers/README.md says how to run it;
//! `-- --quick` takes few rounds. It prints Markdown.
//!
//! The server is one process with one thread on one core; `wrk` sends from another core, where Redis
//! runs too, both as in the main crate's bench `stack`. Every round sends each way the same events,
//! which are new and signed as Standard Webhooks does, one way after the other; a ratio is the median
//! of those of the rounds. An answer that is not 200, or one for which the handler has not run, ends
//! the bench with a failure.

#[path = "../../../benches/common/mod.rs"]
mod common;
#[path = "../../../benches/stack/processes.rs"]
mod processes;
#[path = "../../../benches/store/rounds.rs"]
#[allow(dead_code, reason = "the main crate's bench uses the rest")]
mod rounds;
mod server;

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use common::{Result, event};
use processes::{Counts, Load, Order, Redis, Server, load};
use rounds::Medians;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECONDS: u64 = 1;

/// What stands before the handler, its path, whether it remembers what it has seen, and the one that
/// it is compared with.
struct Way {
    name: &'static str,
    path: &'static str,
    once: bool,
    of: Option<usize>,
}

const fn way(name: &'static str, path: &'static str, once: bool, of: Option<usize>) -> Way {
    Way {
        name,
        path,
        once,
        of,
    }
}

const WAYS: [Way; 7] = [
    way("nothing", "/read", false, None),
    way("`webhook-verify`", "/their-verify", false, None),
    way("our `VerifySignatureLayer`", "/our-verify", false, Some(1)),
    way(
        "`webhook-verify`, `idempotent` in memory",
        "/their-memory",
        true,
        None,
    ),
    way("our `Webhook`, `MemoryStore`", "/our-memory", true, Some(3)),
    way(
        "`webhook-verify`, `idempotent` on Redis",
        "/their-redis",
        true,
        None,
    ),
    way("our `Webhook`, `RedisStore`", "/our-redis", true, Some(5)),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, redis] = &arguments[..]
        && serve == "--serve"
    {
        return server::run(redis);
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench`, see peers/README.md");
        return Ok(());
    }
    if std::thread::available_parallelism()?.get() < 2 {
        return Err("the server and the load need a core each, and here is one".into());
    }
    let rounds = if has("--quick") { 5 } else { 11 };
    let redis = Redis::start()?;
    let server = Server::start(&redis)?;
    let events = Events::new();
    let mut samples: Vec<Vec<Sample>> = WAYS.iter().map(|_| Vec::new()).collect();
    // Once without counting: how many deliveries are wanted, and everything is warm.
    events.write(20_000)?;
    let mut fastest = 0.0_f64;
    for way in &WAYS {
        fastest = fastest.max(run(&server, &events, way, true)?.per_second);
    }
    let per_round = (fastest * SECONDS as f64 * 2.0) as u64 + 1_000;
    for round in 0..rounds {
        events.write(per_round)?;
        for turn in 0..WAYS.len() {
            // Nobody is always behind the same one.
            let at = if round % 2 == 0 {
                turn
            } else {
                WAYS.len() - 1 - turn
            };
            samples[at].push(run(&server, &events, &WAYS[at], false)?);
        }
    }
    print(rounds, &samples);
    Ok(())
}

/// The file of deliveries, written anew for each round.
struct Events(PathBuf);

impl Events {
    fn new() -> Self {
        let folder = PathBuf::from("/dev/shm");
        let folder = if folder.is_dir() {
            folder
        } else {
            std::env::temp_dir()
        };
        Self(folder.join(format!("tower-webhook-peers-{}", std::process::id())))
    }

    /// Writes that many events that never were before, all signed now.
    fn write(&self, number: u64) -> Result<()> {
        let signer = standardwebhooks::Webhook::new(SECRET)?;
        let now = UNIX_EPOCH.elapsed()?;
        let mut text = String::new();
        for event_number in 0..number {
            let id = format!("msg_{:016x}{event_number:010}", now.as_micros());
            let body = event(&id);
            let signature = signer.sign(&id, now.as_secs() as i64, body.as_bytes())?;
            text.push_str(&format!("{id}\t{}\t{signature}\t{body}\n", now.as_secs()));
        }
        Ok(std::fs::write(&self.0, text)?)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What one round told of one way.
#[derive(Clone, Copy)]
struct Sample {
    per_second: f64,
    /// The server's time on its core for one request.
    micros: f64,
    /// How much of the time the server was at work.
    busy: f64,
}

/// Sends for a second. To warm up, the same deliveries are sent again when they have run out.
fn run(server: &Server, events: &Events, way: &Way, warm_up: bool) -> Result<Sample> {
    let order = Order {
        path: way.path,
        signed: true,
        once: way.once && !warm_up,
    };
    let before = server.counts()?;
    let load = load(server, &events.0, order, SECONDS)?;
    let after = server.counts()?;
    if !warm_up {
        all_ran(way, &before, &after, load)?;
    }
    let busy = (after.cpu - before.cpu).as_secs_f64();
    Ok(Sample {
        per_second: load.requests as f64 / load.seconds,
        micros: busy * 1e6 / load.requests as f64,
        busy: busy / load.seconds,
    })
}

/// Whether each answer was 200, and came from a handler that ran.
fn all_ran(way: &Way, before: &Counts, after: &Counts, load: Load) -> Result<()> {
    for (status, count) in &after.answers {
        let earlier = before.answers.iter().find(|(known, _)| known == status);
        let new = count - earlier.map_or(0, |(_, count)| *count);
        if *status != 200 && new > 0 {
            return Err(format!("{}: {new} answers of {status}", way.name).into());
        }
    }
    let runs = after.runs - before.runs;
    // Where a connection ends in the middle of one, the handler may have run without an answer.
    if runs < load.requests || runs > load.requests + 64 {
        return Err(format!("{}: {runs} runs for {} answers", way.name, load.requests).into());
    }
    Ok(())
}

fn print(rounds: usize, samples: &[Vec<Sample>]) {
    let medians = |one: usize, other: usize, value: fn(&Sample) -> f64| {
        let pairs = samples[other].iter().zip(&samples[one]);
        let pairs: Vec<_> = pairs
            .map(|(other, one)| (value(other), value(one)))
            .collect();
        Medians::of(&pairs)
    };
    println!("### One delivery over loopback, medians of {rounds} rounds\n");
    println!(
        "| a handler that reads the body, behind | requests/s | of it alone | µs of the core \
         | core at work |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (number, way) in WAYS.iter().enumerate() {
        let rate = medians(number, 0, |sample| sample.per_second);
        println!(
            "| {} | {:.0} | {:.3} | {:.1} | {:.0} % |",
            way.name,
            rate.second,
            rate.ratio,
            medians(number, number, |sample| sample.micros).second,
            medians(number, number, |sample| sample.busy).second * 100.0,
        );
    }
    println!();
    for (number, way) in WAYS.iter().enumerate() {
        let Some(of) = way.of else { continue };
        let rate = medians(number, of, |sample| sample.per_second);
        let (low, high) = rate.middle;
        println!(
            "- {} against {}: {:.3} of the requests/s ({low:.3} to {high:.3}), {:.3} by time on the \
             core.",
            way.name,
            WAYS[of].name,
            rate.ratio,
            medians(of, number, |sample| sample.micros).ratio,
        );
    }
}
