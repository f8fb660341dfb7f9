//! The records of a store.

use std::process::ExitCode;
use std::time::Duration;

use tower_webhook::Name;
use tower_webhook::store::{RecordState, RecordView, RedisStore, Store};

use crate::options::Options;
use crate::{Outcome, USAGE, key, nothing};

pub(crate) async fn run(url: &str, options: &Options) -> Outcome {
    // A person waits longer than a sender.
    let mut builder = RedisStore::builder(url).deadline(Duration::from_secs(5));
    if let Some(name) = &options.namespace {
        builder = builder.namespace(name.clone());
    }
    if let Some(number) = options.partitions {
        builder = builder.partitions(number);
    }
    let store = builder.connect().await?;
    match options.words().as_slice() {
        ["lookup", parts @ ..] => match store.lookup(&key(parts)?).await? {
            Some(view) => print(&view),
            None => return nothing("no record"),
        },
        ["forget", parts @ ..] => {
            if !store.forget(&key(parts)?).await? {
                return nothing("no record");
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
