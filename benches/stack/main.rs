//! What each layer costs a delivery of 1 KiB over loopback, measured against the handler alone and
//! against what one would write by hand. Run it with `cargo bench --bench stack`; `-- --quick` takes
//! few rounds, and `layers`, `whole` or `refusals` one part.
//!
//! The server is one process with one thread on one core; `wrk` sends from another core, where
//! Redis runs too. Every round sends each variant the same pre-signed events, one variant after the
//! other, so that what disturbs the machine disturbs all; a ratio is the median of those of the
//! rounds. The server counts its answers: one that is not the expected one, or a 2xx for which the
//! handler has not run, ends the bench with a failure.

#[path = "../common/mod.rs"]
mod common;
mod hand;
mod handler;
mod processes;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use common::{Result, Sender, event, median, quartiles};
use processes::{Counts, Load, Order, Redis, Server, load};
use server::TOKEN;

const WRONG_TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d83";
const SECONDS: u64 = 1;

/// One way of taking a delivery.
#[derive(Debug, Clone, Copy)]
struct Variant {
    name: &'static str,
    path: &'static str,
    token: Option<&'static str>,
    signed: bool,
    /// Whether it remembers what it has seen.
    once: bool,
    status: u16,
}

impl Variant {
    const fn at(name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            path,
            token: None,
            signed: true,
            once: false,
            status: 200,
        }
    }

    const fn token(self, token: &'static str) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    const fn once(self) -> Self {
        Self { once: true, ..self }
    }

    const fn refused(self, status: u16) -> Self {
        Self { status, ..self }
    }

    const fn unsigned(self) -> Self {
        Self {
            signed: false,
            ..self
        }
    }
}

const READ: Variant = Variant::at("reads the body", "/read");
const MAC: Variant = Variant::at("bare MAC, by hand", "/mac");
const MEMORY: Variant = Variant::at("`Webhook`: signature, key, memory", "/memory").once();
const SCRIPTS: Variant = Variant::at("bare MAC and two script calls, by hand", "/scripts").once();
const REDIS: Variant = Variant::at("`Webhook`: signature, key, Redis", "/redis").once();

/// One table: variants, each against one of them, and what is required of the ratio.
struct Part {
    name: &'static str,
    title: &'static str,
    variants: &'static [Variant],
    required: &'static [Required],
}

/// That one variant is to reach so much of the requests of another one.
struct Required {
    variant: &'static str,
    of: &'static str,
    ratio: f64,
    /// Not promised yet.
    aim: bool,
}

const fn required(variant: Variant, of: Variant, ratio: f64) -> Required {
    Required {
        variant: variant.name,
        of: of.name,
        ratio,
        aim: false,
    }
}

const PATH: Variant = Variant::at("secret path", "/path").token(TOKEN);
const SOURCE: Variant = Variant::at("secret path, source address", "/source").token(TOKEN);
const SIGNATURE: Variant =
    Variant::at("secret path, source address, signature", "/signature").token(TOKEN);
const ALL: Variant = Variant::at(
    "`Webhook`: secret path, source address, signature, key, memory",
    "/all",
)
.token(TOKEN)
.once();
const BAD_PATH: Variant = Variant::at("wrong path token: 404", "/all")
    .token(WRONG_TOKEN)
    .refused(404);
const BAD_SOURCE: Variant = Variant::at("address not on the list: 403", "/stranger")
    .token(TOKEN)
    .refused(403);
const NO_HEADER: Variant = Variant::at("no signature header: 401", "/all")
    .token(TOKEN)
    .unsigned()
    .refused(401);

/// What axum asks for a route like that of the refused, whatever stands before its handler.
const NOTHING: Variant = Variant::at(
    "a layer that does nothing, in the place of those below",
    "/nothing",
)
.token(TOKEN);
/// The least that a refusal before the body can cost.
const ANSWERS: Variant = Variant::at("a layer that answers 403 and asks nothing", "/answers")
    .token(TOKEN)
    .refused(403);

const PARTS: [Part; 3] = [
    Part {
        name: "layers",
        title: "Layer by layer",
        variants: &[READ, PATH, SOURCE, SIGNATURE, ALL],
        required: &[],
    },
    Part {
        name: "whole",
        title: "The whole stack against what one would write by hand",
        variants: &[READ, MAC, MEMORY, SCRIPTS, REDIS],
        required: &[
            required(MEMORY, MAC, 0.80),
            required(REDIS, SCRIPTS, 0.90),
            Required {
                aim: true,
                ..required(REDIS, READ, 0.45)
            },
        ],
    },
    Part {
        name: "refusals",
        title: "Refusals",
        variants: &[READ, NOTHING, ANSWERS, BAD_PATH, BAD_SOURCE, NO_HEADER],
        required: &[
            required(BAD_PATH, READ, 0.95),
            required(BAD_SOURCE, READ, 0.95),
            required(NO_HEADER, READ, 0.95),
        ],
    },
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, redis] = &arguments[..]
        && serve == "--serve"
    {
        server::run(redis)?;
        return Ok(ExitCode::SUCCESS);
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench --bench stack`");
        return Ok(ExitCode::SUCCESS);
    }
    if std::thread::available_parallelism()?.get() < 2 {
        return Err("the server and the load need a core each, and here is one".into());
    }
    let rounds = if has("--quick") { 5 } else { 11 };
    let named = PARTS.iter().any(|part| has(part.name));
    let events = Events::new()?;
    let redis = Redis::start()?;
    let server = Server::start(&redis)?;
    for part in PARTS.iter().filter(|part| !named || has(part.name)) {
        let mut bench = Bench {
            server: &server,
            events: &events,
            per_round: 20_000,
        };
        let measured = bench.measure(part, rounds)?;
        print(part, &measured);
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of deliveries, written anew for each round.
struct Events {
    sender: Sender,
    file: PathBuf,
}

impl Events {
    fn new() -> Result<Self> {
        let folder = PathBuf::from("/dev/shm");
        let folder = if folder.is_dir() {
            folder
        } else {
            std::env::temp_dir()
        };
        Ok(Self {
            sender: Sender::new()?,
            file: folder.join(format!("tower-webhook-bench-{}", std::process::id())),
        })
    }

    /// Writes that many events that never were before, all signed now.
    fn write(&self, number: u64) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut text = String::new();
        for event_number in 0..number {
            let id = format!("evt_{:016x}{event_number:010}", now.as_micros());
            let body = event(&id);
            let signature = self.sender.sign(now.as_secs(), &body);
            text.push_str(&format!("{id}\t{}\t{signature}\t{body}\n", now.as_secs()));
        }
        Ok(std::fs::write(&self.file, text)?)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// What one round told of one variant.
#[derive(Debug, Clone, Copy)]
struct Sample {
    per_second: f64,
    /// The server's time on its core for one request.
    micros: f64,
    /// How much of the time the server was at work.
    busy: f64,
}

struct Bench<'a> {
    server: &'a Server,
    events: &'a Events,
    per_round: u64,
}

impl Bench<'_> {
    /// For each variant, a sample of each round.
    fn measure(&mut self, part: &Part, rounds: usize) -> Result<Vec<Vec<Sample>>> {
        // Once without counting: how many deliveries are wanted, and everything is warm.
        self.events.write(self.per_round)?;
        let mut fastest = 0.0_f64;
        for variant in part.variants {
            let often = Variant {
                once: false,
                ..*variant
            };
            fastest = fastest.max(self.run(&often, false)?.per_second);
        }
        self.per_round = whole(fastest * float(SECONDS) * 2.0) + 1_000;
        let mut samples = vec![Vec::new(); part.variants.len()];
        for _ in 0..rounds {
            self.events.write(self.per_round)?;
            for (variant, samples) in part.variants.iter().zip(&mut samples) {
                samples.push(self.run(variant, true)?);
            }
        }
        Ok(samples)
    }

    fn run(&self, variant: &Variant, check: bool) -> Result<Sample> {
        let path = match variant.token {
            Some(token) => format!("{}/{token}", variant.path),
            None => variant.path.to_owned(),
        };
        let order = Order {
            path: &path,
            signed: variant.signed,
            once: variant.once,
        };
        let before = self.server.counts()?;
        let load = load(self.server, &self.events.file, order, SECONDS)?;
        let after = self.server.counts()?;
        if check {
            all_as_expected(variant, &before, &after, load)?;
        }
        let busy = (after.cpu - before.cpu).as_secs_f64();
        Ok(Sample {
            per_second: float(load.requests) / load.seconds,
            micros: busy * 1e6 / float(load.requests),
            busy: busy / load.seconds,
        })
    }
}

/// Whether each answer had the right status and, if it is a 2xx, came from a handler that ran.
fn all_as_expected(variant: &Variant, before: &Counts, after: &Counts, load: Load) -> Result<()> {
    let of = |counts: &Counts, status: u16| {
        let mut answers = counts.answers.iter();
        answers
            .find_map(|(s, count)| (*s == status).then_some(*count))
            .unwrap_or(0)
    };
    let mut right = 0;
    for (status, count) in &after.answers {
        let mut new = count - of(before, *status);
        if *status == 200 {
            // The answer to the question before was counted after it.
            new -= 1;
        }
        if *status == variant.status {
            right = new;
        } else if new > 0 {
            return Err(format!("{}: {new} answers of {status}", variant.name).into());
        }
    }
    if right < load.requests {
        return Err(format!("{}: only {right} right answers", variant.name).into());
    }
    let runs = after.runs - before.runs;
    let expected = if variant.status == 200 { right } else { 0 };
    // Where a connection ends in the middle of one, the handler may have run without an answer.
    if runs < expected || runs > expected + 64 {
        return Err(format!("{}: {runs} runs for {expected} answers", variant.name).into());
    }
    Ok(())
}

fn print(part: &Part, measured: &[Vec<Sample>]) {
    let column = |place: usize, of: fn(&Sample) -> f64| -> Vec<f64> {
        measured.get(place).into_iter().flatten().map(of).collect()
    };
    let middle = |place: usize, of: fn(&Sample) -> f64| median(&mut column(place, of));
    let place = |name: &str| {
        part.variants
            .iter()
            .position(|variant| variant.name == name)
    };
    let ratios = |one: usize, other: usize, of: fn(&Sample) -> f64| -> Vec<f64> {
        let (one, other) = (column(one, of), column(other, of));
        let mut ratios: Vec<f64> = one
            .iter()
            .zip(&other)
            .map(|(one, other)| one / other)
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios
    };
    println!("### {}\n", part.title);
    println!(
        "| a handler that reads the body, behind | requests/s | of it alone | quartiles | µs of the core | core at work |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (number, variant) in part.variants.iter().enumerate() {
        let mut of_base = ratios(number, 0, |sample| sample.per_second);
        let (low, high) = quartiles(&of_base);
        println!(
            "| {} | {:.0} | {:.3} | {low:.3} to {high:.3} | {:.1} | {:.0} % |",
            if number == 0 { "nothing" } else { variant.name },
            middle(number, |sample| sample.per_second),
            median(&mut of_base),
            middle(number, |sample| sample.micros),
            middle(number, |sample| sample.busy) * 100.0,
        );
    }
    let busy = middle(0, |sample| sample.busy);
    if busy < 0.9 {
        println!(
            "\nThe server's core was at work for {:.0} % of the time only: others had it, or the \
             load was too slow. Requests/s then say little; the time on the core says more.",
            busy * 100.0
        );
    }
    println!();
    for required in part.required {
        let (Some(one), Some(other)) = (place(required.variant), place(required.of)) else {
            continue;
        };
        let mut by_rate = ratios(one, other, |sample| sample.per_second);
        let (low, high) = quartiles(&by_rate);
        let ratio = median(&mut by_rate);
        let by_core = median(&mut ratios(other, one, |sample| sample.micros));
        let verdict = if ratio >= required.ratio {
            "reached".to_owned()
        } else {
            format!("missed by {:.3}", required.ratio - ratio)
        };
        println!(
            "- {} against {}: {ratio:.3} of the requests/s ({low:.3} to {high:.3}), {by_core:.3} by \
             time on the core. {} {:.2}: **{verdict}**.",
            required.variant,
            required.of,
            if required.aim {
                "Aimed at:"
            } else {
                "Required:"
            },
            required.ratio,
        );
    }
    println!();
}

#[expect(
    clippy::as_conversions,
    reason = "counts of a bench are far below 2^53"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::as_conversions, reason = "a rate, which is positive and small")]
fn whole(number: f64) -> u64 {
    number as u64
}
