//! `webhook records`: the records of a store.

use serde_json::{Value, json};
use tower_webhook::store::{RecordState, RecordView, Store};
use tower_webhook::{EventKey, Name, SharedStore};

use crate::args::{Records, StoreArgs};
use crate::failure::Failure;
use crate::output::{Ended, Output};
use crate::presets;

pub(crate) async fn run(
    store: &StoreArgs,
    command: &Records,
    output: Output,
) -> Result<Ended, Failure> {
    // Arguments are parsed before anything is opened.
    let named = match command {
        Records::Lookup { key: words } | Records::Forget { key: words } => Some(keys(words)?),
        Records::Unfinished { .. } | Records::Counts => None,
    };
    let (store, _) = store.store().await?;
    match (command, named) {
        (Records::Lookup { .. }, Some(keys)) => match found(&store, &keys).await? {
            Some(view) => show(&view, output),
            None => return Ok(output.no("no record")),
        },
        (Records::Forget { .. }, Some(keys)) => {
            for key in &keys {
                if store.forget(key).await? {
                    return Ok(output
                        .done("forgotten: the next delivery is handled as if it were the first"));
                }
            }
            return Ok(output.no("no record"));
        }
        (Records::Unfinished { provider, limit }, _) => {
            let mut found = store
                .unfinished(&Name::new(provider.clone())?, *limit)
                .await?;
            if let Some(stored) = presets::stored(provider).filter(|_| found.is_empty()) {
                found = store.unfinished(&stored, *limit).await?;
            }
            for view in found {
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

/// The record under the first of these keys that has one.
pub(crate) async fn found(
    store: &SharedStore,
    keys: &[EventKey],
) -> Result<Option<RecordView>, Failure> {
    for key in keys {
        if let Some(view) = store.lookup(key).await? {
            return Ok(Some(view));
        }
    }
    Ok(None)
}

/// Prints a record as one line.
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

/// The typed key, followed by the same key under the name that receivers use for its sender.
pub(crate) fn keys(words: &[String]) -> Result<Vec<EventKey>, Failure> {
    let typed = key(words)?;
    let mut keys = Vec::with_capacity(2);
    if let Some(stored) = presets::stored(typed.provider().as_str()) {
        let same = EventKey::new(stored, typed.parts())?;
        let same = same.of_tenant(typed.tenant().cloned());
        keys.push(same.of_consumer(typed.consumer().cloned()));
    }
    keys.insert(0, typed);
    Ok(keys)
}

/// An encoded key, or a provider followed by the parts.
fn key(words: &[String]) -> Result<EventKey, Failure> {
    match words {
        [part] if !part.contains(':') => Err(Failure::usage(format!(
            "{part:?}: name the provider first, as in `blendfi evt_1`"
        ))),
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
