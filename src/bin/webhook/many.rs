//! `webhook dead`, `redrive` and `discard`: the dead letters, one or many.

use std::io::Write;
use std::time::Duration;

use serde_json::json;
use tower_webhook::inbox::{
    DeadLetters, Discard as DiscardOne, Inbox, ManyMoved, Moved, Redrive as RedriveOne,
};
use tower_webhook::{Name, UnixTime};

use crate::args::{Discard, Filter, Redrive, StoreArgs};
use crate::failure::Failure;
use crate::inbox::{entry, line};
use crate::output::{Ended, Output};
use crate::records::key;

pub(crate) async fn dead(
    store: &StoreArgs,
    filter: &Filter,
    output: Output,
) -> Result<Ended, Failure> {
    let letters = letters(filter)?;
    let inbox = store.inbox().await?;
    let found = letters.list(&inbox).await?;
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
        let mut letters = named(&asked.filter, asked.all)?;
        if asked.force {
            letters = letters.force();
        }
        let inbox = asked.store.inbox().await?;
        return Ok(told_many(
            letters.redrive(&inbox, within).await?,
            &asked.filter,
            output,
        ));
    }
    let mut redrive = RedriveOne::new(key(&asked.key)?).after(within);
    redrive.force = asked.force;
    let inbox = asked.store.inbox().await?;
    Ok(told(inbox.redrive(&redrive).await?, output))
}

pub(crate) async fn discard(asked: &Discard, output: Output) -> Result<Ended, Failure> {
    let retention = Duration::from_secs(asked.retention);
    if asked.key.is_empty() {
        let letters = named(&asked.filter, asked.all)?;
        let inbox = asked.store.inbox().await?;
        return Ok(told_many(
            letters.discard(&inbox, retention).await?,
            &asked.filter,
            output,
        ));
    }
    let discard = DiscardOne::new(key(&asked.key)?, retention);
    let inbox = asked.store.inbox().await?;
    Ok(told(inbox.discard(&discard).await?, output))
}

fn limit(filter: &Filter) -> usize {
    filter.limit.unwrap_or(1_000)
}

fn letters(filter: &Filter) -> Result<DeadLetters, Failure> {
    let mut letters = DeadLetters::new();
    if let Some(provider) = &filter.provider {
        letters = letters.provider(Name::new(provider.clone())?);
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
    Ok(letters.limit(limit(filter)))
}

/// The same, where something was named: nobody means all of them by saying nothing.
fn named(filter: &Filter, all: bool) -> Result<DeadLetters, Failure> {
    let by_time = filter.newer_than.is_some() || filter.older_than.is_some();
    let is_named = filter.provider.is_some() || filter.reason.is_some() || by_time;
    if !is_named && !all {
        return Err(Failure::usage(
            "which of them? name an event, a provider, a reason or a time, or say --all",
        ));
    }
    letters(filter)
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
    // Whoever means all of them is told where these may not be all.
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
