//! Deliveries, newest first: from the journal if there is one, otherwise from memory.

use maud::{Markup, html};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::entry::{choice, event};
use super::frame::{at, cell, failed, link, table, took, when};
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::journal::JournalLines;
use crate::observer::Verdict;
use crate::operator::asked::Asked;
use crate::operator::seen::{DELIVERIES, SeenDelivery};
use crate::operator::shown::{field, line, short};
use crate::operator::state::{State, name_of};
use crate::recorded::{JournalFilter, JournalLine, JournalPosition, Newest, NewestLines};
use crate::webhook::WebhookLayer;

/// The number of deliveries per page.
const AT_ONCE: usize = 50;

/// One outcome, from either source.
pub(super) struct Row {
    pub(super) at: UnixTime,
    pub(super) endpoint: String,
    pub(super) verdict: String,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) key: Option<String>,
    pub(super) item: Option<String>,
    pub(super) attempt: Option<u32>,
    pub(super) micros: u64,
    /// If its proof was refused, the address of the sender and the id that it claims.
    pub(super) client: Option<String>,
    pub(super) claimed_id: Option<String>,
    /// The link to all details.
    pub(super) place: Option<String>,
}

impl From<&SeenDelivery> for Row {
    fn from(seen: &SeenDelivery) -> Self {
        Self {
            at: seen.at,
            endpoint: seen.endpoint.to_string(),
            verdict: seen.verdict.code().to_owned(),
            status: seen.status.map(|status| status.as_u16()),
            reason: seen.reason.map(|reason| reason.code().to_owned()),
            detail: seen.detail.as_deref().map(str::to_owned),
            key: seen.key.as_ref().map(EventKey::encoded),
            item: seen
                .item
                .map(|item| format!("{} of {}", item.index.saturating_add(1), item.count)),
            attempt: seen.attempt,
            micros: u64::try_from(seen.took.as_micros()).unwrap_or(u64::MAX),
            client: seen.client.map(|client| client.to_string()),
            claimed_id: seen.claimed_id.as_deref().map(str::to_owned),
            place: None,
        }
    }
}

impl From<&(JournalPosition, JournalLine)> for Row {
    fn from((place, kept): &(JournalPosition, JournalLine)) -> Self {
        let endpoint = match &kept.consumer {
            Some(consumer) => format!("{}/{consumer}", kept.provider),
            None => kept.provider.clone(),
        };
        Self {
            at: UnixTime::from_micros(kept.at),
            endpoint,
            verdict: kept.verdict.clone(),
            status: kept.status,
            reason: kept.reason.clone(),
            detail: kept.detail.clone(),
            key: kept.key.clone(),
            item: kept
                .item
                .map(|(index, count)| format!("{} of {count}", index.saturating_add(1))),
            attempt: kept.attempt,
            micros: kept.micros.total,
            client: kept.client.map(|client| client.to_string()),
            claimed_id: kept.claimed_id.clone(),
            place: Some(place.to_string()),
        }
    }
}

/// Outcomes as a table.
pub(super) fn rows(asked: &Asked, caption: &str, rows: &[Row]) -> Markup {
    let columns = ["Time", "Endpoint", "Outcome", "Event", "Why", "Took"];
    let row = |row: &Row| {
        html! {
            (cell("Time", &match &row.place {
                Some(place) => html! { a href=(link(asked, "/line", &[("at", place)])) { (at(row.at)) } },
                None => at(row.at),
            }))
            (cell("Endpoint", &short(&row.endpoint)))
            (cell("Outcome", &html! {
                span.together {
                    span class=(row.verdict) { (short(&row.verdict)) }
                    @if let Some(status) = row.status { " " span.number { (status) } }
                }
            }))
            (cell("Event", &html! {
                @match &row.key { Some(key) => (event(asked, key)), None => "–" }
                @if let Some(item) = &row.item { " (" (item) ")" }
                @if let Some(attempt) = row.attempt { @if attempt > 1 { ", attempt " (attempt) } }
            }))
            (cell("Why", &html! {
                @let reason = row.reason.as_ref().filter(|it| **it != row.verdict);
                @if let Some(reason) = reason { (short(reason)) }
                @if let Some(detail) = &row.detail { @if reason.is_some() { ": " } (short(detail)) }
                @if reason.is_none() && row.detail.is_none() { "–" }
                @if let Some(client) = &row.client { " (from " (client) ")" }
                @if let Some(id) = &row.claimed_id { " (it claims the id " (short(id)) ")" }
            }))
            (cell("Took", &html! { span.together { (took(std::time::Duration::from_micros(row.micros))) } }))
        }
    };
    table(caption, &columns, &rows.iter().map(row).collect::<Vec<_>>())
}

/// The requested filter.
struct Wanted<'a> {
    provider: Option<Name>,
    key: Option<EventKey>,
    until: Option<UnixTime>,
    verdict: Option<&'a str>,
    reason: Option<&'a str>,
    /// Parts of the filter that cannot be read.
    wrong: Vec<&'static str>,
}

impl<'a> Wanted<'a> {
    fn of(asked: &'a Asked) -> Self {
        let mut wrong = Vec::new();
        let provider = asked.get("provider").and_then(|text| {
            let name = Name::new(text.to_owned()).ok();
            if name.is_none() {
                wrong.push("The provider is no name.");
            }
            name
        });
        let key = asked.get("key").and_then(|text| {
            let key = EventKey::decode(text).ok();
            if key.is_none() {
                wrong.push("The event is no key: it reads provider:id.");
            }
            key
        });
        let until = asked.get("until").and_then(|text| {
            let time = time_of(text);
            if time.is_none() {
                wrong.push("The time reads 2026-05-04T13:00.");
            }
            time
        });
        Self {
            provider,
            key,
            until,
            verdict: asked.get("outcome"),
            reason: asked.get("reason"),
            wrong,
        }
    }

    fn wants(&self, seen: &SeenDelivery) -> bool {
        let endpoint = seen.endpoint.split('/').next();
        (self.provider.as_ref()).is_none_or(|it| endpoint == Some(it.as_str()))
            && (self.key.as_ref()).is_none_or(|it| seen.key.as_ref() == Some(it))
            && self.until.is_none_or(|until| seen.at < until)
            && self.verdict.is_none_or(|it| seen.verdict.code() == it)
            && (self.reason).is_none_or(|it| seen.reason.is_some_and(|reason| reason.code() == it))
    }
}

/// A time in the format of browsers, in UTC, with or without seconds.
fn time_of(text: &str) -> Option<UnixTime> {
    let time = [format!("{text}Z"), format!("{text}:00Z"), text.to_owned()];
    let time = time
        .iter()
        .find_map(|text| OffsetDateTime::parse(text, &Rfc3339).ok())?;
    Some(UnixTime::from_secs(
        u64::try_from(time.unix_timestamp()).ok()?,
    ))
}

/// What can stand in a row; what is seldom looked for, last.
fn outcomes() -> Vec<&'static str> {
    let mut verdicts = Verdict::ALL.to_vec();
    verdicts.sort_by_key(|it| *it == Verdict::Passed);
    let verdicts = verdicts.into_iter().map(Verdict::code);
    verdicts.chain(["operator"]).collect()
}

pub(in crate::operator) async fn view(state: &State, asked: &Asked) -> (Markup, Markup) {
    let wanted = Wanted::of(asked);
    let found = match &state.journal {
        Some((_, lines)) => in_journal(lines, asked, &wanted).await,
        None => Ok(in_memory(state, asked, &wanted)),
    };
    let mut providers: Vec<_> = state.webhooks.iter().map(WebhookLayer::facts).collect();
    providers.sort_by_key(name_of);
    let mut providers: Vec<_> = providers
        .iter()
        .map(|facts| facts.provider.as_str())
        .collect();
    providers.dedup();
    let body = html! {
        section {
            form method="get" action=(asked.path("/deliveries")) role="search" aria-label="Filter deliveries" {
                div.filters {
                    (choice("provider", "Provider", "all", &providers, asked.get("provider")))
                    (choice("outcome", "Outcome", "all", &outcomes(), asked.get("outcome")))
                    div { label for="reason" { "Reason" } input id="reason" name="reason" value=[asked.get("reason").map(field)] maxlength="100"; }
                    div { label for="key" { "Event" } input id="key" name="key" value=[key_field(asked)] maxlength="4096"; }
                    div { label for="until" { "Before (UTC)" } input id="until" name="until" placeholder="2026-05-04T13:00" maxlength="30" value=[asked.get("until").map(field)]; }
                    div { button type="submit" { "Filter" } }
                }
            }
            @for wrong in &wanted.wrong { p.failed role="status" { (wrong) } }
        }
        @match found {
            Err(error) => (failed("The journal", &error)),
            Ok(Found { rows: found, next, too_long }) => section data-part="deliveries" {
                p.note {
                    @if state.journal.is_some() { "From the journal." }
                    @else if state.is_observing {
                        "The last " (DELIVERIES) " of this process alone: no journal was given to this page."
                    } @else {
                        "Deliveries are off: neither a journal nor this page's observer was given."
                    }
                }
                @if found.is_empty() { p { "None, as far as was looked back." } }
                @else { (rows(asked, "Deliveries, the newest first", &found)) }
                (left_out(too_long))
                @if let Some(next) = next {
                    p.more { a href=(further(asked, &next)) {
                        @if found.len() < AT_ONCE { "Look further back" } @else { "Older ones" }
                    } }
                }
            },
        }
    };
    (html! { "Deliveries" }, body)
}

/// The requested key, in a form that can be submitted again.
fn key_field(asked: &Asked) -> Option<String> {
    let text = asked.get("key")?;
    let key = EventKey::decode(text).map(|key| key.escaped());
    Some(key.unwrap_or_else(|_| field(text)))
}

fn further(asked: &Asked, next: &str) -> String {
    let of = |name| asked.get(name).unwrap_or_default();
    let fields = ["provider", "outcome", "reason", "key", "until"].map(|name| (name, of(name)));
    let mut all = fields.to_vec();
    all.push(("before", next));
    link(asked, "/deliveries", &all)
}

/// Some of them.
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    /// Before which place to look for more.
    pub(super) next: Option<String>,
    /// How many lines of the journal among them are too long to be shown.
    pub(super) too_long: usize,
}

impl From<NewestLines> for Found {
    fn from(found: NewestLines) -> Self {
        Self {
            rows: found.lines.iter().map(Row::from).collect(),
            next: found.next.map(|next| next.to_string()),
            too_long: found.too_long,
        }
    }
}

/// Says what is not shown.
pub(super) fn left_out(too_long: usize) -> Markup {
    html! {
        @if too_long > 0 {
            p.note { (too_long) " more, whose lines in the journal are too long to be shown here: `webhook watch` shows them." }
        }
    }
}

async fn in_journal(
    lines: &JournalLines,
    asked: &Asked,
    wanted: &Wanted<'_>,
) -> Result<Found, String> {
    let mut filter = JournalFilter::new();
    filter.provider.clone_from(&wanted.provider);
    filter.key.clone_from(&wanted.key);
    filter.until = wanted.until;
    let before = asked.get("before").map(JournalPosition::from);
    let newest = Newest {
        filter: &filter,
        verdict: wanted.verdict,
        reason: wanted.reason,
        before: before.as_ref(),
        most: AT_ONCE,
    };
    let found = lines
        .newest(newest)
        .await
        .map_err(|error| error.to_string())?;
    Ok(found.into())
}

fn in_memory(state: &State, asked: &Asked, wanted: &Wanted<'_>) -> Found {
    let before = asked.get("before").and_then(|it| it.parse().ok());
    let before = before.unwrap_or(u64::MAX);
    let found = state
        .seen
        .deliveries(before, AT_ONCE, |seen| wanted.wants(seen));
    in_rows(&found)
}

fn in_rows(found: &[SeenDelivery]) -> Found {
    let next = found.last().filter(|_| found.len() == AT_ONCE);
    let next = next.map(|last| last.number.to_string());
    Found {
        rows: found.iter().map(Row::from).collect(),
        next,
        too_long: 0,
    }
}

/// The outcomes of one event.
pub(super) async fn of_event(state: &State, key: &EventKey) -> Result<Found, String> {
    let Some((_, lines)) = &state.journal else {
        let of = |seen: &SeenDelivery| seen.key.as_ref() == Some(key);
        let found = state.seen.deliveries(u64::MAX, AT_ONCE, of);
        return Ok(in_rows(&found));
    };
    let filter = JournalFilter::new().key(key.clone());
    let newest = Newest {
        filter: &filter,
        verdict: None,
        reason: None,
        before: None,
        most: AT_ONCE,
    };
    let found = lines
        .newest(newest)
        .await
        .map_err(|error| line_of(&error))?;
    Ok(found.into())
}

fn line_of(error: &impl std::fmt::Display) -> String {
    error.to_string()
}

/// The observer's diagnoses of refusals at this endpoint.
pub(super) fn diagnoses(state: &State, asked: &Asked, endpoint: &str) -> Markup {
    let found = state.seen.diagnoses(endpoint);
    html! {
        @if !found.is_empty() {
            h3 { "Other refusals that were diagnosed" }
            ul {
                @for seen in found.iter().take(5) {
                    li {
                        (when(seen.at, asked.now)) ": " (short(&seen.text))
                        @if let Some(id) = &seen.claimed_id { " (it claims the id " (line(id)) ")" }
                    }
                }
            }
        }
    }
}
