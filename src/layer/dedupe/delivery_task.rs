use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::context::DeliveryContext;
use super::renewal_scheduler::RenewalSlot;
use crate::layer::response_body::ResponseBody;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::store::StoredResponse;

pub(crate) type Answer<RB, E> = Result<Response<ResponseBody<RB>>, E>;

/// One proved delivery on its way, and the request that waits for its answer.
pub(super) struct DeliveryTask<RB, E> {
    pub(super) context: Arc<DeliveryContext>,
    /// The proved body, until the handler has it.
    pub(super) body: Option<Bytes>,
    /// Where its hold is looked after.
    pub(super) place: RenewalSlot,
    answer: Option<oneshot::Sender<Answer<RB, E>>>,
    /// The last to be dropped: by then all is done.
    _counted: TaskTrackerToken,
}

impl<RB, E> DeliveryTask<RB, E> {
    pub(super) fn new(
        context: Arc<DeliveryContext>,
        body: Option<Bytes>,
        place: RenewalSlot,
        answer: oneshot::Sender<Answer<RB, E>>,
    ) -> Self {
        Self {
            body,
            place,
            answer: Some(answer),
            _counted: context.core.drain.count(),
            context,
        }
    }

    /// Gives the answer, unless one was given before, and tells the observer what became of the
    /// delivery. A sender that has hung up gets none.
    pub(super) fn give(
        &mut self,
        verdict: Verdict,
        reason: Option<&RejectionCause>,
        answer: Answer<RB, E>,
    ) {
        let status = answer.as_ref().ok().map(Response::status);
        let sender = self.answer.take().filter(|_| self.context.settle());
        let was_waited_for = sender.is_some_and(|sender| sender.send(answer).is_ok());
        self.context
            .observe(verdict, reason, status.filter(|_| was_waited_for));
    }

    /// Answers with a refusal.
    pub(super) fn refuse(&mut self, verdict: Verdict, cause: impl Into<RejectionCause>) {
        let cause = cause.into();
        let response = self.context.core.endpoint.rejection(cause.reason);
        self.give(verdict, Some(&cause), Ok(response));
    }

    /// Waits until nobody wants the answer any more.
    pub(super) async fn abandoned(&mut self) {
        if let Some(sender) = &mut self.answer {
            sender.closed().await;
        }
    }

    /// Until when the answer is to be given, if it is not yet.
    pub(super) fn answer_by(&self) -> Option<Instant> {
        (!self.context.is_answered()).then(|| self.context.answer_by())
    }

    /// Answers before the handler has ended, or begun, if nobody has yet.
    pub(super) fn answer_early(&mut self, reason: Reason) {
        let is_waited_for = self
            .answer
            .as_ref()
            .is_some_and(|sender| !sender.is_closed());
        if let Some(response) = self.context.answer_early(reason, is_waited_for)
            && let Some(sender) = self.answer.take()
        {
            let _ = sender.send(Ok(response));
        }
    }
}

impl<RB, E> Drop for DeliveryTask<RB, E> {
    /// Where the work ends without an answer and the sender has hung up, nobody else tells the
    /// observer.
    fn drop(&mut self) {
        let is_forgotten = self.answer.as_ref().is_some_and(oneshot::Sender::is_closed);
        if is_forgotten && self.context.settle() {
            let reason = Reason::TaskEnded.into();
            self.context
                .observe(Verdict::Unfinished, Some(&reason), None);
        }
    }
}

/// Why a delivery ends before its handler.
pub(super) enum ClaimError {
    /// It was handled before, with this response.
    Copy(StoredResponse),
    Refused(RejectionCause),
    /// The sender of a waiting copy has hung up.
    Abandoned,
}

impl From<RejectionCause> for ClaimError {
    fn from(cause: RejectionCause) -> Self {
        Self::Refused(cause)
    }
}

impl From<Reason> for ClaimError {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}
