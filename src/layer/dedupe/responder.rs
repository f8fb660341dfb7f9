//! Reports the outcomes of a run in the terms of the waiting sender.

use std::sync::Arc;

use http::Response;
use tokio::sync::oneshot;

use super::context::DeliveryContext;
use super::replay::duplicate;
use crate::layer::response_body::ResponseBody;
use crate::layer::words::in_words_of;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Caller, Outcome};

/// What a run gives its caller. The response is boxed, because it is moved often, and held while
/// the outcome is recorded.
pub(crate) type Answer<RB, E> = Result<Box<Response<ResponseBody<RB>>>, E>;

/// Answers the request that waits for a delivery, and notifies the observer.
pub(super) struct Responder<RB, E> {
    context: Arc<DeliveryContext>,
    answer: Option<oneshot::Sender<Answer<RB, E>>>,
}

impl<RB, E> Responder<RB, E> {
    pub(super) fn new(
        context: Arc<DeliveryContext>,
        answer: oneshot::Sender<Answer<RB, E>>,
    ) -> Self {
        Self {
            context,
            answer: Some(answer),
        }
    }

    /// Gives the answer, unless one was given before. A sender that has hung up gets none.
    fn give(
        &mut self,
        verdict: Verdict,
        cause: Option<&RejectionCause>,
        mut answer: Answer<RB, E>,
    ) {
        let contract = &self.context.kept.core.endpoint.contract;
        if let Ok(response) = &mut answer {
            in_words_of(contract, response, ResponseBody::own);
        }
        let status = answer.as_ref().ok().map(|response| response.status());
        let sender = self.answer.take().filter(|_| self.context.settle());
        let was_waited_for = sender.is_some_and(|sender| sender.send(answer).is_ok());
        self.context
            .observe(verdict, cause, status.filter(|_| was_waited_for));
    }

    /// Answers with a refusal.
    pub(super) fn refuse(&mut self, verdict: Verdict, cause: &RejectionCause) {
        let response = self.context.kept.core.endpoint.rejection(cause.reason);
        self.give(verdict, Some(cause), Ok(Box::new(response)));
    }
}

impl<RB: Send, E: Send> Caller<Answer<RB, E>> for Responder<RB, E> {
    fn is_answered(&self) -> bool {
        self.context.is_answered()
    }

    async fn gone(&mut self) {
        if let Some(sender) = &mut self.answer {
            sender.closed().await;
        }
    }

    fn early(&mut self, reason: Reason) {
        let is_waited_for = (self.answer.as_ref()).is_some_and(|sender| !sender.is_closed());
        if let Some(response) = self.context.answer_early(reason, is_waited_for)
            && let Some(sender) = self.answer.take()
        {
            let _ = sender.send(Ok(Box::new(response)));
        }
    }

    fn ended(&mut self, outcome: Outcome<Answer<RB, E>>) {
        match outcome {
            Outcome::Done(answer) => self.give(Verdict::Handled, None, answer),
            Outcome::Duplicate(stored) => {
                let response = duplicate(&self.context.kept.core.endpoint, stored);
                let cause = Reason::AlreadyDone.into();
                self.give(Verdict::Duplicate, Some(&cause), Ok(Box::new(response)));
            }
            Outcome::Refused(cause) => self.refuse(Verdict::Refused, &cause),
            Outcome::Failed(cause, Some(answer)) => {
                let cause = self.context.kept.failed(cause, self.context.is_answered());
                self.give(Verdict::Failed, Some(&cause), answer);
            }
            Outcome::Failed(cause, None) => {
                let cause = self.context.kept.failed(cause, self.context.is_answered());
                self.refuse(Verdict::Failed, &cause);
            }
            Outcome::LeaseLost => self.refuse(Verdict::Failed, &Reason::LeaseLost.into()),
        }
    }
}

impl<RB, E> Drop for Responder<RB, E> {
    /// If the work ends without an answer and the sender has hung up, nothing else notifies the
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
