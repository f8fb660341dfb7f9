//! Room for the bytes of bodies, and the queue for it. [`Budget`](super::Budget) explains the rules.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::counter::Counter;

/// A body of at least this many bytes is large.
pub(super) const LARGE: usize = 64 * 1024;

/// The bytes that all layers together may hold.
#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) bytes: Counter,
    /// The bytes of large bodies among them.
    pub(super) large: Counter,
    /// The bytes that large bodies have in hand while they queue.
    pub(super) in_hand: Counter,
    queue: Mutex<Queue>,
    /// Whether a body in the queue waits for room that small bodies hold.
    waits_for_small: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    next: u64,
    pub(super) waiting: BTreeMap<u64, Queued>,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) part: Arc<Part>,
    pub(super) asked: Asked,
    pub(super) give: oneshot::Sender<Room>,
}

/// The room that a body asks for. Bytes in hand are counted in `bytes` already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) large: usize,
    pub(super) bytes: usize,
}

/// The share of the budget that one layer may hold.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) rooms: Arc<Rooms>,
    pub(super) bytes: Counter,
    pub(super) large: Counter,
    /// The bytes that its large bodies have in hand while they queue: half of the limit for all
    /// layers.
    pub(super) in_hand: Counter,
}

/// Why a large body cannot be let in now.
pub(super) struct Full {
    /// Whether the whole budget is full, and not the layer's share alone.
    of_all: bool,
    /// Whether small bodies hold the missing room.
    by_small: bool,
}

impl Rooms {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes: Counter::new(bytes),
            large: Counter::new(bytes.saturating_sub(bytes / 8)),
            in_hand: Counter::new((bytes / 16).max((bytes / 8).min(2 * LARGE))),
            queue: Mutex::default(),
            waits_for_small: AtomicBool::new(false),
        }
    }

    pub(super) fn used(&self) -> usize {
        self.bytes.used()
    }

    pub(super) fn queued(&self) -> usize {
        self.queue().waiting.len()
    }

    pub(super) fn part(self: &Arc<Self>) -> Arc<Part> {
        let (all, in_hand) = (self.bytes.limit, self.in_hand.limit);
        Arc::new(Part {
            rooms: Arc::clone(self),
            bytes: Counter::new((all / 2).saturating_add(all / 8).max(all.min(LARGE))),
            large: Counter::new(all / 2),
            in_hand: Counter::new((in_hand / 2).max(in_hand.min(2 * LARGE))),
        })
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only called with the queue locked, so that no body overtakes another.
    pub(super) fn take(&self, part: &Part, asked: Asked) -> Result<(), Full> {
        let Asked { large, bytes } = asked;
        let full = |of_all, by_small| Err(Full { of_all, by_small });
        if !part.large.take(large) {
            return full(false, false);
        }
        if !self.large.take(large) {
            part.large.give_back(large);
            return full(true, false);
        }
        if !part.bytes.take(bytes) {
            part.large.give_back(large);
            self.large.give_back(large);
            return full(false, true);
        }
        if !self.bytes.take(bytes) {
            part.large.give_back(large);
            self.large.give_back(large);
            part.bytes.give_back(bytes);
            return full(true, true);
        }
        Ok(())
    }

    pub(super) fn give_back(&self, part: &Part, asked: Asked) {
        let Asked { large, bytes } = asked;
        for (counter, amount) in [
            (&part.large, large),
            (&self.large, large),
            (&part.bytes, bytes),
            (&self.bytes, bytes),
        ] {
            counter.give_back(amount);
        }
    }

    /// Removes the bodies that have room now from the queue, in order.
    pub(super) fn serve(&self, queue: &mut Queue) -> Vec<(oneshot::Sender<Room>, Room)> {
        let mut served = Vec::new();
        while let Some(order) = self.next_to_serve(queue) {
            let Some(Queued { part, asked, give }) = queue.waiting.remove(&order) else {
                break;
            };
            served.push((give, Room { part, asked }));
        }
        served
    }

    /// The first body that has room, which is taken for it. Bodies of a layer whose share is full
    /// are skipped; if the whole budget is full, no body passes the first one that waits for it.
    pub(super) fn next_to_serve(&self, queue: &Queue) -> Option<u64> {
        self.waits_for_small.store(false, Ordering::SeqCst);
        let mut full: Vec<&Arc<Part>> = Vec::new();
        for (order, Queued { part, asked, .. }) in &queue.waiting {
            if full.iter().any(|other| Arc::ptr_eq(other, part)) {
                continue;
            }
            let taken = self.take(part, *asked).or_else(|why| {
                if !why.by_small {
                    return Err(why);
                }
                // From here on, whoever gives back room sees that a body waits for it.
                self.waits_for_small.store(true, Ordering::SeqCst);
                self.take(part, *asked)
            });
            match taken {
                Ok(()) => return Some(*order),
                Err(Full { of_all: true, .. }) => return None,
                Err(Full { of_all: false, .. }) => full.push(part),
            }
        }
        None
    }

    /// Small bodies hold more or less than before: serves the bodies that this lets in.
    pub(super) fn small_changed(&self) {
        if self.waits_for_small.load(Ordering::SeqCst) {
            let served = self.serve(&mut self.queue());
            hand_over(served);
        }
    }

    pub(super) fn enter(self: &Arc<Self>, queued: Queued) -> QueuePlace {
        let mut queue = self.queue();
        let order = queue.next;
        queue.next = order.saturating_add(1);
        queue.waiting.insert(order, queued);
        let served = self.serve(&mut queue);
        drop(queue);
        hand_over(served);
        QueuePlace {
            rooms: Arc::clone(self),
            order,
        }
    }
}

/// Gives each body its room, with the queue unlocked. The room of a body that has left in the
/// meantime goes to the next.
pub(super) fn hand_over(served: Vec<(oneshot::Sender<Room>, Room)>) {
    for (give, room) in served {
        drop(give.send(room));
    }
}

/// Room for a large body, on its way to that body.
#[derive(Debug)]
pub(super) struct Room {
    part: Arc<Part>,
    pub(super) asked: Asked,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.part.give_back_large(self.asked);
    }
}

/// A place in the queue, left when this is dropped.
#[derive(Debug)]
pub(super) struct QueuePlace {
    rooms: Arc<Rooms>,
    order: u64,
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        let mut queue = self.rooms.queue();
        if queue.waiting.remove(&self.order).is_none() {
            return;
        }
        // A body that was queued after this one may fit even though this one did not.
        let served = self.rooms.serve(&mut queue);
        drop(queue);
        hand_over(served);
    }
}

impl Part {
    /// The largest body that can ever fit.
    pub(crate) fn largest(&self) -> usize {
        self.large.limit
    }

    pub(super) fn give_back_large(&self, given: Asked) {
        if given.large == 0 {
            return;
        }
        let mut queue = self.rooms.queue();
        self.rooms.give_back(self, given);
        let served = self.rooms.serve(&mut queue);
        drop(queue);
        hand_over(served);
    }
}
