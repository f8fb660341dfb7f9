//! Several commands on entries in one transaction: rows are read, changes and answers are returned.

use std::collections::HashMap;

use crate::clock::UnixTime;
use crate::inbox::{Content, Entry};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::Record;
use crate::store::sql::place::Place;

use super::order::{Answer, Applied, Order, Verdict};
use super::order_keys::{OrderAt, OrderKeys};
use super::row::EntryRow;

/// A command and the place of its entry.
#[derive(Debug)]
pub(in crate::store) struct Placed {
    pub(in crate::store) namespace: crate::event::Name,
    pub(in crate::store) place: Option<Place>,
    pub(in crate::store) order: Order,
}

impl Placed {
    pub(in crate::store) fn new(namespace: &crate::event::Name, order: Order) -> Self {
        Self {
            namespace: namespace.clone(),
            place: order.key().map(|key| Place::of(namespace, key)),
            order,
        }
    }
}

/// A namespace and the key of a row in it.
pub(in crate::store) type At = (String, String);

/// An existing row.
#[derive(Debug, Clone)]
pub(in crate::store) struct FoundRow {
    pub(in crate::store) id: i64,
    pub(in crate::store) route: String,
    pub(in crate::store) size: i64,
    /// `None` if no version of this crate has written it.
    pub(in crate::store) entry: Option<Entry>,
}

/// The existing rows and related state.
#[derive(Debug, Default)]
pub(in crate::store) struct Found {
    pub(in crate::store) rows: HashMap<At, FoundRow>,
    /// The records of accepted events in a store beside the inbox.
    pub(in crate::store) records: HashMap<At, Record>,
    /// The state of the order keys of these rows.
    pub(in crate::store) order_keys: OrderKeys,
    /// The number of the next new row; all existing numbers are smaller.
    pub(in crate::store) next_id: i64,
    /// For how many more entries there is room.
    pub(in crate::store) room: u64,
}

/// A row to write.
#[derive(Debug)]
pub(in crate::store) struct NewRow {
    pub(in crate::store) id: i64,
    pub(in crate::store) place: Place,
    pub(in crate::store) route: String,
    pub(in crate::store) size: i64,
    pub(in crate::store) row: EntryRow,
}

/// The changes to write.
#[derive(Debug, Default)]
pub(in crate::store) struct Changes {
    /// Rows to remove, before any other change.
    pub(in crate::store) removed: Vec<(i64, Place)>,
    pub(in crate::store) rows: Vec<NewRow>,
    pub(in crate::store) contents: Vec<(i64, Content)>,
    /// Contents that are no longer needed.
    pub(in crate::store) dropped: Vec<i64>,
    pub(in crate::store) order_keys: OrderKeys,
    /// Removed rows whose order keys cannot be read: any key that they hold is freed.
    pub(in crate::store) freed: Vec<i64>,
    /// By how much the number of unfinished entries has grown.
    pub(in crate::store) opened: i64,
}

impl Changes {
    pub(in crate::store) fn is_empty(&self) -> bool {
        let Self {
            removed,
            rows,
            contents,
            dropped,
            order_keys,
            freed: _,
            opened: _,
        } = self;
        let written = removed.is_empty() && rows.is_empty() && contents.is_empty();
        written && dropped.is_empty() && order_keys.is_empty()
    }
}

/// The state of an entry after some commands.
struct Slot<'a> {
    /// The number of the first command on it.
    number: usize,
    place: &'a Place,
    found: Option<&'a FoundRow>,
    current: Current,
    route: Option<String>,
    content: Option<Content>,
    /// Whether it is a new row instead of the one that was found.
    is_new: bool,
    changed: bool,
}

enum Current {
    Absent,
    Entry(Entry),
    Unreadable,
}

pub(in crate::store) type Answers = Vec<Option<Result<Answer, StoreError>>>;

/// The results of commands on entries, carried out one after the other, and the changes to write. A
/// command that concerns no entry has no answer here.
pub(in crate::store) fn decide(
    orders: &[&Placed],
    found: &mut Found,
    now: UnixTime,
) -> (Answers, Changes) {
    let mut slots: HashMap<&Place, Slot<'_>> = HashMap::new();
    let (mut room, mut order_keys) = (found.room, std::mem::take(&mut found.order_keys));
    let found = &*found;
    let answers = orders.iter().enumerate().map(|(number, placed)| {
        let place = placed.place.as_ref()?;
        let at = (place.namespace.as_str().to_owned(), place.key.clone());
        let slot = slots
            .entry(place)
            .or_insert_with(|| Slot::of(number, place, found.rows.get(&at)));
        let record = found.records.get(&at);
        slot.apply(&placed.order, record, now, &mut room, &mut order_keys)
    });
    let answers = answers.collect();
    let mut changes = Changes {
        order_keys,
        ..Changes::default()
    };
    let mut next_id = found.next_id;
    // In the order in which they arrived.
    let mut written: Vec<_> = slots.into_values().filter(|slot| slot.changed).collect();
    written.sort_by_key(|slot| slot.number);
    for slot in written {
        slot.write(&mut changes, &mut next_id);
    }
    (answers, changes)
}

impl<'a> Slot<'a> {
    fn of(number: usize, place: &'a Place, found: Option<&'a FoundRow>) -> Self {
        let current = match found.map(|row| &row.entry) {
            None => Current::Absent,
            Some(Some(entry)) => Current::Entry(entry.clone()),
            Some(None) => Current::Unreadable,
        };
        Self {
            number,
            place,
            found,
            current,
            route: None,
            content: None,
            is_new: false,
            changed: false,
        }
    }

    fn apply(
        &mut self,
        order: &Order,
        record: Option<&Record>,
        now: UnixTime,
        room: &mut u64,
        order_keys: &mut OrderKeys,
    ) -> Option<Result<Answer, StoreError>> {
        let entry = match &self.current {
            Current::Absent => None,
            Current::Entry(entry) => Some(entry),
            Current::Unreadable if matches!(order, Order::Forget(_)) => {
                self.current = Current::Absent;
                self.changed = true;
                return Some(Ok(Answer::Changed(true)));
            }
            Current::Unreadable => return Some(Err(unreadable())),
        };
        // Only a row that existed before may hold its order key.
        let held = self.found.filter(|_| !self.is_new).zip(entry);
        let at = held.and_then(|(row, entry)| {
            let at = OrderAt::of(&self.place.namespace, &row.route, entry)?;
            Some((row.id, at))
        });
        let state = at.as_ref().map(|(_, at)| order_keys.get(at));
        let applied = order.apply(entry, state.as_ref(), record, now)?;
        let Applied {
            verdict,
            order: change,
            answer,
        } = applied;
        if let Some((id, at)) = at {
            order_keys.change(Some(at), id, change, now);
        }
        match verdict {
            Verdict::Leave => return Some(Ok(answer)),
            Verdict::Write(next) => {
                self.current = Current::Entry(next);
            }
            Verdict::WriteContent(next, content) => {
                let is_open = entry.is_some_and(Entry::is_open);
                if !is_open {
                    let was_held = matches!(order, Order::Accept(accept) if accept.was_held);
                    match room.checked_sub(1) {
                        Some(left) => *room = left,
                        None if was_held => {}
                        None => return Some(Err(StoreError::new(StoreErrorKind::Full))),
                    }
                    self.is_new = true;
                }
                if let Order::Accept(accept) = order
                    && !is_open
                {
                    self.route = Some(accept.route.as_str().to_owned());
                }
                self.current = Current::Entry(next);
                self.content = Some(content);
            }
            Verdict::Remove => {
                self.current = Current::Absent;
                self.content = None;
                self.is_new = false;
            }
        }
        self.changed = true;
        Some(Ok(answer))
    }

    fn write(self, changes: &mut Changes, next_id: &mut i64) {
        let was_open = self
            .found
            .is_some_and(|row| (row.entry.as_ref()).is_none_or(Entry::is_open));
        let Current::Entry(entry) = &self.current else {
            if let Some(row) = self.found {
                changes.removed.push((row.id, self.place.clone()));
                changes.freed.extend(row.entry.is_none().then_some(row.id));
                changes.opened -= i64::from(was_open);
            }
            return;
        };
        let old = self.found.filter(|_| !self.is_new);
        if let Some(row) = self.found.filter(|_| self.is_new) {
            changes.removed.push((row.id, self.place.clone()));
        }
        let id = old.map_or(*next_id, |row| row.id);
        if old.is_none() {
            *next_id = next_id.saturating_add(1);
        }
        changes.opened += i64::from(entry.is_open()) - i64::from(was_open);
        let size = match &self.content {
            Some(content) => i64::try_from(content.size()).unwrap_or(i64::MAX),
            None => old.map_or(0, |row| row.size),
        };
        if !entry.needs_content() {
            if old.is_some() {
                changes.dropped.push(id);
            }
        } else if let Some(content) = self.content {
            changes.contents.push((id, content));
        }
        let route = self.route.or_else(|| Some(old?.route.clone()));
        changes.rows.push(NewRow {
            id,
            place: self.place.clone(),
            route: route.unwrap_or_default(),
            size,
            row: EntryRow::from(entry),
        });
    }
}

fn unreadable() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt)
        .with_source("a row that no version of this crate writes")
}
