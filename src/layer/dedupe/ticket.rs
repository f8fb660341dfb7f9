use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::facts::Facts;
use super::nursery::Place;
use crate::layer::observer::Verdict;
use crate::layer::refusal::Refusal;
use crate::layer::response_body::ResponseBody;
use crate::rejection::Reason;
use crate::store::StoredResponse;

pub(crate) type Answer<RB, E> = Result<Response<ResponseBody<RB>>, E>;

/// One proved delivery on its way, and the request that waits for its answer.
pub(super) struct Ticket<RB, E> {
    pub(super) facts: Arc<Facts>,
    /// The proved body, until the handler has it.
    pub(super) body: Option<Bytes>,
    /// Where its hold is looked after.
    pub(super) place: Place,
    answer: Option<oneshot::Sender<Answer<RB, E>>>,
    /// The last to be dropped: by then all is done.
    _counted: TaskTrackerToken,
}

impl<RB, E> Ticket<RB, E> {
    pub(super) fn new(
        facts: Arc<Facts>,
        body: Option<Bytes>,
        place: Place,
        answer: oneshot::Sender<Answer<RB, E>>,
    ) -> Self {
        Self {
            body,
            place,
            answer: Some(answer),
            _counted: facts.core.drain.count(),
            facts,
        }
    }

    /// Gives the answer, unless one was given before, and tells the observer what became of the
    /// delivery. A sender that has hung up gets none.
    pub(super) fn give(
        &mut self,
        verdict: Verdict,
        reason: Option<&Refusal>,
        answer: Answer<RB, E>,
    ) {
        let status = answer.as_ref().ok().map(Response::status);
        let sender = self.answer.take().filter(|_| self.facts.settle());
        let was_waited_for = sender.is_some_and(|sender| sender.send(answer).is_ok());
        self.facts
            .observe(verdict, reason, status.filter(|_| was_waited_for));
    }

    /// Answers with a refusal.
    pub(super) fn refuse(&mut self, verdict: Verdict, refusal: impl Into<Refusal>) {
        let refusal = refusal.into();
        let response = self.facts.core.reception.rejection(refusal.reason);
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
        (!self.facts.is_answered()).then(|| self.facts.answer_by())
    }

    /// Answers before the handler has ended, or begun, if nobody has yet.
    pub(super) fn answer_early(&mut self, reason: Reason) {
        let is_waited_for = self
            .answer
            .as_ref()
            .is_some_and(|sender| !sender.is_closed());
        if let Some(response) = self.facts.answer_early(reason, is_waited_for)
            && let Some(sender) = self.answer.take()
        {
            let _ = sender.send(Ok(response));
        }
    }
}

impl<RB, E> Drop for Ticket<RB, E> {
    /// Where the work ends without an answer and the sender has hung up, nobody else tells the
    /// observer.
    fn drop(&mut self) {
        let is_forgotten = self.answer.as_ref().is_some_and(oneshot::Sender::is_closed);
        if is_forgotten && self.facts.settle() {
            let reason = Reason::TaskEnded.into();
            self.facts.observe(Verdict::Unfinished, Some(&reason), None);
        }
    }
}

/// Why a delivery ends before its handler.
pub(super) enum Stop {
    /// It was handled before, with this response.
    Copy(StoredResponse),
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
