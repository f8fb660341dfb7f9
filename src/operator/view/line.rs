//! One line of the journal: a request and its outcome.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};

use super::deliveries::diagnoses;
use super::entry::event;
use super::event::recorded;
use super::frame::{cell, fact, failed, off, table, took, when};
use crate::clock::UnixTime;
use crate::operator::asked::Asked;
use crate::operator::shown::{LONG, short};
use crate::operator::state::State;
use crate::recorded::{JournalLine, JournalPosition, RecordedRequest};

/// The reasons for a refusal that involve a signature check.
const DIAGNOSED: [&str; 3] = ["signature_mismatch", "signature_stale", "signature_header"];

pub(in crate::operator) async fn view(state: &State, asked: &Asked) -> (Markup, Markup) {
    let title = html! { "Request" };
    let Some((_, lines)) = &state.journal else {
        let why = "No journal was given to this page: Page::journal has requests looked up.";
        return (title, off("Requests are off", why));
    };
    let at = JournalPosition::from(asked.get("at").unwrap_or_default());
    let line = match lines.at(&at).await {
        Err(error) => return (title, failed("The journal", &error.to_string())),
        Ok(None) => {
            let why = "The journal has no such line: it may be older than what is kept.";
            return (title, off("Not there", why));
        }
        Ok(Some(line)) => line,
    };
    let why = diagnosis(state, &line).await;
    let body = html! {
        (outcome(asked, &line))
        @if let Some(why) = &why {
            section {
                h2 { "Diagnosis" }
                p { (short(why)) }
                (diagnoses(state, asked, &endpoint(&line)))
            }
        }
        @match &line.request {
            Some(request) => (of_request(asked, request)),
            None => section { p.note { "The request stands in another line: the one of its answer." } },
        }
    };
    (title, body)
}

fn endpoint(line: &JournalLine) -> String {
    match &line.consumer {
        Some(consumer) => format!("{}/{consumer}", line.provider),
        None => line.provider.clone(),
    }
}

fn outcome(asked: &Asked, line: &JournalLine) -> Markup {
    let times = line.micros;
    let span = |micros| html! { (took(Duration::from_micros(micros))) };
    html! {
        section {
            div.title {
                h2 { (short(&endpoint(line))) }
                span class={ "state " (line.verdict) } { (short(&line.verdict)) @if let Some(status) = line.status { " " (status) } }
            }
            dl {
                (fact("When", &when(UnixTime::from_micros(line.at), asked.now)))
                (fact("Request", &short(&line.id)))
                @if let Some(key) = &line.key { (fact("Event", &event(asked, key))) }
                @if let Some(reason) = &line.reason { (fact("Reason", &short(reason))) }
                @if let Some(detail) = &line.detail { (fact("In words", &short(detail))) }
                @if let Some((index, count)) = line.item { (fact("Item", &html! { (index.saturating_add(1)) " of " (count) })) }
                @if let Some(items) = line.items { (fact("Items", &html! { (items) })) }
                @if let Some(attempt) = line.attempt { (fact("Attempt", &html! { (attempt) })) }
                @if let Some(client) = line.client { (fact("Client", &html! { (client) })) }
                @if let Some(id) = &line.claimed_id { (fact("Claims the id", &short(id))) }
                @if !line.signed_by.is_empty() { (fact("Signed by", &short(&line.signed_by.join(", ")))) }
                (fact("Origin", &html! { @if line.authenticated { "proved" } @else { "not proved" } }))
                @if !line.notes.is_empty() { (fact("Notes", &short(&line.notes.join(", ")))) }
                @if let Some(micros) = times.proved { (fact("Proved within", &span(micros))) }
                @if let Some(micros) = times.claimed { (fact("Claimed within", &span(micros))) }
                (fact("Took", &span(times.total)))
                @if let Some(of) = &line.replay_of { (fact("Replay of", &short(of))) }
            }
        }
    }
}

fn of_request(asked: &Asked, request: &RecordedRequest) -> Markup {
    let mut left = LONG;
    let headers = request.headers.iter().take_while(|(name, value)| {
        let fits = left > 0;
        left = left.saturating_sub(name.len().saturating_add(value.len().min(LONG)));
        fits
    });
    let headers: Vec<_> = headers
        .map(|(name, value)| {
            // Each character represents a byte.
            let bytes: Vec<u8> = value.chars().filter_map(|c| u8::try_from(c).ok()).collect();
            html! {
                (cell("Header", &short(name)))
                (cell("Value", &short(&String::from_utf8_lossy(&bytes))))
            }
        })
        .collect();
    let is_cut = request.headers_cut || headers.len() < request.headers.len();
    html! {
        section {
            h2 { "What came" }
            dl {
                (fact("Received", &when(UnixTime::from_micros(request.received_at), asked.now)))
                (fact("Method", &short(&request.method)))
                (fact("Path and query", &short(&request.uri)))
            }
            (table("Headers", &["Header", "Value"], &headers))
            @if is_cut { p.note { "More headers are left out." } }
            @match &request.body {
                Some(body) => (recorded(body)),
                None => p.note { "Its body was not read." },
            }
        }
    }
}

/// The reason why a signature was refused. Only one is diagnosed at a time; other requests are
/// asked to retry.
async fn diagnosis(state: &State, line: &JournalLine) -> Option<String> {
    let reason = line.reason.as_deref()?;
    if !DIAGNOSED.contains(&reason) {
        return None;
    }
    let webhook = state.webhook(&line.provider, line.consumer.as_deref());
    let Some(webhook) = webhook.cloned() else {
        return Some("No webhook of this provider was given to this page.".to_owned());
    };
    let Ok(place) = Arc::clone(&state.diagnosing).try_acquire_owned() else {
        return Some("Another refusal is being diagnosed: reload this page.".to_owned());
    };
    let line = line.clone();
    // It runs to its end and keeps its permit, even if nobody waits for it anymore.
    let diagnosing = tokio::task::spawn_blocking(move || {
        let found = webhook.diagnose(&line);
        drop(place);
        found
    });
    let found = diagnosing.await;
    let unknown = "It cannot be found out: the request is not kept whole.".to_owned();
    Some(found.ok().flatten().unwrap_or(unknown))
}
