//! The state of order keys, in rows of their own.

use std::collections::{BTreeMap, HashMap};

use crate::clock::UnixTime;
use crate::event::{Name, OrderKey, Version};
use crate::inbox::{Entry, HeldOrderKey, OrderChange, OrderState};
use crate::store::sql::Place;
use crate::store::sql::row::{from_micros, micros};

/// An order key of a route of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::store) struct OrderAt {
    pub(in crate::store) namespace: String,
    pub(in crate::store) route: String,
    pub(in crate::store) key: String,
}

impl OrderAt {
    /// The order key of this entry, if it has one.
    pub(in crate::store) fn of(namespace: &Name, route: &str, entry: &Entry) -> Option<Self> {
        let order = entry.order.as_ref()?;
        Some(Self {
            namespace: namespace.as_str().to_owned(),
            route: route.to_owned(),
            key: order.key.as_str().to_owned(),
        })
    }
}

/// An order key and its holder, from a row with both; `None` if this version would have written another row.
pub(in crate::store) fn held_order_key(
    namespace: &Name,
    key: &str,
    name: Option<&[u8]>,
    order: &str,
) -> Option<HeldOrderKey> {
    let holder = Place::read(namespace, key, name)?;
    Some(HeldOrderKey::new(OrderKey::parse(order)?, holder))
}

/// The state of some order keys, and which of them must be written. The holder is the number of a row.
#[derive(Debug, Default)]
pub(in crate::store) struct OrderKeys {
    states: HashMap<OrderAt, OrderState<i64>>,
    changed: BTreeMap<OrderAt, OrderState<i64>>,
}

impl OrderKeys {
    pub(in crate::store) fn get(&self, at: &OrderAt) -> OrderState<i64> {
        let state = self.changed.get(at).or_else(|| self.states.get(at));
        state.cloned().unwrap_or_default()
    }

    pub(in crate::store) fn set(&mut self, at: OrderAt, state: OrderState<i64>) {
        self.changed.insert(at, state);
    }

    /// Applies the result of a command on the row with this number.
    pub(in crate::store) fn change(
        &mut self,
        at: Option<OrderAt>,
        id: i64,
        change: Option<OrderChange>,
        now: UnixTime,
    ) {
        if let (Some(at), Some(change)) = (at, change) {
            let (before, state) = (self.get(&at), self.get(&at).after(id, change, now));
            if state != before {
                self.set(at, state);
            }
        }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// The states that were read.
    pub(in crate::store) fn of(states: HashMap<OrderAt, OrderState<i64>>) -> Self {
        Self {
            states,
            changed: BTreeMap::new(),
        }
    }

    /// The rows to write; `None` removes a row.
    pub(in crate::store) fn changed(
        self,
        now: UnixTime,
    ) -> impl Iterator<Item = (OrderAt, Option<OrderRow>)> {
        self.changed.into_iter().map(move |(at, state)| {
            let end = state.kept_until();
            let is_over = end.is_some_and(|end| end <= now);
            let row = OrderRow {
                holder: state.holder,
                applied: state.applied.map(|(version, _)| version.number()),
                applied_until: state.applied.map(|(_, until)| micros(until)),
                used_until: state.used_until.map(micros),
                kept_until: end.map(micros),
            };
            (at, (!is_over).then_some(row))
        })
    }
}

/// The state of an order key, as the columns of its row. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct OrderRow {
    pub(in crate::store) holder: Option<i64>,
    pub(in crate::store) applied: Option<i64>,
    pub(in crate::store) applied_until: Option<i64>,
    pub(in crate::store) used_until: Option<i64>,
    /// `None` while an entry holds the key.
    pub(in crate::store) kept_until: Option<i64>,
}

impl OrderRow {
    /// Reads the state. `kept_until` follows from the rest.
    pub(in crate::store) fn state(self) -> OrderState<i64> {
        let until = self.applied_until.and_then(from_micros);
        OrderState {
            holder: self.holder,
            applied: self.applied.map(Version::new).zip(until),
            used_until: self.used_until.and_then(from_micros),
        }
    }
}
