//! One delivery, from its proof to its record: claim, confirm, handle, finish.
//!
//! It runs in a task of its own: a sender that hangs up ends its request, and what was claimed
//! must be finished all the same. The handler runs in another one, so that its claim is renewed
//! and its sender answered in time even if it blocks its thread, where the runtime has others.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;
use tracing::Instrument;

use super::delivery::{Delivery, Inner, Lease};
use super::hold::Hold;
use super::never_again::NeverAgain;
use super::replay::keep_body;
use super::ticket::{Stop, Ticket};
use crate::layer::observer::Verdict;
use crate::layer::refusal::Refusal;
use crate::layer::response_body::ResponseBody;
use crate::rejection::Reason;
use crate::store::{Held, StoredResponse};

/// Tells a sender that its delivery is a copy of one that was handled.
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// How long the record of an event is kept that was never true: strangers who know a secret path
/// could otherwise fill the store with inventions.
const UNTRUE_RETENTION: Duration = Duration::from_secs(60);

pub(super) async fn run<S, B, RB>(
    mut ticket: Box<Ticket<RB, S::Error>>,
    inner: S,
    parts: Box<Parts>,
) where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    match ticket.claim().await {
        Ok(Some(hold)) => {
            // Pinned here, so that what wraps it does not hold it once more.
            let work = pin!(confirm_and_handle(&mut ticket, Some(&hold), inner, parts));
            hold.while_renewing(work).await;
        }
        // The store cannot be asked, and running unchecked was chosen.
        Ok(None) => confirm_and_handle(&mut ticket, None, inner, parts).await,
        Err(Stop::Copy(stored)) => answer_copy(&mut ticket, stored),
        Err(Stop::Refused(refusal)) => ticket.refuse(Verdict::Refused, refusal),
        Err(Stop::Abandoned) => ticket.refuse(Verdict::Refused, Reason::InProgress),
    }
}

/// Runs the handler if the event is true and there is time left to answer.
async fn confirm_and_handle<S, B, RB>(
    ticket: &mut Ticket<RB, S::Error>,
    hold: Option<&Hold>,
    inner: S,
    parts: Box<Parts>,
) where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    match ticket.confirm(hold).await {
        Ok(()) => handle(ticket, hold, inner, parts).await,
        Err(refusal) => {
            if let Some(hold) = hold {
                let retention = retention_of_refused(ticket, hold, &refusal);
                hold.release(retention, ticket.answer_by()).await;
            }
            ticket.refuse(Verdict::Refused, refusal);
        }
    }
}

fn retention_of_refused<RB, E>(ticket: &Ticket<RB, E>, hold: &Hold, refusal: &Refusal) -> Duration {
    let usual = ticket.core.retention;
    // Where other content was bound earlier, the record is a true event's.
    if refusal.reason == Reason::ConfirmMismatch && !hold.grant.corrected {
        usual.min(UNTRUE_RETENTION)
    } else {
        usual
    }
}

/// A copy is told what the first delivery was, as far as that was kept.
fn answer_copy<RB, E>(ticket: &mut Ticket<RB, E>, stored: StoredResponse) {
    let mut response = ticket.core.reception.rejection(Reason::AlreadyDone);
    if let Some(body) = stored.body {
        *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        *response.body_mut() = ResponseBody::own(body);
        // Whatever these say is of the body that was replaced.
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().remove(CONTENT_TYPE);
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

/// Runs the handler and records its outcome.
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
    parts.extensions.insert(ticket.mark.clone());
    parts.extensions.insert(delivery(ticket, hold));
    let body = ticket.mark.body().cloned().unwrap_or_default();
    let request = Request::from_parts(*parts, B::from(body));
    let keep = ticket.core.replay_body;
    let deadline = ticket.arrival.deadline;
    let work = async move {
        let response = inner.call(request).await?;
        Ok(if settles(&response) {
            let (response, stored) = keep_body(response, keep, deadline).await;
            Ended::Settled(response, stored)
        } else {
            Ended::Failed(response)
        })
    };
    if let Some(hold) = hold {
        hold.begin_work();
    }
    let mut running = tokio::spawn(work.in_current_span());
    let outcome = match timeout_at(deadline, &mut running).await {
        Ok(outcome) => outcome,
        Err(_) => {
            ticket.refuse(Verdict::Unfinished, Reason::HandlerSlow);
            running.await
        }
    };
    let (reason, answer) = match outcome {
        Ok(Ok(Ended::Settled(response, stored))) => {
            return succeeded(ticket, hold, response, stored).await;
        }
        Ok(Ok(Ended::Failed(mut response))) => {
            *response.status_mut() = ticket.core.reception.profile.failure(response.status());
            (Reason::HandlerFailed, Ok(response.map(ResponseBody::inner)))
        }
        Ok(Err(error)) => (Reason::HandlerFailed, Err(error)),
        Err(_panic) => {
            let reason = Reason::HandlerPanicked;
            (reason, Ok(ticket.core.reception.rejection(reason)))
        }
    };
    // Released before the answer, so that the sender's next attempt finds the event free.
    if let Some(hold) = hold {
        hold.release(ticket.core.retention, ticket.answer_by())
            .await;
    }
    ticket.give(Verdict::Failed, Some(&reason.into()), answer);
}

/// How a handler ended that did not panic.
enum Ended<RB> {
    Settled(Response<ResponseBody<RB>>, StoredResponse),
    Failed(Response<RB>),
}

/// Whether the event is done with this response.
fn settles<RB>(response: &Response<RB>) -> bool {
    response.status().is_success() || NeverAgain::is_marked(response)
}

/// Records the event as done, and only then says so.
async fn succeeded<RB, E>(
    ticket: &mut Ticket<RB, E>,
    hold: Option<&Hold>,
    response: Response<ResponseBody<RB>>,
    stored: StoredResponse,
) {
    let Some(hold) = hold else {
        return ticket.give(Verdict::Handled, None, Ok(response));
    };
    let overdue_by: Option<Instant> = ticket.answer_by();
    let held = hold
        .complete(stored, overdue_by, || {
            ticket.refuse(Verdict::Unfinished, Reason::NotRecorded);
        })
        .await;
    match held {
        Held::Held => ticket.give(Verdict::Handled, None, Ok(response)),
        // The effect took place, and the event is another receiver's now.
        Held::Fenced => ticket.refuse(Verdict::Failed, Reason::LeaseLost),
    }
}

fn delivery<RB, E>(ticket: &Ticket<RB, E>, hold: Option<&Hold>) -> Delivery {
    let identity = &ticket.known.identity;
    Delivery::new(Inner {
        key: identity.key.clone(),
        shape: identity.shape,
        attempt: hold.map_or(0, |hold| hold.grant.attempt),
        fence: hold.map_or(0, |hold| hold.grant.fence),
        corrected: hold.is_some_and(|hold| hold.grant.corrected),
        unchecked: ticket.unchecked,
        event_time: identity.time,
        predates_retention: ticket.known.predates_retention,
        received_at: ticket.arrival.received_at,
        authenticated: ticket.mark.clone(),
        lease: hold.map_or_else(Lease::new, |hold| hold.lease.clone()),
    })
}
