use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Response, StatusCode};
use tokio::time::Instant;

use super::state::DedupeState;
use crate::event::Handling;
use crate::layer::response_body::ResponseBody;
use crate::observer::{MaskedHeaders, Observation, Timings, Verdict};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::runtime::RunContext;
use crate::signature::Verified;

/// The facts about one delivery. Its request, its task and its handler share them.
pub(super) type DeliveryContext = RunContext<Kept>;

/// What a run keeps of its request.
pub(crate) struct Kept {
    pub(super) core: Arc<DedupeState>,
    /// For the observer only, if it requests them.
    pub(super) headers: Option<HeaderMap>,
    /// When its origin was proved, if durations are reported.
    pub(super) proved_at: Option<Instant>,
    /// Whether the sender's answer is settled. Locked while the observer learns of an answer before
    /// the handler's end, so that it learns of the end afterwards.
    pub(super) answered: Mutex<bool>,
}

impl Kept {
    /// Why a handler has failed; if its sender has been answered and does not retry, that its event
    /// is lost.
    pub(super) fn failed(&self, cause: RejectionCause, is_answered: bool) -> RejectionCause {
        match is_answered && !self.core.endpoint.contract.retries_at_all() {
            true => cause.for_good(),
            false => cause,
        }
    }
}

impl DeliveryContext {
    /// Settles that the caller gives the answer; `false` if one was given before.
    pub(super) fn settle(&self) -> bool {
        !std::mem::replace(&mut *self.answered(), true)
    }

    pub(super) fn is_answered(&self) -> bool {
        *self.answered()
    }

    /// Settles that the sender gets this refusal before its handler has ended, and notifies the
    /// observer; `None` if an answer was given before.
    pub(super) fn answer_early<RB>(
        &self,
        reason: Reason,
        is_waited_for: bool,
    ) -> Option<Response<ResponseBody<RB>>> {
        let mut answered = self.answered();
        if std::mem::replace(&mut *answered, true) {
            return None;
        }
        let response = self.kept.core.endpoint.rejection(reason);
        let status = is_waited_for.then_some(response.status());
        self.observe(Verdict::Unfinished, Some(&reason.into()), status);
        Some(response)
    }

    fn answered(&self) -> MutexGuard<'_, bool> {
        (self.kept.answered.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the outcome of the delivery to the observer, with the sender's answer, if any.
    pub(super) fn observe(
        &self,
        verdict: Verdict,
        cause: Option<&RejectionCause>,
        status: Option<StatusCode>,
    ) {
        let Kept {
            core,
            headers,
            proved_at,
            answered: _,
        } = &self.kept;
        let endpoint = &core.endpoint;
        let since = |moment: Instant| moment.saturating_duration_since(self.request_clock.started);
        let grant = self.grant();
        let mut observation = Observation {
            reason: cause.map(|cause| cause.reason),
            detail: cause.and_then(RejectionCause::detail),
            status,
            key: Some(&self.event.identity.key),
            item: self.event.item.as_ref().map(|item| item.place),
            signed_by: self.auth.verified().map(Verified::key_ids),
            client: self.auth.client,
            attempt: grant.map(|grant| grant.attempt),
            corrected: grant.is_some_and(|grant| grant.corrected),
            content_differs: self.content_differs(),
            test_id: self.event.identity.handling == Handling::TestId,
            predates_retention: self.event.predates_retention,
            unchecked: self.is_unchecked(),
            polled: self.auth.polled.is_some(),
            timings: Timings {
                proved: proved_at.map(since),
                claimed: self.claimed_at().map(since),
                ..Timings::default()
            },
            headers: (headers.as_ref())
                .map(|headers| MaskedHeaders::new(headers, &endpoint.secret_headers)),
            body: (self.auth.body.as_ref()).filter(|_| endpoint.interest().body),
            ..endpoint.observation(verdict)
        };
        let started = Some(self.request_clock.started);
        endpoint.observe(&mut observation, started, &self.auth);
    }
}
