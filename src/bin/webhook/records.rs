//! `webhook records`: the records of a store.

use serde_json::{Value, json};
use tower_webhook::store::{RecordState, RecordView, Store};
use tower_webhook::{EventKey, Name};

use crate::args::{Records, StoreArgs};
use crate::failure::Failure;
use crate::output::{Ended, Output};

pub(crate) async fn run(
    store: &StoreArgs,
    command: &Records,
    output: Output,
) -> Result<Ended, Failure> {
    // What was typed is read before anything is opened.
    let named = match command {
        Records::Lookup { key: words } | Records::Forget { key: words } => Some(key(words)?),
        Records::Unfinished { .. } | Records::Counts => None,
    };
    let (store, _) = store.store().await?;
    match (command, named) {
        (Records::Lookup { .. }, Some(key)) => match store.lookup(&key).await? {
            Some(view) => show(&view, output),
            None => return Ok(output.no("no record")),
        },
        (Records::Forget { .. }, Some(key)) => {
            if !store.forget(&key).await? {
                return Ok(output.no("no record"));
            }
            return Ok(
                output.done("forgotten: the next delivery is handled as if it were the first")
            );
        }
        (Records::Unfinished { provider, limit }, _) => {
            let provider = Name::new(provider.clone())?;
            for view in store.unfinished(&provider, *limit).await? {
                show(&view, output);
            }
        }
        _ => {
            let counts = store.counts().await?;
            let text = format!(
                "claimed {}\nlapsed {}\nreleased {}\ndone {}",
                counts.claimed, counts.lapsed, counts.released, counts.done
            );
            output.show(text, || {
                json!({"claimed": counts.claimed, "lapsed": counts.lapsed, "released": counts.released, "done": counts.done})
            });
        }
    }
    Ok(Ended::Well)
}

/// A record in one line.
pub(crate) fn show(view: &RecordView, output: Output) {
    let state = match &view.state {
        RecordState::Claimed { lease_ends } => format!("claimed until {}", lease_ends.to_rfc3339()),
        RecordState::Lapsed { lease_ended } => format!("lapsed at {}", lease_ended.to_rfc3339()),
        RecordState::Done(response) => format!("done with {}", response.status),
        RecordState::Released => "released".to_owned(),
        other => format!("{other:?}"),
    };
    let (attempt, fence, kept) = (view.attempt, view.fence, view.kept_until.to_rfc3339());
    let text = format!(
        "{} {state}, attempt {attempt}, fence {fence}, kept until {kept}",
        view.key.escaped()
    );
    output.show(text, || {
        let word = state.split(' ').next().unwrap_or_default();
        let mut json = json!({"key": view.key.encoded(), "state": word, "attempt": attempt, "fence": fence, "kept_until": kept});
        let status = match &view.state {
            RecordState::Done(response) => Some(response.status),
            _ => None,
        };
        if let (Some(members), Some(status)) = (json.as_object_mut(), status) {
            members.insert("status".to_owned(), Value::from(status.to_string()));
        }
        json
    });
}

/// A key in one word, or its provider and its parts.
pub(crate) fn key(words: &[String]) -> Result<EventKey, Failure> {
    match words {
        [encoded] => Ok(EventKey::decode(encoded)?),
        [provider, parts @ ..] => {
            let (provider, tenant) = match provider.split_once('@') {
                Some((provider, tenant)) => (provider, Some(tenant)),
                None => (provider.as_str(), None),
            };
            let name = |name: &str| Name::new(name.to_owned());
            let key = EventKey::new(name(provider)?, parts)?;
            Ok(key.of_tenant(tenant.map(name).transpose()?))
        }
        [] => Err(Failure::usage("which event?")),
    }
}
