//! Variants of taking a delivery, each of which gets the same pre-signed events in every round.
//!
//! The variants run one after another, back and forth, so that disturbances affect all of them; a
//! ratio is the median of the rounds' ratios. The server counts its answers: an unexpected one, or
//! a 2xx without a handler run, makes the bench fail.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::measured::{Bound, Table};
use crate::common::medians::{Medians, median};
use crate::common::{Result, event};
use crate::processes::{Counts, Headers, Load, Order, Server, load};

const SECONDS: u32 = 1;

/// A variant of taking a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    /// What precedes the handler.
    name: &'static str,
    path: &'static str,
    token: Option<&'static str>,
    signed: bool,
    /// Whether it remembers deliveries.
    once: bool,
    status: u16,
    /// The bound on its requests/s, relative to the handler alone.
    of_first: Option<Bound>,
    /// Whether it is compared with the variant before it, and the bound on that ratio.
    of_above: Option<Option<Bound>>,
    /// The bound on its requests/s relative to another build's server, and the row of that one.
    of_before: Option<(usize, Bound)>,
    /// Whether another build's server runs it.
    before: bool,
    connections: u32,
}

impl Variant {
    pub(crate) const fn at(name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            path,
            token: None,
            signed: true,
            once: false,
            status: 200,
            of_first: None,
            of_above: None,
            of_before: None,
            before: false,
            connections: 64,
        }
    }

    pub(crate) const fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub(crate) const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    pub(crate) const fn refused(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) const fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    pub(crate) const fn of_first(mut self, bound: Bound) -> Self {
        self.of_first = Some(bound);
        self
    }

    pub(crate) const fn of_above(mut self, bound: Option<Bound>) -> Self {
        self.of_above = Some(bound);
        self
    }
}

#[allow(
    dead_code,
    reason = "only one of the benches compares with another build"
)]
impl Variant {
    pub(crate) const fn connections(mut self, connections: u32) -> Self {
        self.connections = connections;
        self
    }

    /// Run by another build's server.
    pub(crate) const fn before(mut self, name: &'static str) -> Self {
        (self.name, self.before) = (name, true);
        (self.of_first, self.of_above) = (None, None);
        self
    }

    pub(crate) const fn of_before(mut self, row: usize, bound: Bound) -> Self {
        self.of_before = Some((row, bound));
        self
    }
}

/// The results of one round for one variant.
#[derive(Debug, Clone, Copy)]
struct Sample {
    per_second: f64,
    /// The server's core time per request.
    micros: f64,
    /// The fraction of the time that the server was busy.
    busy: f64,
}

/// The measured server, and the sender of the events.
pub(crate) struct Turns<'a, S> {
    pub(crate) server: &'a Server,
    /// The same of another build.
    pub(crate) before: Option<&'a Server>,
    /// The signature of a body with this id, sent at this time.
    pub(crate) sign: S,
    pub(crate) headers: Headers,
}

impl<S: Fn(&str, u64, &str) -> Result<String>> Turns<'_, S> {
    /// Measures the variants; the first must be the handler alone.
    pub(crate) fn measure(&self, table: &Table, variants: &[Variant], rounds: u32) -> Result<()> {
        let file = EventFile::new();
        // An uncounted run: it finds how many deliveries are needed, and warms everything up.
        self.write(&file, 20_000)?;
        let mut wanted = Vec::new();
        for variant in variants {
            let mut again = *variant;
            again.once = false;
            let per_second = self.run(&file, &again, 20_000, false)?.per_second;
            wanted.push(match variant.once {
                true => whole(per_second * f64::from(SECONDS) * 2.0) + 1_000,
                // More than fit into a cache, each sent several times.
                false => 20_000,
            });
        }
        let per_round = wanted.iter().copied().max().unwrap_or_default();
        let mut samples = vec![Vec::new(); variants.len()];
        for round in 0..rounds {
            self.write(&file, per_round)?;
            let mut turns: Vec<_> = variants.iter().zip(&wanted).zip(&mut samples).collect();
            // Alternates the order, so that no variant always follows the same one.
            if round % 2 == 1 {
                turns.reverse();
            }
            for ((variant, wanted), samples) in turns {
                samples.push(self.run(&file, variant, *wanted, true)?);
            }
        }
        tell(table, variants, &samples);
        Ok(())
    }

    /// Writes that many new events, all signed now.
    fn write(&self, file: &EventFile, number: u64) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut text = String::new();
        for event_number in 0..number {
            let id = format!("evt_{:016x}{event_number:010}", now.as_micros());
            let body = event(&id);
            let signature = (self.sign)(&id, now.as_secs(), &body)?;
            text.push_str(&format!("{id}\t{}\t{signature}\t{body}\n", now.as_secs()));
        }
        Ok(std::fs::write(&file.0, text)?)
    }

    fn run(&self, file: &EventFile, variant: &Variant, most: u64, check: bool) -> Result<Sample> {
        let path = match variant.token {
            Some(token) => format!("{}/{token}", variant.path),
            None => variant.path.to_owned(),
        };
        let order = Order {
            path: &path,
            signed: variant.signed,
            once: variant.once,
            connections: variant.connections,
            headers: self.headers,
            most,
        };
        let server = match self.before {
            Some(before) if variant.before => before,
            _ => self.server,
        };
        let before = server.counts()?;
        let load = load(server.address, &file.0, order, SECONDS)?;
        let after = server.counts()?;
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

/// The deliveries of a round, in a file that is removed with the bench.
struct EventFile(PathBuf);

impl EventFile {
    fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = Some(memory).filter(|folder| folder.is_dir());
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        Self(folder.join(format!("tower-webhook-bench-{}", std::process::id())))
    }
}

impl Drop for EventFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn tell(table: &Table, variants: &[Variant], samples: &[Vec<Sample>]) {
    let against = |one: &[Sample], other: &[Sample], of: fn(&Sample) -> f64| {
        Medians::of(other.iter().map(of).zip(one.iter().map(of)))
    };
    let mut above: &[Sample] = &[];
    for (variant, own) in variants.iter().zip(samples) {
        let row = variant.name;
        let rate: fn(&Sample) -> f64 = |sample| sample.per_second;
        let own_median = |of: fn(&Sample) -> f64| median(own.iter().map(of).collect());
        table.put(row, "rate", "requests/s", own_median(rate));
        table.put(row, "core", "µs", own_median(|sample| sample.micros));
        table.put(row, "core at work", "", own_median(|sample| sample.busy));
        let alone = samples.first().map_or(&[][..], Vec::as_slice);
        let ratios = [
            ("of the handler alone", alone, Some(variant.of_first)),
            ("of the row above", above, variant.of_above),
        ];
        for (column, other, required) in ratios {
            let ratio = against(own, other, rate);
            match required {
                Some(Some(bound)) => {
                    table.require(row, column, "", ratio, bound);
                }
                Some(None) => table.put(row, column, "", ratio),
                None => {}
            }
        }
        if let Some((number, bound)) = variant.of_before
            && let Some(before) = samples.get(number)
        {
            let ratio = against(own, before, rate);
            table.require(row, "of the build before", "", ratio, bound);
            let core = against(own, before, |sample| sample.micros);
            table.put(row, "core of the build before", "", core);
        }
        above = own;
    }
}

/// Checks that each answer had the right status and that each 2xx came from a handler run.
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
            // The answer to the previous query of the counts was counted after it.
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
    // If a connection ends in the middle of a request, the handler may have run without an answer.
    if runs < expected || runs > expected + u64::from(variant.connections) {
        return Err(format!("{}: {runs} runs for {expected} answers", variant.name).into());
    }
    Ok(())
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
