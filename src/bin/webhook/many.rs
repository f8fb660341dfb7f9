//! `webhook dead`, `redrive` and `discard`: the dead letters, one or many.

use std::io::Write;
use std::time::Duration;

use serde_json::json;
use tower_webhook::inbox::{
    DeadLetters, Discard as DiscardOne, Inbox, ManyMoved, Moved, Redrive as RedriveOne, SharedInbox,
};
use tower_webhook::store::RecordState;
use tower_webhook::{Name, UnixTime};

use crate::args::{Discard, Filter, Redrive, StoreArgs};
use crate::failure::Failure;
use crate::inbox::{entry, key_in, line, note_unknown, provider_in};
use crate::output::{Ended, Output};
use crate::records::{self, keys};

pub(crate) async fn dead(
    store: &StoreArgs,
    filter: &Filter,
    output: Output,
) -> Result<Ended, Failure> {
    let inbox = store.inbox().await?;
    let provider = provider(&inbox, filter).await?;
    let letters = letters(filter, provider.as_ref());
    let found = letters.list(&inbox).await?;
    if let Some(provider) = provider.filter(|_| found.is_empty()) {
        note_unknown(&inbox, &provider).await?;
    }
    for view in &found {
        output.show(line(view), || entry(view));
    }
    let limit = limit(filter);
    if found.len() >= limit {
        let _ = writeln!(
            std::io::stderr(),
            "note: these are the first {limit}; there may be more: --limit"
        );
    }
    Ok(Ended::Well)
}

pub(crate) async fn redrive(asked: &Redrive, output: Output) -> Result<Ended, Failure> {
    let within = Duration::from_secs(asked.within);
    if asked.key.is_empty() {
        check_named(&asked.filter, asked.all)?;
        let inbox = asked.store.inbox().await?;
        let provider = provider(&inbox, &asked.filter).await?;
        let mut letters = letters(&asked.filter, provider.as_ref());
        if asked.force {
            letters = letters.force();
        }
        return Ok(told_many(
            letters.redrive(&inbox, within).await?,
            &asked.filter,
            output,
        ));
    }
    keys(&asked.key)?;
    let inbox = asked.store.inbox().await?;
    let mut redrive = RedriveOne::new(key_in(&inbox, &asked.key).await?).after(within);
    redrive.force = asked.force;
    match inbox.redrive(&redrive).await? {
        Moved::Absent => absent(asked, output).await,
        moved => Ok(told(moved, output)),
    }
}

pub(crate) async fn discard(asked: &Discard, output: Output) -> Result<Ended, Failure> {
    let retention = Duration::from_secs(asked.retention);
    if asked.key.is_empty() {
        check_named(&asked.filter, asked.all)?;
        let inbox = asked.store.inbox().await?;
        let provider = provider(&inbox, &asked.filter).await?;
        let letters = letters(&asked.filter, provider.as_ref());
        return Ok(told_many(
            letters.discard(&inbox, retention).await?,
            &asked.filter,
            output,
        ));
    }
    keys(&asked.key)?;
    let inbox = asked.store.inbox().await?;
    let discard = DiscardOne::new(key_in(&inbox, &asked.key).await?, retention);
    Ok(told(inbox.discard(&discard).await?, output))
}

/// The answer for an event without an entry: it may have been handled inline.
async fn absent(asked: &Redrive, output: Output) -> Result<Ended, Failure> {
    let (records, _) = asked.store.store().await?;
    let Some(view) = records::found(&records, &keys(&asked.key)?).await? else {
        return Ok(output.no("neither an entry nor a record: it never arrived, or is forgotten"));
    };
    let key = view.key.escaped();
    Ok(output.no(&match view.state {
        RecordState::Done(_) => format!(
            "no entry: it was handled inline, and its record is done: after `webhook records forget {key}` its next \
             delivery runs"
        ),
        _ => "no entry: it is handled inline, and its record is not done: its next delivery runs".to_owned(),
    }))
}

fn limit(filter: &Filter) -> usize {
    filter.limit.unwrap_or(1_000)
}

/// The named provider, as its events are stored here.
async fn provider(inbox: &SharedInbox, filter: &Filter) -> Result<Option<Name>, Failure> {
    match &filter.provider {
        Some(typed) => Ok(Some(provider_in(inbox, typed).await?)),
        None => Ok(None),
    }
}

fn letters(filter: &Filter, provider: Option<&Name>) -> DeadLetters {
    let mut letters = DeadLetters::new();
    if let Some(provider) = provider {
        letters = letters.provider(provider.clone());
    }
    if let Some(reason) = &filter.reason {
        letters = letters.reason(reason);
    }
    let before = |secs| UnixTime::now().saturating_sub(Duration::from_secs(secs));
    if let Some(secs) = filter.newer_than {
        letters = letters.since(before(secs));
    }
    if let Some(secs) = filter.older_than {
        letters = letters.before(before(secs));
    }
    letters.limit(limit(filter))
}

/// Checks that something was named: an empty filter must not select everything.
fn check_named(filter: &Filter, all: bool) -> Result<(), Failure> {
    let by_time = filter.newer_than.is_some() || filter.older_than.is_some();
    let is_named = filter.provider.is_some() || filter.reason.is_some() || by_time;
    if !is_named && !all {
        return Err(Failure::usage(
            "which of them? name an event, a provider, a reason or a time, or say --all",
        ));
    }
    Ok(())
}

fn told(moved: Moved, output: Output) -> Ended {
    match moved {
        Moved::Done => output.done("done"),
        Moved::Stale => {
            output.no("a newer event of its order key was completed: it runs by --force alone")
        }
        Moved::NotFrom(status) => output.no(&format!("it is {}", status.code())),
        _ => output.no("no entry"),
    }
}

fn told_many(moved: ManyMoved, filter: &Filter, output: Output) -> Ended {
    let ManyMoved {
        done,
        stale,
        changed,
        ..
    } = moved;
    let all = done.saturating_add(stale).saturating_add(changed);
    // If there may be more than the limit, the output says so.
    let limit = limit(filter);
    let may_have_more = all >= limit;
    let mut text = format!("done {done}\novertaken {stale}\nchanged meanwhile {changed}");
    if may_have_more {
        text.push_str(&format!(
            "\nthese were the first {limit}; there may be more: say it again, or --limit"
        ));
    }
    output.show(
        text,
        || json!({"done": done, "overtaken": stale, "changed": changed, "may_have_more": may_have_more}),
    );
    Ended::Well
}
