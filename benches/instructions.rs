//! The number of instructions for the steps of one delivery, counted by Valgrind.
//!
//! | command | does |
//! | --- | --- |
//! | `cargo bench --bench instructions` | prints the counts |
//! | `cargo bench --bench instructions -- --check` | fails if a count exceeds its bound by more than 2 % |
//! | `cargo bench --bench instructions -- --record` | writes new bounds |
//!
//! With `--features metrics`, a delivery is also counted with metrics, next to one without in the same build.
//!
//! A count is the same on a quiet machine and a busy one, and nearly the same from run to run. It
//! depends on the compiler and on the processor that Valgrind emulates: the bounds name both.

mod common;
#[cfg(feature = "metrics")]
#[path = "common/sums.rs"]
mod recorder;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Duration;

use bytes::Bytes;
use common::measured::{Bound, Table};
use common::{Result, Sender, blendfi, event};
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use tokio::runtime::Builder;
use tower::{Layer, ServiceExt};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::journal::{Journal, JournalError, JournalLine, JournalSink, Retained};
use tower_webhook::{ManualClock, MemoryStore, Name, UnixTime, Webhook};

const BOUNDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.bounds");
const NOW: u64 = 1_777_899_600;
/// How often a step runs before it is counted, and during the count.
const WARM_UP: usize = 64;
const COUNTED: usize = 512;
/// By how many percent a count may exceed its bound.
const ALLOWANCE: u32 = 2;

/// The counted steps, and what each is a part of.
const STEPS: &[(&str, &str)] = &[
    ("verify", "`Verifier::verify`, one key, 1 KiB"),
    ("event", "`EventRule::identify`, BlendFi's rule, 1 KiB"),
    (
        "delivery",
        "`Webhook` with `MemoryStore`, 1 KiB, a handler that answers at once",
    ),
    ("refusal", "`Webhook`, no signature header"),
    (
        "refusal_sampled",
        "the same, while one refusal in an hour is diagnosed",
    ),
    ("journal", "a delivery, which a journal takes down"),
    #[cfg(feature = "metrics")]
    (
        "delivery_metrics",
        "a delivery with `MetricsObserver`, and no recorder",
    ),
    #[cfg(feature = "metrics")]
    ("delivery_recorder", "the same with a recorder that adds up"),
];

/// A step that is counted relative to another, with the percentage of it that it may take.
const PAIRS: &[(&str, &str, f64)] = &[
    ("refusal_sampled", "refusal", 1.01),
    ("journal", "delivery", 1.10),
    ("delivery_metrics", "delivery", 1.02),
    ("delivery_recorder", "delivery", 1.02),
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if let Some(at) = arguments.iter().position(|argument| argument == "--step") {
        let step = arguments.get(at + 1).ok_or("--step needs a name")?;
        take(step)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !has("--bench") {
        println!("skipped: run it with `cargo bench --bench instructions`");
        return Ok(ExitCode::SUCCESS);
    }
    let mut counts = Vec::new();
    for &(step, _) in STEPS {
        counts.push((step, count(step)?));
    }
    if has("--record") {
        counts.retain(|(step, _)| PAIRS.iter().all(|(paired, ..)| paired != step));
        std::fs::write(BOUNDS, print_bounds(&counts))?;
    }
    let bounds = read_bounds(&std::fs::read_to_string(BOUNDS)?)?;
    let table = Table::new("instructions", "Instructions of a step");
    let mut fine = true;
    for ((step, words), (_, count)) in STEPS.iter().zip(&counts) {
        let bound = (bounds.iter()).find_map(|(name, bound)| (name == step).then_some(*bound));
        let row = format!("{step}: {words}");
        // A step that is counted relative to another has its bound there.
        let Some(bound) = bound else {
            table.put(&row, "instructions", "", f64::from(*count));
            continue;
        };
        let most = Bound::AtMost(f64::from(bound + bound / 100 * ALLOWANCE));
        fine &= table.require(&row, "instructions", "", f64::from(*count), most);
        table.put(&row, "bound", "", f64::from(bound));
    }
    let count_of = |wanted: &str| counts.iter().find(|(step, _)| *step == wanted);
    for (step, other, most) in PAIRS {
        if let (Some((_, count)), Some((_, base))) = (count_of(step), count_of(other)) {
            let ratio = f64::from(*count) / f64::from(*base);
            let row = format!("{step} beside {other}");
            fine &= table.require(&row, "of its instructions", "", ratio, Bound::AtMost(*most));
        }
    }
    println!("{}", machine());
    if !fine && has("--check") {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts one step in a separate process, in which Valgrind counts only during the step.
fn count(step: &str) -> Result<u32> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args([
            "--collect-atstart=no",
            "--toggle-collect=*instructions*counted*",
        ])
        .arg(std::env::current_exe()?)
        .args(["--step", step])
        .output()
        .map_err(|error| format!("valgrind: {error}; scripts/bench installs it"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind of {step}: {said}").into());
    }
    let collected: usize = (said.lines())
        .find_map(|line| line.split_once("Collected :"))
        .ok_or_else(|| format!("valgrind counted nothing: {said}"))?
        .1
        .trim()
        .parse()?;
    if collected == 0 {
        return Err("valgrind has not found the step".into());
    }
    Ok(u32::try_from(collected / COUNTED)?)
}

/// The function by whose name Valgrind recognizes the counted step.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

fn take(step: &str) -> Result<()> {
    match step {
        "processor" => {
            print!("{}", processor());
            Ok(())
        }
        "verify" => verify(),
        "event" => identify(),
        "delivery" => deliver(true, &Beside::Nothing),
        "refusal" => deliver(false, &Beside::Nothing),
        "refusal_sampled" => deliver(false, &Beside::Diagnosis),
        "journal" => deliver(true, &Beside::Journal(Journal::start(Nowhere)?)),
        #[cfg(feature = "metrics")]
        "delivery_metrics" => deliver(true, &Beside::Numbers),
        #[cfg(feature = "metrics")]
        "delivery_recorder" => deliver(true, &Beside::Recorder),
        _ => Err(format!("no step {step:?}").into()),
    }
}

fn id(number: usize) -> String {
    format!("evt_{number:026}")
}

fn verify() -> Result<()> {
    let provider = blendfi()?;
    let verifier = provider.verifier().ok_or("BlendFi signs")?;
    let now = UnixTime::from_secs(NOW);
    let body = event(&id(1));
    let mut headers = HeaderMap::new();
    headers.insert(common::SIGNATURE, Sender::new()?.sign(NOW, &body).parse()?);
    let check = || verifier.verify(black_box(&headers), black_box(body.as_bytes()), now);
    for _ in 0..WARM_UP {
        check()?;
    }
    counted(&mut || {
        for _ in 0..COUNTED {
            let _ = black_box(check());
        }
    });
    Ok(())
}

fn identify() -> Result<()> {
    let shape = Shape::new("event", ["/id"])?
        .fingerprint(["/type", "/data"])?
        .time("/created_at")?;
    let rule = EventRule::members([shape])?.checked_header("X-Blendfi-Event-Id")?;
    let name = Name::new("blendfi")?;
    let body = event(&id(1));
    let headers = HeaderMap::from_iter([("x-blendfi-event-id".parse()?, id(1).parse()?)]);
    let read = || rule.identify(&name, black_box(&headers), None, black_box(body.as_bytes()));
    for _ in 0..WARM_UP {
        read()?;
    }
    counted(&mut || {
        for _ in 0..COUNTED {
            let _ = black_box(read());
        }
    });
    Ok(())
}

async fn handler(
    _: Request<Full<Bytes>>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

/// A journal works in its own thread, which is not counted.
struct Nowhere;

impl JournalSink for Nowhere {
    fn write(&mut self, _: &[JournalLine]) -> std::result::Result<(), JournalError> {
        Ok(())
    }

    fn prune(&mut self, _: &Retained) -> std::result::Result<bool, JournalError> {
        Ok(false)
    }
}

/// The additional work of a delivery.
enum Beside {
    Nothing,
    Journal(Journal),
    /// At most one refusal per hour is diagnosed.
    Diagnosis,
    /// Metrics, but without a recorder.
    #[cfg(feature = "metrics")]
    Numbers,
    #[cfg(feature = "metrics")]
    Recorder,
}

impl Beside {
    fn with<S>(&self, webhook: Webhook<S>) -> Result<Webhook<S>> {
        Ok(match self {
            Self::Nothing => webhook,
            Self::Journal(journal) => webhook.journal(journal),
            Self::Diagnosis => webhook.diagnose_refusals(Duration::from_secs(3600)),
            #[cfg(feature = "metrics")]
            Self::Numbers => with_numbers(webhook),
            #[cfg(feature = "metrics")]
            Self::Recorder => {
                metrics::set_global_recorder(recorder::Sums)
                    .map_err(|_| "a recorder is installed")?;
                with_numbers(webhook)
            }
        })
    }
}

#[cfg(feature = "metrics")]
fn with_numbers<S>(webhook: Webhook<S>) -> Webhook<S> {
    use tower_webhook::layer::TracingObserver;
    use tower_webhook::metrics::MetricsObserver;
    webhook.observer((TracingObserver, MetricsObserver::new()))
}

/// Deliveries of new events, through the Tower service and without sockets.
fn deliver(signed: bool, beside: &Beside) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let webhook = Webhook::new(blendfi()?)
        .clock(ManualClock::new(UnixTime::from_secs(NOW)))
        .store(MemoryStore::new());
    let service = beside
        .with(webhook)?
        .build()?
        .layer(tower::service_fn(handler));
    let sender = Sender::new()?;
    let mut requests = Vec::new();
    for number in 0..WARM_UP + COUNTED {
        let body = event(&id(number));
        let mut request = Request::post("/webhooks/blendfi")
            .header("content-type", "application/json")
            .header("x-blendfi-event-id", id(number))
            .header("x-blendfi-event-type", "conversion.completed")
            .header("x-blendfi-timestamp", NOW);
        if signed {
            request = request.header(common::SIGNATURE, sender.sign(NOW, &body));
        }
        requests.push(request.body(Full::from(body))?);
    }
    let expected = if signed { 200 } else { 401 };
    let mut wrong = 0_usize;
    let mut deliver = |request: Request<Full<Bytes>>| {
        let answer = runtime.block_on(service.clone().oneshot(request));
        wrong += usize::from(answer.is_ok_and(|answer| answer.status().as_u16() != expected));
    };
    let mut requests = requests.into_iter();
    requests.by_ref().take(WARM_UP).for_each(&mut deliver);
    counted(&mut || requests.by_ref().for_each(&mut deliver));
    if wrong > 0 {
        return Err(format!("{wrong} deliveries were not answered {expected}").into());
    }
    if let Beside::Journal(journal) = beside {
        let has_written = runtime.block_on(journal.flush(Duration::from_secs(60)));
        let stats = journal.stats();
        if !has_written || stats.written != u64::try_from(WARM_UP + COUNTED)? {
            return Err(format!("the journal has not all: {stats:?}").into());
        }
    }
    Ok(())
}

fn read_bounds(text: &str) -> Result<Vec<(String, u32)>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, bound) = line
                .split_once(' ')
                .ok_or("a bound is a name and a number")?;
            Ok((name.to_owned(), bound.trim().parse()?))
        })
        .collect()
}

fn print_bounds(counts: &[(&str, u32)]) -> String {
    let mut text = format!("# Written by `scripts/bench --record`. {}\n", machine());
    for (step, count) in counts {
        let _ = writeln!(text, "{step} {count}");
    }
    text
}

/// What the counts depend on: the compiler, and the processor that Valgrind emulates.
fn machine() -> String {
    let said = |command: &mut Command| {
        let output = command.output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let rustc = said(Command::new("rustc").arg("--version"));
    let valgrind = said(Command::new("valgrind").arg("--version"));
    let shown = std::env::current_exe().ok().and_then(|bench| {
        let mut command = Command::new("valgrind");
        said(
            command
                .args(["--tool=none", "-q"])
                .arg(bench)
                .args(["--step", "processor"]),
        )
    });
    let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    format!(
        "{}; {}, which shows the program a processor with {}.",
        known(rustc),
        known(valgrind),
        known(shown)
    )
}

#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    let has = |name, is: bool| format!("{name}: {}", if is { "yes" } else { "no" });
    [
        has("SHA", std::arch::is_x86_feature_detected!("sha")),
        has("AVX2", std::arch::is_x86_feature_detected!("avx2")),
        has("AVX-512", std::arch::is_x86_feature_detected!("avx512f")),
    ]
    .join(", ")
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    std::env::consts::ARCH.to_owned()
}
