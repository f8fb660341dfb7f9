//! The limits of a body that is taken in.

use std::sync::Arc;

use tokio::time::Instant;

use super::endpoint::EndpointConfig;
#[cfg(feature = "gzip")]
use super::room::LARGE;
use super::room::Part;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::request_clock::RequestClock;

/// The limits of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) max_bytes: usize,
    pub(crate) deadline: Instant,
    pub(crate) part: &'a Arc<Part>,
    /// How much room a large body takes in addition to its own, for the content that is made of it.
    pub(super) along: usize,
    /// The length of the file that this body is made of, and that stays in memory with it.
    beside: usize,
    /// Whether it may wait for room.
    pub(super) may_wait: bool,
    /// How long it may take after the head; for error texts.
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

    /// The limits of a file whose content is taken in later: if large, it gets room for both or for none.
    #[cfg(feature = "gzip")]
    pub(crate) fn of_a_file(self) -> Self {
        Self {
            along: self.max_bytes,
            ..self
        }
    }

    /// The limits of the content of a file of this length, which stays in memory until then. A body
    /// that waited while holding a large file would block others, which may do the same.
    #[cfg(feature = "gzip")]
    pub(crate) fn of_the_content(self, file: usize) -> Self {
        Self {
            beside: file,
            may_wait: file < LARGE,
            ..self
        }
    }

    /// The largest body that can ever fit.
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
