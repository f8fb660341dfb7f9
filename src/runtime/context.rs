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

/// The longest that an outcome takes to be recorded behind the deadline.
const MOST_LATE: Duration = Duration::from_millis(250);

/// What is known of one run. Its caller, its task and its handler share it.
pub(crate) struct RunContext<C: ?Sized = dyn Send + Sync> {
    pub(crate) state: Arc<RunState>,
    pub(crate) request_clock: RequestClock,
    /// With the body only where somebody asks for it: this outlives the handler's use of that.
    pub(crate) auth: Arc<AuthState>,
    pub(crate) event: IdentifiedEvent,
    /// How it is held before it is claimed.
    pub(super) hold: Option<Hold>,
    pub(super) claimed: OnceLock<Claimed>,
    pub(super) unchecked: AtomicBool,
    pub(super) content_differs: AtomicBool,
    /// Whether the handler is running: who waits for it then need not wait past the deadline.
    handling: AtomicBool,
    /// Until when there is an answer to wait for, once the handler has ended and is to be recorded.
    record_by: OnceLock<Instant>,
    /// The transaction of its handler.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) transaction: TransactionSlot,
    /// What its caller keeps with it.
    pub(crate) kept: C,
}

/// How an event is held before it is claimed: with which token, and since when at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) token: Token,
    pub(crate) since: Instant,
}

impl Hold {
    /// Whether so much of its lease is left that a claim need not ask for it: else it may be another one's.
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

    /// The same of an event that is held so, where it is.
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

    /// Whether the receiver shuts down, and nothing is begun any more.
    pub(super) fn is_draining(&self) -> bool {
        self.state.drain().has_begun() && !self.outlasts_drain()
    }

    /// Waits for that.
    pub(super) async fn drain_begun(&self) {
        if self.outlasts_drain() {
            pending::<()>().await;
        }
        self.state.drain().begun().await;
    }

    pub(super) fn handler_begins(&self) {
        self.handling.store(true, Ordering::Release);
    }

    /// From here on the outcome of the handler is the answer, though the deadline may be past.
    pub(super) fn handler_ended(&self) {
        self.handling.store(false, Ordering::Release);
    }

    pub(crate) fn is_handling(&self) -> bool {
        self.handling.load(Ordering::Acquire)
    }

    /// Leaves a moment to record an outcome that is known by now, and no other one when that is over:
    /// asked again, it changes nothing. A sender waits a quarter longer than to the deadline.
    pub(super) fn allow_recording(&self) {
        let RequestClock {
            started, deadline, ..
        } = self.request_clock;
        let allowed = deadline.saturating_duration_since(started);
        let record_by = || deadline.max(Instant::now() + (allowed / 4).min(MOST_LATE));
        self.record_by.get_or_init(record_by);
    }

    /// Whether its outcome is known, is being recorded and has a moment left for that.
    pub(crate) fn is_recording(&self) -> bool {
        (self.record_by.get()).is_some_and(|record_by| Instant::now() <= *record_by)
    }

    /// Until when the sender is to be answered.
    pub(crate) fn answer_by(&self) -> Instant {
        self.record_by
            .get()
            .copied()
            .unwrap_or(self.request_clock.deadline)
    }

    /// Whether it was found out where its confirmations would ask.
    pub(super) fn is_confirmed(&self) -> bool {
        (self.auth.polled.as_ref()).is_some_and(|polled| polled.is_confirmed)
    }

    /// Whether the event comes out of an inbox, and nobody waits for the answer to its delivery.
    pub(super) fn is_queued(&self) -> bool {
        self.state.settings.is_queued
    }

    pub(crate) fn is_unchecked(&self) -> bool {
        self.unchecked.load(Ordering::Relaxed)
    }

    /// Whether its key is the sender's own id and was met with other content.
    pub(crate) fn content_differs(&self) -> bool {
        self.content_differs.load(Ordering::Relaxed)
            || (self.event.has_own_id() && self.grant().is_some_and(|grant| grant.corrected))
    }
}
