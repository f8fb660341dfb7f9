//! Who waits for which answer, and who makes room for whom. Nothing here waits or asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Answer, Subject};
use crate::layer::dedupe::confirm::{ConfirmLimits, Unconfirmed};

/// The part of all places, and of all bytes, that one subject may hold.
const SHARE: usize = 4;
/// How many places are cleared for one delivery at most.
const MOST_CLEARED: usize = 64;
/// How many subjects are remembered that nobody waits for.
const MOST_REMEMBERED: usize = 1_024;

/// How much there is against a delivery that waits.
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
    /// Cancelled where it has to make room.
    pub(super) evicted: CancellationToken,
}

impl Seat {
    fn bytes(&self) -> usize {
        self.event.body.len()
    }
}

/// A subject that is asked about.
pub(super) struct Entry {
    pub(super) last: Option<Answer>,
    /// Who waits for the next answer.
    wanting: BTreeSet<u64>,
    /// Told where somebody comes or goes.
    pub(super) changed: Arc<Notify>,
}

#[derive(Default, Clone, Copy)]
struct Share {
    deliveries: usize,
    bytes: usize,
}

pub(super) struct Table {
    limits: ConfirmLimits,
    seats: BTreeMap<u64, Seat>,
    entries: HashMap<Subject, Entry>,
    /// What each name holds, and all of them.
    shares: HashMap<Arc<str>, Share>,
    all: Share,
    next: u64,
}

/// What is short.
#[derive(Clone, Copy)]
enum Short {
    Places { of_the_subject: bool },
    Bytes { of_the_subject: bool },
}

/// What comes next for a subject.
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
            shares: HashMap::new(),
            all: Share::default(),
            next: 0,
        }
    }

    /// Gives a delivery its place; none where there is no room and it is not the one to stay.
    pub(super) fn admit(&mut self, seat: Seat) -> Option<u64> {
        for _ in 0..=MOST_CLEARED {
            let Some(short) = self.short_of(&seat) else {
                let number = self.next;
                self.next = number.wrapping_add(1);
                let share = self
                    .shares
                    .entry(Arc::clone(&seat.subject.name))
                    .or_default();
                for sum in [share, &mut self.all] {
                    sum.deliveries = sum.deliveries.saturating_add(1);
                    sum.bytes = sum.bytes.saturating_add(seat.bytes());
                }
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
        self.shares.get(name).copied().unwrap_or_default()
    }

    fn short_of(&self, seat: &Seat) -> Option<Short> {
        let ConfirmLimits {
            deliveries,
            body_bytes,
            ..
        } = self.limits;
        let share = self.share(&seat.subject.name);
        let full = |held: usize, more: usize, limit: usize| held.saturating_add(more) > limit;
        let bytes = seat.bytes();
        if full(share.deliveries, 1, deliveries.div_ceil(SHARE)) {
            Some(Short::Places {
                of_the_subject: true,
            })
        } else if full(share.bytes, bytes, body_bytes.div_ceil(SHARE)) {
            Some(Short::Bytes {
                of_the_subject: true,
            })
        } else if full(self.all.deliveries, 1, deliveries) {
            Some(Short::Places {
                of_the_subject: false,
            })
        } else if full(self.all.bytes, bytes, body_bytes) {
            Some(Short::Bytes {
                of_the_subject: false,
            })
        } else {
            None
        }
    }

    /// Who makes room: who was spoken against, of the subject that holds most, the largest, the
    /// newest. None where that is the one that comes.
    fn victim(&self, comer: &Seat, short: Short) -> Option<u64> {
        let held = |seat: &Seat, and: usize| {
            let share = self.share(&seat.subject.name);
            match short {
                Short::Places { .. } => share.deliveries.saturating_add(and.min(1)),
                Short::Bytes { .. } => share.bytes.saturating_add(and),
            }
        };
        let (Short::Places { of_the_subject } | Short::Bytes { of_the_subject }) = short;
        // Against those of its own subject there is nothing in how much that holds.
        let and = if of_the_subject {
            0
        } else {
            comer.bytes().max(1)
        };
        let comers = (comer.doubt, held(comer, and), comer.bytes());
        self.seats
            .iter()
            .filter(|(_, seat)| !of_the_subject || seat.subject.name == comer.subject.name)
            .map(|(number, seat)| ((seat.doubt, held(seat, 0), seat.bytes()), *number))
            .max()
            .filter(|(theirs, _)| *theirs > comers)
            .map(|(_, number)| number)
    }

    /// Takes a delivery's place away, if it has one.
    pub(super) fn remove(&mut self, number: u64) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        let bytes = seat.bytes();
        for sum in self
            .shares
            .get_mut(&seat.subject.name)
            .into_iter()
            .chain([&mut self.all])
        {
            sum.deliveries = sum.deliveries.saturating_sub(1);
            sum.bytes = sum.bytes.saturating_sub(bytes);
        }
        if self.share(&seat.subject.name).deliveries == 0 {
            self.shares.remove(&seat.subject.name);
        }
        if let Some(entry) = self.entries.get_mut(&seat.subject) {
            entry.wanting.remove(&number);
            entry.changed.notify_one();
        }
        Some(seat)
    }

    /// Puts a delivery among those who wait for an answer. Tells the answer there is, and whether
    /// nobody asks about its subject yet.
    pub(super) fn want(&mut self, number: u64) -> Option<(Option<Answer>, bool)> {
        let seat = self.seats.get(&number)?;
        let is_new = !self.entries.contains_key(&seat.subject);
        let entry = self
            .entries
            .entry(seat.subject.clone())
            .or_insert_with(|| Entry {
                last: None,
                wanting: BTreeSet::new(),
                changed: Arc::new(Notify::new()),
            });
        if entry.wanting.insert(number) {
            entry.changed.notify_one();
        }
        Some((entry.last.clone(), is_new))
    }

    pub(super) fn doubt(&mut self, number: u64, doubt: Doubt) {
        if let Some(seat) = self.seats.get_mut(&number) {
            seat.doubt = doubt;
        }
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

    /// Somebody's event of this subject; none where nobody waits.
    pub(super) fn any_event(&self, subject: &Subject) -> Option<Unconfirmed> {
        let seat = self.wanting(subject).next()?;
        Some(seat.event.clone())
    }

    /// What to do about a subject that may be asked about again from `due` on. Nobody asks about it
    /// any more where this is the end.
    pub(super) fn next(
        &mut self,
        subject: &Subject,
        now: Instant,
        due: Instant,
        fresh: Duration,
    ) -> Next {
        if self.wanting(subject).next().is_some() {
            return if due <= now {
                Next::Ask
            } else {
                Next::Wait(due)
            };
        }
        let last = self.entries.get(subject).and_then(|it| it.last.as_ref());
        let until = last.map_or(now, |last| due.max(last.ended + fresh));
        let most = self.seats.len().saturating_add(MOST_REMEMBERED);
        if until <= now || fresh.is_zero() || self.entries.len() > most {
            self.entries.remove(subject);
            return Next::End;
        }
        Next::Wait(until)
    }

    /// Until when an answer is waited for that was asked for at `began`: where somebody has come
    /// since, there must be time left to ask for them.
    pub(super) fn give_up(&self, subject: &Subject, began: Instant) -> Option<Instant> {
        let half = |seat: &Seat| {
            let left = seat.deadline.saturating_duration_since(seat.arrived);
            seat.arrived + left / 2
        };
        let late = self.wanting(subject).filter(|seat| seat.arrived > began);
        let last = self.wanting(subject).map(|seat| seat.deadline).max();
        late.map(half).min().or(last)
    }

    /// Keeps an answer, and tells everyone who waits for it.
    pub(super) fn answer(&mut self, subject: &Subject, answer: Answer) {
        for seat in self.wanting(subject) {
            seat.answered.notify_one();
        }
        if let Some(entry) = self.entries.get_mut(subject) {
            entry.last = Some(answer);
        }
    }

    /// Nobody asks about the subject any more: whoever waits has to see to it.
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
