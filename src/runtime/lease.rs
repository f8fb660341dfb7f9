use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A handler's hold on its event.
///
/// It is renewed while the handler runs, up to the renewal ceiling. Once lost, another receiver may
/// run the event: a handler should stop, or at least write nothing more. Renewals go on for one that does
/// neither: if nobody else has the event by then, nobody runs it beside this handler.
///
/// It knows its end, and every question compares that with the clock: a process that was stopped
/// past its lease learns so from the first question it asks. The end counts from before the claim,
/// or its last renewal, was sent, so it comes no later here than in the store.
///
/// The clock is the process's monotonic one. Where that stands still, as it does on Linux while the
/// machine is suspended or its virtual machine is paused, the lease cannot see the time that has
/// passed, and only a sink that refuses a lower [`fence`](super::Delivery::fence) stops the handler.
/// No more can it see the time between the answer and what the handler does next.
///
/// When its handler has ended the lease is renewed no more: what goes on in a task of its own is
/// told that it is lost once its end has come.
#[derive(Clone)]
pub struct Lease(Arc<dyn Leased>);

/// The hold that a lease reports on.
pub(super) trait Leased: Send + Sync {
    fn lease(&self) -> &LeaseState;
}

/// Whether an event is held, and its end unless renewed.
#[derive(Debug)]
pub(super) struct LeaseState {
    is_lost: AtomicBool,
    told: Notify,
    /// The end, in nanoseconds from `since`; it only moves forward. `None` if nothing is held.
    since: Option<Instant>,
    nanos: AtomicU64,
}

impl Leased for LeaseState {
    fn lease(&self) -> &LeaseState {
        self
    }
}

impl LeaseState {
    pub(super) fn new(since: Instant, length: Duration) -> Self {
        Self {
            since: Some(since),
            nanos: AtomicU64::new(nanos(length)),
            ..Self::of_nothing()
        }
    }

    fn of_nothing() -> Self {
        Self {
            is_lost: AtomicBool::new(false),
            told: Notify::new(),
            since: None,
            nanos: AtomicU64::new(0),
        }
    }

    /// Records a renewal that lasts until `end`; `false` if a handler has already been told that
    /// the lease is lost.
    pub(super) fn renewed_until(&self, end: Instant) -> bool {
        if let Some(since) = self.since {
            let nanos = nanos(end.saturating_duration_since(since));
            self.nanos.fetch_max(nanos, Ordering::SeqCst);
        }
        !self.is_lost()
    }

    fn end(&self) -> Option<Instant> {
        let nanos = self.nanos.load(Ordering::SeqCst);
        self.since?.checked_add(Duration::from_nanos(nanos))
    }

    fn is_over(&self) -> bool {
        let end = self.nanos.load(Ordering::SeqCst);
        (self.since).is_some_and(|since| nanos(since.elapsed()) >= end)
    }

    pub(super) fn is_lost(&self) -> bool {
        if self.is_lost.load(Ordering::Acquire) {
            return true;
        }
        let is_over = self.is_over();
        if is_over {
            self.lose();
        }
        is_over
    }

    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
        self.told.notify_waiters();
    }
}

/// Half a thousand years at most.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The lease of a handler for which nothing was claimed.
static OF_NOTHING: LazyLock<Lease> = LazyLock::new(|| Lease(Arc::new(LeaseState::of_nothing())));

impl Lease {
    pub(super) fn of(leased: Arc<dyn Leased>) -> Self {
        Self(leased)
    }

    /// The lease of nothing, which is never lost.
    pub(super) fn of_nothing() -> &'static Self {
        &OF_NOTHING
    }

    /// Whether the hold is lost. Once it is, it stays so.
    pub fn is_lost(&self) -> bool {
        self.0.lease().is_lost()
    }

    /// Waits until the hold is lost, for `tokio::select!` alongside the work.
    ///
    /// If the hold is already lost, it is ready at the first poll. Put it first, with `biased`, so
    /// that it is polled before the work:
    ///
    /// ```
    /// use std::time::Duration;
    /// # async fn handle(delivery: tower_webhook::Delivery) -> http::StatusCode {
    /// tokio::select! {
    ///     biased;
    ///     () = delivery.lease().lost() => http::StatusCode::SERVICE_UNAVAILABLE,
    ///     () = tokio::time::sleep(Duration::from_secs(1)) => http::StatusCode::NO_CONTENT,
    /// }
    /// # }
    /// ```
    pub async fn lost(&self) {
        let mut told = pin!(self.0.lease().told.notified());
        loop {
            let mut over = pin!(self.over());
            let is_lost = poll_fn(|cx| {
                // The clock is checked each time, before anything that wakes this task. A loss that
                // occurs while this begins to wait is seen after it.
                if self.is_lost() || told.as_mut().poll(cx).is_ready() || self.is_lost() {
                    return Poll::Ready(true);
                }
                over.as_mut().poll(cx).map(|()| false)
            });
            if is_lost.await {
                return;
            }
        }
    }

    /// Waits for the end as known now: once the handler has ended, nothing else signals it.
    async fn over(&self) {
        match self.0.lease().end() {
            Some(end) if Handle::try_current().is_ok() => sleep_until(end).await,
            _ => pending().await,
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("is_lost", &self.is_lost())
            .finish()
    }
}
