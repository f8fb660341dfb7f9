//! The number of waiting entries over time, the paused providers, and the holders of order keys.

use maud::{Markup, html};

use super::entry::{button, event_of};
use super::frame::{cell, fact, failed, off, table, when};
use crate::event::Name;
use crate::inbox::{EntryCounts, Inbox as _, RateView, SharedInbox};
use crate::operator::actions::{PAUSE, RESUME, message};
use crate::operator::asked::Asked;
use crate::operator::chart;
use crate::operator::depth::{Depth, Source, waiting};
use crate::operator::shown::short;
use crate::operator::state::State;
use crate::store::Counts;

pub(in crate::operator) async fn view(state: &State, asked: &Asked) -> (Markup, Markup) {
    let inboxes = state.inboxes();
    let number_of = |inbox: &SharedInbox| inboxes.iter().position(|it| std::ptr::eq(*it, inbox));
    let body = html! {
        (message(asked))
        @if state.sources.is_empty() {
            (off("Nothing is kept", "Neither a webhook nor a store or an inbox was given to this page."))
        }
        @for (number, source) in state.sources.iter().enumerate() {
            @match source {
                Source::Inbox(inbox, depth) => {
                    (of_inbox(state, asked, number_of(inbox).unwrap_or(0), inbox, depth).await)
                }
                Source::Store(_, depth) => (of_store(asked, number, depth)),
            }
        }
        @if !state.sources.is_empty() && state.inboxes().is_empty() {
            (off("No inbox", "Nothing waits for a worker, and nothing can be paused: handlers run before the sender is answered."))
        }
    };
    (html! { "Queues" }, body)
}

fn of_store(asked: &Asked, number: usize, depth: &Depth<Counts>) -> Markup {
    let (samples, error) = depth.samples();
    html! {
        section data-part={ "store " (number) } {
            h2 { "Records" }
            @if let Some(error) = error { p.failed { "The last count failed: " (short(&error)) } }
            @match samples.last() {
                None => p.note { "They are being counted." },
                Some((at, Counts { claimed, lapsed, done, released })) => {
                    dl {
                        (fact("Being handled", &html! { (claimed) }))
                        (fact("Holder fell silent", &html! { (lapsed) }))
                        (fact("Failed, to be sent again", &html! { (released) }))
                        (fact("Done", &html! { (done) }))
                    }
                    p.note { "Counted " (when(*at, asked.now)) "." }
                }
            }
        }
    }
}

async fn of_inbox(
    state: &State,
    asked: &Asked,
    number: usize,
    inbox: &SharedInbox,
    depth: &Depth<EntryCounts>,
) -> Markup {
    let (paused, rates) = match (inbox.paused().await, inbox.rates().await) {
        (Ok(paused), Ok(rates)) => (paused, rates),
        (Err(error), _) | (_, Err(error)) => return failed("The inbox", &error.to_string()),
    };
    html! {
        section data-part={ "inbox " (number) } {
            h2 { "Inbox" @if state.inboxes().len() > 1 { " " (number) } }
            (depths(asked, depth))
            (pauses(state, asked, number, &paused))
            (limits(asked, &rates))
            (held(state, asked, inbox).await)
        }
    }
}

/// The number of held order keys shown per route.
const HELD: usize = 50;

async fn held(state: &State, asked: &Asked, inbox: &SharedInbox) -> Markup {
    let mut rows = Vec::new();
    for route in state.routes(inbox) {
        match inbox.held_order_keys(&route, HELD).await {
            Err(error) => return failed("What holds order keys", &error.to_string()),
            Ok(None) => {
                return html! { p.note { "This inbox cannot list which order keys are held: an event's page shows its own." } };
            }
            Ok(Some(found)) => rows.extend(found.into_iter().map(|held| {
                html! {
                    (cell("Route", &short(route.as_str())))
                    (cell("Order key", &short(held.key.as_str())))
                    (cell("Held by", &event_of(asked, &held.holder)))
                }
            })),
        }
    }
    if rows.is_empty() {
        return html! { p.note { "No order key is held." } };
    }
    table("Order keys held", &["Route", "Order key", "Held by"], &rows)
}

fn depths(asked: &Asked, depth: &Depth<EntryCounts>) -> Markup {
    let (samples, error) = depth.samples();
    let over_time: Vec<_> = samples
        .iter()
        .map(|(_, it)| (waiting(it), it.dead))
        .collect();
    html! {
        @if let Some(error) = error { p.failed { "The last count failed: " (short(&error)) } }
        @match samples.last() {
            None => p.note { "Its entries are being counted." },
            Some((at, counts)) => {
                dl { @for (status, count) in counts.by_status() { (fact(status.code(), &html! { (count) })) } }
                @if samples.len() > 1 {
                    figure {
                        (chart::depths(&over_time, &format!("What waited and what was dead, {} times since this process began or in the last hours; now {} wait and {} are dead", samples.len(), waiting(counts), counts.dead)))
                        figcaption {
                            "Waiting (blue) and dead (red) over time"
                            @if let Some((first, _)) = samples.first() { ", from " (when(*first, asked.now)) }
                        }
                    }
                }
                p.note { "Counted " (when(*at, asked.now)) "." }
            }
        }
    }
}

fn pauses(state: &State, asked: &Asked, number: usize, paused: &[Name]) -> Markup {
    let mut providers = state.providers();
    let more = paused.iter().filter(|it| !providers.contains(it)).cloned();
    let more: Vec<_> = more.collect();
    providers.extend(more);
    let number = number.to_string();
    let row = |provider: &Name| {
        let is_paused = paused.contains(provider);
        let fields = [("inbox", &*number), ("provider", provider.as_str())];
        html! {
            (cell("Provider", &short(provider.as_str())))
            (cell("State", &html! { @if is_paused { strong.degraded { "paused" } } @else { "taken by workers" } }))
            (cell("Change", &match is_paused {
                true => button(state, asked, RESUME, &format!("Resume {provider}"), &fields),
                false => button(state, asked, PAUSE, &format!("Pause {provider}"), &fields),
            }))
        }
    };
    let columns = ["Provider", "State", "Change"];
    html! {
        (table("Pausing", &columns, &providers.iter().map(row).collect::<Vec<_>>()))
        p.note { "What comes while a provider is paused is accepted, and waits." }
    }
}

fn limits(asked: &Asked, rates: &[RateView]) -> Markup {
    let row = |view: &RateView| {
        html! {
            (cell("Provider", &short(view.provider.as_str())))
            (cell("Of", &html! { (view.of.code()) }))
            (cell("Rate", &html! { (view.rate.entries()) " in " (super::frame::took(view.rate.per())) }))
            (cell("Next one", &match view.next { Some(at) => when(at, asked.now), None => html! { "by order key" } }))
        }
    };
    html! {
        @if !rates.is_empty() {
            (table("Rates", &["Provider", "Of", "Rate", "Next one"], &rates.iter().map(row).collect::<Vec<_>>()))
        }
    }
}
