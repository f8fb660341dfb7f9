use std::error::Error;
use std::fmt;

use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::store::StoreError;

/// A request that cannot be replayed.
#[derive(Debug)]
pub struct ReplayError {
    kind: ReplayErrorKind,
    source: Option<StoreError>,
    reason: Option<Reason>,
}

/// Why a request cannot be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayErrorKind {
    /// Its origin was not proved.
    NotAuthenticated,
    /// The line does not record an answer and so has no request, or has one that this version
    /// cannot read.
    NoRequest,
    /// Some of its header lines are not stored.
    NoWholeHead,
    /// Its body is not stored, only stored in part, or has masked parts.
    NoWholeBody,
    /// It belongs to another provider or consumer.
    OtherWebhook,
    /// The proofs of that time are not those that are demanded now.
    NotProved,
    /// Its event, or one event of its list, has no key now, or another key than it had then.
    OtherKey,
    /// The store could not say whether its event is done.
    Store,
    /// The inner service failed without a response.
    Handler,
}

impl ReplayError {
    pub(super) fn new(kind: ReplayErrorKind) -> Self {
        Self {
            kind,
            source: None,
            reason: None,
        }
    }

    pub(super) fn because(kind: ReplayErrorKind, cause: &RejectionCause) -> Self {
        Self {
            reason: Some(cause.reason),
            ..Self::new(kind)
        }
    }

    pub(super) fn of_store(error: StoreError) -> Self {
        Self {
            source: Some(error),
            ..Self::new(ReplayErrorKind::Store)
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ReplayErrorKind {
        self.kind
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ReplayErrorKind as Kind;
        let text = match self.kind {
            Kind::NotAuthenticated => "its origin was not proved: it can only be diagnosed",
            Kind::NoRequest => "the line holds no request: take the line of its answer",
            Kind::NoWholeHead => "its header lines are not all kept",
            Kind::NoWholeBody => "its body is not kept as a whole",
            Kind::OtherWebhook => "it is of another provider or consumer than this webhook",
            Kind::NotProved => "this webhook demands another proof than it had",
            Kind::OtherKey => "its event has another key now than it had",
            Kind::Store => "the store could not say whether its event is done",
            Kind::Handler => "the service inside failed without a response",
        };
        write!(f, "replay: {text}")?;
        match self.reason {
            Some(reason) => write!(f, " ({})", reason.code()),
            None => Ok(()),
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_ref()?;
        Some(source)
    }
}
