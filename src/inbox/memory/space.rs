use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::command::{Accept, Accepted, Content, Take, Taken};
use crate::inbox::entry::Entry;
use crate::inbox::fair::fair;
use crate::inbox::route::Route;
use crate::inbox::rules::{EntryCommand, EntryStep, TakeOutcome};
use crate::inbox::view::{EntryCounts, EntryView, List};
use crate::store::{StoreError, StoreErrorKind};

/// How many entries each command looks at for whether their time is over: more than it may add.
const PURGED_AT_ONCE: usize = 16;

/// The entries, behind one lock.
pub(super) struct Space {
    capacity: usize,
    /// How many of them are not done or discarded.
    open: usize,
    slots: HashMap<EventKey, Slot>,
    due: BTreeMap<Route, BTreeSet<Place>>,
    /// What is done or discarded, by the end of its retention.
    ending: BTreeSet<Place>,
    paused: BTreeSet<Name>,
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
        let adds = known.is_none_or(|slot| !slot.entry.needs_content());
        if adds && self.open >= self.capacity {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        let before = self.remove(&accept.key);
        let (number, route) = match before {
            Some(slot) if !adds => (slot.number, slot.route),
            _ => (self.next_number(), accept.route.clone()),
        };
        let content = Some(accept.content.clone());
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
        let step = command.apply(self.slots.get(key).map(|slot| &slot.entry), now);
        if let Some(entry) = step.write {
            self.update(key, entry);
        }
        step.outcome
    }

    pub(super) fn take(&mut self, take: &Take, now: UnixTime) -> Vec<Taken> {
        self.purge(now);
        let due: Vec<Vec<EventKey>> = (take.routes.iter())
            .filter(|route| !self.paused.contains(route.provider()))
            .map(|route| self.due_of(route, take, now))
            .collect();
        let size = |key: &EventKey| {
            let content = self.slots.get(key).and_then(|slot| slot.content.as_ref());
            content.map_or(0, Content::size)
        };
        let keys = fair(due, take.limit, take.max_bytes, size);
        keys.iter()
            .filter_map(|key| self.take_one(take, key, now))
            .collect()
    }

    fn due_of(&self, route: &Route, take: &Take, now: UnixTime) -> Vec<EventKey> {
        let due = self.due.get(route).into_iter().flatten();
        due.take_while(|(at, _, _)| *at <= now)
            .filter_map(|(_, _, key)| EventKey::decode(key).ok())
            .filter(|key| {
                (self.slots.get(key)).is_some_and(|slot| slot.entry.is_lone() == take.lone)
            })
            .take(take.limit)
            .collect()
    }

    fn take_one(&mut self, take: &Take, key: &EventKey, now: UnixTime) -> Option<Taken> {
        let slot = self.slots.get(key)?;
        let before = slot.entry.clone();
        let EntryStep { write, outcome, .. } = take.apply(&before, now);
        let taken = (outcome == TakeOutcome::Taken).then(|| {
            let content = slot.content.clone();
            Some(Taken::new(
                key.clone(),
                slot.route.clone(),
                write.clone()?,
                content?,
            ))
        });
        if let Some(entry) = write {
            self.update(key, entry);
        }
        taken.flatten()
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

    pub(super) fn forget(&mut self, key: &EventKey, now: UnixTime) -> bool {
        self.remove(key).is_some_and(|slot| slot.entry.is_kept(now))
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

    fn purge(&mut self, now: UnixTime) {
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
        if slot.entry.needs_content() {
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
        if slot.entry.needs_content() {
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
