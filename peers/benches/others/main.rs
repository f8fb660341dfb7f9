//! Servers of others beside ours, each on the part that it does: the packages `stripe` and `svix` for
//! Node behind a bare `node:http` server, and Debian's `webhook`. `scripts/bench peers-others` installs
//! them and runs it; `-- --quick` takes few rounds.
//!
//! Each server is one process on one core; `wrk` sends pre-signed deliveries from another core. Each is
//! first asked whether it takes what is right and refuses what is not, and `wrk` counts what is
//! refused: an answer of the wrong kind ends the bench with a failure. They take turns in every round, back
//! and forth; a ratio is the median of those of the rounds.

#[path = "../../../benches/common/mod.rs"]
mod common;
mod deliveries;
#[path = "../../../benches/stack/handler.rs"]
mod handler;
mod ours;
#[path = "../../../benches/stack/processes.rs"]
#[allow(dead_code, reason = "the main crate's bench uses the rest")]
mod processes;
mod servers;

use std::path::Path;

use common::measured::{Bound, Table};
use common::medians::{Medians, median};
use common::{KIB, Result};
use deliveries::{Case, DELIVERIES, Delivery, Folder, Sender};
use processes::{Order, load};
use servers::Running;

const SECONDS: u32 = 1;

const CASES: &[Case] = &[
    Case {
        size: 256,
        right: true,
    },
    WHOLE,
    Case {
        size: KIB,
        right: false,
    },
];
const WHOLE: Case = Case {
    size: KIB,
    right: true,
};

/// A server, and the status with which it refuses.
struct Side<'a> {
    name: &'static str,
    server: &'a Running,
    refusal: u16,
}

/// Theirs and ours, on deliveries of one sender.
struct Pair<'a> {
    title: &'static str,
    sender: Sender,
    path: &'static str,
    cases: &'static [Case],
    sides: [Side<'a>; 2],
    /// Without it nothing is ours, and nothing is required.
    verifies: bool,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--serve"] {
        return handler::serve(async || ours::app());
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `scripts/bench peers-others`");
        return Ok(());
    }
    if std::thread::available_parallelism()?.get() < 2 {
        return Err("the server and the load need a core each, and here is one".into());
    }
    let mut words = arguments.iter().skip_while(|word| *word != "--modules");
    let modules = words
        .nth(1)
        .ok_or("--modules: no folder with Node's packages")?;
    let modules = Path::new(modules);
    let rounds = if has("--quick") { 1 } else { 5 };
    let folder = Folder::new()?;
    let node = |package: &str, sender: Sender| Running::node(modules, package, sender.secret());
    let nothing = node("nothing", Sender::Stripe)?;
    let stripe = node("stripe", Sender::Stripe)?;
    let svix = node("svix", Sender::Svix)?;
    let webhook = Running::webhook(folder.path())?;
    let ours = Running::ours()?;
    let pair = |sender: Sender, name, server, refusal| {
        let theirs = Side {
            name,
            server,
            refusal,
        };
        let ours = Side {
            name: "our `VerifySignatureLayer`",
            server: &ours,
            refusal: 401,
        };
        Pair {
            title: sender.title(),
            sender,
            path: sender.path(),
            cases: CASES,
            sides: [theirs, ours],
            verifies: true,
        }
    };
    let mut alone = pair(Sender::Stripe, "`node:http`", &nothing, 0);
    alone.title = "The servers alone";
    alone.path = "/nothing";
    alone.verifies = false;
    alone.cases = &[WHOLE];
    alone.sides[1].name = "axum";
    let pairs = [
        alone,
        pair(Sender::Stripe, "`stripe`", &stripe, 400),
        pair(Sender::Svix, "`svix`", &svix, 400),
        pair(Sender::GitHub, "`webhook`", &webhook, 500),
    ];
    for pair in pairs.iter().filter(|pair| pair.verifies) {
        check(pair)?;
    }
    measure(&folder, &pairs, rounds)
}

/// Whether both take what is right, and refuse a wrong signature, another body and what is stale.
fn check(pair: &Pair<'_>) -> Result<()> {
    let sender = pair.sender;
    let delivery = |case, seconds_ago| Delivery::new(sender, case, 1, seconds_ago);
    let wrong = Case {
        right: false,
        ..WHOLE
    };
    let right = delivery(WHOLE, 0)?;
    let mut changed = right.clone();
    changed.body = changed.body.replace("1500", "9500");
    let stale = delivery(WHOLE, 600)?;
    for side in &pair.sides {
        for (what, delivery, status) in [
            ("what is right", &right, 200),
            ("a wrong signature", &delivery(wrong, 0)?, side.refusal),
            ("another body", &changed, side.refusal),
            ("what is stale", &stale, side.refusal),
        ] {
            let status = match what {
                "what is stale" if !sender.signs_time() => 200,
                _ => status,
            };
            let answer = side.server.answer(sender, delivery)?;
            if answer != status {
                let name = side.name;
                return Err(format!("{name} answers {answer} to {what}, not {status}").into());
            }
        }
    }
    Ok(())
}

/// What one round told of one side.
#[derive(Debug, Clone, Copy)]
struct Sample {
    per_second: f64,
    /// The server's time on its core for one request.
    micros: f64,
    /// How much of the time the server was at work.
    busy: f64,
}

fn measure(folder: &Folder, pairs: &[Pair<'_>], rounds: u32) -> Result<()> {
    let cells = || (pairs.iter()).flat_map(|pair| pair.cases.iter().map(move |case| (pair, *case)));
    let write = || (cells()).try_for_each(|(pair, case)| folder.write(pair.sender, case));
    write()?;
    // Once without counting: what compiles while it runs has done so.
    for pair in pairs {
        run(folder, pair, &pair.sides[0], WHOLE)?;
    }
    let mut samples = vec![[Vec::new(), Vec::new()]; cells().count()];
    for round in 0..rounds {
        write()?;
        let mut turns = Vec::new();
        for ((pair, case), [theirs, ours]) in cells().zip(&mut samples) {
            turns.push((pair, case, &pair.sides[0], theirs));
            turns.push((pair, case, &pair.sides[1], ours));
        }
        // Nobody is always behind the same one.
        if round % 2 == 1 {
            turns.reverse();
        }
        for (pair, case, side, samples) in turns {
            samples.push(run(folder, pair, side, case)?);
        }
    }
    let mut samples = samples.iter();
    for pair in pairs {
        let table = Table::new("peers-others", pair.title);
        for (case, [theirs, ours]) in pair.cases.iter().zip(&mut samples) {
            tell(&table, pair, *case, theirs, ours);
        }
    }
    Ok(())
}

fn run(folder: &Folder, pair: &Pair<'_>, side: &Side<'_>, case: Case) -> Result<Sample> {
    let order = Order {
        path: pair.path,
        signed: true,
        once: false,
        connections: 64,
        headers: pair.sender.headers(),
        most: DELIVERIES.into(),
    };
    let file = folder.file(pair.sender, case);
    let turn = || {
        let before = side.server.cpu()?;
        let load = load(side.server.address, &file, order, SECONDS)?;
        Result::Ok((load, (side.server.cpu()? - before).as_secs_f64()))
    };
    let (mut load, mut busy) = turn()?;
    // On a machine that is busy otherwise a second may bring nothing.
    for _ in 0..3 {
        if load.requests == 0 {
            (load, busy) = turn()?;
        }
    }
    let expected = if case.right { 0 } else { load.requests };
    if load.refused != expected || load.requests == 0 {
        let (name, case) = (side.name, case.name());
        return Err(format!("{name}, {case}: {load:?}").into());
    }
    let requests = load.requests as f64;
    Ok(Sample {
        per_second: requests / load.seconds,
        micros: busy * 1e6 / requests,
        busy: busy / load.seconds,
    })
}

fn tell(table: &Table, pair: &Pair<'_>, case: Case, theirs: &[Sample], ours: &[Sample]) {
    let rate: fn(&Sample) -> f64 = |sample| sample.per_second;
    let core: fn(&Sample) -> f64 = |sample| sample.micros;
    for (side, samples) in pair.sides.iter().zip([theirs, ours]) {
        let row = format!("{}, {}", side.name, case.name());
        let middle = |of: fn(&Sample) -> f64| median(samples.iter().map(of).collect());
        table.put(&row, "rate", "requests/s", middle(rate));
        table.put(&row, "core", "µs", middle(core));
        table.put(&row, "core at work", "", middle(|sample| sample.busy));
    }
    let row = format!("{}, {}", pair.sides[1].name, case.name());
    let against = |of: fn(&Sample) -> f64| {
        let rounds = theirs.iter().zip(ours);
        Medians::of(rounds.map(|(theirs, ours)| (of(theirs), of(ours))))
    };
    // Where others work on the machine too, the second one tells more.
    for (column, ratio, bound) in [
        ("of the row above", against(rate), Bound::AtLeast(1.0)),
        ("core of the row above", against(core), Bound::AtMost(1.0)),
    ] {
        if pair.verifies {
            table.require(&row, column, "", ratio, bound);
        } else {
            table.put(&row, column, "", ratio);
        }
    }
}
