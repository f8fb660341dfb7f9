//! The budget that one body holds: a small body is counted as it arrives, a large one queues for
//! its whole length.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::room::{Asked, Part, Queued, hand_over};

/// The outcome of offering room to others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spared {
    /// Nobody waits for it.
    NotWanted,
    /// A body that waited for it has it.
    Given,
    /// A body waits, but the room is not enough for it.
    NotEnough,
}

/// Bytes of a body that are counted until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    part: Arc<Part>,
    /// Counted as they arrived.
    small: usize,
    /// The room that was given, whether or not its bytes have arrived.
    large: usize,
}

impl HeldBytes {
    /// Holds nothing yet; grows as bytes arrive.
    pub(crate) fn of(part: &Arc<Part>) -> Self {
        Self {
            part: Arc::clone(part),
            small: 0,
            large: 0,
        }
    }

    /// Counts `amount` more bytes, or returns `false` if they do not fit.
    pub(crate) fn grow(&mut self, amount: usize) -> bool {
        let Part { rooms, bytes, .. } = &*self.part;
        if !bytes.take(amount) {
            return false;
        }
        if !rooms.bytes.take(amount) {
            bytes.give_back(amount);
            return false;
        }
        self.small = self.small.saturating_add(amount);
        // A large body of this layer may now wait for the layer alone, so that those after it can
        // pass.
        rooms.small_changed();
        true
    }

    /// The room that it was given as a large body.
    pub(crate) fn room(&self) -> usize {
        self.large
    }

    /// Takes room for `whole` bytes in all, if there is some and nothing waits for it.
    pub(crate) fn try_reserve(&mut self, whole: usize) -> bool {
        let asked = self.asking_for(whole);
        let rooms = &self.part.rooms;
        let queue = rooms.queue();
        let taken = queue.waiting.is_empty() && rooms.take(&self.part, asked).is_ok();
        drop(queue);
        if taken {
            self.have(asked);
        }
        taken
    }

    /// Queues for room for `whole` bytes in all, with `in_hand` bytes that are not counted yet.
    /// Returns whether there was room by `deadline`.
    pub(crate) async fn reserve(
        &mut self,
        whole: usize,
        in_hand: usize,
        deadline: Instant,
    ) -> bool {
        let part = Arc::clone(&self.part);
        if !self.grow(in_hand) {
            return false;
        }
        let Some(_in_hand) = InHand::of(&part, self.small) else {
            return false;
        };
        let (give, given) = oneshot::channel();
        let _place = part.rooms.enter(Queued {
            part: Arc::clone(&part),
            asked: self.asking_for(whole),
            give,
        });
        match timeout_at(deadline, given).await {
            Ok(Ok(mut room)) => {
                let nothing = Asked { large: 0, bytes: 0 };
                self.have(std::mem::replace(&mut room.asked, nothing));
                true
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }

    fn asking_for(&self, whole: usize) -> Asked {
        let large = whole.saturating_sub(self.large).max(self.small);
        Asked {
            large,
            bytes: large.saturating_sub(self.small),
        }
    }

    /// Counts this room as given; bytes that were counted as they arrived are now part of it.
    fn have(&mut self, given: Asked) {
        self.large = self.large.saturating_add(given.large);
        self.small = 0;
    }

    /// Gives back all room but that of these bytes.
    pub(crate) fn settle_for(&mut self, arrived: usize) {
        let rest = self.large.saturating_sub(arrived);
        self.large = self.large.saturating_sub(rest);
        self.part.give_back_large(Asked {
            large: rest,
            bytes: rest,
        });
    }

    /// Splits off the room beyond these bytes, for another body.
    #[cfg(feature = "gzip")]
    pub(crate) fn split_off(&mut self, kept: usize) -> Self {
        let rest = self.large.saturating_sub(kept);
        self.large = self.large.saturating_sub(rest);
        Self {
            part: Arc::clone(&self.part),
            small: 0,
            large: rest,
        }
    }

    /// Gives up all room but that of these bytes, if that lets another body in.
    pub(crate) fn spare_all_but(&mut self, arrived: usize) -> Spared {
        let (part, rooms) = (&self.part, &self.part.rooms);
        let rest = self.large.saturating_sub(arrived);
        let mut queue = rooms.queue();
        let is_wanted = (queue.waiting.values())
            .any(|queued| Arc::ptr_eq(&queued.part, part) || !rooms.large.has(queued.asked.large));
        if rest == 0 || !is_wanted {
            return Spared::NotWanted;
        }
        let rest = Asked {
            large: rest,
            bytes: rest,
        };
        rooms.give_back(part, rest);
        let served = rooms.serve(&mut queue);
        if served.is_empty() && rooms.take(part, rest).is_ok() {
            return Spared::NotEnough;
        }
        drop(queue);
        self.large = arrived;
        hand_over(served);
        Spared::Given
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let Self { part, small, large } = self;
        if *small > 0 {
            part.bytes.give_back(*small);
            part.rooms.bytes.give_back(*small);
            part.rooms.small_changed();
        }
        part.give_back_large(Asked {
            large: *large,
            bytes: *large,
        });
    }
}

/// Bytes that count as in hand until this is dropped.
#[derive(Debug)]
struct InHand<'a>(&'a Part, usize);

impl<'a> InHand<'a> {
    fn of(part: &'a Part, amount: usize) -> Option<Self> {
        if !part.in_hand.take(amount) {
            return None;
        }
        if !part.rooms.in_hand.take(amount) {
            part.in_hand.give_back(amount);
            return None;
        }
        Some(Self(part, amount))
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.in_hand.give_back(self.1);
        self.0.rooms.in_hand.give_back(self.1);
    }
}

#[cfg(test)]
mod tests;
