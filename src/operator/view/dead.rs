//! Dead letters, to be redriven or discarded; without an inbox, failed events.

use maud::{Markup, html};

use super::entry::{button, choice, died, event_of, token};
use super::frame::{cell, failed, link, off, table, when};
use crate::event::{EventKey, Name};
use crate::inbox::{EntryStatus, EntryView, Inbox as _, List, SharedInbox};
use crate::operator::actions::{DISCARD, DISCARD_ALL, REDRIVE, REDRIVE_ALL, message, value};
use crate::operator::asked::Asked;
use crate::operator::shown::short;
use crate::operator::state::State;
use crate::store::{RecordState, RecordView, SharedStore, Store as _};

/// The number of entries per page.
const AT_ONCE: usize = 50;

pub(in crate::operator) async fn view(state: &State, asked: &Asked) -> (Markup, Markup) {
    let inboxes = state.inboxes();
    let chosen = asked.number("inbox").unwrap_or(0);
    let providers = state.providers();
    let names: Vec<_> = providers.iter().map(Name::as_str).collect();
    let body = html! {
        (message(asked))
        @if inboxes.is_empty() {
            (off("No inbox", "No webhook of this page has an inbox, so there are no dead letters: what fails runs again where its sender sends it again."))
        } @else {
            section {
                form method="get" action=(asked.path("/dead")) role="search" aria-label="Filter dead letters" {
                    div.filters {
                        (choice("provider", "Provider", "all", &names, asked.get("provider")))
                        @if inboxes.len() > 1 {
                            @let numbers: Vec<_> = (0..inboxes.len()).map(|it| it.to_string()).collect();
                            (choice("inbox", "Inbox", "0", &numbers.iter().map(String::as_str).collect::<Vec<_>>(), asked.get("inbox")))
                        }
                        div { button type="submit" { "Filter" } }
                    }
                }
            }
        }
        @if let Some(inbox) = inboxes.get(chosen) { (dead(state, asked, chosen, inbox).await) }
        @for (number, store) in state.stores().into_iter().enumerate() {
            @for provider in &providers { (unfinished(asked, number, store, provider).await) }
        }
    };
    (html! { "Dead letters" }, body)
}

async fn dead(state: &State, asked: &Asked, number: usize, inbox: &SharedInbox) -> Markup {
    let mut list = List::of(EntryStatus::Dead).limit(AT_ONCE);
    list.provider = asked
        .get("provider")
        .and_then(|it| Name::new(it.to_owned()).ok());
    list.after = asked.get("after").and_then(|it| EventKey::decode(it).ok());
    let found = match inbox.list(&list).await {
        Ok(found) => found,
        Err(error) => return failed("The inbox", &error.to_string()),
    };
    if found.is_empty() {
        return html! { section data-part="dead" { p { "None. Nothing has used up its attempts." } } };
    }
    let number = number.to_string();
    let provider = list.provider.as_ref().map(Name::as_str).unwrap_or_default();
    let next = found
        .last()
        .filter(|_| found.len() == AT_ONCE)
        .map(|last| last.key.encoded());
    let rows: Vec<_> = found.iter().map(|view| row(asked, view)).collect();
    let columns = [
        "Choose",
        "Event",
        "Route",
        "Died",
        "Attempts",
        "Last reason",
    ];
    let of_all = [("inbox", &*number), ("provider", provider)];
    html! {
        section data-part="dead" {
            form method="post" action=(asked.path("/act")) {
                (token(state, asked, REDRIVE))
                (token(state, asked, DISCARD))
                input type="hidden" name="inbox" value=(number);
                input type="hidden" name="provider" value=(provider);
                (table("In the order of their keys", &columns, &rows))
                div.row {
                    button type="submit" name="act" value=(REDRIVE) { "Redrive the chosen" }
                    button.danger type="submit" name="act" value=(DISCARD) { "Discard the chosen" }
                }
            }
            @if let Some(next) = &next {
                p.more { a href=(link(asked, "/dead", &[("inbox", &number), ("provider", provider), ("after", next)])) { "More of them" } }
            }
            details {
                summary { "All " @if provider.is_empty() { "of them" } @else { "of " (short(provider)) } }
                p { "Up to a thousand at a time. Those that are redriven begin within a minute." }
                div.row {
                    (button(state, asked, REDRIVE_ALL, "Redrive all", &of_all))
                    (button(state, asked, DISCARD_ALL, "Discard all", &of_all))
                }
            }
        }
    }
}

fn row(asked: &Asked, view: &EntryView) -> Markup {
    let since = died(view);
    let name = format!("Choose {}", view.key.escaped());
    let reason = view.entry.history.last().map(|failed| &*failed.reason);
    html! {
        (cell("Choose", &html! { input type="checkbox" name="key" value=(value(&view.key, since)) aria-label=(name); }))
        (cell("Event", &event_of(asked, &view.key)))
        (cell("Route", &short(view.route.as_str())))
        (cell("Died", &match since { Some(at) => when(at, asked.now), None => html! { "–" } }))
        (cell("Attempts", &html! { (view.entry.attempts) }))
        (cell("Last reason", &match reason { Some(reason) => short(reason), None => html! { "–" } }))
    }
}

/// The failed events of a provider that have not been sent again.
async fn unfinished(asked: &Asked, number: usize, store: &SharedStore, provider: &Name) -> Markup {
    let found = match store.unfinished(provider, AT_ONCE).await {
        Ok(found) if found.is_empty() => return html! {},
        Ok(found) => found,
        Err(error) => return failed("The store", &error.to_string()),
    };
    let row = |view: &RecordView| {
        let state = match &view.state {
            RecordState::Lapsed { lease_ended } => {
                html! { "its holder fell silent; the lease ended " (when(*lease_ended, asked.now)) }
            }
            _ => html! { "the last attempt failed" },
        };
        html! {
            (cell("Event", &event_of(asked, &view.key)))
            (cell("State", &state))
            (cell("Attempts", &html! { (view.attempt) }))
            (cell("Known until", &when(view.kept_until, asked.now)))
        }
    };
    let columns = ["Event", "State", "Attempts", "Known until"];
    html! {
        section data-part={ "unfinished " (number) " " (provider) } {
            h2 { "Not handled: " (short(provider.as_str())) }
            p { "Nobody is at work on these: the sender's next attempt runs them, or nobody does." }
            (table("In no certain order", &columns, &found.iter().map(row).collect::<Vec<_>>()))
            @if found.len() == AT_ONCE { p.note { "There may be more." } }
        }
    }
}
