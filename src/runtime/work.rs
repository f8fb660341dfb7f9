use std::task::{Context, Poll};

use super::caught::Panicked;
use super::delivery::Delivery;
use crate::rejection_cause::RejectionCause;
use crate::store::StoredResponse;

/// The work that is run for an event, once it is claimed.
///
/// All user code in it is called by [`caught`](super::caught::caught).
pub(crate) trait Work: Send + 'static {
    /// The handler's answer to whoever waits.
    type Answer: Send + 'static;

    /// Waits until it can begin, for example for an inner limit. It returns an outcome if it never
    /// can.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Option<Box<Ran<Self::Answer>>>> {
        Poll::Ready(None)
    }

    /// Runs the handler.
    fn run(self, delivery: Delivery) -> impl Future<Output = Ran<Self::Answer>> + Send;
}

/// The result of running a handler.
pub(crate) type Ran<A> = Result<Ended<A>, Panicked>;

/// A handler that has ended.
#[derive(Debug)]
pub(crate) enum Ended<A> {
    /// The event is done, with this stored response.
    Done(StoredResponse, A),
    /// The event counts as done, with this stored response: no retry can help.
    GivenUp(StoredResponse, A),
    Failed(RejectionCause, A),
}
