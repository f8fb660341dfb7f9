//! Destroys whatever can be destroyed, and proves from a ledger that nothing was lost or done twice.
//!
//! ```sh
//! cargo run --release --example chaos -- --backend sqlite|postgres|redis|sentinel|cluster --seed S --minutes M
//! ```
//!
//! Two receivers with an inbox and three workers run as processes. Senders deliver in batches and singly, out of
//! order, in duplicate at once, and again by hand. During this, processes and servers are killed and frozen,
//! connections cut, replies dropped after the command, the disk filled, clocks set, masters replaced and slots moved.
//! Handlers have their effect at a sink that compares fences or, on SQLite and Postgres, in a transaction. At the
//! end, every acknowledged event must be done, stale or dead, with one effect or none. For every surplus run there
//! must be a fault that could have ended the lease before it, or killed its holder; otherwise the rig fails.
//!
//! `--flaw NAME` puts a deliberate fault into the inbox or the sink, and the rig must then fail.
//! `--flaws` lists them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a rig that panics has found something"
)]

mod args;
mod child;
mod disk;
mod explain;
mod flaws;
mod hub;
#[path = "../../tests/redis_support/mod.rs"]
mod redis_support;
mod report;
mod runs;
mod senders;
mod server;
#[path = "../../tests/sql_support/mod.rs"]
mod sql_support;
mod suffer;
mod verdict;
mod world;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_webhook::inbox::{Inbox, SharedInbox};

use args::{Args, Backend, Random};
use hub::{Hub, Line};
use verdict::{Effects, Found};
use world::World;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = || { runtime }.worker_threads(4).enable_all().build().unwrap();
    if std::env::args().nth(1).as_deref() == Some(world::ROLE) {
        let orders = serde_json::from_str(&words.nth(1).unwrap()).unwrap();
        // This thread ends with the rig, however that ends.
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::exit(0);
        });
        return runtime().block_on(child::run(orders));
    }
    match Args::parse(words) {
        Ok(args) if args.lists_flaws => {
            for (name, what) in flaws::FLAWS {
                println!("{name:20} {what}");
            }
            ExitCode::SUCCESS
        }
        Ok(args) => {
            disk::enter(&args);
            runtime().block_on(campaign(args))
        }
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::from(2)
        }
    }
}

async fn campaign(args: Args) -> ExitCode {
    println!(
        "{:?}, seed {}, {:?}{}",
        args.backend,
        args.seed,
        args.time,
        match &args.flaw {
            Some(flaw) => format!(", with the flaw {flaw}"),
            None => String::new(),
        }
    );
    let hub = Hub::start().await;
    let mut world = World::start(&args, Arc::clone(&hub)).await;
    let begun = Instant::now();
    let addresses = Arc::clone(&world.addresses);
    let mut sending = tokio::spawn(senders::send_all(args.clone(), Arc::clone(&hub), addresses));
    let mut random = Random(args.seed);
    while begun.elapsed() < args.time {
        sleep(Duration::from_millis(random.below(2_000))).await;
        world.suffer(&mut random).await;
    }
    // A deliberately flawed run may never end. Neither may one on a busy machine, so that alone is
    // not a finding: everything is stopped at the limit and judged by what it did until then.
    let limit = match args.flaw {
        Some(_) => Duration::from_secs(20),
        None => Duration::MAX,
    };
    let sent = tokio::time::timeout(limit, &mut sending).await;
    let sent = sent.ok().map(Result::unwrap);
    let sent_in = begun.elapsed();
    let inbox = world.server.inbox().await;
    let is_over = match sent {
        Some(_) => until_over(&inbox, limit).await,
        None => Err("not all was acknowledged".to_owned()),
    };
    let is_cut_off = is_over.is_err() && args.flaw.is_some();
    if is_cut_off {
        sending.abort();
        world.end().await;
    }
    // Leaves time for the last handlers' reports.
    sleep(Duration::from_secs(1)).await;
    let over_in = begun.elapsed();
    let (lines, faults) = (hub.lines(), hub.faults());
    let (tx_in_inbox, tx) = (args.backend == Backend::Postgres, world.server.effects());
    let tx = Effects {
        committed: tx.await,
        are_in_inbox: tx_in_inbox,
    };
    let mut found = verdict::judge(&lines, &faults, &inbox, tx, is_cut_off).await;
    match is_over {
        Err(why) if is_cut_off => println!("cut off, for it did not come to an end: {why}"),
        Err(counts) => {
            let text = format!("not all came to an end: {counts}");
            found.violations.push(text);
        }
        Ok(()) => {}
    }
    let sent = sent.unwrap_or_default();
    if found.acked != sent.events && !is_cut_off {
        let (acked, events) = (found.acked, sent.events);
        let text = format!("{acked} of {events} events were acknowledged");
        found.violations.push(text);
    }
    // A run with few faults proves nothing: ten minutes need 200.
    let least = usize::try_from(args.time.as_secs() / 3).unwrap();
    if faults.len() < least {
        let text = format!("{} faults, and {least} are the least", faults.len());
        found.violations.push(text);
    }
    tell(&args, &lines, &found);
    let (backend, seed) = (args.backend, args.seed);
    println!("{}", report::text(&sent, &faults, &found));
    println!("accepted in {sent_in:?}, worked off in {over_in:?}");
    println!(
        "{}",
        report::row(backend, seed, &sent, faults.len(), &found)
    );
    println!("ledger: {}", args.ledger);
    for violation in found.violations.iter().take(10) {
        println!("NOT EXPLAINED: {violation}");
    }
    println!("{} not explained", found.violations.len());
    // With a deliberate flaw, the rig must find something.
    match found.violations.is_empty() == args.flaw.is_none() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Waits until nothing is left to do, as long as there is progress.
async fn until_over(inbox: &SharedInbox, limit: Duration) -> Result<(), String> {
    let begun = Instant::now();
    let (mut least, mut changed) = (u64::MAX, Instant::now());
    loop {
        let counts = inbox.counts().await.ok();
        let left = counts
            .as_ref()
            .map(|counts| counts.queued + counts.waiting + counts.running + counts.lapsed);
        if left == Some(0) {
            return Ok(());
        }
        if left.is_some_and(|left| left < least) {
            (least, changed) = (left.unwrap_or(least), Instant::now());
        }
        if changed.elapsed() > Duration::from_secs(60) || begun.elapsed() > limit {
            return Err(format!("{counts:?}"));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Writes the ledger: unexplained findings with the history of their events first, then everything.
fn tell(args: &Args, lines: &[Line], found: &Found) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(&args.ledger).unwrap());
    writeln!(
        file,
        "{:?}, seed {}, {:?}",
        args.backend, args.seed, args.time
    )
    .unwrap();
    for violation in &found.violations {
        writeln!(file, "NOT EXPLAINED  {violation}").unwrap();
    }
    for explained in &found.explained {
        writeln!(file, "explained  {explained}").unwrap();
    }
    for key in found.keys.iter().take(100) {
        writeln!(file, "\nthe life of {key}, with the faults beside it").unwrap();
        let own: Vec<_> = lines.iter().filter(|line| line.key == *key).collect();
        let (from, to) = (own[0].at, own[own.len() - 1].at);
        let beside = |line: &&Line| {
            line.key == *key || (line.key.is_empty() && from <= line.at && line.at <= to)
        };
        for line in lines.iter().filter(beside) {
            writeln!(file, "{line}").unwrap();
        }
    }
    writeln!(file, "\neverything").unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
}
