use http::StatusCode;
use http::request::Parts;
use http_body::Body;

#[cfg(feature = "senders")]
use super::challenge::reply;
use super::diagnosed::DiagnosisJob;
use super::endpoint::EndpointConfig;
use super::lingering_body::LingeringBody;
use super::reject_future::RejectFuture;
use super::unproved::{Hint, Hinted, Unproved};
use crate::authenticated::AuthState;
use crate::observer::{Detail, Observation, Verdict};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::signature::{SignatureErrorKind, Verified};

/// Refuses a delivery before its handler: notifies the observer, discards the body and gives the
/// answer. The request is used up.
pub(crate) fn refuse<B: Body>(
    endpoint: &EndpointConfig,
    cause: &RejectionCause,
    parts: &mut Parts,
    auth: &AuthState,
    unread: B,
) -> RejectFuture<B> {
    let unsigned = cause.signature();
    let clock_suspected = (unsigned.and_then(|error| error.as_stale()))
        .is_some_and(|stale| endpoint.clock_watch.stale(stale));
    let is_unproved = unsigned.is_some()
        || cause.reason == Reason::ProofRefused
        || cause.reason.is_of_certificate();
    let seen = if is_unproved && endpoint.is_watched() {
        let client = endpoint.origin.client(&parts.extensions, &parts.headers);
        Unproved::of(&parts.headers, &endpoint.id_headers, client)
    } else {
        Unproved::default()
    };
    let response = endpoint.rejected(cause.reason, std::mem::take(&mut parts.extensions));
    #[cfg(feature = "senders")]
    let response = reply(cause, response);
    let body = auth.body.as_ref();
    let body_len = (unsigned.and(body)).and_then(|body| u64::try_from(body.len()).ok());
    let mismatch = unsigned.is_some_and(|error| error.kind() == SignatureErrorKind::Mismatch);
    let hint = match (body_len, seen.content_length) {
        (Some(came), Some(announced)) if mismatch && came != announced => {
            Some(Hint::Rewritten(came, announced))
        }
        _ => clock_suspected.then_some(Hint::OwnClock),
    };
    let detail = cause.detail();
    let hinted = hint.map(|hint| Hinted { detail, hint });
    // The layer around this one reports it, once.
    if cause.reason != Reason::Nested {
        let status = response.status();
        let parts = &*parts;
        let mut refused = || Observation {
            reason: Some(cause.reason),
            detail: hinted.as_ref().map(|hinted| Detail(hinted)).or(detail),
            status: Some(status),
            signed_by: cause.signed_by().or(auth.verified().map(Verified::key_ids)),
            client: cause.client.or(auth.client).or(seen.client),
            claimed_id: seen.claimed_id,
            body_len,
            content_length: seen.content_length,
            clock_suspected,
            headers: endpoint.interest().headers.then(|| endpoint.masked(parts)),
            body: body.filter(|_| endpoint.interest().body),
            ..endpoint.observation(Verdict::of_refusal(cause.reason))
        };
        endpoint.observe_refused(cause.reason, auth, &mut refused);
    }
    // A wrong path must look like one that was never routed.
    let lingering = match response.status() {
        StatusCode::NOT_FOUND => None,
        _ => LingeringBody::of(&parts.headers, unread, endpoint.max_body_bytes),
    };
    if let Some(sampler) = &endpoint.sampler
        && unsigned.is_some()
    {
        DiagnosisJob::offer(sampler, endpoint, cause.reason, parts, auth);
    }
    RejectFuture::new(response, lingering)
}
