//! A signed delivery of 1 KiB over loopback, to a handler behind our layers and behind those of
//! `webhook-verify` and `idempotent`, which do a part each. peers/README.md says how to run it;
//! `-- --quick` takes few rounds.
//!
//! Measured as in the main crate's bench `stack`, with events that are signed as Standard Webhooks
//! does.

#[path = "../../../benches/common/mod.rs"]
mod common;
#[path = "../../../benches/stack/handler.rs"]
mod handler;
#[path = "../../../benches/stack/processes.rs"]
mod processes;
mod server;
#[path = "../../../benches/stack/turns.rs"]
#[allow(dead_code, reason = "the main crate's bench uses the rest")]
mod turns;

use common::Result;
use common::measured::Table;
use processes::{Redis, Server};
use turns::{Turns, Variant};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Each of ours stands below the others that do its part.
const WAYS: [Variant; 7] = [
    Variant::at("nothing", "/read"),
    Variant::at("`webhook-verify`", "/their-verify"),
    Variant::at("our `VerifySignatureLayer`", "/our-verify").of_above(None),
    Variant::at("`webhook-verify`, `idempotent` in memory", "/their-memory").once(),
    Variant::at("our `Webhook`, `MemoryStore`", "/our-memory")
        .once()
        .of_above(None),
    Variant::at("`webhook-verify`, `idempotent` on Redis", "/their-redis").once(),
    Variant::at("our `Webhook`, `RedisStore`", "/our-redis")
        .once()
        .of_above(None),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, redis] = &arguments[..]
        && serve == "--serve"
    {
        return handler::serve(async || server::app(redis).await);
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
    let signer = standardwebhooks::Webhook::new(SECRET)?;
    let turns = Turns {
        server: &server,
        before: None,
        sign: |id: &str, time: u64, body: &str| {
            Ok(signer.sign(id, i64::try_from(time)?, body.as_bytes())?)
        },
        headers: ["webhook-id", "webhook-timestamp", "webhook-signature"],
    };
    let table = Table::new("peers-stack", "One delivery over loopback");
    turns.measure(&table, &WAYS, rounds)
}
