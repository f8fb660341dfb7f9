//! Sends real deliveries of BlendFi, Bloquo, BLOX and Bloque, signed as the provider signs them.
//!
//! `cargo run --example deliver -- --help` tells how. It uses nothing of the crate, so that the
//! two check each other.

mod args;
mod client;
mod delivery;
mod sign;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use tokio::task::JoinSet;

use crate::args::{Args, Command, Times};
use crate::client::{Answer, Connection, Failure, Target};
use crate::delivery::Delivery;

/// How often a delivery is sent at most, when it is answered with 503 and `--retry` was given.
const MAX_ATTEMPTS: u32 = 10;
/// The wait before a retry where the answer tells none, and the longest one.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let parsed = Args::parse(lexopt::Parser::from_env()).and_then(|command| match command {
        Command::Help => Ok(None),
        Command::Send(args) => {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let delivery = delivery::build(&args.order, now)?;
            Ok(Some((args, delivery)))
        }
    });
    match parsed {
        Ok(None) => {
            say(args::HELP.trim_end());
            ExitCode::SUCCESS
        }
        Ok(Some((args, delivery))) => {
            let sender = Arc::new(Sender {
                target: args.target,
                delivery,
                retry: args.retry,
            });
            let well = match args.times {
                Times::OneByOne(times) => one_by_one(&sender, times).await,
                Times::AtOnce(times) => at_once(&sender, times).await,
            };
            if well {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("deliver: {error}");
            ExitCode::from(2)
        }
    }
}

/// Sends the same delivery again and again, and tells whether all ended well.
async fn one_by_one(sender: &Sender, times: u32) -> bool {
    let mut well = true;
    for _ in 0..times {
        let connection = client::connect(&sender.target).await;
        well &= is_success(&sender.send(connection).await);
    }
    well
}

/// Opens all connections, then sends the same delivery over each of them at the same time.
async fn at_once(sender: &Arc<Sender>, times: u32) -> bool {
    let mut connecting = JoinSet::new();
    for _ in 0..times {
        let sender = Arc::clone(sender);
        connecting.spawn(async move { client::connect(&sender.target).await });
    }
    let connections = connecting.join_all().await;
    let mut sending = JoinSet::new();
    for connection in connections {
        let sender = Arc::clone(sender);
        sending.spawn(async move { sender.send(connection).await });
    }
    let outcomes = sending.join_all().await;
    let mut by_status = BTreeMap::<String, u32>::new();
    for outcome in &outcomes {
        let status = match outcome {
            Ok(answer) if answer.replayed.is_some() => {
                format!("{} replayed", answer.status.as_str())
            }
            Ok(answer) => answer.status.as_str().to_owned(),
            Err(_) => "failed".to_owned(),
        };
        let count = by_status.entry(status).or_default();
        *count = count.saturating_add(1);
    }
    let counts: Vec<_> = by_status
        .iter()
        .map(|(status, count)| format!("{count} x {status}"))
        .collect();
    say(format_args!("storm of {times}: {}", counts.join(", ")));
    outcomes.iter().all(is_success)
}

fn is_success(outcome: &Result<Answer, Failure>) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|answer| answer.status.is_success())
}

/// What is sent, and to where.
struct Sender {
    target: Target,
    delivery: Delivery,
    retry: bool,
}

impl Sender {
    /// Sends until there is an answer that stands, and prints every one.
    async fn send(&self, mut connection: Result<Connection, Failure>) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let outcome = match connection {
                Ok(connection) => connection.send(&self.target, &self.delivery).await,
                Err(failure) => Err(failure),
            };
            match &outcome {
                Ok(answer) => say(format_args!("{}  {answer}", self.delivery.name)),
                Err(failure) => say(format_args!("{}  failed  {failure}", self.delivery.name)),
            }
            match &outcome {
                Ok(answer)
                    if self.retry
                        && answer.status == StatusCode::SERVICE_UNAVAILABLE
                        && attempt < MAX_ATTEMPTS =>
                {
                    tokio::time::sleep(answer.wait().unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT))
                        .await;
                }
                _ => return outcome,
            }
            attempt += 1;
            connection = client::connect(&self.target).await;
        }
    }
}

/// `println!` panics where nobody reads any longer, as in `deliver … | head -1`.
fn say(line: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
