use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use tokio::time::Instant;

use super::lease::{End, Lease};
use super::state::{DedupeState, IdentifiedEvent};
use crate::authenticated::AuthState;
use crate::event::Handling;
use crate::layer::response_body::ResponseBody;
use crate::observer::{MaskedHeaders, Observation, Timings, Verdict};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::request_clock::RequestClock;
use crate::signature::Verified;
use crate::store::Grant;

/// How often a request looks past its deadline for a task that is about to answer.
pub(super) const LAST_STEPS: Duration = Duration::from_millis(10);

/// The longest that an outcome takes to be recorded behind the deadline.
const MOST_LATE: Duration = Duration::from_millis(250);

/// What is known of one delivery. Its request, its task and its handler share it.
pub(super) struct DeliveryContext {
    pub(super) core: Arc<DedupeState>,
    pub(super) request_clock: RequestClock,
    /// With the body only where the observer asks for it: this outlives the handler's use of that.
    pub(super) auth: Arc<AuthState>,
    pub(super) event: IdentifiedEvent,
    /// Kept for the observer only, where it asks for them.
    pub(super) headers: Option<HeaderMap>,
    /// When its origin was proved, and when it was claimed, where somebody wants to know.
    pub(super) proved_at: Option<Instant>,
    pub(super) claimed: OnceLock<(Option<Instant>, Grant)>,
    pub(super) unchecked: AtomicBool,
    /// Whether its key is the sender's own id and was met with other content.
    pub(super) content_differs: AtomicBool,
    /// When its hold ends unless it is renewed.
    ends: End,
    /// Made when somebody asks for it, or it is lost.
    lease: OnceLock<Lease>,
    /// Whether the handler is running: who waits for it then need not wait past the deadline.
    pub(super) handling: AtomicBool,
    /// Until when there is an answer to wait for, where the outcome is known too late for the deadline.
    late: OnceLock<Instant>,
    /// Whether the sender's answer is settled. Held while the observer is told that it was answered
    /// before its handler ended, so that it hears of the end behind that.
    answered: Mutex<bool>,
}

impl DeliveryContext {
    pub(super) fn new(
        core: Arc<DedupeState>,
        event: IdentifiedEvent,
        mut auth: AuthState,
        headers: Option<HeaderMap>,
    ) -> Self {
        let request_clock = core.endpoint.start_clock(&mut auth.readings);
        Self {
            request_clock,
            auth: Arc::new(auth),
            event,
            headers,
            proved_at: core.endpoint.is_timed().then(Instant::now),
            core,
            claimed: OnceLock::new(),
            unchecked: AtomicBool::new(false),
            content_differs: AtomicBool::new(false),
            ends: End::none(request_clock.started),
            lease: OnceLock::new(),
            handling: AtomicBool::new(false),
            late: OnceLock::new(),
            answered: Mutex::new(false),
        }
    }

    pub(super) fn grant(&self) -> Option<Grant> {
        self.claimed.get().map(|(_, grant)| *grant)
    }

    pub(super) fn lease(&self) -> &Lease {
        let lease = self.lease.get_or_init(|| Lease::until(&self.ends));
        // It may have been renewed while it was made.
        lease.follow(&self.ends);
        lease
    }

    pub(super) fn is_lease_lost(&self) -> bool {
        match self.lease.get() {
            Some(lease) => lease.is_lost(),
            None => self.ends.is_over(),
        }
    }

    /// The hold was claimed or renewed, and lasts until then; `false` where a handler was told
    /// before that it is lost.
    pub(super) fn hold_until(&self, end: Instant) -> bool {
        self.ends.set(end);
        self.lease.get().is_none_or(|lease| {
            lease.follow(&self.ends);
            !lease.is_lost()
        })
    }

    /// The handler has come to its outcome: that is the answer, and there is a moment left to record
    /// it, though the deadline may be past. A sender waits a quarter longer than that.
    pub(super) fn outcome_known(&self, now: Instant) {
        let RequestClock {
            started, deadline, ..
        } = self.request_clock;
        let allowed = deadline.saturating_duration_since(started);
        let answer_by = now + (allowed / 4).min(MOST_LATE);
        if answer_by > deadline {
            let _ = self.late.set(answer_by);
        }
        self.handling.store(false, Ordering::Release);
    }

    /// Until when the sender is to be answered.
    pub(super) fn answer_by(&self) -> Instant {
        self.late
            .get()
            .copied()
            .unwrap_or(self.request_clock.deadline)
    }

    pub(super) fn is_unchecked(&self) -> bool {
        self.unchecked.load(Ordering::Relaxed)
    }

    /// Settles that the answer is the caller's to give; `false` where one was given before.
    pub(super) fn settle(&self) -> bool {
        !std::mem::replace(&mut *self.answered(), true)
    }

    pub(super) fn is_answered(&self) -> bool {
        *self.answered()
    }

    /// Settles that the sender is answered before its handler has ended, with this refusal, and
    /// tells the observer; `None` where an answer was given before.
    pub(super) fn answer_early<RB>(
        &self,
        reason: Reason,
        is_waited_for: bool,
    ) -> Option<Response<ResponseBody<RB>>> {
        let mut answered = self.answered();
        if std::mem::replace(&mut *answered, true) {
            return None;
        }
        let response = self.core.endpoint.rejection(reason);
        let status = is_waited_for.then_some(response.status());
        self.observe(Verdict::Unfinished, Some(&reason.into()), status);
        Some(response)
    }

    fn answered(&self) -> MutexGuard<'_, bool> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the observer what became of the delivery, and what its sender was told, if anything.
    pub(super) fn observe(
        &self,
        verdict: Verdict,
        cause: Option<&RejectionCause>,
        status: Option<StatusCode>,
    ) {
        let endpoint = &self.core.endpoint;
        let since = |moment: Instant| moment.saturating_duration_since(self.request_clock.started);
        let grant = self.grant();
        let mut observation = Observation {
            reason: cause.map(|cause| cause.reason),
            detail: cause.and_then(RejectionCause::detail),
            status,
            key: Some(&self.event.identity.key),
            signed_by: self.auth.signature.as_ref().map(Verified::key_ids),
            client: self.auth.client,
            attempt: grant.map(|grant| grant.attempt),
            corrected: grant.is_some_and(|grant| grant.corrected),
            content_differs: self.content_differs.load(Ordering::Relaxed)
                || (self.event.has_own_id() && grant.is_some_and(|grant| grant.corrected)),
            test_id: self.event.identity.handling == Handling::TestId,
            predates_retention: self.event.predates_retention,
            unchecked: self.is_unchecked(),
            timings: Timings {
                proved: self.proved_at.map(since),
                claimed: self.claimed.get().and_then(|(moment, _)| moment.map(since)),
                ..Timings::default()
            },
            headers: (self.headers.as_ref())
                .map(|headers| MaskedHeaders::new(headers, &endpoint.secret_headers)),
            body: (self.auth.body.as_ref()).filter(|_| endpoint.interest().body),
            ..endpoint.observation(verdict)
        };
        endpoint.observe(&mut observation, Some(self.request_clock.started));
    }
}
