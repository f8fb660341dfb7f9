//! Several commands in one transaction: rows are read, changes and answers are returned.

use std::collections::HashMap;

use crate::clock::UnixTime;
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::Record;

use super::order::{Answer, Placed, Verdict};
use super::place::Place;
use super::row::Row;

/// The content of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Stored {
    Record(Record),
    /// Values that no version of this crate has written.
    Unreadable,
}

/// The existing rows, by namespace and key.
pub(in crate::store) type Found = HashMap<(String, String), Stored>;

/// A change to a row.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum Change {
    /// There is no row yet; insert this one.
    Insert(Place, Row),
    Update(Place, Row),
    Delete(Place),
}

/// The results of commands carried out one after the other, and the changes to write. Each place is
/// in one change at most.
pub(in crate::store) fn decide<'a>(
    orders: impl IntoIterator<Item = &'a Placed>,
    found: &Found,
    now: UnixTime,
) -> (Vec<Result<Answer, StoreError>>, Vec<Change>) {
    let mut states: HashMap<(&str, &str), State<'a>> = HashMap::new();
    let answers = orders
        .into_iter()
        .map(|Placed { place, order }| {
            let at = (place.namespace.as_str(), place.key.as_str());
            let state = states.entry(at).or_insert_with(|| {
                let stored = found.get(&(at.0.to_owned(), at.1.to_owned()));
                State {
                    place,
                    existed: stored.is_some(),
                    current: stored.cloned(),
                    changed: false,
                }
            });
            let record = match &state.current {
                Some(Stored::Record(record)) => Some(record),
                None => None,
                Some(Stored::Unreadable) => {
                    let (verdict, _) = order.apply(None, now);
                    if !matches!(verdict, Verdict::Remove) {
                        return Err(unreadable());
                    }
                    state.current = None;
                    state.changed = true;
                    return Ok(Answer::Forgotten(true));
                }
            };
            let (verdict, answer) = order.apply(record, now);
            match verdict {
                Verdict::Leave => {}
                Verdict::Write(record) => {
                    state.current = Some(Stored::Record(record));
                    state.changed = true;
                }
                Verdict::Remove => {
                    state.current = None;
                    state.changed = true;
                }
            }
            Ok(answer)
        })
        .collect();
    let mut changes: Vec<_> = states.into_values().filter_map(State::change).collect();
    // In one order everywhere, so that two transactions never deadlock.
    changes.sort_unstable_by(|a, b| place_of(a).cmp(&place_of(b)));
    (answers, changes)
}

pub(in crate::store) fn unreadable() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt)
}

fn place_of(change: &Change) -> (&str, &str) {
    let (Change::Insert(place, _) | Change::Update(place, _) | Change::Delete(place)) = change;
    (place.namespace.as_str(), place.key.as_str())
}

struct State<'a> {
    place: &'a Place,
    existed: bool,
    current: Option<Stored>,
    changed: bool,
}

impl State<'_> {
    fn change(self) -> Option<Change> {
        if !self.changed {
            return None;
        }
        let (place, existed) = (self.place.clone(), self.existed);
        match self.current {
            Some(Stored::Record(record)) if existed => {
                Some(Change::Update(place, Row::from(&record)))
            }
            Some(Stored::Record(record)) => Some(Change::Insert(place, Row::from(&record))),
            None if existed => Some(Change::Delete(place)),
            None | Some(Stored::Unreadable) => None,
        }
    }
}

#[cfg(test)]
mod tests;
