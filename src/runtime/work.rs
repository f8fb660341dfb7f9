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

    /// Waits until it can begin: what has a limit inside waits here. It is over where it never can.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Option<Box<Ran<Self::Answer>>>> {
        Poll::Ready(None)
    }

    /// Runs the handler.
    fn run(self, delivery: Delivery) -> impl Future<Output = Ran<Self::Answer>> + Send;
}

/// What running a handler comes to.
pub(crate) type Ran<A> = Result<Ended<A>, Panicked>;

/// A handler that has come to its end.
#[derive(Debug)]
pub(crate) enum Ended<A> {
    /// The event is done, and this is kept of it.
    Done(StoredResponse, A),
    /// The event is done as far as anybody will try, and this is kept of it: no retry can help.
    GivenUp(StoredResponse, A),
    Failed(RejectionCause, A),
}
