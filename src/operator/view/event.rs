//! The whole history of one event.

use futures_util::future::{join_all, join3};
use maud::{Markup, html};

use super::deliveries::{Found, left_out, of_event, rows};
use super::entry::{button, died, state_of};
use super::frame::{cell, fact, failed, link, off, table, when};
use crate::event::{EventKey, Name};
use crate::inbox::{EntryStatus, EntryView, Inbox as _};
use crate::operator::actions::{DISCARD, FORCE, FORGET, REDRIVE, message, value};
use crate::operator::asked::Asked;
use crate::operator::shown::{LONG, long, short};
use crate::operator::state::State;
use crate::recorded::RecordedBody;
use crate::store::{RecordState, RecordView, Store as _, StoreError};

pub(in crate::operator) async fn view(state: &State, asked: &Asked) -> (Markup, Markup) {
    let text = asked.get("key").unwrap_or_default();
    let Ok(key) = EventKey::decode(text) else {
        let why = "An event is asked for by its key, which reads provider:id.";
        return (html! { "No such event" }, off("No key", why));
    };
    let (mut found, mut is_there) = (Vec::new(), false);
    // All are queried at once, as each takes several round trips.
    let entries = join_all(state.inboxes().into_iter().map(|it| it.lookup(&key)));
    let records = join_all(state.stores().into_iter().map(|it| it.lookup(&key)));
    let (entries, records, history) = join3(entries, records, of_event(state, &key)).await;
    for (number, looked_up) in entries.into_iter().enumerate() {
        if let Some(part) = entry(state, asked, number, looked_up) {
            is_there = true;
            found.push(part);
        }
    }
    for (number, looked_up) in records.into_iter().enumerate() {
        if let Some(part) = record(asked, number, looked_up) {
            is_there = true;
            found.push(part);
        }
    }
    let body = html! {
        (message(asked))
        @for part in &found { (part) }
        @if !is_there {
            section { p { "No store or inbox of this page knows this event: it never came, or is forgotten." } }
        }
        @match history {
            Err(error) => (failed("The journal", &error)),
            Ok(Found { rows: found, next, too_long }) => section data-part="history" {
                @if state.journal.is_none() {
                    p.note { "No journal was given to this page: these are what this process remembers." }
                }
                @if !found.is_empty() { (rows(asked, "Its deliveries and attempts, the newest first", &found)) }
                @else if next.is_some() { p { "No delivery of it is among the last ones." } }
                @else { p { "No delivery of it is known." } }
                (left_out(too_long))
                @if let Some(next) = &next {
                    p.more { a href=(link(asked, "/deliveries", &[("key", &key.encoded()), ("before", next)])) { "Look further back" } }
                }
            },
        }
        @if is_there {
            section {
                h2 { "Forget it" }
                p { "The next delivery is then the first, and its handler runs again. A handler that is at work is not stopped." }
                div.row { (button(state, asked, FORGET, "Forget this event", &[("key", &value(&key, None))])) }
            }
        }
    };
    (html! { "Event " (short(text)) }, body)
}

fn record(
    asked: &Asked,
    number: usize,
    found: Result<Option<RecordView>, StoreError>,
) -> Option<Markup> {
    let view = match found {
        Ok(view) => view?,
        Err(error) => return Some(failed("The store", &error.to_string())),
    };
    let (word, class, more) = match &view.state {
        RecordState::Claimed { lease_ends } => (
            "claimed",
            "degraded",
            html! { "being handled; the lease ends " (when(*lease_ends, asked.now)) },
        ),
        RecordState::Lapsed { lease_ended } => (
            "lapsed",
            "failing",
            html! { "its holder fell silent; the lease ended " (when(*lease_ended, asked.now)) },
        ),
        RecordState::Done(answer) => ("done", "ready", html! { "answered " (answer.status) }),
        RecordState::Released => (
            "released",
            "failing",
            html! { "the last attempt failed, and the sender's next one runs" },
        ),
    };
    Some(html! {
        section data-part={ "record " (number) } {
            div.title { h2 { "Record" } span class={ "state " (class) } { (word) } }
            dl {
                (fact("State", &more))
                (fact("Attempts", &html! { (view.attempt) }))
                (fact("Fence", &html! { (view.fence) }))
                (fact("Known until", &when(view.kept_until, asked.now)))
            }
        }
    })
}

fn class_of(status: EntryStatus) -> &'static str {
    match status {
        EntryStatus::Done => "ready",
        EntryStatus::Dead | EntryStatus::Lapsed => "failing",
        _ => "degraded",
    }
}

fn entry(
    state: &State,
    asked: &Asked,
    number: usize,
    found: Result<Option<EntryView>, StoreError>,
) -> Option<Markup> {
    let view = match found {
        Ok(view) => view?,
        Err(error) => return Some(failed("The inbox", &error.to_string())),
    };
    let kept = &view.entry;
    let history: Vec<_> = kept.history.iter().collect();
    let row = |failed: &&crate::inbox::FailedAttempt| {
        html! {
            (cell("Attempt", &html! { (failed.attempt) }))
            (cell("Ended", &when(failed.at, asked.now)))
            (cell("How it failed", &short(&failed.reason)))
        }
    };
    Some(html! {
        section data-part={ "entry " (number) } {
            div.title { h2 { "Entry in the inbox" } span class={ "state " (class_of(view.status)) } { (view.status.code()) } }
            dl {
                (fact("State", &state_of(&view, asked.now)))
                (fact("Route", &short(view.route.as_str())))
                (fact("Attempts", &html! { (kept.attempts) }))
                @if let Some(worker) = kept.worker() { (fact("Worker", &html! { (worker) })) }
                (fact("Workers that died of it", &html! { (kept.deaths) }))
                (fact("Fence", &html! { (kept.fence) }))
                (fact("Accepted", &when(kept.accepted_at, asked.now)))
                @if let Some(at) = kept.revived_at { (fact("Revived", &when(at, asked.now))) }
                @if let Some(order) = &kept.order {
                    (fact("Order key", &short(order.key.as_str())))
                    @if let Some(version) = order.version { (fact("Version", &html! { (version.number()) })) }
                }
                @if kept.corrected { (fact("Content", &html! { "replaced after an attempt" })) }
            }
            @if !history.is_empty() {
                (table("Failed attempts", &["Attempt", "Ended", "How it failed"], &history.iter().map(row).collect::<Vec<_>>()))
            }
            (moves(state, asked, number, &view))
            (body(state, &view))
        }
    })
}

fn moves(state: &State, asked: &Asked, number: usize, view: &EntryView) -> Markup {
    let (number, key) = (number.to_string(), value(&view.key, died(view)));
    let fields = [("inbox", &*number), ("key", &*key), ("from", "event")];
    let form = |action, words| button(state, asked, action, words, &fields);
    html! {
        div.row {
            @match view.status {
                EntryStatus::Dead => {
                    (form(REDRIVE, "Redrive: run it again"))
                    (form(FORCE, "Redrive by force, though it may be overtaken"))
                    (form(DISCARD, "Discard: never run it"))
                }
                EntryStatus::Stale => (form(FORCE, "Redrive by force, though it was overtaken")),
                EntryStatus::Queued | EntryStatus::Waiting => (form(DISCARD, "Discard: never run it")),
                _ => {}
            }
        }
    }
}

/// The body of an entry, if it is known which parts of it are secret.
fn body(state: &State, view: &EntryView) -> Markup {
    let Some(body) = &view.body else {
        return html! { p.note { "Its body is kept no longer." } };
    };
    let provider = view.key.provider();
    let consumer = view.key.consumer();
    let Some(webhook) = state.webhook(provider.as_str(), consumer.map(Name::as_str)) else {
        return html! {
            p.note { "Its body is not shown: no webhook of this provider was given to this page, which would say what of it is a secret." }
        };
    };
    recorded(&webhook.masked(body, LONG))
}

/// A body, as much of it as is kept.
pub(super) fn recorded(body: &RecordedBody) -> Markup {
    html! {
        h3 { "Body, " (body.len) " bytes" }
        @match (&body.text, &body.base64) {
            (Some(text), _) => (long(text)),
            (None, Some(base64)) => { p.note { "It is not text; in base64:" } (long(base64)) }
            (None, None) => p.note { @if body.masked { "It is masked." } @else { "It is empty." } },
        }
        @if body.cut { p.note { "It is shown in part." } }
        @if body.masked { p.note { "Secrets in it are masked." } }
    }
}
