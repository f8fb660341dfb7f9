//! Content that must be confirmed before it runs.
//!
//! Each content of an event waits under the key of the event plus a place, on a separate route, so
//! it makes only itself a duplicate. A worker has it confirmed. The first true content is accepted
//! under the key of the event, and from then on the others count as untrue.

use std::time::Duration;

use super::command::{Accept, Accepted, Verdict};
use super::entry::EntryStatus;
use super::view::EntryView;
use crate::event::Fingerprint;

/// How many contents of one event may wait side by side.
const PLACES: u8 = 8;

/// Content that could not be decided or accepted is left alone for this long at first, and after
/// that for as long as it has waited.
const LEFT_ALONE: Duration = Duration::from_secs(1);
const LONGEST_LEFT_ALONE: Duration = Duration::from_secs(15 * 60);

/// The places in which content may wait; it finds itself again in the first one.
pub(crate) fn places(fingerprint: Fingerprint) -> impl Iterator<Item = u8> {
    let [first, ..] = *fingerprint.as_bytes();
    (0..PLACES).map(move |place| first.wrapping_add(place) % PLACES)
}

/// The answer that the entry of an event gives to an unconfirmed delivery; `None` if the delivery
/// may change the content that runs, once it is confirmed.
pub(crate) fn standing(accept: &Accept, view: &EntryView) -> Option<Accepted> {
    let differs = view.entry.fingerprint != accept.fingerprint;
    binds(view).then(|| accept.repeated(differs))
}

/// Whether an entry has its final content: no delivery may change it.
pub(crate) fn binds(view: &EntryView) -> bool {
    match view.status {
        EntryStatus::Waiting | EntryStatus::Dead | EntryStatus::Mismatched => false,
        // Revived or redriven: the failed content may still be replaced.
        EntryStatus::Queued => !view.entry.has_failed(),
        EntryStatus::Running
        | EntryStatus::Lapsed
        | EntryStatus::Done
        | EntryStatus::Discarded
        | EntryStatus::Stale => true,
    }
}

impl Accept {
    /// The same event as content in one of the places.
    pub(crate) fn unconfirmed(&self, place: u8) -> Self {
        Self {
            key: self.key.unconfirmed(place),
            route: self.route.unconfirmed(),
            // Other content belongs to another delivery.
            has_own_id: false,
            // Until it is confirmed, it has no order.
            order: None,
            ..self.clone()
        }
    }
}

/// The outcome for content whose event's entry has its final content; `None` if the content must be
/// confirmed. `waited` is how long it has been here.
///
/// Other content waits until that entry is done: if it fails, it may be replaced.
pub(crate) fn settled(accept: &Accept, view: &EntryView, waited: Duration) -> Option<Verdict> {
    if !binds(view) {
        return None;
    }
    Some(if view.entry.fingerprint == accept.fingerprint {
        Verdict::Done
    } else if view.entry.is_open() {
        later(waited)
    } else {
        Verdict::Mismatched
    })
}

/// It must be asked about again.
pub(crate) fn later(waited: Duration) -> Verdict {
    Verdict::GiveBack {
        after: waited.clamp(LEFT_ALONE, LONGEST_LEFT_ALONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_has_every_place_once_and_begins_with_its_own() {
        for first in [0_u8, 7, 8, 255] {
            let mut bytes = [0; 16];
            bytes[0] = first;
            let found: Vec<_> = places(Fingerprint::from_bytes(bytes)).collect();
            assert_eq!(found[0], first % 8);
            let mut sorted = found;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    }

    #[test]
    fn what_cannot_be_told_is_asked_about_less_and_less_often() {
        let after = |secs| match later(Duration::from_secs(secs)) {
            Verdict::GiveBack { after } => after.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!((after(0), after(60), after(86_400)), (1, 60, 900));
    }
}
