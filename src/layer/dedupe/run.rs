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

use super::context::{DeliveryContext, LAST_STEPS};
use super::delivery::Delivery;
use super::delivery_task::{Answer, ClaimError, DeliveryTask};
use super::held_claim::HeldClaim;
use super::permanent::Permanent;
use super::replay::keep_body;
use crate::authenticated::Authenticated;
use crate::layer::response_body::ResponseBody;
use crate::observer::Verdict;
use crate::payload::PayloadError;
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::rejection_cause::RejectionCause;
use crate::store::{Held, StoredResponse};

/// Tells a sender that its delivery is a copy of one that was handled.
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would hold what it is given twice"
)]
pub(super) fn run<S, B, RB>(
    mut task: DeliveryTask<RB, S::Error>,
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
        if !task.context.core.confirms.is_empty() {
            // Behind a pointer, as everything that most deliveries do without.
            if let Err(stop) = Box::pin(task.confirm()).await {
                return stopped(&mut task, stop);
            }
        }
        let hold = match task.claim().await {
            // Without a hold the store cannot be asked, and running unchecked was chosen; or it is
            // a question that is answered each time.
            Ok(hold) => hold,
            Err(stop) => return stopped(&mut task, stop),
        };
        let hold = hold.as_deref();
        if let Some(cause) = task.may_begin().err() {
            // Behind a pointer, as everything that most deliveries do without.
            return Box::pin(give_back(&mut task, hold, cause)).await;
        }
        handle(&mut task, hold, inner, parts).await;
    }
}

fn stopped<RB, E>(task: &mut DeliveryTask<RB, E>, stop: ClaimError) {
    match stop {
        ClaimError::Copy(stored) => answer_copy(task, stored),
        ClaimError::Refused(cause) => task.refuse(Verdict::Refused, cause),
        ClaimError::Abandoned => task.refuse(Verdict::Refused, Reason::InProgress),
    }
}

async fn give_back<RB, E>(
    task: &mut DeliveryTask<RB, E>,
    hold: Option<&HeldClaim>,
    cause: RejectionCause,
) {
    if let Some(hold) = hold {
        let retention = task.context.core.retention;
        hold.release(retention, task.answer_by()).await;
    }
    task.refuse(Verdict::Refused, cause);
}

/// A copy is told what the first delivery was, as far as that was kept.
fn answer_copy<RB, E>(task: &mut DeliveryTask<RB, E>, stored: StoredResponse) {
    let mut response = task.context.core.endpoint.rejection(Reason::AlreadyDone);
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
    task.give(
        Verdict::Duplicate,
        Some(&Reason::AlreadyDone.into()),
        Ok(response),
    );
}

/// Waits until the service inside can take one more, runs the handler and records its outcome.
async fn handle<S, B, RB>(
    task: &mut DeliveryTask<RB, S::Error>,
    hold: Option<&HeldClaim>,
    mut inner: S,
    mut parts: Box<Parts>,
) where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    let context = Arc::clone(&task.context);
    let ready = match poll_fn(|cx| Poll::Ready(poll_ready(&mut inner, cx))).await {
        Poll::Ready(ready) => ready.map(|ready| ready.map(|()| inner)),
        // Behind a pointer, as everything that most deliveries do without.
        Poll::Pending => match Box::pin(until_ready(task, inner)).await {
            Ok(ready) => ready,
            Err(cause) => return Box::pin(give_back(task, hold, cause)).await,
        },
    };
    let outcome = match ready {
        Ok(Ok(mut inner)) => {
            // From here on the body is the handler's: once it lets go of it, nobody keeps it.
            let mark = Authenticated::of(&context.auth, task.body.take());
            let body = mark.body().cloned().unwrap_or_default();
            let delivery = Delivery::new(Arc::clone(&context), mark.clone());
            parts.extensions.insert(mark);
            parts.extensions.insert(delivery);
            let request = Request::from_parts(*parts, B::from(body));
            if let Some(hold) = hold {
                hold.begin_work();
            }
            context.handling.store(true, Ordering::Release);
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
        Ok(Ok(response)) if settles(&response) => settled(&context, response).await,
        Ok(Ok(response)) if is_nested(&response) => {
            (Err(Reason::Nested), Ok(response.map(ResponseBody::inner)))
        }
        Ok(Ok(mut response)) => {
            let contract = &context.core.endpoint.contract;
            *response.status_mut() = contract.failure(response.status());
            let answer = Ok(response.map(ResponseBody::inner));
            (Err(Reason::HandlerFailed), answer)
        }
        Ok(Err(error)) => (Err(Reason::HandlerFailed), Err(error)),
        Err(Panicked) => panicked(&context),
    };
    let ended_at = Instant::now();
    context.outcome_known(ended_at);
    match (end, hold) {
        (Ok(stored), Some(hold)) => {
            // Recorded as done, and only then said to be.
            let answer_by = task.answer_by();
            let overdue = || task.refuse(Verdict::Unfinished, Reason::NotRecorded);
            match hold.complete(stored, ended_at, answer_by, overdue).await {
                Held::Held => task.give(Verdict::Handled, None, answer),
                // The effect took place, and the event is another receiver's now.
                Held::Fenced => task.refuse(Verdict::Failed, Reason::LeaseLost),
            }
        }
        (Ok(_), None) => task.give(Verdict::Handled, None, answer),
        (Err(reason), hold) => {
            // Released before the answer, so that the sender's next attempt finds the event free.
            if let Some(hold) = hold {
                let retention = context.core.retention;
                hold.release(retention, task.answer_by()).await;
            }
            let cause = why(reason, &answer);
            task.give(Verdict::Failed, Some(&cause), answer);
        }
    }
}

/// Why a handler has failed, as far as its answer says.
fn why<RB, E>(reason: Reason, answer: &Answer<RB, E>) -> RejectionCause {
    if reason == Reason::Nested {
        return RejectionCause::nested();
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
    task: &mut DeliveryTask<RB, S::Error>,
    mut inner: S,
) -> Result<Result<Result<S, S::Error>, Panicked>, RejectionCause>
where
    S: Service<Request<B>, Response = Response<RB>>,
{
    let context = Arc::clone(&task.context);
    let endpoint = &context.core.endpoint;
    let _place = endpoint.budget.wait().ok_or(Reason::BudgetUsedUp)?;
    let mut ready = poll_fn(|cx| poll_ready(&mut inner, cx));
    let in_time = tokio::select! {
        biased;
        ready = &mut ready => Some(ready),
        () = context.core.drain.begun() => return Err(Reason::Draining.into()),
        () = sleep_until(context.request_clock.deadline) => None,
    };
    let ready = match in_time {
        Some(ready) => ready,
        None if endpoint.contract.retries_at_all() => return Err(Reason::NotReady.into()),
        None => {
            task.answer_early(Reason::NotReady);
            tokio::select! {
                biased;
                ready = &mut ready => ready,
                () = context.lease().lost() => return Err(Reason::InProgress.into()),
            }
        }
    };
    if context.is_lease_lost() {
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
    context: &DeliveryContext,
    response: Response<RB>,
) -> Either<Ready<Outcome<RB, E>>, impl Future<Output = Outcome<RB, E>> + Send>
where
    RB: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    match context.core.replay_body {
        Some(limit) => Either::Right(Box::pin(replayable(context, response, limit))),
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
async fn replayable<RB, E>(
    context: &DeliveryContext,
    response: Response<RB>,
    limit: usize,
) -> Outcome<RB, E>
where
    RB: Body<Data = Bytes>,
{
    // Behind the deadline, so that the sender is told by then that the handler goes on.
    let kept = keep_body(response, limit, context.request_clock.deadline + LAST_STEPS);
    match AssertUnwindSafe(kept).catch_unwind().await {
        Ok((response, stored)) => (Ok(stored), Ok(response)),
        Err(_panic) => panicked(context),
    }
}

fn panicked<RB, E>(context: &DeliveryContext) -> Outcome<RB, E> {
    let reason = Reason::HandlerPanicked;
    (Err(reason), Ok(context.core.endpoint.rejection(reason)))
}

/// Whether a layer inside has refused the delivery for want of a place of its own.
fn is_nested<RB>(response: &Response<RB>) -> bool {
    let rejection = response.extensions().get::<Rejection>();
    rejection.is_some_and(|rejection| rejection.reason() == Reason::Nested)
}

/// Whether the event is done with this response.
fn settles<RB>(response: &Response<RB>) -> bool {
    response.status().is_success() || Permanent::is_marked(response)
}
