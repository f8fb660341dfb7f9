//! The way from a proved delivery to the answer that its event is held.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::request::Parts;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::context::{DeliveryContext, Kept};
use super::handle::Waiting;
use super::responder::{Answer, Responder};
use super::state::DedupeState;
use crate::authenticated::AuthState;
use crate::event::Handling;
use crate::inbox::Accepted;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Caller, Door, IdentifiedEvent, Outcome, SharedConfirm, spawn_accept};
use crate::store::StoredResponse;

impl DedupeState {
    /// Where this event is accepted; `None` if it runs inline because its webhook has no inbox, or
    /// because it is a question that needs its answer now.
    pub(in crate::layer::dedupe) fn door_for(&self, event: &IdentifiedEvent) -> Option<&Arc<Door>> {
        let is_question = event.identity.handling == Handling::Answered;
        self.door.as_ref().filter(|_| !is_question)
    }

    pub(super) fn door(&self) -> Option<&Door> {
        self.door.as_deref()
    }

    /// The confirmations that are asked for before an event runs.
    pub(super) fn confirms(&self) -> &[SharedConfirm] {
        self.runs.confirms()
    }

    /// How long an event is known once it is done.
    pub(super) fn retention(&self) -> Duration {
        self.runs.retention()
    }

    /// Starts the work of accepting the event.
    pub(super) fn enqueue<RB, E>(
        self: &Arc<Self>,
        door: &Arc<Door>,
        event: IdentifiedEvent,
        mut auth: AuthState,
        parts: &Parts,
    ) -> Waiting<RB, E>
    where
        RB: Send + 'static,
        E: Send + 'static,
    {
        let (endpoint, interest) = (&self.endpoint, self.endpoint.interest());
        let request_clock = endpoint.start_clock(&mut auth.readings);
        let body = match interest.body {
            true => auth.body.clone(),
            false => auth.body.take(),
        };
        let kept = Kept {
            core: Arc::clone(self),
            headers: interest.headers.then(|| parts.headers.clone()),
            proved_at: endpoint.is_timed().then(Instant::now),
            answered: Mutex::new(false),
        };
        let context =
            DeliveryContext::new(Arc::clone(&self.runs), request_clock, auth, event, kept);
        let (answer, answered) = oneshot::channel();
        let responder = AcceptResponder(Responder::new(Arc::clone(&context), answer));
        spawn_accept(
            Arc::clone(door),
            Arc::<DeliveryContext>::clone(&context),
            body,
            responder,
        );
        Waiting::new(context, answered)
    }
}

/// Reports the outcome of accepting an event in the terms of the waiting sender.
struct AcceptResponder<RB, E>(Responder<RB, E>);

impl<RB: Send, E: Send> AcceptResponder<RB, E> {
    fn accepted(&mut self, accepted: Accepted) {
        let responder = &mut self.0;
        match accepted {
            Accepted::Queued | Accepted::Corrected | Accepted::Revived => {
                responder.refuse(Verdict::Queued, &Reason::Queued.into());
            }
            Accepted::Duplicate { .. } => {
                responder.ended(Outcome::Duplicate(StoredResponse::new(200)));
            }
            Accepted::Conflict => responder.refuse(Verdict::Refused, &RejectionCause::conflict()),
            Accepted::Dead => responder.refuse(Verdict::Refused, &RejectionCause::dead_letter()),
            Accepted::HeldInline => {
                responder.refuse(Verdict::Refused, &RejectionCause::held_inline());
            }
        }
    }
}

impl<RB: Send, E: Send> Caller<Accepted> for AcceptResponder<RB, E> {
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
