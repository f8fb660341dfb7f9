use http::{Response, StatusCode};

use crate::reason::Reason;
use crate::rejection::Rejection;

/// Asserts that a delivery was refused, and for which reason, which the sender never sees.
///
/// The reason is read from the response's extensions, so it is visible inside the process only. A
/// failure of the handler is the handler's own answer, not a refusal: check its status instead.
///
/// # Panics
///
/// If it was not refused, or was refused for another reason.
#[track_caller]
pub fn assert_rejected<B>(response: &Response<B>, reason: Reason) {
    let status = response.status();
    let found = response.extensions().get::<Rejection>();
    assert!(
        found.is_some_and(|rejection| rejection.reason() == reason),
        "not refused as {reason} but {} with status {status}",
        told(found, status),
    );
}

/// Asserts that a delivery reached its handler and got a success from it: neither a refusal nor a
/// duplicate.
///
/// # Panics
///
/// If it was not handled, or was handled without success.
#[track_caller]
pub fn assert_handled<B>(response: &Response<B>) {
    let status = response.status();
    let found = response.extensions().get::<Rejection>();
    assert!(
        found.is_none() && status.is_success(),
        "not handled but {} with status {status}",
        told(found, status),
    );
}

/// Asserts that a delivery was recognized as a duplicate of a handled delivery.
///
/// # Panics
///
/// Where it was not.
#[track_caller]
pub fn assert_duplicate<B>(response: &Response<B>) {
    assert_rejected(response, Reason::AlreadyDone);
}

/// Asserts that a delivery was accepted into its webhook's inbox as a new entry.
///
/// # Panics
///
/// Where it was not.
#[cfg(feature = "inbox")]
#[track_caller]
pub fn assert_queued<B>(response: &Response<B>) {
    assert_rejected(response, Reason::Queued);
}

/// Describes where a response came from. A router without a matching route or method answers
/// without any layer.
fn told(found: Option<&Rejection>, status: StatusCode) -> String {
    match (found, status) {
        (Some(rejection), _) => format!("refused as {}", rejection.reason()),
        (None, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
            "answered by the router or the handler (no webhook layer saw this request: wrong path, or \
             layer missing?)"
                .to_owned()
        }
        (None, _) => "answered by the handler (or is the webhook layer missing?)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::time::Duration;

    use super::*;
    use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};

    fn rejected(reason: Reason) -> Response<()> {
        let schedule = RetrySchedule::Fixed {
            interval: Duration::from_secs(30),
            attempts: 5,
        };
        let contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess);
        let rejection = Rejection::new(reason, &contract);
        let mut response = rejection.response().map(|_| ());
        response.extensions_mut().insert(rejection);
        response
    }

    #[track_caller]
    fn fails(text: &str, assertion: impl FnOnce() + std::panic::UnwindSafe) {
        let panic = catch_unwind(assertion).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), text);
    }

    #[test]
    fn an_assertion_that_fails_says_what_was_found() {
        assert_rejected(&rejected(Reason::Conflict), Reason::Conflict);
        assert_duplicate(&rejected(Reason::AlreadyDone));
        assert_handled(&Response::new(()));
        fails(
            "not refused as signature_mismatch but refused as signature_stale with status 401 Unauthorized",
            || {
                assert_rejected(&rejected(Reason::SignatureStale), Reason::SignatureMismatch);
            },
        );
        fails(
            "not refused as already_done but answered by the handler (or is the webhook layer missing?) \
             with status 200 OK",
            || assert_duplicate(&Response::new(())),
        );
        fails(
            "not handled but refused as already_done with status 200 OK",
            || assert_handled(&rejected(Reason::AlreadyDone)),
        );
        fails(
            "not handled but answered by the router or the handler (no webhook layer saw this request: \
             wrong path, or layer missing?) with status 404 Not Found",
            || {
                let mut response = Response::new(());
                *response.status_mut() = StatusCode::NOT_FOUND;
                assert_handled(&response);
            },
        );
        fails(
            "not handled but answered by the handler (or is the webhook layer missing?) with status \
             500 Internal Server Error",
            || {
                let mut response = Response::new(());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                assert_handled(&response);
            },
        );
    }
}
