//! Looks into the records of a store on Redis.
//!
//! ```text
//! records --store redis://127.0.0.1 lookup blendfi evt_1
//! records --store redis://127.0.0.1 forget bloquo 1042 COMPLETED
//! records --store redis://127.0.0.1 unfinished blendfi
//! records --store redis://127.0.0.1 counts
//! ```
//!
//! A key is its provider and its parts, or in one word as `EventKey::encoded` writes it:
//! `bloquo:1042:COMPLETED`. `--namespace` and `--partitions` are those of the receiver.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use tower_webhook::store::{RecordState, RecordView, RedisStore, Store};
use tower_webhook::{EventKey, Name};

const USAGE: &str = "usage: records --store URL [--namespace NAME] [--partitions N] \
                     (lookup KEY | forget KEY | unfinished PROVIDER [LIMIT] | counts)";

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

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    let (mut url, mut namespace, mut partitions) = (None, None, None);
    let mut words: Vec<String> = Vec::new();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("store") => url = Some(arguments.value()?.string()?),
            Long("namespace") => {
                namespace = Some(Name::new(arguments.value()?.string()?)?);
            }
            Long("partitions") => partitions = Some(arguments.value()?.parse()?),
            Short('h') | Long("help") => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    // A person waits longer than a sender.
    let mut builder = RedisStore::builder(url.ok_or(USAGE)?).deadline(Duration::from_secs(5));
    if let Some(name) = namespace {
        builder = builder.namespace(name);
    }
    if let Some(number) = partitions {
        builder = builder.partitions(number);
    }
    let store = builder.connect().await?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["lookup", parts @ ..] => match store.lookup(&key(parts)?).await? {
            Some(view) => print(&view),
            None => {
                println!("no record");
                return Ok(ExitCode::FAILURE);
            }
        },
        ["forget", parts @ ..] => {
            if !store.forget(&key(parts)?).await? {
                println!("no record");
                return Ok(ExitCode::FAILURE);
            }
            println!("forgotten: the next delivery is handled as if it were the first");
        }
        ["unfinished", provider, limit @ ..] => {
            let limit = match limit {
                [] => 100,
                [limit] => limit.parse()?,
                _ => return Err(USAGE.into()),
            };
            let provider = Name::new((*provider).to_owned())?;
            for view in store.unfinished(&provider, limit).await? {
                print(&view);
            }
        }
        ["counts"] => {
            let counts = store.counts().await?;
            println!("claimed {}", counts.claimed);
            println!("lapsed {}", counts.lapsed);
            println!("released {}", counts.released);
            println!("done {}", counts.done);
        }
        _ => return Err(USAGE.into()),
    }
    Ok(ExitCode::SUCCESS)
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

fn print(view: &RecordView) {
    let state = match &view.state {
        RecordState::Claimed { lease_ends } => format!("claimed until {}", lease_ends.to_rfc3339()),
        RecordState::Lapsed { lease_ended } => format!("lapsed at {}", lease_ended.to_rfc3339()),
        RecordState::Done(response) => format!("done with {}", response.status),
        RecordState::Released => "released".to_owned(),
        other => format!("{other:?}"),
    };
    println!(
        "{} {state}, attempt {}, fence {}, kept until {}",
        view.key.escaped(),
        view.attempt,
        view.fence,
        view.kept_until.to_rfc3339()
    );
}
