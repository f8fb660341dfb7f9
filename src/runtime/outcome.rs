use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::store::StoredResponse;

/// The outcome of a run.
#[derive(Debug)]
pub(crate) enum Outcome<A> {
    /// The handler ran, or gave up for good: the event is recorded as done.
    Done(A),
    /// The event was done before, with this response.
    Duplicate(StoredResponse),
    /// No handler ran.
    Refused(RejectionCause),
    /// The handler ran without success, and the event is released. No answer if it panicked.
    Failed(RejectionCause, Option<A>),
    /// The handler ran, but the event now belongs to another receiver.
    LeaseLost,
}

/// Why a run ends before its handler.
#[derive(Debug)]
pub(super) enum ClaimError {
    Duplicate(StoredResponse),
    Refused(RejectionCause),
}

impl<A> From<ClaimError> for Outcome<A> {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Duplicate(response) => Self::Duplicate(response),
            ClaimError::Refused(cause) => Self::Refused(cause),
        }
    }
}

impl From<RejectionCause> for ClaimError {
    fn from(cause: RejectionCause) -> Self {
        Self::Refused(cause)
    }
}

impl From<Reason> for ClaimError {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}
