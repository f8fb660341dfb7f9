use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::command::{Accept, Accepted, Content, Moved, Redrive, Take, Taken};
use crate::inbox::entry::Entry;
use crate::inbox::fair::fair;
use crate::inbox::order::{OrderState, tell_stale};
use crate::inbox::rate::{Limit, Rate, RateOf, RateView};
use crate::inbox::route::Route;
use crate::inbox::rules::{EntryCommand, EntryStep, TakeOutcome};
use crate::inbox::view::{EntryCounts, EntryView, HeldOrderKey, List};
use crate::store::{StoreError, StoreErrorKind};

use super::orders::Orders;

/// How many entries each command checks for the end of their time: more than it may add.
const PURGED_AT_ONCE: usize = 16;

/// The entries, under one lock.
pub(super) struct Space {
    capacity: usize,
    /// How many of them must still be moved on.
    open: usize,
    slots: HashMap<EventKey, Slot>,
    due: BTreeMap<Route, BTreeSet<Place>>,
    /// Entries that have ended in some way, by the end of their retention.
    ending: BTreeSet<Place>,
    paused: BTreeSet<Name>,
    limits: BTreeMap<(Name, RateOf), Limit>,
    orders: Orders,
    numbered: u64,
}

/// A time, the number of the entry, and its key.
type Place = (UnixTime, u64, String);

struct Slot {
    number: u64,
    route: Route,
    entry: Entry,
    content: Option<Content>,
}

impl Space {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            open: 0,
            slots: HashMap::new(),
            due: BTreeMap::new(),
            ending: BTreeSet::new(),
            paused: BTreeSet::new(),
            limits: BTreeMap::new(),
            orders: Orders::default(),
            numbered: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn accept(
        &mut self,
        accept: &Accept,
        now: UnixTime,
    ) -> Result<Accepted, StoreError> {
        self.purge(now);
        let known = self.slots.get(&accept.key);
        let step = accept.apply(known.map(|slot| &slot.entry), now);
        let Some(entry) = step.write else {
            return Ok(step.outcome);
        };
        let adds = known.is_none_or(|slot| !slot.entry.is_open());
        if adds && self.open >= self.capacity && !accept.was_held {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        let before = self.remove(&accept.key);
        if let Some(slot) = &before {
            let entry = (&accept.key, &slot.entry);
            self.orders.change(&slot.route, entry, step.order, now);
        }
        let (number, route) = match before {
            Some(slot) if !adds => (slot.number, slot.route),
            _ => (self.next_number(), accept.route.clone()),
        };
        let content = Some(super::content::copied(&accept.content));
        self.insert(
            accept.key.clone(),
            Slot {
                number,
                route,
                entry,
                content,
            },
        );
        Ok(step.outcome)
    }

    pub(super) fn run<C: EntryCommand>(&mut self, command: &C, now: UnixTime) -> C::Outcome {
        let key = command.key();
        let slot = self.slots.get(key);
        let step = command.apply(slot.map(|slot| &slot.entry), now);
        if let Some(slot) = slot {
            let entry = (key, &slot.entry);
            self.orders.change(&slot.route, entry, step.order, now);
        }
        if let Some(entry) = step.write {
            self.update(key, entry);
        }
        step.outcome
    }

    pub(super) fn redrive(&mut self, redrive: &Redrive, now: UnixTime) -> Moved {
        let slot = self.slots.get(&redrive.key);
        let against = slot.and_then(|slot| {
            let order = self.orders.of(&slot.route, &slot.entry)?;
            redrive.against_order(&slot.entry, &order, now)
        });
        against.unwrap_or_else(|| self.run(redrive, now))
    }

    pub(super) fn take(&mut self, take: &Take, now: UnixTime) -> Vec<Taken> {
        self.purge(now);
        loop {
            let due: Vec<Vec<EventKey>> = (take.routes.iter())
                .filter(|route| !self.paused.contains(route.provider()))
                .map(|route| self.due_of(route, take, now))
                .collect();
            let size = |key: &EventKey| {
                let content = self.slots.get(key).and_then(|slot| slot.content.as_ref());
                content.map_or(0, Content::size)
            };
            let keys = fair(due, take.first_route(), take.limit, take.max_bytes, size);
            let (mut taken, mut skipped) = (Vec::new(), false);
            for key in &keys {
                match self.take_one(take, key, now) {
                    (TakeOutcome::Taken, entry) => taken.extend(entry),
                    (TakeOutcome::Stale, _) => {
                        skipped = true;
                        tell_stale(key);
                    }
                    (TakeOutcome::Buried, _) => skipped = true,
                    // It may now be of the other kind.
                    (TakeOutcome::NotNow, _) => skipped |= !self.is_of(key, take.lone),
                }
            }
            // Entries after the skipped ones may be due.
            if !taken.is_empty() || !skipped {
                return taken;
            }
        }
    }

    fn due_of(&self, route: &Route, take: &Take, now: UnixTime) -> Vec<EventKey> {
        let due = self.due.get(route).into_iter().flatten();
        let limit = self.limit(route, RateOf::Provider);
        let left = limit.map_or(usize::MAX, |limit| limit.left(now));
        due.take_while(|(at, _, _)| *at <= now)
            .filter_map(|(_, _, key)| EventKey::decode(key).ok())
            .filter(|key| {
                let slot = self.slots.get(key).filter(|_| self.is_of(key, take.lone));
                slot.is_some_and(|slot| self.lets(key, slot, now))
            })
            .take(take.limit.min(left))
            .collect()
    }

    fn is_of(&self, key: &EventKey, lone: bool) -> bool {
        (self.slots.get(key)).is_none_or(|slot| slot.entry.is_lone() == lone)
    }

    fn limit(&self, route: &Route, of: RateOf) -> Option<Limit> {
        self.limits.get(&(route.rated()?.clone(), of)).copied()
    }

    /// The state of an entry's order key, if it has one, and the rest of its rate, if there is one.
    fn order_of(&self, slot: &Slot) -> Option<(OrderState, Option<Limit>)> {
        let order = self.orders.of(&slot.route, &slot.entry)?;
        let rate = self.limit(&slot.route, RateOf::EachOrderKey);
        let limit = order.limit(rate.map(|limit| limit.rate));
        Some((order, limit))
    }

    /// Whether the order key of an entry lets it be taken.
    fn lets(&self, key: &EventKey, slot: &Slot, now: UnixTime) -> bool {
        self.order_of(slot).is_none_or(|(order, limit)| {
            order.lets(key) && limit.is_none_or(|limit| limit.lets(now))
        })
    }

    fn take_one(
        &mut self,
        take: &Take,
        key: &EventKey,
        now: UnixTime,
    ) -> (TakeOutcome, Option<Taken>) {
        let nothing = (TakeOutcome::NotNow, None);
        let Some(slot) = self.slots.get(key) else {
            return nothing;
        };
        let (before, route) = (slot.entry.clone(), slot.route.clone());
        let mut all = self.limit(&route, RateOf::Provider);
        let (order, mut of_key) = self.order_of(slot).unzip();
        let of_key = of_key.as_mut().and_then(Option::as_mut);
        let lets = |limit: Option<&Limit>| limit.is_none_or(|limit| limit.lets(now));
        if !lets(all.as_ref()) || !lets(of_key.as_deref()) {
            return nothing;
        }
        let step = take.apply(key, (&route, &before), order.as_ref(), now);
        let EntryStep { write, outcome, .. } = step;
        let taken = (outcome == TakeOutcome::Taken).then(|| {
            let content = slot.content.clone();
            Some(Taken::new(
                key.clone(),
                slot.route.clone(),
                write.clone()?,
                content?,
            ))
        });
        if let (Some(change), Some(mut order)) = (step.order, order) {
            if let Some(limit) = of_key.filter(|_| outcome == TakeOutcome::Taken) {
                limit.take_one(now);
                order.used_until = Some(limit.used_until);
            }
            let order = order.after(key.clone(), change, now);
            self.orders.set(&route, &before, order, now);
        }
        if let Some(limit) = all.as_mut().filter(|_| outcome == TakeOutcome::Taken) {
            limit.take_one(now);
            let of = (route.provider().clone(), RateOf::Provider);
            self.limits.insert(of, *limit);
        }
        if let Some(entry) = write {
            self.update(key, entry);
        }
        (outcome, taken.flatten())
    }

    pub(super) fn next_due(&self) -> Option<UnixTime> {
        let first = |due: &BTreeSet<Place>| due.first().map(|(at, _, _)| *at);
        self.due.values().filter_map(first).min()
    }

    pub(super) fn view(&self, key: &EventKey, now: UnixTime) -> Option<EntryView> {
        let slot = (self.slots.get(key)).filter(|slot| slot.entry.is_kept(now))?;
        let body = slot.content.as_ref().map(|content| content.body.clone());
        Some(slot.view(key, now).body(body))
    }

    pub(super) fn list(&self, list: &List, now: UnixTime) -> Vec<EntryView> {
        let after = list.after.as_ref().map(EventKey::encoded);
        let mut found: Vec<_> = (self.slots.iter())
            .filter(|(key, slot)| {
                let provider = (list.provider.as_ref()).is_none_or(|it| it == key.provider());
                provider && slot.entry.is_kept(now) && slot.entry.status(now) == list.status
            })
            .map(|(key, slot)| (key.encoded(), slot.view(key, now)))
            .filter(|(encoded, _)| after.as_ref().is_none_or(|after| encoded > after))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.truncate(list.limit);
        found.into_iter().map(|(_, view)| view).collect()
    }

    pub(super) fn counts(&self, now: UnixTime) -> EntryCounts {
        let mut counts = EntryCounts::default();
        let kept = self.slots.values().filter(|slot| slot.entry.is_kept(now));
        kept.for_each(|slot| counts.add(slot.entry.status(now), 1));
        counts
    }

    pub(super) fn has_ended(&self, key: &EventKey, now: UnixTime) -> bool {
        let slot = self.slots.get(key);
        slot.is_some_and(|slot| slot.entry.has_ended(now))
    }

    pub(super) fn forget(&mut self, key: &EventKey, now: UnixTime) -> bool {
        self.remove(key).is_some_and(|slot| {
            let frees = slot.entry.frees();
            self.orders
                .change(&slot.route, (key, &slot.entry), frees, now);
            slot.entry.is_kept(now)
        })
    }

    pub(super) fn set_paused(&mut self, provider: &Name, paused: bool) -> bool {
        if paused {
            self.paused.insert(provider.clone())
        } else {
            self.paused.remove(provider)
        }
    }

    pub(super) fn paused(&self) -> Vec<Name> {
        self.paused.iter().cloned().collect()
    }

    pub(super) fn set_rate(&mut self, provider: &Name, of: RateOf, rate: Option<Rate>) -> bool {
        let at = (provider.clone(), of);
        if self.limits.get(&at).map(|limit| limit.rate) == rate {
            return false;
        }
        match rate {
            Some(rate) => {
                self.limits.insert(at, Limit::new(rate, UnixTime::EPOCH));
            }
            None => {
                self.limits.remove(&at);
            }
        }
        true
    }

    pub(super) fn rates(&self) -> Vec<RateView> {
        let view = |((provider, of), limit): (&(Name, RateOf), &Limit)| {
            RateView::new(provider.clone(), *of, limit.rate, limit.used_until)
        };
        self.limits.iter().map(view).collect()
    }

    pub(super) fn held(&self, route: &Route, limit: usize) -> Vec<HeldOrderKey> {
        self.orders.held(route, limit)
    }

    fn purge(&mut self, now: UnixTime) {
        for _ in 0..PURGED_AT_ONCE {
            if !self.orders.purge_one(now) {
                break;
            }
        }
        for _ in 0..PURGED_AT_ONCE {
            let over = self.ending.first().filter(|(at, _, _)| *at <= now);
            let Some(key) = over.and_then(|(_, _, key)| EventKey::decode(key).ok()) else {
                return;
            };
            self.remove(&key);
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbered = self.numbered.saturating_add(1);
        self.numbered
    }

    fn update(&mut self, key: &EventKey, entry: Entry) {
        if let Some(slot) = self.remove(key) {
            let content = slot.content.filter(|_| entry.needs_content());
            self.insert(
                key.clone(),
                Slot {
                    entry,
                    content,
                    ..slot
                },
            );
        }
    }

    fn insert(&mut self, key: EventKey, slot: Slot) {
        let place = |at| (at, slot.number, key.encoded());
        if let Some(due) = slot.entry.due() {
            let of_route = self.due.entry(slot.route.clone()).or_default();
            of_route.insert(place(due));
        } else if let Some(end) = slot.entry.kept_until() {
            self.ending.insert(place(end));
        }
        if slot.entry.is_open() {
            self.open = self.open.saturating_add(1);
        }
        self.slots.insert(key, slot);
    }

    fn remove(&mut self, key: &EventKey) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        let place = |at| (at, slot.number, key.encoded());
        if let Some(due) = slot.entry.due()
            && let Some(of_route) = self.due.get_mut(&slot.route)
        {
            of_route.remove(&place(due));
            if of_route.is_empty() {
                self.due.remove(&slot.route);
            }
        } else if let Some(end) = slot.entry.kept_until() {
            self.ending.remove(&place(end));
        }
        if slot.entry.is_open() {
            self.open = self.open.saturating_sub(1);
        }
        Some(slot)
    }
}

impl Slot {
    fn view(&self, key: &EventKey, now: UnixTime) -> EntryView {
        EntryView::new(key.clone(), self.route.clone(), self.entry.clone(), now)
    }
}
