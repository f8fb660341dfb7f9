//! Whether a delivery begins in its request or in a task of its own.
//!
//! What is done at its first poll needs no task: nothing was awaited, so no hang-up can cut it off.
//! But a handler that blocks its thread must not block the request that answers for it in time. So
//! deliveries begin in their requests only after many in a row that were done at once, and the
//! first one that was not sends those after it back to tasks.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Context;
use std::time::{Duration, Instant};

/// How many deliveries in a row must have been handled at once.
const ENOUGH: u32 = 32;

/// What took longer has held its thread up. A fraction of any sender's time to answer.
const AT_ONCE: Duration = Duration::from_millis(20);

/// How the last deliveries of one layer went.
#[derive(Debug, Default)]
pub(super) struct Pace {
    at_once: AtomicU32,
}

impl Pace {
    /// Whether the next delivery may begin in its request.
    pub(super) fn is_brisk(&self) -> bool {
        self.at_once.load(Ordering::Relaxed) >= ENOUGH
    }

    /// Polls the work on a delivery for the first time, and tells whether that was all. What is done
    /// at once without its handler, as copies are, says nothing of what that does.
    pub(super) fn begin<W>(
        &self,
        work: Pin<&mut W>,
        has_run: &AtomicBool,
        cx: &mut Context<'_>,
    ) -> bool
    where
        W: Future<Output = ()> + ?Sized,
    {
        // The thread's time, whatever clock tokio goes by.
        let begun = Instant::now();
        let is_done = work.poll(cx).is_ready();
        let at_once = is_done && begun.elapsed() < AT_ONCE;
        if !at_once || has_run.load(Ordering::Relaxed) {
            self.note(at_once);
        }
        is_done
    }

    /// Two that are noted at once may count as one: it is no matter.
    fn note(&self, at_once: bool) {
        let before = self.at_once.load(Ordering::Relaxed);
        let after = match at_once {
            true => before.saturating_add(1).min(ENOUGH),
            false => 0,
        };
        // Every thread reads it, so it is written only where it changes.
        if after != before {
            self.at_once.store(after, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::Waker;
    use std::thread::sleep;

    use super::*;

    fn begin(pace: &Pace, work: impl Future<Output = ()>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        pace.begin(pin!(work), &AtomicBool::new(true), &mut cx)
    }

    fn quick(pace: &Pace, times: u32) {
        for _ in 0..times {
            assert!(begin(pace, ready(())));
        }
    }

    #[test]
    fn only_many_in_a_row_make_it_brisk() {
        let pace = Pace::default();
        quick(&pace, ENOUGH - 1);
        assert!(!pace.is_brisk());
        assert!(!begin(&pace, pending()));
        quick(&pace, ENOUGH - 1);
        assert!(!pace.is_brisk(), "one in between has waited");
        quick(&pace, 1);
        assert!(pace.is_brisk());
        quick(&pace, 1_000);
        assert!(!begin(&pace, pending()));
        assert!(!pace.is_brisk());
    }

    #[test]
    fn one_that_blocks_its_thread_is_not_brisk() {
        let pace = Pace::default();
        quick(&pace, ENOUGH);
        assert!(begin(&pace, async { sleep(AT_ONCE) }));
        assert!(!pace.is_brisk());
    }
}
