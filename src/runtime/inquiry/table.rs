//! Decides who waits for which answer, and who makes room. Nothing here waits or asks. Strangers
//! fill it, so no delivery may trigger a scan of all the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{ConfirmAnswer, Subject};
use crate::runtime::confirm::{ConfirmLimits, SHARE, Unconfirmed};

/// The most places that are cleared for one delivery.
const MOST_CLEARED: usize = 64;
/// How many subjects without waiting deliveries are remembered.
const MOST_REMEMBERED: usize = 1_024;

/// How much evidence there is against a waiting delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// No answer yet.
    None,
    /// An answer that did not confirm it.
    Open,
    /// An answer that spoke against it.
    Untrue,
}

/// A delivery that is not confirmed.
pub(super) struct Seat {
    pub(super) subject: Subject,
    pub(super) event: Unconfirmed,
    pub(super) arrived: Instant,
    pub(super) deadline: Instant,
    pub(super) doubt: Doubt,
    pub(super) answered: Arc<Notify>,
    /// Cancelled if it has to make room.
    pub(super) evicted: CancellationToken,
}

impl Seat {
    fn bytes(&self) -> usize {
        self.event.body.len()
    }

    /// Half of the time that it had on arrival.
    fn half(&self) -> Instant {
        let left = self.deadline.saturating_duration_since(self.arrived);
        self.arrived + left / 2
    }
}

/// A subject that is asked about.
pub(super) struct Entry {
    pub(super) last: Option<ConfirmAnswer>,
    /// The deliveries that wait for the next answer.
    wanting: BTreeSet<u64>,
    /// When the last question was asked, the deliveries since then, and the latest deadline of all.
    began: Option<Instant>,
    late: BTreeSet<(Instant, u64)>,
    latest: Option<Instant>,
    /// Notified when a delivery arrives or leaves.
    pub(super) changed: Arc<Notify>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Share {
    deliveries: usize,
    bytes: usize,
}

/// The deliveries of one name.
#[derive(Default)]
struct Group {
    share: Share,
    /// The last one makes room first.
    for_places: BTreeSet<(Doubt, u64)>,
    for_bytes: BTreeSet<(Doubt, usize, u64)>,
}

impl Group {
    /// The strongest evidence against one of them.
    fn doubt(&self) -> Option<Doubt> {
        self.for_places.last().map(|(doubt, _)| *doubt)
    }
}

pub(super) struct Table {
    limits: ConfirmLimits,
    seats: BTreeMap<u64, Seat>,
    entries: HashMap<Subject, Entry>,
    groups: HashMap<Arc<str>, Group>,
    /// Ordered by the evidence against them and how much they hold: the last makes room first.
    by_places: BTreeSet<(Doubt, usize, Arc<str>)>,
    by_bytes: BTreeSet<(Doubt, usize, Arc<str>)>,
    all: Share,
    next: u64,
}

/// The resource that is short.
#[derive(Clone, Copy)]
enum Short {
    Places { of_the_subject: bool },
    Bytes { of_the_subject: bool },
}

/// The next step for a subject.
pub(super) enum Next {
    Ask,
    Wait(Instant),
    End,
}

impl Table {
    pub(super) fn new(limits: ConfirmLimits) -> Self {
        Self {
            limits,
            seats: BTreeMap::new(),
            entries: HashMap::new(),
            groups: HashMap::new(),
            by_places: BTreeSet::new(),
            by_bytes: BTreeSet::new(),
            all: Share::default(),
            next: 0,
        }
    }

    /// Gives a delivery a place; `None` if there is no room and it is the one to leave.
    pub(super) fn admit(&mut self, seat: Seat) -> Option<u64> {
        if seat.bytes() > self.limits.body_bytes && self.all != Share::default() {
            // Whoever made room would do so in vain.
            return None;
        }
        for _ in 0..=MOST_CLEARED {
            let Some(short) = self.short_of(&seat) else {
                let number = self.next;
                self.next = number.wrapping_add(1);
                self.in_group(&seat, number, true);
                let Share { deliveries, bytes } = &mut self.all;
                *deliveries = deliveries.saturating_add(1);
                *bytes = bytes.saturating_add(seat.bytes());
                self.seats.insert(number, seat);
                return Some(number);
            };
            let victim = self.victim(&seat, short)?;
            if let Some(evicted) = self.remove(victim) {
                evicted.evicted.cancel();
            }
        }
        None
    }

    fn share(&self, name: &Arc<str>) -> Share {
        (self.groups.get(name)).map_or_else(Share::default, |group| group.share)
    }

    /// Adds a delivery to the group of its name, or removes it.
    fn in_group(&mut self, seat: &Seat, number: u64, is_in: bool) {
        let (name, bytes) = (&seat.subject.name, seat.bytes());
        let group = self.groups.entry(Arc::clone(name)).or_default();
        if let Some(doubt) = group.doubt() {
            let Share { deliveries, bytes } = group.share;
            self.by_places
                .remove(&(doubt, deliveries, Arc::clone(name)));
            self.by_bytes.remove(&(doubt, bytes, Arc::clone(name)));
        }
        let Share {
            deliveries,
            bytes: held,
        } = &mut group.share;
        if is_in {
            *deliveries = deliveries.saturating_add(1);
            *held = held.saturating_add(bytes);
            group.for_places.insert((seat.doubt, number));
            group.for_bytes.insert((seat.doubt, bytes, number));
        } else {
            *deliveries = deliveries.saturating_sub(1);
            *held = held.saturating_sub(bytes);
            group.for_places.remove(&(seat.doubt, number));
            group.for_bytes.remove(&(seat.doubt, bytes, number));
        }
        match group.doubt() {
            Some(doubt) => {
                let Share { deliveries, bytes } = group.share;
                self.by_places.insert((doubt, deliveries, Arc::clone(name)));
                self.by_bytes.insert((doubt, bytes, Arc::clone(name)));
            }
            None => {
                self.groups.remove(name);
            }
        }
    }

    fn short_of(&self, seat: &Seat) -> Option<Short> {
        let ConfirmLimits {
            deliveries,
            body_bytes,
            ..
        } = self.limits;
        let share = self.share(&seat.subject.name);
        let full = |held: usize, more: usize, limit: usize| held.saturating_add(more) > limit;
        let places = |of_the_subject| Some(Short::Places { of_the_subject });
        let room = |of_the_subject| Some(Short::Bytes { of_the_subject });
        // The first of a subject is measured by the whole, and the first of all by nothing: whatever its size, each
        // is asked about at last.
        let (bytes, is_first) = (seat.bytes(), share == Share::default());
        if !is_first && full(share.deliveries, 1, deliveries.div_ceil(SHARE)) {
            places(true)
        } else if !is_first && full(share.bytes, bytes, body_bytes.div_ceil(SHARE)) {
            room(true)
        } else if full(self.all.deliveries, 1, deliveries) {
            places(false)
        } else if self.all != Share::default() && full(self.all.bytes, bytes, body_bytes) {
            room(false)
        } else {
            None
        }
    }

    /// Who makes room: the most doubted, of the subject that holds most, the newest or, if bytes
    /// are short, the largest. `None` if that is the arriving one.
    fn victim(&self, comer: &Seat, short: Short) -> Option<u64> {
        let (Short::Places { of_the_subject } | Short::Bytes { of_the_subject }) = short;
        let groups = match short {
            Short::Places { .. } => &self.by_places,
            Short::Bytes { .. } => &self.by_bytes,
        };
        let name = match of_the_subject {
            true => &comer.subject.name,
            false => groups.last().map(|(_, _, name)| name)?,
        };
        let (group, own) = (self.groups.get(name)?, self.share(&comer.subject.name));
        // Among deliveries of one subject, its total does not count.
        let more = |by: usize| if of_the_subject { 0 } else { by };
        match short {
            Short::Places { .. } => {
                let (doubt, number) = group.for_places.last()?;
                let comers = own.deliveries.saturating_add(more(1));
                ((*doubt, group.share.deliveries) > (comer.doubt, comers)).then_some(*number)
            }
            Short::Bytes { .. } => {
                let (doubt, size, number) = group.for_bytes.last()?;
                let size_of_comer = comer.bytes();
                let comers = own.bytes.saturating_add(more(size_of_comer.max(1)));
                ((*doubt, group.share.bytes, *size) > (comer.doubt, comers, size_of_comer))
                    .then_some(*number)
            }
        }
    }

    /// Removes a delivery from its place, if it has one.
    pub(super) fn remove(&mut self, number: u64) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        self.in_group(&seat, number, false);
        let Share { deliveries, bytes } = &mut self.all;
        *deliveries = deliveries.saturating_sub(1);
        *bytes = bytes.saturating_sub(seat.bytes());
        if let Some(entry) = self.entries.get_mut(&seat.subject) {
            entry.wanting.remove(&number);
            entry.late.remove(&(seat.half(), number));
            entry.changed.notify_one();
        }
        Some(seat)
    }

    /// Adds a delivery to those that wait for an answer. Returns the present answer, and whether
    /// nobody asks about its subject yet.
    pub(super) fn want(&mut self, number: u64) -> Option<(Option<ConfirmAnswer>, bool)> {
        let seat = self.seats.get(&number)?;
        let is_new = !self.entries.contains_key(&seat.subject);
        let entry = self
            .entries
            .entry(seat.subject.clone())
            .or_insert_with(|| Entry {
                last: None,
                wanting: BTreeSet::new(),
                began: None,
                late: BTreeSet::new(),
                latest: None,
                changed: Arc::new(Notify::new()),
            });
        if entry.wanting.insert(number) {
            if entry.began.is_some_and(|began| seat.arrived > began) {
                entry.late.insert((seat.half(), number));
            }
            entry.latest = entry.latest.max(Some(seat.deadline));
            entry.changed.notify_one();
        }
        Some((entry.last.clone(), is_new))
    }

    pub(super) fn doubt(&mut self, number: u64, doubt: Doubt) {
        let Some(mut seat) = self.seats.remove(&number) else {
            return;
        };
        if seat.doubt != doubt {
            self.in_group(&seat, number, false);
            seat.doubt = doubt;
            self.in_group(&seat, number, true);
        }
        self.seats.insert(number, seat);
    }

    pub(super) fn changed(&self, subject: &Subject) -> Option<Arc<Notify>> {
        let entry = self.entries.get(subject)?;
        Some(Arc::clone(&entry.changed))
    }

    fn wanting<'a>(&'a self, subject: &Subject) -> impl Iterator<Item = &'a Seat> {
        let entry = self.entries.get(subject);
        entry
            .into_iter()
            .flat_map(|entry| &entry.wanting)
            .filter_map(|number| self.seats.get(number))
    }

    /// Whether a delivery waits for an answer.
    pub(super) fn is_wanted(&self, subject: &Subject) -> bool {
        let entry = self.entries.get(subject);
        entry.is_some_and(|entry| !entry.wanting.is_empty())
    }

    /// Begins a question about a subject. Returns a waiting delivery's event, if one waits.
    pub(super) fn begin(&mut self, subject: &Subject, now: Instant) -> Option<Unconfirmed> {
        let event = self.wanting(subject).next()?.event.clone();
        let latest = self.wanting(subject).map(|seat| seat.deadline).max();
        let entry = self.entries.get_mut(subject)?;
        (entry.began, entry.latest) = (Some(now), latest);
        entry.late.clear();
        Some(event)
    }

    /// The next step for a subject that may be asked about again from `due` on, and is remembered
    /// until `remembered`. At `End`, the subject is no longer asked about.
    pub(super) fn next(
        &mut self,
        subject: &Subject,
        now: Instant,
        due: Instant,
        fresh: Duration,
        remembered: Instant,
    ) -> Next {
        if self.is_wanted(subject) {
            return if due <= now {
                Next::Ask
            } else {
                Next::Wait(due)
            };
        }
        let last = self.entries.get(subject).and_then(|it| it.last.as_ref());
        let until = last.map_or(now, |last| due.max(last.ended + fresh).max(remembered));
        let most = self.seats.len().saturating_add(MOST_REMEMBERED);
        if until <= now || fresh.is_zero() || self.entries.len() > most {
            self.entries.remove(subject);
            return Next::End;
        }
        Next::Wait(until)
    }

    /// How long an answer is awaited. If a delivery has arrived since the question, there must be
    /// time left to ask for it. `None` if nobody waits.
    pub(super) fn give_up(&self, subject: &Subject) -> Option<Instant> {
        let entry = self.entries.get(subject)?;
        entry.wanting.first()?;
        let late = entry.late.first().map(|(half, _)| *half);
        late.or(entry.latest)
    }

    /// Stores an answer, and notifies every delivery that waits for it.
    pub(super) fn answer(&mut self, subject: &Subject, answer: ConfirmAnswer) {
        for seat in self.wanting(subject) {
            seat.answered.notify_one();
        }
        if let Some(entry) = self.entries.get_mut(subject) {
            entry.last = Some(answer);
        }
    }

    /// Gives up asking about the subject: the waiting deliveries must restart it.
    pub(super) fn abandon(&mut self, subject: &Subject) {
        for seat in self.wanting(subject) {
            seat.answered.notify_one();
        }
        self.entries.remove(subject);
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.all.deliveries, self.all.bytes)
    }

    #[cfg(test)]
    pub(super) fn subjects(&self) -> usize {
        self.entries.len()
    }
}
