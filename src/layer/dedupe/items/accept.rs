//! Accepts an item of a delivery as an inbox entry.

use std::sync::Arc;

use bytes::Bytes;

use super::caller::ItemCaller;
use super::tally::ItemEnd;
use crate::inbox::Accepted;
use crate::layer::dedupe::context::DeliveryContext;
use crate::layer::dedupe::responder::Answer;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Caller, Door, Outcome, spawn_accept};

/// Starts the work of accepting an item.
pub(super) fn accept<RB, E>(
    door: &Arc<Door>,
    context: Arc<DeliveryContext>,
    body: Bytes,
    caller: ItemCaller<RB, E>,
) where
    RB: Send + 'static,
    E: Send + 'static,
{
    spawn_accept(
        Arc::clone(door),
        context,
        Some(body),
        AcceptItemCaller(caller),
    );
}

/// Reports the outcome of accepting an item to its delivery.
struct AcceptItemCaller<RB, E>(ItemCaller<RB, E>);

impl<RB: Send, E: Send> AcceptItemCaller<RB, E> {
    fn accepted(&mut self, accepted: Accepted) {
        let item = &mut self.0;
        let (verdict, reason, end) = match accepted {
            Accepted::Queued | Accepted::Corrected | Accepted::Revived => {
                (Verdict::Queued, Reason::Queued, ItemEnd::Done)
            }
            Accepted::Duplicate { .. } => {
                (Verdict::Duplicate, Reason::AlreadyDone, ItemEnd::Duplicate)
            }
            Accepted::Conflict => {
                return item.ended(Outcome::Refused(RejectionCause::conflict()));
            }
            Accepted::Dead => {
                return item.ended(Outcome::Refused(RejectionCause::dead_letter()));
            }
            Accepted::HeldInline => {
                return item.ended(Outcome::Refused(RejectionCause::held_inline()));
            }
        };
        item.end(verdict, Some(&reason.into()), end);
    }
}

impl<RB: Send, E: Send> Caller<Accepted> for AcceptItemCaller<RB, E> {
    fn is_answered(&self) -> bool {
        Caller::<Answer<RB, E>>::is_answered(&self.0)
    }

    async fn gone(&mut self) {
        Caller::<Answer<RB, E>>::gone(&mut self.0).await;
    }

    fn early(&mut self, reason: Reason) {
        Caller::<Answer<RB, E>>::early(&mut self.0, reason);
    }

    fn ended(&mut self, outcome: Outcome<Accepted>) {
        match outcome {
            Outcome::Done(accepted) => self.accepted(accepted),
            Outcome::Duplicate(stored) => self.0.ended(Outcome::Duplicate(stored)),
            Outcome::Refused(cause) | Outcome::Failed(cause, _) => {
                self.0.ended(Outcome::Refused(cause));
            }
            Outcome::LeaseLost => self.0.ended(Outcome::LeaseLost),
        }
    }
}
