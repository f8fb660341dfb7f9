//! Items of one delivery that are the same event.

use std::collections::{HashMap, VecDeque};

use crate::event::{EventKey, Fingerprint};

/// What the end of an item means for other items with the same key and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It counts as done.
    Done,
    /// It must be delivered again, and is not tried once more in this delivery.
    NotDone,
}

/// The keys of a delivery that have begun. An item whose key is running is parked here until that
/// run has ended: in the store, it would wait for its own delivery. Each item is checked at most
/// twice, however many contents a key has.
#[derive(Debug)]
pub(super) struct Repeats<I>(HashMap<EventKey, Begun<I>>);

#[derive(Debug)]
struct Begun<I> {
    is_at_work: bool,
    /// How each content has ended.
    ended: HashMap<Fingerprint, Ending>,
    parked: VecDeque<(Fingerprint, I)>,
}

/// What happens next with an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<I> {
    /// It must run, and must then be reported as [ended](Repeats::ended).
    Run(I),
    /// It is parked here.
    Parked,
    /// An item of the same content has ended this way.
    Follows(I, Ending),
}

impl<I> Repeats<I> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(super) fn turn(&mut self, key: &EventKey, content: Fingerprint, item: I) -> Turn<I> {
        let Some(begun) = self.0.get_mut(key) else {
            let begun = Begun {
                is_at_work: true,
                ended: HashMap::new(),
                parked: VecDeque::new(),
            };
            self.0.insert(key.clone(), begun);
            return Turn::Run(item);
        };
        if begun.is_at_work {
            begun.parked.push_back((content, item));
            return Turn::Parked;
        }
        match begun.ended.get(&content) {
            Some(ending) => Turn::Follows(item, *ending),
            None => {
                begun.is_at_work = true;
                Turn::Run(item)
            }
        }
    }

    /// The parked items of a key whose running item has ended, up to the next one that must run, in
    /// order: each must take its [turn](Self::turn) again.
    pub(super) fn ended(&mut self, key: &EventKey, content: Fingerprint, ending: Ending) -> Vec<I> {
        let Some(begun) = self.0.get_mut(key) else {
            return Vec::new();
        };
        begun.is_at_work = false;
        begun.ended.insert(content, ending);
        let mut items = Vec::new();
        while let Some((content, item)) = begun.parked.pop_front() {
            items.push(item);
            if !begun.ended.contains_key(&content) {
                break;
            }
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn one_event_is_run_once_in_a_delivery_and_other_content_in_its_turn() {
        let key = EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap();
        let [paid, refunded, lost] =
            [b"paid".as_slice(), b"refunded", b"lost"].map(Fingerprint::of);
        let mut repeats = Repeats::new();
        assert_eq!(repeats.turn(&key, paid, 1), Turn::Run(1));
        assert_eq!(repeats.turn(&key, paid, 2), Turn::Parked);
        assert_eq!(repeats.turn(&key, refunded, 3), Turn::Parked);
        assert_eq!(repeats.turn(&key, paid, 4), Turn::Parked);
        assert_eq!(repeats.turn(&key, lost, 5), Turn::Parked);
        let not_done = Ending::NotDone;
        assert_eq!(repeats.ended(&key, paid, not_done), [2, 3]);
        assert_eq!(repeats.turn(&key, paid, 2), Turn::Follows(2, not_done));
        assert_eq!(repeats.turn(&key, refunded, 3), Turn::Run(3));
        // An item that has failed is not tried again after another content.
        assert_eq!(repeats.ended(&key, refunded, Ending::Done), [4, 5]);
        assert_eq!(repeats.turn(&key, paid, 4), Turn::Follows(4, not_done));
        assert_eq!(repeats.turn(&key, lost, 5), Turn::Run(5));
        assert_eq!(repeats.ended(&key, lost, Ending::Done), [0; 0]);
        assert_eq!(
            repeats.turn(&key, refunded, 6),
            Turn::Follows(6, Ending::Done)
        );
    }
}
