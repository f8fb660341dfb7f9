use std::sync::Arc;

use super::room::{Part, Rooms};
use crate::runtime::WaitingRoom;

/// Bounds what strangers can make a receiver hold: bytes of bodies, and duplicates that wait for
/// the first delivery's outcome. Clones share the budget.
///
/// A delivery over the budget gets the not-now status.
///
/// A body under 64 KiB is counted as it arrives, and until it is verified. The frame that completes it
/// is let in even if the budget is used up, because nothing more is awaited after it. A longer body
/// queues for room for the length that it announces, or for the most that it may reach if it announces
/// none. It counts until the last clone of its bytes is dropped, so memory stays inside the budget while
/// handlers take their time. A handler that stores large bodies for good should copy them.
///
/// - **Shares.** The large bodies of one layer take at most half of the budget, all its bodies five
///   eighths (and 64 KiB always), and the large bodies of all layers seven eighths. This leaves
///   room for small bodies, from the same sender and from others.
/// - **Queueing.** First come, first served; a queued body is not read further. When the request's
///   time is up, it gets the not-now status. If its sender hangs up, it leaves the queue. A layer
///   that has used up its share does not hold up the others.
/// - **Strangers.** A sender that announces a large body and sends nothing holds nothing, because a
///   body queues with its first bytes in hand. These first bytes may take a sixteenth of the
///   budget, and those of one layer half of that (more in budgets under 4 MiB); a body beyond that
///   gets the not-now status at once.
/// - **Slow senders.** A body that brings less than a 512th of its room in 50 ms while others wait loses
///   the unused room: it keeps the bytes that have arrived, and queues anew for the rest. If the bytes
///   that have arrived leave no room for the next body, it gets the not-now status after half a second.
/// - **Bodies that never fit.** A body within the layer's cap but over half of the budget gets the
///   not-now status before it is read, and the observer gets the reason: raise the budget, or lower
///   the cap.
/// - **Compressed bodies.** If the content is signed, the content takes room, and the file is
///   decoded as it arrives. The room is for the most that the content may reach, because the file
///   does not announce its length. The sender's speed is measured by the bytes that it sends. If
///   the file is signed, both take room at once. A file of 64 KiB or more gets room for the most
///   that its content may reach before it is read further. A file that exceeds half of the budget
///   together with its content never fits. A body that holds a large file, or needs more than its
///   trailer announces, does not queue for more: it gets the not-now status.
///
/// ```
/// use tower_webhook::layer::Budget;
///
/// // One budget for all the webhooks of a process: large bodies of one take up to 32 MiB.
/// let budget = Budget::new(64 * 1024 * 1024, 256);
/// assert_eq!(budget.body_bytes(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct Budget(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    rooms: Arc<Rooms>,
    waiting: WaitingRoom,
}

impl Budget {
    /// A budget of this many body bytes and this many waiting duplicates.
    pub fn new(body_bytes: usize, waiting: usize) -> Self {
        Self(Arc::new(Counters {
            rooms: Arc::new(Rooms::new(body_bytes)),
            waiting: WaitingRoom::new(waiting),
        }))
    }

    /// The bytes in use now: by bodies that are not verified yet, and by large ones that are still
    /// in use.
    pub fn body_bytes(&self) -> usize {
        self.0.rooms.used()
    }

    /// The number of duplicates that wait now.
    pub fn waiting(&self) -> usize {
        self.0.waiting.used()
    }

    /// The number of large bodies that queue for room now.
    pub fn queued_bodies(&self) -> usize {
        self.0.rooms.queued()
    }

    /// The share of the budget for one more layer.
    pub(crate) fn part(&self) -> Arc<Part> {
        self.0.rooms.part()
    }

    /// Where the deliveries of a layer wait.
    pub(crate) fn waiting_room(&self) -> WaitingRoom {
        self.0.waiting.clone()
    }
}

impl Default for Budget {
    /// 64 MiB of body bytes and 1,024 waiting duplicates.
    fn default() -> Self {
        Self::new(64 * 1024 * 1024, 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::held::HeldBytes;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(10, 1);
        let part = budget.part();
        let mut one = HeldBytes::of(&part);
        let mut two = HeldBytes::of(&part);
        assert!(one.grow(6) && two.grow(4));
        assert!(!two.grow(1), "full to the byte");
        assert!(!two.grow(usize::MAX), "no overflow");
        drop(one);
        assert_eq!(budget.body_bytes(), 4);
        assert!(two.grow(6));

        let place = budget.waiting_room().enter();
        assert!(place.is_some() && budget.waiting_room().enter().is_none());
        drop(place);
        assert!(budget.waiting_room().enter().is_some());
        assert_eq!(budget.waiting(), 0);
    }
}
