//! A receiver that was down while events happened, and catches up by querying their senders:
//!
//! ```sh
//! cargo run --example reconcile --features http-client,inbox,sqlite,testing
//! EVENTS=500 REDIS_URL=redis://127.0.0.1 cargo run --example reconcile --features http-client,inbox,sqlite,testing
//! ```
//!
//! `SQLITE_PATH`, `REDIS_URL` or `DATABASE_URL` (with the feature `postgres`) say where the records
//! are; without any of these, they are in a newly created file. `MODE=inbox` queues the events that
//! are found. Stand-ins on the loopback interface replace the senders' APIs. It ends with an error
//! if an effect is missing or happened twice. A source for a sender of your own is in `acme.rs`.

#[allow(dead_code, reason = "it is to be read")]
mod acme;
mod catch_up;
mod ledger;
mod place;

use std::error::Error;

use catch_up::{CaughtUp, catch_up};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned()))
        .init();
    let events: u64 = std::env::var("EVENTS")
        .ok()
        .map_or(Ok(500), |text| text.parse())?;
    let (name, kept_in) = place::from_env().await?;
    println!("{events} events each of BLOX and BlendFi, on {name}");
    let begun = std::time::Instant::now();
    let caught_up = catch_up(kept_in, events).await?;
    let CaughtUp {
        ledger,
        blox,
        blendfi,
        again,
        api_requests,
    } = &caught_up;
    println!("BLOX     {blox}\nBlendFi  {blendfi}");
    println!("again    {}\n         {}", again[0], again[1]);
    println!(
        "{:<9}{:>8}{:>9}{:>11}{:>8}",
        "ledger", "events", "once", "twice", "polled"
    );
    for sender in ["blox", "blendfi"] {
        let effects = ledger.of(sender);
        let once = effects.iter().filter(|it| it.times == 1).count();
        let polled = effects.iter().filter(|it| it.polled).count();
        println!(
            "{sender:<9}{:>8}{once:>9}{:>11}{polled:>8}",
            effects.len(),
            effects.len() - once
        );
    }
    println!(
        "{api_requests} requests to the APIs, {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    let all = usize::try_from(events * 2)?;
    if ledger.len() != all || ledger.doubled() > 0 {
        return Err(format!(
            "{} of {all} events, {} twice",
            ledger.len(),
            ledger.doubled()
        )
        .into());
    }
    Ok(())
}
