//! `webhook inbox`, `show`, `pause` and `resume`.

use std::time::Duration;

use serde_json::{Value, json};
use tower_webhook::inbox::{
    EntryState, EntryStatus, EntryView, Inbox, List, Rate, RateOf, SharedInbox,
};
use tower_webhook::{EventKey, Name, UnixTime};

use crate::args::{Inbox as Asked, StoreArgs};
use crate::failure::Failure;
use crate::output::{Ended, Output, printable};
use crate::presets;
use crate::records::{self, keys};
use crate::secrets::note;

pub(crate) async fn run(
    store: &StoreArgs,
    command: &Asked,
    output: Output,
) -> Result<Ended, Failure> {
    let inbox = store.inbox().await?;
    match command {
        Asked::Counts => counts(&inbox, output).await?,
        Asked::List {
            status,
            provider,
            limit,
        } => {
            let mut list = List::of(status_of(status.as_deref())?).limit(*limit);
            if let Some(provider) = provider {
                list.provider = Some(provider_in(&inbox, provider).await?);
            }
            for view in inbox.list(&list).await? {
                output.show(line(&view), || entry(&view));
            }
        }
        Asked::Show { key: words } => match found(&inbox, &keys(words)?).await? {
            Some(view) => in_full(&view, output),
            None => return Ok(output.no("no entry")),
        },
        Asked::Forget { key: words } => {
            let key = key_in(&inbox, words).await?;
            if !inbox.forget(&key).await? {
                return Ok(output.no("no entry"));
            }
            return Ok(output.done("forgotten: the next delivery is accepted as the first"));
        }
        Asked::Paused => {
            for provider in inbox.paused().await? {
                output.show(&provider, || json!({"provider": provider.to_string()}));
            }
        }
        Asked::Rates => {
            for view in inbox.rates().await? {
                let mut text = format!("{} {} {}", view.provider, view.of.code(), view.rate);
                if let Some(next) = view.next.filter(|next| *next > UnixTime::now()) {
                    text.push_str(&format!(", used up until {}", next.to_rfc3339()));
                }
                output.show(text, || {
                    json!({"provider": view.provider.to_string(), "of": view.of.code(), "rate": view.rate.to_string()})
                });
            }
        }
        Asked::Rate {
            provider,
            entries,
            seconds,
            each_order_key,
        } => {
            let rate = match (entries.as_str(), seconds) {
                ("off", None) => None,
                (entries, Some(seconds)) => {
                    let entries = entries
                        .parse()
                        .map_err(|error| Failure::other("rate", error))?;
                    let per = Duration::from_secs(*seconds);
                    Some(Rate::new(entries, per)?)
                }
                _ => return Err(Failure::usage("rate: off, or how many in how many seconds")),
            };
            let of = match each_order_key {
                true => RateOf::EachOrderKey,
                false => RateOf::Provider,
            };
            let provider = provider_in(&inbox, provider).await?;
            if !inbox.set_rate(&provider, of, rate).await? {
                return Ok(output.no("it was so before"));
            }
            return Ok(output.done("set"));
        }
    }
    Ok(Ended::Well)
}

/// Shows what became of an event, from the inbox or the records.
pub(crate) async fn show(
    store: &StoreArgs,
    words: &[String],
    output: Output,
) -> Result<Ended, Failure> {
    let keys = keys(words)?;
    let inbox = store.inbox_if_any().await?;
    if let Some(inbox) = &inbox
        && let Some(view) = found(inbox, &keys).await?
    {
        in_full(&view, output);
        return Ok(Ended::Well);
    }
    let (records, _) = store.store().await?;
    if let Some(view) = records::found(&records, &keys).await? {
        records::show(&view, output);
        return Ok(Ended::Well);
    }
    let Some(key) = keys.last() else {
        return Ok(output.no("no record"));
    };
    let (provider, shown) = (key.provider(), key.escaped());
    let is_of_nobody = match &inbox {
        Some(inbox) => !is_known(inbox, provider).await?,
        None => false,
    };
    let mut text =
        format!("neither an entry nor a record of {shown}: it never arrived, or is forgotten");
    if is_of_nobody {
        text.push_str(&format!(
            "; no event of {provider} is in the inbox: is it spelled so?"
        ));
    }
    Ok(output.no(&text))
}

/// The entry under the first of these keys that has one.
async fn found(inbox: &SharedInbox, keys: &[EventKey]) -> Result<Option<EntryView>, Failure> {
    for key in keys {
        if let Some(view) = inbox.lookup(key).await? {
            return Ok(Some(view));
        }
    }
    Ok(None)
}

/// The key of the requested entry, under either name of its sender; as typed if there is no entry.
pub(crate) async fn key_in(inbox: &SharedInbox, words: &[String]) -> Result<EventKey, Failure> {
    let keys = keys(words)?;
    if let [_, _, ..] = &*keys
        && let Some(view) = found(inbox, &keys).await?
    {
        return Ok(view.key);
    }
    let typed = keys.into_iter().next();
    typed.ok_or_else(|| Failure::usage("which event?"))
}

/// The name under which this provider's events are stored, if the program's own name was typed.
pub(crate) async fn provider_in(inbox: &SharedInbox, typed: &str) -> Result<Name, Failure> {
    let name = Name::new(typed.to_owned());
    let Some(stored) = presets::stored(typed) else {
        return Ok(name?);
    };
    if let Ok(name) = name
        && is_known(inbox, &name).await?
    {
        return Ok(name);
    }
    Ok(stored)
}

/// Prints a note if nothing is known of this provider.
pub(crate) async fn note_unknown(inbox: &SharedInbox, provider: &Name) -> Result<(), Failure> {
    if !is_known(inbox, provider).await? {
        note(format_args!(
            "no entry of {provider} is here; is it spelled so?"
        ));
    }
    Ok(())
}

pub(crate) async fn pause(
    store: &StoreArgs,
    provider: &str,
    on: bool,
    output: Output,
) -> Result<Ended, Failure> {
    let inbox = store.inbox().await?;
    let provider = provider_in(&inbox, provider).await?;
    note_unknown(&inbox, &provider).await?;
    Ok(match inbox.set_paused(&provider, on).await? {
        true if on => output.done("paused: events are accepted, and wait"),
        true => output.done("resumed"),
        false => output.no("it was so before"),
    })
}

/// Whether there is an entry or a setting of this provider.
async fn is_known(inbox: &SharedInbox, provider: &Name) -> Result<bool, Failure> {
    let rates = inbox.rates().await?;
    let is_set = inbox.paused().await?.contains(provider)
        || rates.iter().any(|rate| rate.provider == *provider);
    if is_set {
        return Ok(true);
    }
    for status in EntryStatus::ALL {
        let list = List::of(*status).provider(provider.clone()).limit(1);
        if !inbox.list(&list).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn status_of(word: Option<&str>) -> Result<EntryStatus, Failure> {
    let found = EntryStatus::ALL
        .iter()
        .copied()
        .find(|status| Some(status.code()) == word);
    found.ok_or_else(|| {
        let all: Vec<_> = EntryStatus::ALL.iter().map(|it| it.code()).collect();
        let all = all.join(", ");
        Failure::usage(match word {
            Some(word) => format!("{word:?} is none of {all}"),
            None => format!("inbox list: which entries? name one of {all}"),
        })
    })
}

async fn counts(inbox: &SharedInbox, output: Output) -> Result<(), Failure> {
    let counts = inbox.counts().await?;
    let all = [
        ("queued", counts.queued),
        ("waiting", counts.waiting),
        ("running", counts.running),
        ("lapsed", counts.lapsed),
        ("done", counts.done),
        ("dead", counts.dead),
        ("discarded", counts.discarded),
        ("stale", counts.stale),
        ("mismatched", counts.mismatched),
    ];
    let lines: Vec<_> = all
        .iter()
        .map(|(status, count)| format!("{status} {count}"))
        .collect();
    output.show(lines.join("\n"), || {
        Value::Object(
            all.iter()
                .map(|(status, count)| ((*status).to_owned(), (*count).into()))
                .collect(),
        )
    });
    Ok(())
}

/// An entry as one line.
pub(crate) fn line(view: &EntryView) -> String {
    let (key, status, route) = (view.key.escaped(), view.status.code(), &view.route);
    let mut text = format!(
        "{key} {status} on route {route}, attempts {}",
        view.entry.attempts
    );
    if let Some((what, at)) = moment(view) {
        text.push_str(&format!(", {what} {}", at.to_rfc3339()));
    }
    if let Some(worker) = view.entry.worker() {
        text.push_str(&format!(", worker {worker}"));
    }
    if let Some(failed) = view.entry.history.last() {
        text.push_str(&format!(": {:?}", failed.reason));
    }
    text
}

/// When the next step of an entry is due, or since when there is none.
fn moment(view: &EntryView) -> Option<(&'static str, UnixTime)> {
    match (view.status, &view.entry.state) {
        (EntryStatus::Dead, EntryState::Dead { since, .. }) => Some(("since", *since)),
        (EntryStatus::Lapsed, _) => Some(("its lease ended at", view.entry.due()?)),
        (EntryStatus::Running, _) => Some(("its lease ends at", view.entry.due()?)),
        (EntryStatus::Waiting, _) => Some(("runs next at", view.entry.due()?)),
        // A redriven entry may have been given a delay.
        (EntryStatus::Queued, _) => {
            let due = view.entry.due().filter(|due| *due > UnixTime::now())?;
            Some(("runs at", due))
        }
        _ => None,
    }
}

pub(crate) fn entry(view: &EntryView) -> Value {
    let due = view.entry.due().map(UnixTime::to_rfc3339);
    let is_held = matches!(view.entry.state, EntryState::Running { .. });
    let dead_since = match view.entry.state {
        EntryState::Dead { since, .. } => Some(since.to_rfc3339()),
        _ => None,
    };
    let history = view.entry.history.iter().map(|failed| {
        json!({"attempt": failed.attempt, "at": failed.at.to_rfc3339(), "reason": failed.reason.to_string()})
    });
    json!({
        "key": view.key.encoded(),
        "status": view.status.code(),
        "route": view.route.to_string(),
        "attempts": view.entry.attempts,
        "worker": view.entry.worker().map(|worker| worker.to_string()),
        "accepted_at": view.entry.accepted_at.to_rfc3339(),
        "due": due.as_ref().filter(|_| !is_held),
        "lease_ends": due.as_ref().filter(|_| is_held),
        "dead_since": dead_since,
        "history": history.collect::<Vec<_>>(),
        "body": view.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()),
    })
}

fn in_full(view: &EntryView, output: Output) {
    let entry_of = &view.entry;
    let mut lines = vec![
        line(view),
        format!("accepted at {}", entry_of.accepted_at.to_rfc3339()),
    ];
    if let Some(order) = &entry_of.order {
        let version = order
            .version
            .map_or("none".to_owned(), |it| it.number().to_string());
        let key = printable(order.key.as_str());
        lines.push(format!("order key {key}, version {version}"));
    }
    for failed in entry_of.history.iter() {
        let (attempt, at) = (failed.attempt, failed.at.to_rfc3339());
        lines.push(format!(
            "attempt {attempt} failed at {at}: {:?}",
            failed.reason
        ));
    }
    if let Some(body) = &view.body {
        let body = String::from_utf8_lossy(body);
        lines.extend(body.lines().map(printable));
    }
    output.show(lines.join("\n"), || entry(view));
}
