use std::collections::{BTreeMap, BTreeSet};

use crate::clock::UnixTime;
use crate::event::{EventKey, OrderKey};
use crate::inbox::entry::Entry;
use crate::inbox::order::{OrderChange, OrderState};
use crate::inbox::route::Route;
use crate::inbox::view::HeldOrderKey;

/// The states of order keys, each of one route.
#[derive(Default)]
pub(super) struct Orders {
    states: BTreeMap<Place, OrderState>,
    /// When each may be forgotten.
    ending: BTreeSet<(UnixTime, Place)>,
}

type Place = (Route, OrderKey);

impl Orders {
    /// The state of this entry's order key, if it has one.
    pub(super) fn of(&self, route: &Route, entry: &Entry) -> Option<OrderState> {
        let order = entry.order.as_ref()?;
        let state = self.states.get(&(route.clone(), order.key.clone()));
        Some(state.cloned().unwrap_or_default())
    }

    /// Applies the effect of a command to this entry's order key.
    pub(super) fn change(
        &mut self,
        route: &Route,
        (event, entry): (&EventKey, &Entry),
        change: Option<OrderChange>,
        now: UnixTime,
    ) {
        if let (Some(change), Some(state)) = (change, self.of(route, entry)) {
            self.set(route, entry, state.after(event.clone(), change, now), now);
        }
    }

    /// Sets the state of this entry's order key.
    pub(super) fn set(&mut self, route: &Route, entry: &Entry, state: OrderState, now: UnixTime) {
        let Some(order) = &entry.order else { return };
        let place = (route.clone(), order.key.clone());
        if let Some(end) = self.states.get(&place).and_then(OrderState::kept_until) {
            self.ending.remove(&(end, place.clone()));
        }
        let end = state.kept_until();
        if end.is_some_and(|end| end <= now) {
            self.states.remove(&place);
            return;
        }
        if let Some(end) = end {
            self.ending.insert((end, place.clone()));
        }
        self.states.insert(place, state);
    }

    /// The held order keys, with their holders.
    pub(super) fn held(&self, route: &Route, limit: usize) -> Vec<HeldOrderKey> {
        let states = self.states.iter().filter(|((of, _), _)| of == route);
        let held = states.filter_map(|((_, key), state)| {
            let holder = state.holder.clone()?;
            Some(HeldOrderKey::new(key.clone(), holder))
        });
        held.take(limit).collect()
    }

    /// Forgets one whose time is over, if any.
    pub(super) fn purge_one(&mut self, now: UnixTime) -> bool {
        let over = self.ending.first().filter(|(end, _)| *end <= now).cloned();
        let Some(over) = over else { return false };
        self.ending.remove(&over);
        self.states.remove(&over.1);
        true
    }
}
