//! Items of one delivery that are the same event.

use std::collections::HashMap;
use std::mem::take;

use crate::event::{EventKey, Fingerprint};

/// What an item of a key that ended means for others of the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It counts as done.
    Done,
    /// It is to come again, and is not tried once more in this delivery.
    NotDone,
}

/// The keys of a delivery that were begun with. An item whose key is at work stays here until that has
/// ended: it would wait for this delivery in the store.
#[derive(Debug)]
pub(super) struct Repeats<I>(HashMap<EventKey, Begun<I>>);

#[derive(Debug)]
enum Begun<I> {
    AtWork(Vec<(Fingerprint, I)>),
    Ended(Fingerprint, Ending),
}

/// What is to be done with an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<I> {
    /// It is to run, and then to be told to have [ended](Repeats::ended).
    Run(I),
    /// It stays here.
    Parked,
    /// One of the same content has ended so.
    Follows(I, Ending),
}

impl<I> Repeats<I> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    pub(super) fn turn(&mut self, key: &EventKey, content: Fingerprint, item: I) -> Turn<I> {
        match self.0.get_mut(key) {
            Some(Begun::AtWork(parked)) => {
                parked.push((content, item));
                Turn::Parked
            }
            Some(Begun::Ended(other, ending)) if *other == content => Turn::Follows(item, *ending),
            Some(Begun::Ended(..)) | None => {
                self.0.insert(key.clone(), Begun::AtWork(Vec::new()));
                Turn::Run(item)
            }
        }
    }

    /// The items of a key whose one at work has ended, in their order: they are to take their
    /// [turn](Self::turn) again.
    pub(super) fn ended(&mut self, key: &EventKey, content: Fingerprint, ending: Ending) -> Vec<I> {
        let Some(begun) = self.0.get_mut(key) else {
            return Vec::new();
        };
        let parked = match begun {
            Begun::AtWork(parked) => take(parked),
            Begun::Ended(..) => Vec::new(),
        };
        *begun = Begun::Ended(content, ending);
        parked.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn one_event_is_run_once_in_a_delivery_and_other_content_in_its_turn() {
        let key = EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap();
        let [paid, refunded] = [b"paid".as_slice(), b"refunded"].map(Fingerprint::of);
        let mut repeats = Repeats::new();
        assert_eq!(repeats.turn(&key, paid, 1), Turn::Run(1));
        assert_eq!(repeats.turn(&key, refunded, 2), Turn::Parked);
        assert_eq!(repeats.turn(&key, paid, 3), Turn::Parked);
        assert_eq!(repeats.ended(&key, paid, Ending::NotDone), [2, 3]);
        assert_eq!(
            repeats.turn(&key, paid, 3),
            Turn::Follows(3, Ending::NotDone)
        );
        assert_eq!(repeats.turn(&key, refunded, 2), Turn::Run(2));
        assert_eq!(repeats.ended(&key, refunded, Ending::Done), [0; 0]);
        assert_eq!(
            repeats.turn(&key, refunded, 4),
            Turn::Follows(4, Ending::Done)
        );
    }
}
