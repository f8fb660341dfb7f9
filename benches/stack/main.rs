//! The cost of each layer for a delivery of 1 KiB over loopback, compared with the handler alone and with what one
//! would write by hand. Run it with `cargo bench --bench stack`. `-- --quick` runs few rounds, and `layers`, `whole`,
//! `memory`, `crowd` or `refusals` one part. `-- --before PROGRAM` compares the parts `memory` and `crowd` with
//! another build of this program, as `scripts/bench` does with that of an older commit.
//!
//! The server is one process on one core, with one worker thread; `wrk` sends from another core, on
//! which Redis also runs. The file `turns.rs` says how the variants are compared.

#[path = "../common/mod.rs"]
mod common;
mod hand;
mod handler;
mod processes;
mod server;
mod turns;

use std::path::Path;
use std::process::ExitCode;

use common::measured::{Bound, Table};
use common::{Result, Sender};
use processes::{Redis, Server};
use server::TOKEN;
use turns::{Turns, Variant};

const WRONG_TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d83";

const READ: Variant = Variant::at("nothing", "/read");
const MAC: Variant = Variant::at("bare MAC, by hand", "/mac");
const MEMORY: Variant = Variant::at("`Webhook`: signature, key, memory", "/memory").once();
const SCRIPTS: Variant = Variant::at("bare MAC and two script calls, by hand", "/scripts").once();
const REDIS: Variant = Variant::at("`Webhook`: signature, key, Redis", "/redis")
    .once()
    .of_above(by_hand(0.90))
    .of_first(Bound::AimedAt(0.45));
const REFUSAL: Bound = Bound::AtLeast(0.95);

/// With `ring` the MACs differ: the hand-written version stays with `hmac` and `sha2`.
const fn by_hand(ratio: f64) -> Option<Bound> {
    match cfg!(feature = "ring") {
        true => None,
        false => Some(Bound::AtLeast(ratio)),
    }
}

/// Enough concurrent senders for one Redis call to serve several of them.
const CROWD: u32 = 256;
const CROWD_READ: Variant = READ.connections(CROWD);
const CROWD_SCRIPTS: Variant = SCRIPTS.connections(CROWD);
const CROWD_REDIS: Variant = Variant::at("`Webhook`: signature, key, Redis", "/redis")
    .once()
    .connections(CROWD)
    .of_above(by_hand(1.10));
/// The same, compared with another build.
const CROWD_BEFORE: [Variant; 4] = [
    CROWD_READ,
    CROWD_REDIS.before("`Webhook`: signature, key, Redis, by the build before"),
    CROWD_SCRIPTS,
    CROWD_REDIS.of_before(1, Bound::AtLeast(1.25)),
];
const MEMORY_BEFORE: [Variant; 3] = [
    READ,
    MEMORY.before("`Webhook`: signature, key, memory, by the build before"),
    MEMORY.of_before(1, Bound::AtLeast(0.97)),
];

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
    .refused(404)
    .of_first(REFUSAL);
const BAD_SOURCE: Variant = Variant::at("address not on the list: 403", "/stranger")
    .token(TOKEN)
    .refused(403)
    .of_first(REFUSAL);
const NO_HEADER: Variant = Variant::at("no signature header: 401", "/all")
    .token(TOKEN)
    .unsigned()
    .refused(401)
    .of_first(REFUSAL);

/// What axum does for a route like that of the refused deliveries, whatever precedes its handler.
const NOTHING: Variant = Variant::at(
    "a layer that does nothing, in the place of those below",
    "/nothing",
)
.token(TOKEN);
/// The minimum cost of a refusal before the body.
const ANSWERS: Variant = Variant::at("a layer that answers 403 and asks nothing", "/answers")
    .token(TOKEN)
    .refused(403);

/// The name of a part, its title, its variants, and those used if there is another build to compare
/// with.
const PARTS: [(&str, &str, &[Variant], &[Variant]); 5] = [
    (
        "layers",
        "Layer by layer",
        &[READ, PATH, SOURCE, SIGNATURE, ALL],
        &[],
    ),
    (
        "whole",
        "The whole stack against what one would write by hand",
        &[READ, MAC, MEMORY.of_above(by_hand(0.80)), SCRIPTS, REDIS],
        &[],
    ),
    ("memory", "The whole stack in memory", &[], &MEMORY_BEFORE),
    (
        "crowd",
        "The whole stack on Redis, 256 connections",
        &[CROWD_READ, CROWD_SCRIPTS, CROWD_REDIS],
        &CROWD_BEFORE,
    ),
    (
        "refusals",
        "Refusals",
        &[READ, NOTHING, ANSWERS, BAD_PATH, BAD_SOURCE, NO_HEADER],
        &[],
    ),
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, redis] = &arguments[..]
        && serve == "--serve"
    {
        handler::serve(async || server::app(redis).await)?;
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
    let rounds = if has("--quick") { 3 } else { 7 };
    let named = PARTS.iter().any(|(name, ..)| has(name));
    let mut words = arguments.iter().skip_while(|word| *word != "--before");
    let program = words.nth(1);
    if has("memory") && program.is_none() {
        return Err("the part memory is compared with another build: say --before PROGRAM".into());
    }
    let sender = Sender::new()?;
    for (name, title, alone, beside) in PARTS {
        let program = program.filter(|_| !beside.is_empty());
        let variants = program.map_or(alone, |_| beside);
        if variants.is_empty() || (named && !has(name)) {
            continue;
        }
        // Each part has its own servers: memory kept from one part would slow down the next, but
        // not the earlier build.
        let redis = Redis::start()?;
        let server = Server::start(&redis)?;
        let before = match program {
            Some(program) => Some(Server::of(Path::new(program), &redis.other_url())?),
            None => None,
        };
        let turns = Turns {
            server: &server,
            before: before.as_ref(),
            sign: |_: &str, time, body: &str| Ok(sender.sign(time, body)),
            headers: [
                "x-blendfi-event-id",
                "x-blendfi-timestamp",
                "x-blendfi-signature",
            ],
        };
        turns.measure(&Table::new("stack", title), variants, rounds)?;
    }
    Ok(ExitCode::SUCCESS)
}
