use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A handler's hold on its event.
///
/// It is renewed while the handler runs, up to the renewal ceiling. Once lost, another receiver may
/// run the event: a handler should stop, or at least write nothing more.
#[derive(Clone)]
pub struct Lease(Arc<State>);

#[derive(Default)]
struct State {
    is_lost: AtomicBool,
    told: Notify,
}

impl Lease {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Whether the hold is lost.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost.load(Ordering::Acquire)
    }

    /// Waits until the hold is lost; for `tokio::select!` beside the work.
    pub async fn lost(&self) {
        let mut told = pin!(self.0.told.notified());
        // From here on a loss wakes it: one that came before is seen below.
        told.as_mut().enable();
        if !self.is_lost() {
            told.await;
        }
    }

    pub(super) fn lose(&self) {
        self.0.is_lost.store(true, Ordering::Release);
        self.0.told.notify_waiters();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("is_lost", &self.is_lost())
            .finish()
    }
}
