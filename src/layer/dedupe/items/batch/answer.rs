//! The one answer to a delivery, and the reports about it and its items to the observer.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower_service::Service;

use super::super::tally::Sum;
use super::Batch;
use crate::event::{EventKey, ItemPlace};
use crate::layer::dedupe::replay::duplicate;
use crate::layer::dedupe::responder::Answer;
use crate::layer::response_body::ResponseBody;
use crate::layer::words::in_words_of;
use crate::observer::{MaskedHeaders, Observation, Timings, Verdict};
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::rejection_cause::RejectionCause;
use crate::signature::Verified;
use crate::store::StoredResponse;

/// The request that waits for the answer, until it is given.
type Waiting<RB, E> = Option<oneshot::Sender<Answer<RB, E>>>;

impl<S, B, RB> Batch<S, B, RB, S::Error>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    /// Answers before everything has ended. A sender that does not retry takes that for success, so
    /// if an item is known not to be done, that decides the answer.
    pub(super) fn tell_early(&mut self, waiting: &mut Waiting<RB, S::Error>, reason: Reason) {
        let rejection = |reason| Ok(Box::new(self.core.endpoint.rejection(reason)));
        let undone = match self.sender_retries() {
            true => None,
            false => self.tally.undone(rejection(Reason::HandlerFailed)),
        };
        match undone {
            Some(sum) => self.tell(waiting, sum),
            None => {
                let response = rejection(reason);
                self.give(waiting, Verdict::Unfinished, Some(reason), response);
            }
        }
    }

    /// Gives the answer that follows from this sum.
    pub(super) fn tell(&self, waiting: &mut Waiting<RB, S::Error>, sum: Sum<Answer<RB, S::Error>>) {
        let endpoint = &self.core.endpoint;
        let ok = StatusCode::OK;
        let (verdict, reason, response) = match sum {
            Sum::Done => {
                let mut response = Response::new(ResponseBody::own(Bytes::new()));
                *response.status_mut() = ok;
                let (verdict, reason) = self.core.done();
                (verdict, reason, Ok(Box::new(response)))
            }
            Sum::Duplicate => {
                let response = duplicate(endpoint, StoredResponse::new(ok.as_u16()));
                let response = Ok(Box::new(response));
                (Verdict::Duplicate, Some(Reason::AlreadyDone), response)
            }
            Sum::Settled(response) => {
                let refusal =
                    |response: &Response<_>| response.extensions().get().map(Rejection::reason);
                match response.as_deref().ok().and_then(refusal) {
                    Some(reason) => (Verdict::of_refusal(reason), Some(reason), response),
                    None => (Verdict::Handled, None, response),
                }
            }
            Sum::Failed(response) => (Verdict::Failed, Some(Reason::HandlerFailed), response),
            Sum::NotNow(reason) => (
                Verdict::Refused,
                Some(reason),
                Ok(Box::new(endpoint.rejection(reason))),
            ),
        };
        self.give(waiting, verdict, reason, response);
    }

    /// Gives the answer, unless one was given before, and notifies the observer.
    fn give(
        &self,
        waiting: &mut Waiting<RB, S::Error>,
        verdict: Verdict,
        reason: Option<Reason>,
        mut answer: Answer<RB, S::Error>,
    ) {
        let contract = &self.core.endpoint.contract;
        if let Ok(response) = &mut answer {
            in_words_of(contract, response, ResponseBody::own);
        }
        let status = answer.as_ref().ok().map(|response| response.status());
        self.is_answered.store(true, Ordering::Release);
        let was_waited_for = waiting.take().is_some_and(|it| it.send(answer).is_ok());
        let cause = reason.map(RejectionCause::from);
        let mut observation = self.observation(verdict, cause.as_ref());
        observation.status = status.filter(|_| was_waited_for);
        observation.items = Some(self.count);
        observation.body = Some(&self.envelope).filter(|_| self.core.endpoint.interest().body);
        self.observe(observation);
    }

    pub(super) fn observe_item(
        &self,
        verdict: Verdict,
        cause: &RejectionCause,
        place: ItemPlace,
        key: Option<&EventKey>,
    ) {
        let mut observation = self.observation(verdict, Some(cause));
        observation.item = Some(place);
        observation.key = key;
        self.observe(observation);
    }

    fn observation<'a>(
        &'a self,
        verdict: Verdict,
        cause: Option<&'a RejectionCause>,
    ) -> Observation<'a> {
        let endpoint = &self.core.endpoint;
        let since = |moment: Instant| moment.saturating_duration_since(self.request_clock.started);
        let headers = &self.parts.headers;
        Observation {
            reason: cause.map(|cause| cause.reason),
            detail: cause.and_then(RejectionCause::detail),
            signed_by: self.auth.verified().map(Verified::key_ids),
            client: self.auth.client,
            timings: Timings {
                proved: self.proved_at.map(since),
                ..Timings::default()
            },
            headers: (endpoint.interest().headers)
                .then(|| MaskedHeaders::new(headers, &endpoint.secret_headers)),
            ..endpoint.observation(verdict)
        }
    }

    fn observe(&self, mut observation: Observation<'_>) {
        let started = Some(self.request_clock.started);
        (self.core.endpoint).observe(&mut observation, started, &self.auth);
    }
}
