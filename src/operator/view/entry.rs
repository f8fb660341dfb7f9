//! Parts shared by several views: forms, and the progress of an event.

use maud::{Markup, html};

use super::frame::{link, when};
use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::inbox::{EntryState, EntryView};
use crate::operator::asked::Asked;
use crate::operator::shown::short;
use crate::operator::state::State;

/// The token of an action, in a form.
pub(super) fn token(state: &State, asked: &Asked, action: &str) -> Markup {
    let token = state.tokens.issue(action, asked.who(), asked.now);
    html! { input type="hidden" name={ "token." (action) } value=(token); }
}

/// A form with a single button.
pub(super) fn button(
    state: &State,
    asked: &Asked,
    action: &str,
    words: &str,
    fields: &[(&str, &str)],
) -> Markup {
    html! {
        form method="post" action=(asked.path("/act")) {
            (token(state, asked, action))
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" name="act" value=(action) { (words) }
        }
    }
}

/// A link to the life of an event.
pub(super) fn event(asked: &Asked, encoded: &str) -> Markup {
    html! { a href=(link(asked, "/event", &[("key", encoded)])) { (short(encoded)) } }
}

/// The same, by key.
pub(super) fn event_of(asked: &Asked, key: &EventKey) -> Markup {
    event(asked, &key.encoded())
}

/// A choice of words.
pub(super) fn choice(
    id: &str,
    label: &str,
    all: &str,
    options: &[&str],
    chosen: Option<&str>,
) -> Markup {
    html! {
        div {
            label for=(id) { (label) }
            select id=(id) name=(id) {
                option value="" { (all) }
                @for option in options {
                    option value=(option) selected[chosen == Some(*option)] { (option) }
                }
            }
        }
    }
}

/// When an entry died.
pub(in crate::operator) fn died(view: &EntryView) -> Option<UnixTime> {
    match view.entry.state {
        EntryState::Dead { since, .. } => Some(since),
        _ => None,
    }
}

/// The state of an entry.
pub(super) fn state_of(view: &EntryView, now: UnixTime) -> Markup {
    match view.entry.state {
        EntryState::Queued { due, .. } => html! { "due " (when(due, now)) },
        EntryState::Running {
            lease_ends, begun, ..
        } => html! {
            @if begun { "a worker runs it" } @else { "a worker has fetched it" }
            "; its lease ends " (when(lease_ends, now))
        },
        EntryState::Dead { since, .. } => html! { "since " (when(since, now)) },
        EntryState::Done { kept_until, .. }
        | EntryState::Discarded { kept_until }
        | EntryState::Stale { kept_until }
        | EntryState::Mismatched { kept_until, .. } => {
            html! { "known until " (when(kept_until, now)) }
        }
    }
}
