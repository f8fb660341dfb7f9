//! All endpoints, with their health and numbers.

use futures_util::future::join_all;
use maud::{Markup, html};

use super::frame::{cell, fact, off, table, took, when};
use crate::contract::RetrySchedule;
use crate::health::{Health, span};
use crate::operator::asked::Asked;
use crate::operator::minutes::{Counted, Kind, sum};
use crate::operator::seen::Endpoint;
use crate::operator::shown::short;
use crate::operator::state::{State, name_of};
use crate::operator::{chart, shown};
use crate::webhook::{EndpointFacts, EndpointKeptIn, KeyFacts, WebhookLayer};

pub(in crate::operator) async fn view(state: &State, asked: &Asked) -> (Markup, Markup) {
    let healths = join_all(state.webhooks.iter().map(WebhookLayer::health)).await;
    let body = html! {
        @if state.webhooks.is_empty() {
            (off("No endpoint", "No webhook was given to this page: Page::webhook shows one."))
        }
        @for (number, (webhook, health)) in state.webhooks.iter().zip(&healths).enumerate() {
            (endpoint(state, asked, number, &webhook.facts(), health))
        }
    };
    (html! { "Endpoints" }, body)
}

fn endpoint(
    state: &State,
    asked: &Asked,
    number: usize,
    facts: &EndpointFacts,
    health: &Health,
) -> Markup {
    let name = name_of(facts);
    let seen = state.seen.endpoint(&name);
    let status = health.status().to_string();
    html! {
        section data-part={ "endpoint " (number) } {
            div.title {
                h2 { (short(&name)) " " span.faint { (facts.proofs.join(", ")) } }
                span class={ "state " (status) } { (status) }
            }
            @if !health.reasons().is_empty() {
                ul {
                    @for reason in health.reasons() {
                        li { strong { (reason.code().code()) } ": " (short(reason.detail())) }
                    }
                }
            }
            @if state.is_observing {
                (numbers(asked, facts, &seen))
                @if seen.last.is_some() && state.webhooks.iter().filter(|it| name_of(&it.facts()) == name).count() > 1 {
                    p.note { "These are the numbers of all its endpoints together." }
                }
            } @else {
                p.note { "Rates and times are off: no webhook was given this page's observer." }
            }
            (keys(asked, facts))
            (contract(facts))
        }
    }
}

fn share(counted: &Counted, kind: Kind) -> Markup {
    html! { (counted.of(kind)) " (" (counted.percent(kind)) " %)" }
}

fn numbers(asked: &Asked, facts: &EndpointFacts, seen: &Endpoint) -> Markup {
    let minutes = seen.minutes.last(asked.now);
    let hour = sum(&minutes);
    let within = |hundredths| match hour.within(hundredths) {
        Some(span) => format!("< {}", took(span)),
        None if hour.all() == 0 => "–".to_owned(),
        None => "over a minute".to_owned(),
    };
    let last_five = sum(minutes
        .get(minutes.len().saturating_sub(5)..)
        .unwrap_or_default())
    .all();
    let rate = format!("{}.{} a minute", last_five / 5, last_five % 5 * 2);
    let (failed, total) = facts.failures;
    if seen.last.is_none() {
        return html! { p { "No delivery since the start." } };
    }
    html! {
        dl {
            (fact("Last delivery", &match seen.last {
                Some((at, verdict)) => html! { (verdict.code()) ", " (when(at, asked.now)) },
                None => html! { "none since the start" },
            }))
            (fact("Rate, last 5 minutes", &html! { (rate) }))
            (fact("Last hour", &html! { (hour.all()) }))
            (fact("Duplicates", &share(&hour, Kind::Duplicate)))
            (fact("Refused", &share(&hour, Kind::Refused)))
            (fact("Failed", &share(&hour, Kind::Failed)))
            (fact("Half answered in", &html! { (within(50)) }))
            (fact("95 % / 99 % in", &html! { (within(95)) " / " (within(99)) }))
            (fact("Failed to its sender", &html! { (failed) " of " (total) }))
        }
        @if hour.all() > 0 {
            div.charts {
                figure {
                    (chart::rates(&minutes, &format!("Deliveries in each of the last 60 minutes, {} in all", hour.all())))
                    figcaption { "Deliveries a minute, last hour" (chart::legend()) }
                }
                @for (kind, words) in [(Kind::Duplicate, "duplicates"), (Kind::Refused, "refusals")] {
                    figure {
                        (chart::shares(&minutes, kind, &format!("Share of {words} in each of the last 60 minutes, {} % in all", hour.percent(kind))))
                        figcaption { "Share of " (words) ", last hour" }
                    }
                }
                figure {
                    (chart::latencies(&minutes, &format!("Time within which 95 % were answered in each of the last 60 minutes, {} in all", within(95))))
                    figcaption { "95 % answered within, last hour" }
                }
            }
        }
    }
}

fn keys(asked: &Asked, facts: &EndpointFacts) -> Markup {
    let Some(keys) = &facts.keys else {
        return html! {};
    };
    let row = |key: &KeyFacts| {
        let last = match key.last_match {
            Some(at) => when(at, asked.now),
            None => html! { "not since the start" },
        };
        let end = match key.end {
            Some(end) if end <= asked.now => {
                html! { strong.failed { "expired " } (when(end, asked.now)) }
            }
            Some(end) => when(end, asked.now),
            None => html! { "never" },
        };
        html! {
            (cell("Key", &shown::short(&key.name)))
            (cell("Last match", &last))
            (cell("Expires", &end))
        }
    };
    html! {
        @if keys.is_empty() {
            p { "Its keys are fetched from elsewhere." }
        } @else {
            (table("Keys", &["Key", "Last match", "Expires"], &keys.iter().map(row).collect::<Vec<_>>()))
        }
    }
}

fn contract(facts: &EndpointFacts) -> Markup {
    let EndpointFacts {
        contract,
        max_body_bytes,
        proofs,
        skew,
        kept_in,
        ..
    } = facts;
    let next = contract.schedule();
    html! {
        details {
            summary { "How it is set up" }
            dl {
                (fact("Proof", &html! { (proofs.join(", ")) }))
                (fact("Clock", &match skew {
                    Some(skew) => html! { "deliveries are off by " (skew) " s: this clock is suspected" },
                    None => html! { "deliveries are in time" },
                }))
                (fact("Sender waits", &html! { (took(contract.time_to_answer())) }))
                (fact("Sender retries for", &match next {
                    RetrySchedule::Never => html! { "it does not" },
                    schedule => html! { (span(schedule.horizon())) },
                }))
                (fact("Largest body", &html! { (max_body_bytes) " bytes" }))
                (fact("Kept in", &match kept_in {
                    EndpointKeptIn::Store(_) => html! { "a store: handlers run before the answer" },
                    EndpointKeptIn::Inbox(_, retention, _) => html! { "an inbox, for " (span(*retention)) " once done" },
                }))
            }
        }
    }
}
