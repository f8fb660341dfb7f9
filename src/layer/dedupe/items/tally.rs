//! Combines the outcomes of a delivery's events into one answer.

use crate::reason::Reason;

/// The outcome of an item, with the answer that its delivery would get if it had no other item.
#[derive(Debug)]
pub(super) enum ItemEnd<A> {
    /// It is done: its handler ran, or it needs none.
    Done,
    /// It was done before.
    Duplicate,
    /// No retry can help: it counts as done.
    Settled(A),
    /// Its handler failed, and it is released.
    Failed(A),
    /// It must be delivered again.
    NotNow(Reason),
}

/// The outcomes of all items so far.
#[derive(Debug)]
pub(super) struct Tally<A> {
    done: usize,
    duplicates: usize,
    settled: Option<A>,
    failed: Option<A>,
    not_now: Option<Reason>,
}

/// The outcome of the delivery as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sum<A> {
    /// Every item is done.
    Done,
    /// Every item was done before.
    Duplicate,
    /// Every item counts as done, because no retry can help: the answer of the first.
    Settled(A),
    /// The answer of the first item that has failed.
    Failed(A),
    /// Some items must be delivered again.
    NotNow(Reason),
}

impl<A> Default for Tally<A> {
    fn default() -> Self {
        Self {
            done: 0,
            duplicates: 0,
            settled: None,
            failed: None,
            not_now: None,
        }
    }
}

impl<A> Tally<A> {
    pub(super) fn add(&mut self, end: ItemEnd<A>) {
        match end {
            ItemEnd::Done => self.done = self.done.saturating_add(1),
            ItemEnd::Duplicate => self.duplicates = self.duplicates.saturating_add(1),
            ItemEnd::Settled(answer) => {
                self.settled.get_or_insert(answer);
            }
            ItemEnd::Failed(answer) => {
                self.failed.get_or_insert(answer);
            }
            ItemEnd::NotNow(reason) => {
                self.not_now.get_or_insert(reason);
            }
        }
    }

    /// The sum that an undone item decides already, whatever is still added. `instead` takes the
    /// place of the answer of an item that has failed.
    pub(super) fn undone(&mut self, instead: A) -> Option<Sum<A>> {
        match &mut self.failed {
            Some(failed) => Some(Sum::Failed(std::mem::replace(failed, instead))),
            None => self.not_now.map(Sum::NotNow),
        }
    }

    /// The sum, once nothing more is added. Undone items decide it; with no items, the delivery is
    /// done.
    pub(super) fn sum(self) -> Sum<A> {
        let Self {
            done,
            duplicates,
            settled,
            failed,
            not_now,
        } = self;
        match (failed, not_now, settled) {
            (Some(answer), _, _) => Sum::Failed(answer),
            (None, Some(reason), _) => Sum::NotNow(reason),
            (None, None, Some(answer)) if done == 0 && duplicates == 0 => Sum::Settled(answer),
            (None, None, _) if done == 0 && duplicates > 0 => Sum::Duplicate,
            (None, None, _) => Sum::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(ends: impl IntoIterator<Item = ItemEnd<u16>>) -> Sum<u16> {
        let mut tally = Tally::default();
        ends.into_iter().for_each(|end| tally.add(end));
        tally.sum()
    }

    #[test]
    fn what_is_not_done_is_known_before_the_end() {
        let mut tally = Tally::default();
        tally.add(ItemEnd::Done);
        assert_eq!(tally.undone(500), None);
        tally.add(ItemEnd::NotNow(Reason::Draining));
        assert_eq!(tally.undone(500), Some(Sum::NotNow(Reason::Draining)));
        tally.add(ItemEnd::Failed(502));
        assert_eq!(tally.undone(500), Some(Sum::Failed(502)));
        assert_eq!(tally.sum(), Sum::Failed(500));
    }

    #[test]
    fn what_is_not_done_decides() {
        use ItemEnd::{Done, Duplicate, Failed, NotNow, Settled};

        let busy = Reason::InProgress;
        assert_eq!(sum([]), Sum::Done, "an empty list");
        assert_eq!(sum([Done, Duplicate, Settled(422)]), Sum::Done);
        assert_eq!(sum([Duplicate, Duplicate]), Sum::Duplicate);
        assert_eq!(sum([Settled(422), Settled(400)]), Sum::Settled(422));
        assert_eq!(sum([Settled(422), Duplicate]), Sum::Duplicate);
        assert_eq!(sum([Done, NotNow(busy), Settled(422)]), Sum::NotNow(busy));
        assert_eq!(
            sum([NotNow(busy), Failed(502), Failed(500)]),
            Sum::Failed(502)
        );
    }
}
