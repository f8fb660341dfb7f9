use std::task::{Context, Poll};

use super::caught::Panicked;
use super::delivery::Delivery;
use crate::rejection_cause::RejectionCause;
use crate::store::StoredResponse;

/// What is run for an event, once that is claimed.
///
/// Whatever is a user's in it is called by [`caught`](super::caught::caught).
pub(crate) trait Work: Send + 'static {
    /// What the handler has to say to whoever waits.
    type Answer: Send + 'static;

    /// Whether it can begin; otherwise its answer. What has a limit inside waits here.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<Ready<Self::Answer>, Panicked>> {
        Poll::Ready(Ok(Ready::Now))
    }

    /// Runs the handler.
    fn run(
        self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Ended<Self::Answer>, Panicked>> + Send;
}

/// Whether a handler can begin.
#[derive(Debug)]
pub(crate) enum Ready<A> {
    Now,
    Never(A),
}

/// A handler that has come to its end.
#[derive(Debug)]
pub(crate) struct Ended<A> {
    /// What is kept of an event that is done, or why it is not.
    pub(crate) end: Result<StoredResponse, RejectionCause>,
    pub(crate) answer: A,
}
