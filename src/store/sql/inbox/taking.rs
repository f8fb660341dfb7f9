//! Decides which due entries a worker takes.

use std::collections::HashMap;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{
    Content, Entry, EntryState, FailedAttempt, Limit, RateOf, Route, Take, TakeOutcome, Taken,
    fair, tell_stale,
};
use crate::store::sql::place::Place;
use crate::store::sql::row::micros;

use super::batch::NewRow;
use super::order_keys::{OrderAt, OrderKeys};
use super::rates::Limits;
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
    /// Reads a row; `None` if no version of this crate has written it.
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

impl Due {
    /// The place of its order key, if it has one.
    pub(in crate::store) fn order_at(&self) -> Option<OrderAt> {
        OrderAt::of(&self.place.namespace, self.route.as_str(), &self.entry)
    }

    /// Its row with this entry.
    fn row(self, entry: &Entry) -> NewRow {
        NewRow {
            id: self.id,
            place: self.place,
            route: self.route.as_str().to_owned(),
            size: self.size,
            row: EntryRow::from(entry),
        }
    }
}

/// Chooses the entries to take from those that are due, by route.
pub(in crate::store) fn chosen(routes: Vec<Vec<Due>>, take: &Take) -> Vec<Due> {
    let size = |due: &Due| usize::try_from(due.size).unwrap_or(usize::MAX);
    fair(routes, take.first_route(), take.limit, take.max_bytes, size)
}

/// A take in progress.
pub(in crate::store) struct Taking<'a> {
    pub(in crate::store) take: &'a Take,
    pub(in crate::store) now: UnixTime,
    pub(in crate::store) limits: Limits,
    pub(in crate::store) taken: Vec<Taken>,
    /// Whether some were skipped: there may be others after them.
    pub(in crate::store) skipped: bool,
}

impl<'a> Taking<'a> {
    pub(in crate::store) fn new(take: &'a Take, now: UnixTime, limits: Limits) -> Self {
        Self {
            take,
            now,
            limits,
            taken: Vec::new(),
            skipped: false,
        }
    }

    /// How many entries of a route may be taken now, until when entries taken before may use up the rate
    /// of their order keys, and until when it can be used up.
    pub(in crate::store) fn bounds(&self, route: &Route) -> (i64, i64, i64) {
        let limit = self.limits.get(route, RateOf::Provider);
        let left = limit.map_or(usize::MAX, |limit| limit.left(self.now));
        let of_key = self.limits.get(route, RateOf::EachOrderKey);
        let free = of_key.map(|limit| micros(limit.rate.may_be_used_until(self.now)));
        let used = of_key.map(|limit| micros(limit.rate.is_used_until(self.now)));
        let most = i64::try_from(self.take.limit.min(left)).unwrap_or(i64::MAX);
        (most, free.unwrap_or(i64::MAX), used.unwrap_or(i64::MAX))
    }

    /// Takes these entries with their contents, and returns the changes to write.
    pub(in crate::store) fn take(
        &mut self,
        chosen: Vec<Due>,
        mut contents: HashMap<i64, Content>,
        order_keys: &mut OrderKeys,
    ) -> Vec<NewRow> {
        let now = self.now;
        let mut rows = Vec::with_capacity(chosen.len());
        for due in chosen {
            let at = due.order_at();
            let order = at.as_ref().map(|at| order_keys.get(at));
            let provider = due.route.provider().clone();
            let mut all = self.limits.get(&due.route, RateOf::Provider);
            let rate = self.limits.get(&due.route, RateOf::EachOrderKey);
            let rate = rate.map(|limit| limit.rate);
            let mut of_key = order.as_ref().and_then(|order| order.limit(rate));
            let may_use = |limit: &Option<Limit>| limit.is_none_or(|limit| limit.lets(now));
            if !may_use(&all) || !may_use(&of_key) {
                continue;
            }
            let step = (self.take).apply(&due.id, (&due.route, &due.entry), order.as_ref(), now);
            let (mut next, mut change) = (step.write, step.order);
            match (step.outcome, contents.remove(&due.id), &next) {
                (TakeOutcome::Taken, Some(content), Some(entry)) => {
                    let (key, route) = (due.key.clone(), due.route.clone());
                    self.taken
                        .push(Taken::new(key, route, entry.clone(), content));
                    all.iter_mut()
                        .chain(&mut of_key)
                        .for_each(|it| it.take_one(now));
                }
                (TakeOutcome::Taken, ..) => {
                    self.skipped = true;
                    next = Some(without_content(&due.entry, now));
                    change = due.entry.frees_when_dead();
                }
                (TakeOutcome::Stale, ..) => {
                    self.skipped = true;
                    tell_stale(&due.key);
                }
                (TakeOutcome::Buried, ..) => self.skipped = true,
                // A written entry is set aside for takes of lone entries.
                (TakeOutcome::NotNow, _, aside) => self.skipped |= aside.is_some(),
            }
            if let Some(limit) = all {
                self.limits.set(&provider, RateOf::Provider, limit);
            }
            if let (Some(at), Some(mut order)) = (at, order.filter(|_| change.is_some())) {
                order.used_until = of_key.map(|limit| limit.used_until).or(order.used_until);
                order_keys.set(at.clone(), order);
                order_keys.change(Some(at), due.id, change, now);
            }
            rows.extend(next.map(|entry| due.row(&entry)));
        }
        rows
    }
}

/// An entry whose content is lost, as dead.
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
