use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::identified::IdentifiedEvent;
use super::lease::Lease;
use super::state::RunState;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use super::transaction_slot::TransactionSlot;
use crate::authenticated::AuthState;
use crate::request_clock::RequestClock;
use crate::store::{Grant, Token};

/// The longest time after the deadline for recording an outcome.
const MOST_LATE: Duration = Duration::from_millis(250);

/// The facts about one run. Its caller, its task and its handler share them.
pub(crate) struct RunContext<C: ?Sized = dyn Send + Sync> {
    pub(crate) state: Arc<RunState>,
    pub(crate) request_clock: RequestClock,
    /// Holds the body only if it is needed, because this outlives the handler's use of it.
    pub(crate) auth: Arc<AuthState>,
    pub(crate) event: IdentifiedEvent,
    /// How it is held before it is claimed.
    pub(super) hold: Option<Hold>,
    pub(super) claimed: OnceLock<Claimed>,
    pub(super) unchecked: AtomicBool,
    pub(super) content_differs: AtomicBool,
    /// Whether the handler is running: then nobody needs to wait for it past the deadline.
    handling: AtomicBool,
    /// How long to wait for the answer, once the handler has ended and its outcome must be
    /// recorded.
    record_by: OnceLock<Instant>,
    /// The transaction of its handler.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) transaction: TransactionSlot,
    /// The caller's own data.
    pub(crate) kept: C,
}

/// How an event is held before it is claimed: with which token, and since when at the latest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) token: Token,
    pub(crate) since: Instant,
}

impl Hold {
    /// Whether enough of its lease is left that a claim need not check it; else another receiver
    /// may hold it.
    pub(crate) fn is_young(&self, lease: Duration) -> bool {
        self.since.elapsed() < lease / 3
    }
}

/// An event that this receiver holds, or held.
pub(super) struct Claimed {
    pub(super) moment: Instant,
    pub(super) grant: Grant,
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) token: Token,
    pub(super) lease: Lease,
}

impl<C> RunContext<C> {
    pub(crate) fn new(
        state: Arc<RunState>,
        request_clock: RequestClock,
        auth: AuthState,
        event: IdentifiedEvent,
        kept: C,
    ) -> Arc<Self> {
        Self::held(state, request_clock, auth, event, None, kept)
    }

    /// The same for an event that is held already, if it is.
    pub(crate) fn held(
        state: Arc<RunState>,
        request_clock: RequestClock,
        auth: AuthState,
        event: IdentifiedEvent,
        hold: Option<Hold>,
        kept: C,
    ) -> Arc<Self> {
        Arc::new(Self {
            state,
            request_clock,
            auth: Arc::new(auth),
            event,
            hold,
            claimed: OnceLock::new(),
            unchecked: AtomicBool::new(false),
            content_differs: AtomicBool::new(false),
            handling: AtomicBool::new(false),
            record_by: OnceLock::new(),
            #[cfg(any(feature = "postgres", feature = "sqlite"))]
            transaction: TransactionSlot::default(),
            kept,
        })
    }
}

impl<C: ?Sized> RunContext<C> {
    pub(crate) fn grant(&self) -> Option<Grant> {
        self.claimed.get().map(|claimed| claimed.grant)
    }

    /// When the event was claimed.
    pub(crate) fn claimed_at(&self) -> Option<Instant> {
        self.claimed.get().map(|claimed| claimed.moment)
    }

    pub(super) fn lease(&self) -> &Lease {
        match self.claimed.get() {
            Some(claimed) => &claimed.lease,
            None => Lease::of_nothing(),
        }
    }

    fn outlasts_drain(&self) -> bool {
        (self.event.item.as_ref()).is_some_and(|item| item.outlasts_drain)
    }

    /// Whether the receiver is shutting down and nothing new may begin.
    pub(super) fn is_draining(&self) -> bool {
        self.state.drain().has_begun() && !self.outlasts_drain()
    }

    /// Waits until then.
    pub(super) async fn drain_begun(&self) {
        if self.outlasts_drain() {
            pending::<()>().await;
        }
        self.state.drain().begun().await;
    }

    pub(super) fn handler_begins(&self) {
        self.handling.store(true, Ordering::Release);
    }

    /// From here on, the handler's outcome is the answer, even after the deadline.
    pub(super) fn handler_ended(&self) {
        self.handling.store(false, Ordering::Release);
    }

    pub(crate) fn is_handling(&self) -> bool {
        self.handling.load(Ordering::Acquire)
    }

    /// Leaves a moment to record an outcome that is known by now, but no second one after that:
    /// further calls change nothing. The sender waits up to a quarter of its time past the deadline.
    pub(super) fn allow_recording(&self) {
        let RequestClock {
            started, deadline, ..
        } = self.request_clock;
        let allowed = deadline.saturating_duration_since(started);
        let record_by = || deadline.max(Instant::now() + (allowed / 4).min(MOST_LATE));
        self.record_by.get_or_init(record_by);
    }

    /// Whether its outcome is known, is being recorded and still has time for that.
    pub(crate) fn is_recording(&self) -> bool {
        (self.record_by.get()).is_some_and(|record_by| Instant::now() <= *record_by)
    }

    /// By when the sender must be answered.
    pub(crate) fn answer_by(&self) -> Instant {
        self.record_by
            .get()
            .copied()
            .unwrap_or(self.request_clock.deadline)
    }

    /// Whether it was found at the source that its confirmations would query.
    pub(super) fn is_confirmed(&self) -> bool {
        (self.auth.polled.as_ref()).is_some_and(|polled| polled.is_confirmed)
    }

    /// Whether the event comes from an inbox, so that nobody waits for the answer to its delivery.
    pub(super) fn is_queued(&self) -> bool {
        self.state.settings.is_queued
    }

    pub(crate) fn is_unchecked(&self) -> bool {
        self.unchecked.load(Ordering::Relaxed)
    }

    /// Whether its key is the sender's own id and was found with other content.
    pub(crate) fn content_differs(&self) -> bool {
        self.content_differs.load(Ordering::Relaxed)
            || (self.event.has_own_id() && self.grant().is_some_and(|grant| grant.corrected))
    }
}
