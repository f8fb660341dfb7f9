//! What bounds a body that is taken in.

use std::sync::Arc;

use tokio::time::Instant;

use super::endpoint::EndpointConfig;
#[cfg(feature = "gzip")]
use super::room::LARGE;
use super::room::Part;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::request_clock::RequestClock;

/// What bounds a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) max_bytes: usize,
    pub(crate) deadline: Instant,
    pub(crate) part: &'a Arc<Part>,
    /// How much room a large body takes along with its own, for what is made of it.
    pub(super) along: usize,
    /// How long that is which this body is made of, and which stays meanwhile.
    beside: usize,
    /// Whether it may wait for room.
    pub(super) may_wait: bool,
    /// How long it may take from the head on, as it is told.
    pub(super) millis: u32,
}

impl<'a> Limits<'a> {
    pub(crate) fn new(max_bytes: usize, deadline: Instant, part: &'a Arc<Part>) -> Self {
        Self {
            max_bytes,
            deadline,
            part,
            along: 0,
            beside: 0,
            may_wait: true,
            millis: 0,
        }
    }

    pub(crate) fn of(endpoint: &'a EndpointConfig, request_clock: &RequestClock) -> Self {
        let deadline = request_clock.deadline;
        let time = deadline.saturating_duration_since(request_clock.started);
        Self {
            millis: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
            ..Self::new(endpoint.max_body_bytes, deadline, &endpoint.part)
        }
    }

    /// Those of a file whose content is taken in later: where it is large, it has room for both or for none.
    #[cfg(feature = "gzip")]
    pub(crate) fn of_a_file(self) -> Self {
        Self {
            along: self.max_bytes,
            ..self
        }
    }

    /// Those of the content of a file of this length, which stays until then. What waited with a large one in
    /// its hands would keep others waiting, who may do the same.
    #[cfg(feature = "gzip")]
    pub(crate) fn of_the_content(self, file: usize) -> Self {
        Self {
            beside: file,
            may_wait: file < LARGE,
            ..self
        }
    }

    /// The largest body that can ever be let in.
    pub(super) fn fits(&self) -> usize {
        self.part.largest().saturating_sub(self.beside)
    }

    #[cold]
    pub(super) fn never_fits(&self) -> RejectionCause {
        let text = if self.along == 0 && self.beside == 0 {
            "the body can never fit: one layer's large bodies take at most half of the budget; raise \
             that to twice `max_body_bytes`, or lower `max_body_bytes`"
        } else {
            "the body can never fit with its content: one layer's large bodies take at most half of the \
             budget; raise that to four times `max_body_bytes`, or lower `max_body_bytes`"
        };
        RejectionCause::because(Reason::BudgetUsedUp, text)
    }
}
