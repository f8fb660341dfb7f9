//! One delivery, from its proof to its record: claim, confirm, handle, finish.
//!
//! It runs in a task of its own: a sender that hangs up ends its request, and what was claimed
//! must be finished all the same.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::delivery::{Delivery, Inner, Lease};
use super::hold::Hold;
use super::never_again::NeverAgain;
use super::replay::keep_body;
use super::ticket::{Stop, Ticket};
use crate::layer::observer::Verdict;
use crate::layer::response_body::ResponseBody;
use crate::rejection::Reason;
use crate::store::{Held, StoredResponse};

/// Tells a sender that its delivery is a copy of one that was handled.
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(super) async fn run<S, B, RB>(mut ticket: Ticket<RB, S::Error>, inner: S, parts: Parts)
where
    S: Service<Request<B>, Response = Response<RB>>,
    B: From<Bytes>,
    RB: Body<Data = Bytes>,
{
    // `None` where the store cannot be asked, and running unchecked was chosen.
    let hold = match ticket.claim().await {
        Ok(hold) => hold,
        Err(Stop::Copy(stored)) => return answer_copy(&mut ticket, stored),
        Err(Stop::Refused(refusal)) => return ticket.refuse(Verdict::Refused, refusal),
        Err(Stop::Abandoned) => return ticket.refuse(Verdict::Refused, Reason::InProgress),
    };
    let work = confirm_and_handle(&mut ticket, hold.as_ref(), inner, parts);
    match &hold {
        Some(hold) => hold.while_renewing(work).await,
        None => work.await,
    }
}

/// Runs the handler if the event is true and there is time left to answer.
async fn confirm_and_handle<S, B, RB>(
    ticket: &mut Ticket<RB, S::Error>,
    hold: Option<&Hold>,
    inner: S,
    parts: Parts,
) where
    S: Service<Request<B>, Response = Response<RB>>,
    B: From<Bytes>,
    RB: Body<Data = Bytes>,
{
    let core = Arc::clone(&ticket.core);
    let mut refusal = match &core.confirm {
        Some(confirm) => tokio::select! {
            biased;
            () = core.drain.begun() => Some(Reason::Draining.into()),
            confirmed = ticket.confirm(confirm, hold) => confirmed.err(),
        },
        None => None,
    };
    if refusal.is_none() && hold.is_some() && Instant::now() >= ticket.arrival.deadline {
        refusal = Some(Reason::StoreTooSlow.into());
    }
    let Some(refusal) = refusal else {
        return handle(ticket, hold, inner, parts).await;
    };
    if let Some(hold) = hold {
        hold.release(ticket.answer_by()).await;
    }
    ticket.refuse(Verdict::Refused, refusal);
}

/// A copy is told what the first delivery was, as far as that was kept.
fn answer_copy<RB, E>(ticket: &mut Ticket<RB, E>, stored: StoredResponse) {
    let mut response = ticket.core.reception.rejection(Reason::AlreadyDone);
    if let Some(body) = stored.body {
        *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        *response.body_mut() = ResponseBody::own(body);
    }
    response
        .headers_mut()
        .insert(&REPLAYED, HeaderValue::from_static("true"));
    ticket.give(
        Verdict::Copy,
        Some(Reason::AlreadyDone.into()),
        Ok(response),
    );
}

/// Runs the handler and records its outcome.
async fn handle<S, B, RB>(
    ticket: &mut Ticket<RB, S::Error>,
    hold: Option<&Hold>,
    mut inner: S,
    mut parts: Parts,
) where
    S: Service<Request<B>, Response = Response<RB>>,
    B: From<Bytes>,
    RB: Body<Data = Bytes>,
{
    parts.extensions.insert(ticket.mark.clone());
    parts.extensions.insert(delivery(ticket, hold));
    let body = ticket.mark.body().cloned().unwrap_or_default();
    let request = Request::from_parts(parts, B::from(body));
    let limit = ticket.core.replay_body;
    // A body that is to be kept is part of the handler's work: it may hang and panic as well.
    let work = async move {
        let response = inner.call(request).await?;
        Ok(if settles(&response) {
            match keep_body(response, limit).await {
                Ok((response, stored)) => Ended::Settled(response, stored),
                Err(reason) => Ended::BrokeOff(reason),
            }
        } else {
            Ended::Failed(response)
        })
    };
    let mut running = pin!(AssertUnwindSafe(work).catch_unwind());
    let outcome = match timeout_at(ticket.arrival.deadline, running.as_mut()).await {
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
        Ok(Ok(Ended::BrokeOff(reason))) => (reason, Ok(ticket.core.reception.rejection(reason))),
        Ok(Err(error)) => (Reason::HandlerFailed, Err(error)),
        Err(_panic) => {
            let reason = Reason::HandlerPanicked;
            (reason, Ok(ticket.core.reception.rejection(reason)))
        }
    };
    // Released before the answer, so that the sender's next attempt finds the event free.
    if let Some(hold) = hold {
        hold.release(ticket.answer_by()).await;
    }
    ticket.give(Verdict::Failed, Some(reason.into()), answer);
}

/// How a handler's work ended.
enum Ended<RB> {
    Settled(Response<ResponseBody<RB>>, StoredResponse),
    Failed(Response<RB>),
    /// It succeeded, and then the body that was to be kept did not come.
    BrokeOff(Reason),
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
    let deadline = ticket.arrival.deadline;
    let held = hold
        .complete(stored, deadline, || {
            if !ticket.is_answered() {
                ticket.refuse(Verdict::Unfinished, Reason::NotRecorded);
            }
        })
        .await;
    match held {
        Held::Held => ticket.give(Verdict::Handled, None, Ok(response)),
        // The effect took place, and another receiver has the event now.
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
