//! Looks into the records of a store on Redis, and into an inbox on SQLite, Postgres or Redis.
//!
//! ```text
//! records --store redis://127.0.0.1 lookup blendfi evt_1
//! records --store redis://127.0.0.1 forget bloquo 1042 COMPLETED
//! records --store redis://127.0.0.1 unfinished blendfi
//! records --store redis://127.0.0.1 counts
//! records --inbox webhooks.db counts
//! records --inbox webhooks.db dead --provider blendfi --reason 'ledger is closed'
//! records --inbox webhooks.db list stale --provider bloquo
//! records --inbox webhooks.db show blendfi evt_1
//! records --inbox webhooks.db redrive blendfi evt_1
//! records --inbox webhooks.db redrive-dead --reason 'ledger is closed' --newer-than 3600 --within 600
//! records --inbox webhooks.db rate blendfi 100 60
//! records --inbox postgres://app@localhost/app dead
//! records --inbox redis://127.0.0.1 paused
//! ```
//!
//! A key is its provider and its parts, or in one word as `EventKey::encoded` writes it:
//! `bloquo:1042:COMPLETED`. `--namespace` and `--partitions` are those of the receiver. Times are in seconds.

#[cfg(all(feature = "inbox", feature = "sqlite"))]
mod inbox;
mod options;
mod store;

use std::error::Error;
use std::process::ExitCode;

use tower_webhook::{EventKey, Name};

use crate::options::{Options, Place};

const USAGE: &str = "\
usage: records --store URL [--namespace NAME] [--partitions N] COMMAND
         lookup KEY | forget KEY | unfinished PROVIDER [LIMIT] | counts
       records --inbox (PATH | URL) [--namespace NAME] [--partitions N] COMMAND
         counts | list STATUS [--provider NAME] [--limit N] | dead [FILTER] | show KEY
         redrive KEY [--force] | discard KEY [--for SECONDS]
         redrive-dead FILTER [--within SECONDS] [--force] | discard-dead FILTER [--for SECONDS]
         paused | pause PROVIDER | resume PROVIDER
         rates | rate PROVIDER (ENTRIES SECONDS | off) [--each-order-key]
       FILTER: --all | [--provider NAME] [--reason TEXT] [--newer-than SECONDS] [--older-than SECONDS]
               [--limit N]";

type Outcome = Result<ExitCode, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    // For `rediss`; an error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("records: {error}");
            let mut next = error.source();
            while let Some(error) = next {
                eprintln!("  {error}");
                next = error.source();
            }
            ExitCode::from(2)
        }
    }
}

async fn run() -> Outcome {
    let options = Options::parse()?;
    match &options.place {
        Place::Store(url) => store::run(url, &options).await,
        #[cfg(all(feature = "inbox", feature = "sqlite"))]
        Place::Inbox(path) => inbox::run(path, &options).await,
        #[cfg(not(all(feature = "inbox", feature = "sqlite")))]
        Place::Inbox(_) => Err("build it with --features inbox,sqlite for that".into()),
    }
}

fn nothing(what: &str) -> Outcome {
    println!("{what}");
    Ok(ExitCode::FAILURE)
}

/// A key in one word, or its provider and its parts.
fn key(words: &[&str]) -> Result<EventKey, Box<dyn Error>> {
    match words {
        [encoded] => Ok(EventKey::decode(encoded)?),
        [provider, parts @ ..] => {
            let (provider, tenant) = match provider.split_once('@') {
                Some((provider, tenant)) => (provider, Some(tenant)),
                None => (*provider, None),
            };
            let name = |name: &str| Name::new(name.to_owned());
            let key = EventKey::new(name(provider)?, parts)?;
            Ok(key.of_tenant(tenant.map(name).transpose()?))
        }
        [] => Err(USAGE.into()),
    }
}
