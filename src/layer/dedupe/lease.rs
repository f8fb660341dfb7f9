use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A handler's hold on its event.
///
/// It is renewed while the handler runs, up to the renewal ceiling. Once lost, another receiver may
/// run the event: a handler should stop, or at least write nothing more.
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
pub struct Lease(Arc<State>);

struct State {
    is_lost: AtomicBool,
    told: Notify,
    end: End,
}

/// When a hold ends unless it is renewed; `NONE` where nothing is held. It only moves on.
pub(super) struct End {
    /// In nanoseconds, from here.
    since: Instant,
    nanos: AtomicU64,
}

const NONE: u64 = 0;

impl End {
    pub(super) fn none(since: Instant) -> Self {
        Self {
            since,
            nanos: AtomicU64::new(NONE),
        }
    }

    /// Moves it on.
    pub(super) fn set(&self, end: Instant) {
        let nanos = nanos(end.saturating_duration_since(self.since));
        self.nanos.fetch_max(nanos.max(1), Ordering::SeqCst);
    }

    fn moment(&self) -> Option<Instant> {
        match self.nanos.load(Ordering::SeqCst) {
            NONE => None,
            nanos => self.since.checked_add(Duration::from_nanos(nanos)),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        let end = self.nanos.load(Ordering::SeqCst);
        end != NONE && nanos(self.since.elapsed()) >= end
    }
}

/// Half a thousand years are the most.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Lease {
    /// A lease with this end, as far as it is known.
    pub(super) fn until(end: &End) -> Self {
        let lease = Self(Arc::new(State {
            is_lost: AtomicBool::new(false),
            told: Notify::new(),
            end: End::none(end.since),
        }));
        lease.follow(end);
        lease
    }

    /// Moves its end on to this one.
    pub(super) fn follow(&self, end: &End) {
        let nanos = end.nanos.load(Ordering::SeqCst);
        self.0.end.nanos.fetch_max(nanos, Ordering::SeqCst);
    }

    /// Whether the hold is lost. Once it is, it stays so.
    pub fn is_lost(&self) -> bool {
        if self.0.is_lost.load(Ordering::Acquire) {
            return true;
        }
        let is_over = self.0.end.is_over();
        if is_over {
            self.lose();
        }
        is_over
    }

    /// Waits until the hold is lost; for `tokio::select!` beside the work.
    ///
    /// Where the hold is lost already it is ready when it is first polled. Put it first, with
    /// `biased`, so that it is asked before the work goes on:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn handle(delivery: tower_webhook::Delivery) -> http::StatusCode {
    /// tokio::select! {
    ///     biased;
    ///     () = delivery.lease().lost() => http::StatusCode::SERVICE_UNAVAILABLE,
    ///     () = tokio::time::sleep(Duration::from_secs(1)) => http::StatusCode::NO_CONTENT,
    /// }
    /// # }
    /// ```
    pub async fn lost(&self) {
        let mut told = pin!(self.0.told.notified());
        loop {
            let mut over = pin!(self.over());
            let is_lost = poll_fn(|cx| {
                // The clock is asked each time, before anything that wakes this task; and a loss that
                // comes while this begins to wait is seen behind it.
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

    /// Waits for the end as it is known now: behind its handler nobody else tells of it.
    async fn over(&self) {
        match self.0.end.moment() {
            Some(end) if Handle::try_current().is_ok() => sleep_until(end).await,
            _ => pending().await,
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
