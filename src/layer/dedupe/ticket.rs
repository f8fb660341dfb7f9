use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::core::{Core, Known};
use crate::layer::arrival::Arrival;
use crate::layer::authenticated::Authenticated;
use crate::layer::observer::{MaskedHeaders, Observation, Timings, Verdict};
use crate::layer::refusal::Refusal;
use crate::layer::response_body::ResponseBody;
use crate::rejection::Reason;
use crate::signature::Verified;
use crate::store::Grant;

pub(super) type Answer<RB, E> = Result<Response<ResponseBody<RB>>, E>;

/// One proved delivery on its way: what is known of it, and the request that waits for its answer.
pub(super) struct Ticket<RB, E> {
    pub(super) core: Arc<Core>,
    pub(super) mark: Authenticated,
    pub(super) known: Known,
    pub(super) arrival: Arrival,
    /// Kept for the observer only, where it asks for them.
    pub(super) headers: Option<HeaderMap>,
    pub(super) proved_at: Instant,
    pub(super) claimed: Option<(Instant, Grant)>,
    pub(super) unchecked: bool,
    pub(super) answer: Option<oneshot::Sender<Answer<RB, E>>>,
}

impl<RB, E> Ticket<RB, E> {
    /// Gives the answer, unless one was given before, and tells the observer what became of the
    /// delivery. A sender that has hung up gets none.
    pub(super) fn give(
        &mut self,
        verdict: Verdict,
        reason: Option<&Refusal>,
        answer: Answer<RB, E>,
    ) {
        let status = match &answer {
            Ok(response) => Some(response.status()),
            Err(_) => None,
        };
        let sender = self.answer.take();
        let was_waited_for = sender.is_some();
        if let Some(sender) = sender {
            let _ = sender.send(answer);
        }
        self.observe(verdict, reason, status.filter(|_| was_waited_for));
    }

    /// Answers with a refusal.
    pub(super) fn refuse(&mut self, verdict: Verdict, refusal: impl Into<Refusal>) {
        let refusal = refusal.into();
        let response = self.core.reception.rejection(refusal.reason);
        self.give(verdict, Some(&refusal), Ok(response));
    }

    /// Waits until nobody wants the answer any more.
    pub(super) async fn abandoned(&mut self) {
        if let Some(sender) = &mut self.answer {
            sender.closed().await;
        }
    }

    /// Until when the answer is to be given, if it is not yet.
    pub(super) fn answer_by(&self) -> Option<Instant> {
        self.answer.as_ref().map(|_| self.arrival.deadline)
    }

    fn observe(&self, verdict: Verdict, refusal: Option<&Refusal>, status: Option<StatusCode>) {
        let reception = &self.core.reception;
        let since = |moment: Instant| moment.saturating_duration_since(self.arrival.started);
        let observation = reception.observation(verdict, &self.arrival);
        let total = observation.timings.total;
        let grant = self.claimed.map(|(_, grant)| grant);
        reception.observe(&Observation {
            reason: refusal.map(|refusal| refusal.reason),
            detail: refusal.and_then(Refusal::detail),
            status,
            key: Some(&self.known.identity.key),
            signed_by: self.mark.signature().map(Verified::key_id),
            client: self.mark.client(),
            attempt: grant.map(|grant| grant.attempt),
            corrected: grant.is_some_and(|grant| grant.corrected),
            predates_retention: self.known.predates_retention,
            unchecked: self.unchecked,
            timings: Timings {
                proved: Some(since(self.proved_at)),
                claimed: self.claimed.map(|(moment, _)| since(moment)),
                total,
            },
            headers: (self.headers.as_ref())
                .map(|headers| MaskedHeaders::new(headers, &reception.secret_headers)),
            body: self.mark.body().filter(|_| reception.interest().body),
            ..observation
        });
    }
}

/// Why a delivery ends before its handler.
pub(super) enum Stop {
    /// It was handled before, with this response.
    Copy(crate::store::StoredResponse),
    Refused(Refusal),
    /// The sender of a waiting copy has hung up.
    Abandoned,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}
