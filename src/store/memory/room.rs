//! Limits the number of records across all shards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Places for records. Only taking and giving back change the count, so it is exact whichever shard
/// a record is in.
///
/// It has its cache lines to itself, as the shards have, since each new record changes the count.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Room {
    places: usize,
    taken: AtomicUsize,
    warned: AtomicBool,
}

/// A place was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whether the room has just become four fifths full.
    pub(super) crowded: bool,
}

impl Room {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places,
            taken: AtomicUsize::new(0),
            warned: AtomicBool::new(false),
        }
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a place, if there is one.
    pub(super) fn take(&self) -> Option<Taken> {
        let one_more = |taken: usize| (taken < self.places).then(|| taken.saturating_add(1));
        let before = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        let crowded = before.saturating_add(1) >= self.four_fifths()
            && !self.warned.swap(true, Ordering::Relaxed);
        Some(Taken { crowded })
    }

    /// Gives places back. Below seven tenths, filling up is worth a warning again.
    pub(super) fn give_back(&self, places: usize) {
        let before = self.taken.fetch_sub(places, Ordering::Relaxed);
        let left = before.saturating_sub(places);
        if self.warned.load(Ordering::Relaxed) && left < self.seven_tenths() {
            self.warned.store(false, Ordering::Relaxed);
        }
    }

    /// Rounded up.
    fn four_fifths(&self) -> usize {
        self.places - self.places / 5
    }

    /// Rounded up, without a product that could overflow.
    fn seven_tenths(&self) -> usize {
        self.places - (self.places / 10 * 3 + self.places % 10 * 3 / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_reported_once_and_again_only_after_it_was_gone() {
        let room = Room::new(10);
        let take = |times: usize| -> Vec<bool> {
            (0..times).map(|_| room.take().unwrap().crowded).collect()
        };
        assert_eq!(take(7), [false; 7]);
        assert_eq!(take(3), [true, false, false], "the eighth of ten");
        assert_eq!(room.take(), None, "the eleventh");

        room.give_back(3);
        assert_eq!(take(1), [false], "seven left: not below seven tenths");
        room.give_back(2);
        assert_eq!(take(2), [false, true], "six left, then the eighth again");
        assert_eq!(room.taken(), 8);
    }

    #[test]
    fn the_smallest_and_the_largest_room_have_their_marks() {
        let one = Room::new(1);
        assert_eq!(one.take(), Some(Taken { crowded: true }));
        one.give_back(1);
        assert_eq!(one.take(), Some(Taken { crowded: true }));

        let largest = Room::new(usize::MAX);
        assert_eq!(largest.take(), Some(Taken { crowded: false }));
        assert!(largest.seven_tenths() < largest.four_fifths());
    }
}
