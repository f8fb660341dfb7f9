//! A time limit that costs nothing where there is nothing to wait for.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

/// What `future` comes to; `None` where it has not by `limit`.
///
/// As `tokio::time::timeout_at`, but the timer is made only when it is to wait.
pub(crate) async fn within<F: Future>(limit: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    // A future that uses its task's budget up must not put its limit off.
    let mut timer: Option<Pin<Box<Unconstrained<Sleep>>>> = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(unconstrained(sleep_until(limit))));
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}
