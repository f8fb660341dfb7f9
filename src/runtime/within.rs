//! Time limits that cost nothing if there is nothing to wait for.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a call to a store may take.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(1);

/// The time limit of a call that is made now, for an answer that is needed by `answer_by`.
pub(super) fn call_limit(now: Instant, answer_by: Option<Instant>) -> Instant {
    let limit = now + CALL_LIMIT;
    answer_by.map_or(limit, |moment| limit.min(moment))
}

/// The output of `future`; `None` if it is not ready by `limit`.
///
/// Like `tokio::time::timeout_at`, but the timer is created, and its end computed, only if the
/// future is not ready at once.
pub(crate) async fn within<F: Future>(
    limit: impl FnOnce() -> Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut limit = Some(limit);
    // A future that uses up its task's budget must not delay its limit.
    let mut timer: Option<Pin<Box<Unconstrained<Sleep>>>> = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if let Some(limit) = limit.take() {
            timer = Some(Box::pin(unconstrained(sleep_until(limit()))));
        }
        match &mut timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}
