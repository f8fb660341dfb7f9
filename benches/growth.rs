//! How the cost of a step grows with what it has to go through: keys, signatures in the header,
//! allowlist entries, records. Run it with `cargo bench --bench growth`; `-- --quick` takes few
//! rounds.
//!
//! Each size is measured once in every round, and its time is the median of the rounds. The
//! exponent is that of a power law through all sizes: 1 is linear, 0 is constant.

mod common;

use std::hint::black_box;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::{Result, SIGNATURE, Sender, event, median};
use http::HeaderMap;
use tower_webhook::store::{Claim, Complete, StoredResponse, Token};
use tower_webhook::{
    Allowlist, EventKey, Fingerprint, KeyRing, MemoryStore, ProviderName, SecretFormat, Store,
    UnixTime,
};

const NOW: u64 = 1_777_899_600;
const HOUR: Duration = Duration::from_secs(3_600);

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench --bench growth`");
        return Ok(ExitCode::SUCCESS);
    }
    let rounds = if has("--quick") { 5 } else { 31 };
    println!("| what | of | exponent | ns | |");
    println!("| --- | --- | ---: | --- | --- |");
    keys(rounds)?;
    candidates(rounds)?;
    entries(rounds)?;
    records(rounds)?;
    println!();
    Ok(ExitCode::SUCCESS)
}

/// One size: how large, and what takes how many nanoseconds at it.
type Size<'a> = (u32, Box<dyn FnMut() -> f64 + 'a>);

/// Measures all sizes in turn, and prints the row.
fn row(what: &str, of: &str, rounds: u32, mut sizes: Vec<Size<'_>>) {
    let mut times = vec![Vec::new(); sizes.len()];
    for _ in 0..rounds {
        for ((_, once), times) in sizes.iter_mut().zip(&mut times) {
            times.push(once());
        }
    }
    let points: Vec<(f64, f64)> = (sizes.iter().zip(&mut times))
        .map(|((size, _), times)| (f64::from(*size), median(times)))
        .collect();
    let list: Vec<String> = (points.iter())
        .map(|(size, time)| format!("{size}: {time:.0}"))
        .collect();
    let logs: Vec<(f64, f64)> = (points.iter())
        .map(|(size, time)| (size.ln(), time.ln()))
        .collect();
    println!(
        "| {what} | {of} | {:.2} | {} | {:.3} ns for each more |",
        slope(&logs),
        list.join(", "),
        slope(&points),
    );
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count: f64 = points.iter().map(|_| 1.0).sum();
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let above: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    above / below
}

/// Nanoseconds that `work` takes, done so often.
fn time(times: u32, mut work: impl FnMut(u32)) -> f64 {
    let begun = Instant::now();
    for number in 0..times {
        work(number);
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn keys(rounds: u32) -> Result<()> {
    let body = event("evt_1");
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, Sender::new()?.sign(NOW, &body).parse()?);
    let (body, headers) = (&body, &headers);
    let mut sizes: Vec<Size<'_>> = Vec::new();
    // A ring holds no more.
    for size in [1, 2, 4, 8] {
        let others = (1..size).map(|number| format!("whsec_another_key_{number}"));
        let secrets: Vec<String> = [common::SECRET.to_owned()]
            .into_iter()
            .chain(others)
            .collect();
        let ring = KeyRing::parse(&SecretFormat::Text, &secrets)?;
        let provider = tower_webhook::provider::blendfi(ring)?;
        let verifier = provider.verifier().ok_or("BlendFi signs")?.clone();
        let check = move || {
            time(200, |_| {
                let _ =
                    black_box(verifier.verify(headers, body.as_bytes(), UnixTime::from_secs(NOW)));
            })
        };
        sizes.push((size, Box::new(check)));
    }
    row("`Verifier::verify`, 1 KiB", "active keys", rounds, sizes);
    Ok(())
}

fn candidates(rounds: u32) -> Result<()> {
    let body = event("evt_1");
    let right = Sender::new()?.sign(NOW, &body);
    let provider = common::blendfi()?;
    let verifier = provider.verifier().ok_or("BlendFi signs")?;
    let body = &body;
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1, 4, 16, 64] {
        let wrong: String = (1..size)
            .map(|number| format!(",v1={number:064x}"))
            .collect();
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, format!("{right}{wrong}").parse()?);
        verifier.verify(&headers, body.as_bytes(), UnixTime::from_secs(NOW))?;
        let check = move || {
            time(200, |_| {
                let _ =
                    black_box(verifier.verify(&headers, body.as_bytes(), UnixTime::from_secs(NOW)));
            })
        };
        sizes.push((size, Box::new(check)));
    }
    row(
        "`Verifier::verify`, 1 KiB",
        "signatures in the header",
        rounds,
        sizes,
    );
    Ok(())
}

fn entries(rounds: u32) -> Result<()> {
    let address = |number: u32| IpAddr::from((0x0a00_0000 + number * 2).to_be_bytes());
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1, 10, 100, 1_000, 10_000, 100_000] {
        // No two adjoin, or they would become one network.
        let list = Allowlist::parse((0..size).map(|number| address(number).to_string()))?;
        let now = UnixTime::from_secs(NOW);
        let mut asked = 1_u32;
        let check = move || {
            time(2_000, |_| {
                // Somewhere in the list, half of the time between two entries.
                asked = asked.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let offset = (asked >> 8) % (size * 2);
                let address = IpAddr::from((0x0a00_0000 + offset).to_be_bytes());
                let _ = black_box(list.check(black_box(address), now));
            })
        };
        sizes.push((size, Box::new(check)));
    }
    row("`Allowlist::check`", "entries", rounds, sizes);
    Ok(())
}

fn records(rounds: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime = &runtime;
    let name = ProviderName::new("acme")?;
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let store = MemoryStore::with_capacity(2_000_000)?;
        let pairs = |name: &ProviderName, numbers: std::ops::Range<u32>| {
            let keys =
                numbers.map(|number| EventKey::new(name.clone(), [format!("evt_{number:026}")]));
            keys.collect::<std::result::Result<Vec<_>, _>>()
        };
        runtime.block_on(async {
            for key in pairs(&name, 0..size)? {
                pair(&store, &key).await?;
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        })?;
        let new = pairs(&name, size..size + 500)?;
        let check = move || {
            let begun = Instant::now();
            runtime.block_on(async {
                for key in &new {
                    let _ = black_box(pair(&store, key).await);
                }
            });
            let took = begun.elapsed().as_secs_f64() * 1e9 / 500.0;
            runtime.block_on(async {
                for key in &new {
                    let _ = store.forget(key).await;
                }
            });
            took
        };
        sizes.push((size, Box::new(check)));
    }
    row(
        "`MemoryStore`: claim and complete of a new event",
        "records",
        rounds,
        sizes,
    );
    Ok(())
}

async fn pair(store: &MemoryStore, key: &EventKey) -> Result<()> {
    let token = Token::random()?;
    let fingerprint = Fingerprint::from_bytes([7; 16]);
    let claim = Claim {
        key: key.clone(),
        token,
        fingerprint,
        bind: true,
        lease: Duration::from_secs(15),
        retention: HOUR,
    };
    store.claim(&claim).await?;
    let complete = Complete {
        key: key.clone(),
        token,
        attempt: 1,
        fence: 1,
        fingerprint,
        response: StoredResponse {
            status: 200,
            body: None,
        },
        retention: HOUR,
    };
    store.complete(&complete).await?;
    Ok(())
}
