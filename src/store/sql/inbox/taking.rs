//! What a worker takes of what is due.

use std::collections::HashMap;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{
    Content, Entry, EntryState, FailedAttempt, Route, Take, TakeOutcome, Taken, fair,
};
use crate::store::sql::place::Place;

use super::batch::NewRow;
use super::row::EntryRow;

/// An entry that is due.
pub(in crate::store) struct Due {
    pub(in crate::store) id: i64,
    place: Place,
    route: Route,
    size: i64,
    key: EventKey,
    entry: Entry,
}

impl Due {
    /// Reads what stands in a row; `None` where no version of this crate has written it.
    pub(in crate::store) fn read(
        namespace: &Name,
        route: &Route,
        (id, size): (i64, i64),
        (key, name): (&str, Option<&[u8]>),
        row: &EntryRow,
    ) -> Option<Self> {
        let event = Place::read(namespace, key, name)?;
        Some(Self {
            id,
            place: Place::of(namespace, &event),
            route: route.clone(),
            size,
            entry: row.entry()?,
            key: event,
        })
    }
}

/// Of what is due by route, what is to be taken.
pub(in crate::store) fn chosen(routes: Vec<Vec<Due>>, take: &Take) -> Vec<Due> {
    let size = |due: &Due| usize::try_from(due.size).unwrap_or(usize::MAX);
    fair(routes, take.limit, take.max_bytes, size)
}

/// Takes these entries with their contents: what the worker is given, and what is to be written.
pub(in crate::store) fn taken(
    chosen: Vec<Due>,
    mut contents: HashMap<i64, Content>,
    take: &Take,
    now: UnixTime,
) -> (Vec<Taken>, Vec<NewRow>) {
    let (mut rows, mut taken) = (Vec::new(), Vec::new());
    for due in chosen {
        let step = take.apply(&due.entry, now);
        let mut next = step.write;
        if let (TakeOutcome::Taken, Some(entry)) = (step.outcome, &next) {
            match contents.remove(&due.id) {
                Some(content) => {
                    let (key, route) = (due.key.clone(), due.route.clone());
                    taken.push(Taken::new(key, route, entry.clone(), content));
                }
                None => next = Some(without_content(&due.entry, now)),
            }
        }
        rows.extend(next.map(|entry| NewRow {
            id: due.id,
            place: due.place.clone(),
            route: due.route.as_str().to_owned(),
            size: due.size,
            row: EntryRow::from(&entry),
        }));
    }
    (taken, rows)
}

/// An entry whose content is lost.
fn without_content(entry: &Entry, now: UnixTime) -> Entry {
    let failed = FailedAttempt::new(entry.attempts, now, "its content is lost");
    let history = entry.history.iter().cloned().chain([failed]).collect();
    Entry {
        state: EntryState::Dead {
            token: None,
            since: now,
        },
        history,
        ..entry.clone()
    }
}
