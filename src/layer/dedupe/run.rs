//! One delivery, from its proof to its record: confirm, claim, handle, finish.
//!
//! Whatever it waits for, it waits in a task of its own: a sender that hangs up ends its request,
//! and what was claimed must be finished all the same. Its claim is renewed by others, so that it
//! is not late for a handler that blocks its thread (see `apart`); nor is its sender's answer, where the
//! runtime has other threads.

use std::future::{Ready, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName,
    HeaderValue,
};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::delivery::Delivery;
use super::facts::{Facts, LAST_STEPS};
use super::hold::Hold;
use super::never_again::NeverAgain;
use super::replay::keep_body;
use super::ticket::{Answer, Stop, Ticket};
use crate::event::payload::PayloadError;
use crate::layer::authenticated::Authenticated;
use crate::layer::observer::Verdict;
use crate::layer::refusal::Refusal;
use crate::layer::response_body::ResponseBody;
use crate::rejection::{Reason, Rejection};
use crate::store::{Held, StoredResponse};

/// Tells a sender that its delivery is a copy of one that was handled.
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would hold what it is given twice"
)]
pub(super) fn run<S, B, RB>(
    mut ticket: Ticket<RB, S::Error>,
    inner: S,
    parts: Box<Parts>,
) -> impl Future<Output = ()> + Send
where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    async move {
        if !ticket.facts.core.confirms.is_empty() {
            // Behind a pointer, as everything that most deliveries do without.
            if let Err(stop) = Box::pin(ticket.confirm()).await {
                return stopped(&mut ticket, stop);
            }
        }
        let hold = match ticket.claim().await {
            // Without a hold the store cannot be asked, and running unchecked was chosen; or it is
            // a question that is answered each time.
            Ok(hold) => hold,
            Err(stop) => return stopped(&mut ticket, stop),
        };
        let hold = hold.as_deref();
        if let Some(refusal) = ticket.may_begin().err() {
            // Behind a pointer, as everything that most deliveries do without.
            return Box::pin(give_back(&mut ticket, hold, refusal)).await;
        }
        handle(&mut ticket, hold, inner, parts).await;
    }
}

fn stopped<RB, E>(ticket: &mut Ticket<RB, E>, stop: Stop) {
    match stop {
        Stop::Copy(stored) => answer_copy(ticket, stored),
        Stop::Refused(refusal) => ticket.refuse(Verdict::Refused, refusal),
        Stop::Abandoned => ticket.refuse(Verdict::Refused, Reason::InProgress),
    }
}

async fn give_back<RB, E>(ticket: &mut Ticket<RB, E>, hold: Option<&Hold>, refusal: Refusal) {
    if let Some(hold) = hold {
        let retention = ticket.facts.core.retention;
        hold.release(retention, ticket.answer_by()).await;
    }
    ticket.refuse(Verdict::Refused, refusal);
}

/// A copy is told what the first delivery was, as far as that was kept.
fn answer_copy<RB, E>(ticket: &mut Ticket<RB, E>, stored: StoredResponse) {
    let mut response = ticket.facts.core.reception.rejection(Reason::AlreadyDone);
    if let Some(body) = stored.body {
        *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        *response.body_mut() = ResponseBody::own(body);
        let headers = response.headers_mut();
        // Whatever these say is of the body that was replaced.
        for name in [
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
            CONTENT_LENGTH,
            CONTENT_RANGE,
            CONTENT_TYPE,
        ] {
            headers.remove(name);
        }
        let content_type = (stored.content_type.as_ref())
            .and_then(|stored| HeaderValue::from_str(stored.as_str()).ok());
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
    }
    response
        .headers_mut()
        .insert(&REPLAYED, HeaderValue::from_static("true"));
    ticket.give(
        Verdict::Copy,
        Some(&Reason::AlreadyDone.into()),
        Ok(response),
    );
}

/// Waits until the service inside can take one more, runs the handler and records its outcome.
async fn handle<S, B, RB>(
    ticket: &mut Ticket<RB, S::Error>,
    hold: Option<&Hold>,
    mut inner: S,
    mut parts: Box<Parts>,
) where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    let facts = Arc::clone(&ticket.facts);
    let ready = match poll_fn(|cx| Poll::Ready(poll_ready(&mut inner, cx))).await {
        Poll::Ready(ready) => ready.map(|ready| ready.map(|()| inner)),
        // Behind a pointer, as everything that most deliveries do without.
        Poll::Pending => match Box::pin(until_ready(ticket, inner)).await {
            Ok(ready) => ready,
            Err(refusal) => return Box::pin(give_back(ticket, hold, refusal)).await,
        },
    };
    let outcome = match ready {
        Ok(Ok(mut inner)) => {
            // From here on the body is the handler's: once it lets go of it, nobody keeps it.
            let mark = Authenticated::of(&facts.proofs, ticket.body.take());
            let body = mark.body().cloned().unwrap_or_default();
            let delivery = Delivery::new(Arc::clone(&facts), mark.clone());
            parts.extensions.insert(mark);
            parts.extensions.insert(delivery);
            let request = Request::from_parts(*parts, B::from(body));
            if let Some(hold) = hold {
                hold.begin_work();
            }
            facts.handling.store(true, Ordering::Release);
            // Called apart from what it returns: the request is nobody's any more.
            let called = catch_unwind(AssertUnwindSafe(|| inner.call(request)));
            let mut response = pin!(called.ok());
            let outcome = poll_fn(|cx| poll_caught(response.as_mut(), cx)).await;
            // Where it panics being dropped, what it has come to stands.
            let _ = catch_unwind(AssertUnwindSafe(|| response.set(None)));
            outcome
        }
        Ok(Err(error)) => Ok(Err(error)),
        Err(Panicked) => Err(Panicked),
    };
    let (end, answer) = match outcome {
        Ok(Ok(response)) if settles(&response) => settled(&facts, response).await,
        Ok(Ok(response)) if is_nested(&response) => {
            (Err(Reason::Nested), Ok(response.map(ResponseBody::inner)))
        }
        Ok(Ok(mut response)) => {
            let profile = &facts.core.reception.profile;
            *response.status_mut() = profile.failure(response.status());
            let answer = Ok(response.map(ResponseBody::inner));
            (Err(Reason::HandlerFailed), answer)
        }
        Ok(Err(error)) => (Err(Reason::HandlerFailed), Err(error)),
        Err(Panicked) => panicked(&facts),
    };
    let ended_at = Instant::now();
    facts.outcome_known(ended_at);
    match (end, hold) {
        (Ok(stored), Some(hold)) => {
            // Recorded as done, and only then said to be.
            let answer_by = ticket.answer_by();
            let overdue = || ticket.refuse(Verdict::Unfinished, Reason::NotRecorded);
            match hold.complete(stored, ended_at, answer_by, overdue).await {
                Held::Held => ticket.give(Verdict::Handled, None, answer),
                // The effect took place, and the event is another receiver's now.
                Held::Fenced => ticket.refuse(Verdict::Failed, Reason::LeaseLost),
            }
        }
        (Ok(_), None) => ticket.give(Verdict::Handled, None, answer),
        (Err(reason), hold) => {
            // Released before the answer, so that the sender's next attempt finds the event free.
            if let Some(hold) = hold {
                let retention = facts.core.retention;
                hold.release(retention, ticket.answer_by()).await;
            }
            let refusal = why(reason, &answer);
            ticket.give(Verdict::Failed, Some(&refusal), answer);
        }
    }
}

/// Why a handler has failed, as far as its answer says.
fn why<RB, E>(reason: Reason, answer: &Answer<RB, E>) -> Refusal {
    if reason == Reason::Nested {
        return Refusal::nested();
    }
    let response = answer.as_ref().ok();
    let payload = response.and_then(|response| response.extensions().get::<PayloadError>());
    payload.map_or_else(|| reason.into(), |error| error.clone().into())
}

/// A handler has panicked. What it said is the panic hook's to tell.
struct Panicked;

fn poll_ready<S, B>(
    inner: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Result<Result<(), S::Error>, Panicked>>
where
    S: Service<Request<B>>,
{
    match catch_unwind(AssertUnwindSafe(|| inner.poll_ready(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    }
}

/// Waits for a service that is not ready at once, as one behind a limit is. What could not begin by
/// the deadline is given back where its sender comes again; where it does not, the sender is told that
/// the event was taken, and the wait goes on for as long as the event is held.
///
/// A service that is not ready in time is dropped here, with its place in a queue.
async fn until_ready<S, B, RB>(
    ticket: &mut Ticket<RB, S::Error>,
    mut inner: S,
) -> Result<Result<Result<S, S::Error>, Panicked>, Refusal>
where
    S: Service<Request<B>, Response = Response<RB>>,
{
    let facts = Arc::clone(&ticket.facts);
    let reception = &facts.core.reception;
    let _place = reception.budget.wait().ok_or(Reason::BudgetUsedUp)?;
    let mut ready = poll_fn(|cx| poll_ready(&mut inner, cx));
    let in_time = tokio::select! {
        biased;
        ready = &mut ready => Some(ready),
        () = facts.core.drain.begun() => return Err(Reason::Draining.into()),
        () = sleep_until(facts.arrival.deadline) => None,
    };
    let ready = match in_time {
        Some(ready) => ready,
        None if reception.profile.retries_at_all() => return Err(Reason::NotReady.into()),
        None => {
            ticket.answer_early(Reason::NotReady);
            tokio::select! {
                biased;
                ready = &mut ready => ready,
                () = facts.lease().lost() => return Err(Reason::InProgress.into()),
            }
        }
    };
    if facts.is_lease_lost() {
        return Err(Reason::InProgress.into());
    }
    Ok(ready.map(|ready| ready.map(|()| inner)))
}

/// Polls what calling the handler has returned; none where that has panicked.
fn poll_caught<F: Future>(
    future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Panicked>> {
    let Some(future) = future.as_pin_mut() else {
        return Poll::Ready(Err(Panicked));
    };
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    }
}

/// What is kept of an event that is done, or why it is not, and the answer.
type Outcome<RB, E> = (Result<StoredResponse, Reason>, Answer<RB, E>);

/// Keeps what copies are to be told of the response.
fn settled<RB, E>(
    facts: &Facts,
    response: Response<RB>,
) -> Either<Ready<Outcome<RB, E>>, impl Future<Output = Outcome<RB, E>> + Send>
where
    RB: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    match facts.core.replay_body {
        Some(limit) => Either::Right(Box::pin(replayable(facts, response, limit))),
        None => {
            let status = response.status().as_u16();
            let stored = StoredResponse {
                status,
                body: None,
                content_type: None,
            };
            Either::Left(ready((Ok(stored), Ok(response.map(ResponseBody::inner)))))
        }
    }
}

/// Keeps a short body too. It has the rights of its handler.
async fn replayable<RB, E>(facts: &Facts, response: Response<RB>, limit: usize) -> Outcome<RB, E>
where
    RB: Body<Data = Bytes>,
{
    // Behind the deadline, so that the sender is told by then that the handler goes on.
    let kept = keep_body(response, limit, facts.arrival.deadline + LAST_STEPS);
    match AssertUnwindSafe(kept).catch_unwind().await {
        Ok((response, stored)) => (Ok(stored), Ok(response)),
        Err(_panic) => panicked(facts),
    }
}

fn panicked<RB, E>(facts: &Facts) -> Outcome<RB, E> {
    let reason = Reason::HandlerPanicked;
    (Err(reason), Ok(facts.core.reception.rejection(reason)))
}

/// Whether a layer inside has refused the delivery for want of a place of its own.
fn is_nested<RB>(response: &Response<RB>) -> bool {
    let rejection = response.extensions().get::<Rejection>();
    rejection.is_some_and(|rejection| rejection.reason() == Reason::Nested)
}

/// Whether the event is done with this response.
fn settles<RB>(response: &Response<RB>) -> bool {
    response.status().is_success() || NeverAgain::is_marked(response)
}
