//! The way from a proved delivery to an inbox entry.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::caller::Caller;
use super::context::RunContext;
use super::delivery_task::DeliveryTask;
use super::outcome::Outcome;
use super::span::{Operation, RunSpan};
use super::within::{CALL_LIMIT, within};
use crate::inbox::{
    Accept, Accepted, Content, Envelope, Inbox, Route, SharedInbox, places, standing,
};
use crate::reason::Reason;

/// Where the events of a webhook are accepted.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) inbox: SharedInbox,
    pub(crate) route: Route,
    /// How long after a delivery has revived a dead event no other delivery revives it.
    pub(crate) revive_every: Duration,
}

/// Accepts an event in a separate task, and reports the outcome to `caller`.
pub(crate) fn spawn_accept<C>(
    door: Arc<Door>,
    context: Arc<RunContext>,
    body: Option<Bytes>,
    caller: C,
) where
    C: Caller<Accepted> + 'static,
{
    let runtime = Handle::current();
    let span = RunSpan::new(Operation::Receive, &context);
    let ended = span.clone();
    let mut task = DeliveryTask::new(&runtime, context, body, caller);
    let run = async move {
        let outcome = task.accept(&door).await;
        ended.end(&task.context, &outcome, "accepted");
        task.caller.ended(outcome);
    };
    runtime.spawn(span.around(run));
}

impl<C: Caller<Accepted>> DeliveryTask<C> {
    async fn accept(&mut self, door: &Door) -> Outcome<Accepted> {
        let context = Arc::clone(&self.context);
        let accept = door.accept(&context, self.body.clone().unwrap_or_default());
        if context.state.settings.confirms.is_empty() || context.is_confirmed() {
            return self.send(door, &accept).await;
        }
        // Boxed, like everything that most deliveries do without.
        Box::pin(self.accept_unconfirmed(door, &accept)).await
    }

    /// Holds it until a worker has it confirmed. If too many contents wait already, it is confirmed here.
    async fn accept_unconfirmed(&mut self, door: &Door, accept: &Accept) -> Outcome<Accepted> {
        // If the lookup fails, the event is held anyway: the worker checks too.
        let limit = self.limit();
        let known = within(|| limit, door.inbox.lookup(&accept.key)).await;
        if let Some(Ok(Some(view))) = known
            && let Some(accepted) = standing(accept, &view)
        {
            return self.accepted(accepted);
        }
        for place in places(accept.fingerprint) {
            match self.send(door, &accept.unconfirmed(place)).await {
                // Other content has taken this place.
                Outcome::Done(Accepted::Conflict | Accepted::Dead) => {}
                outcome => return outcome,
            }
        }
        match self.confirm().await {
            Ok(()) => self.send(door, accept).await,
            Err(error) => error.into(),
        }
    }

    fn limit(&self) -> Instant {
        let now = Instant::now();
        let left = (self.context.request_clock.deadline).saturating_duration_since(now);
        now + CALL_LIMIT.min(left)
    }

    async fn send(&mut self, door: &Door, accept: &Accept) -> Outcome<Accepted> {
        if self.context.is_draining() {
            return Outcome::Refused(Reason::Draining.into());
        }
        let limit = self.limit();
        match within(|| limit, door.inbox.accept(accept)).await {
            Some(Ok(accepted)) => self.accepted(accepted),
            Some(Err(error)) => Outcome::Refused(error.into()),
            // It may still be accepted: the sender's next delivery is then a duplicate.
            None => Outcome::Refused(Reason::StoreTooSlow.into()),
        }
    }

    fn accepted(&self, accepted: Accepted) -> Outcome<Accepted> {
        let differs = matches!(
            accepted,
            Accepted::Corrected | Accepted::Duplicate { differs: true }
        );
        if differs && self.context.event.has_own_id() {
            self.context.content_differs.store(true, Ordering::Relaxed);
        }
        Outcome::Done(accepted)
    }
}

impl Door {
    fn accept(&self, context: &RunContext, body: Bytes) -> Accept {
        let event = &context.event;
        let item = event.item.as_deref().map(|item| {
            let around = item.around.without_items();
            if around.is_none() && item.place.index == 0 {
                tracing::debug!(target: "tower_webhook", key = %event.identity.key.escaped(),
                    "the body around a list is too long to be kept with its items");
            }
            (item.place, around)
        });
        let envelope = Envelope::encode(
            &context.auth,
            &event.identity,
            event.predates_retention,
            context.request_clock.received_at,
            item.as_ref()
                .map(|(place, around)| (*place, around.as_deref())),
            event.document.as_deref(),
            context.state.settings.confirms.is_empty() || context.is_confirmed(),
        );
        Accept {
            key: event.identity.key.clone(),
            route: self.route.clone(),
            fingerprint: event.identity.fingerprint,
            has_own_id: event.has_own_id(),
            order: event.identity.order.clone(),
            content: Content::new(envelope, body),
            revive_every: self.revive_every,
            was_held: false,
        }
    }
}
