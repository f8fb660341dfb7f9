use std::sync::Arc;

use super::room::{Part, Rooms};
use crate::runtime::WaitingRoom;

/// What strangers can make a receiver hold: bytes of bodies, and duplicates that wait for the first
/// one's outcome. Clones share the budget.
///
/// Over it, a delivery is told "not now".
///
/// A body under 64 KiB is counted as it arrives, and until it is verified; what makes it whole is let
/// in although the budget is used up, for nothing is awaited from there on. A longer one queues for
/// room for all that it announces (where it announces nothing, for all that it may come to), and
/// counts until the last clone of its bytes is dropped: memory stays inside the budget while
/// handlers take their time. A handler that keeps large bodies for good copies them.
///
/// - **Who may hold how much.** The large bodies of one layer take at most half of the budget, all
///   its bodies five eighths (and 64 KiB always), the large ones of all layers seven eighths. So
///   small ones find room beside large ones, their own sender's and others'.
/// - **Queueing.** First come, first served; a body in the queue is not read on. When the request's
///   time is up it is told "not now"; one whose sender hangs up makes way. A layer that has used up
///   its part does not hold up the others.
/// - **Strangers.** Who announces a large body and sends nothing holds nothing, for a body queues
///   with its first bytes in hand. Of those a sixteenth of the budget is held at most, and half of
///   that for one layer; what comes on top is told "not now" at once.
/// - **Slow senders.** Room is taken back from a body that brings less than a 512th of it in 50 ms
///   while others wait: it keeps what has arrived, and queues anew for the rest. Where what has
///   arrived leaves no room for the next one, it is told "not now" after half a second of that.
/// - **What never fits.** A body within the layer's cap and over half of the budget is told "not
///   now" before it is read, and the observer is told why: raise the budget, or lower the cap.
/// - **What comes compressed.** Where its content is signed, it is the content that takes room, and the
///   file is decoded as it comes: room for all that the content may come to, for the file announces
///   nothing of it. How fast the sender is, the bytes say that it sends. Where the file is signed, both
///   take room at once: a file of 64 KiB or more has room for all that its content may come to before
///   it is read on, and one that comes to more than half of the budget with its content never fits. What
///   holds a large file, or needs more than its end announces, does not queue for more: it is told "not
///   now".
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

    /// How many bytes are taken now: by bodies that are not verified yet, and by large ones that are
    /// still in use.
    pub fn body_bytes(&self) -> usize {
        self.0.rooms.used()
    }

    /// How many duplicates wait now.
    pub fn waiting(&self) -> usize {
        self.0.waiting.used()
    }

    /// How many large bodies queue for room now.
    pub fn queued_bodies(&self) -> usize {
        self.0.rooms.queued()
    }

    /// What one more layer may take of it.
    pub(crate) fn part(&self) -> Arc<Part> {
        self.0.rooms.part()
    }

    /// Where its deliveries wait.
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
