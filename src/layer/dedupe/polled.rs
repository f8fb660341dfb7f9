//! Events that no delivery has brought: found by querying their sender, they are processed like all
//! others, with the same key, record, order and handler.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::context::{DeliveryContext, Kept};
use super::state::DedupeState;
use crate::authenticated::{AuthState, Polled};
use crate::event::{EventKey, EventRule, Fingerprint, Handling, Name};
#[cfg(feature = "inbox")]
use crate::inbox::{Accepted, EntryView, Inbox, SharedInbox};
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::request_clock::ClockReadings;
use crate::runtime::{
    AnyHandler, Caller, Delivery, Ended, FailureKind, IdentifiedEvent, Outcome, Ran, Work, caught,
    spawn,
};
#[cfg(feature = "inbox")]
use crate::runtime::{Door, spawn_accept};
use crate::store::{RecordState, RecordView, SharedStore, Store, StoreError, StoredResponse};

/// The status recorded if the handler gave up for good; duplicates get it.
const GIVEN_UP: u16 = 422;

/// An event as its sender reports it when queried.
#[derive(Debug)]
pub(crate) struct PolledEvent {
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) polled: Polled,
    /// Whether it is an item of the lists that deliveries hold.
    pub(crate) is_item: bool,
}

/// A polled event whose key is known.
pub(crate) struct IdentifiedPolled {
    event: IdentifiedEvent,
    auth: AuthState,
    body: Bytes,
}

impl IdentifiedPolled {
    pub(crate) fn key(&self) -> &EventKey {
        &self.event.identity.key
    }

    /// Whether an event of no known shape gets another key than a delivery of it would.
    pub(crate) fn needs_shape(&self) -> bool {
        self.event.identity.handling != Handling::OncePerId
    }

    /// The shape of its body, if the rule knows it.
    pub(crate) fn shape(&self) -> Option<&str> {
        self.event.identity.shape.as_deref()
    }
}

/// How far an event had got before it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has no record, or its last attempt failed.
    Open,
    /// It is done, being handled, or in the inbox.
    Known,
    /// Its record has other content.
    Differs,
}

/// The outcome of an event that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolledEnd {
    /// It was handled, or is held in the inbox.
    Recovered,
    /// A delivery was faster.
    Known,
    /// Its outcome is still open, or another receiver is at work on it.
    Pending,
    /// The record, or the confirmation, says otherwise.
    Mismatched,
    /// It is not wanted here.
    Filtered,
    /// It was not handled. Its record is free again, or done if the handler gave up for good.
    Failed,
}

impl DedupeState {
    pub(crate) fn rule(&self) -> &EventRule {
        &self.rule
    }

    pub(crate) fn provider(&self) -> &Name {
        &self.endpoint.provider
    }

    /// The name of its events, which is unique among webhooks on the same records.
    pub(crate) fn scope_text(&self) -> String {
        match &self.scope {
            Some(scope) => scope.encoded(&self.endpoint.provider),
            None => self.endpoint.provider.to_string(),
        }
    }

    /// Where the records of its events are, unless they are entries of an inbox.
    pub(crate) fn records(&self) -> Option<&SharedStore> {
        #[cfg(feature = "inbox")]
        if self.door.is_some() {
            return None;
        }
        Some(self.runs.store())
    }

    /// The inbox that its events are accepted in.
    #[cfg(feature = "inbox")]
    pub(crate) fn accepting(&self) -> Option<&SharedInbox> {
        self.door.as_ref().map(|door| &door.inbox)
    }

    /// Names a found event.
    pub(crate) fn identify_polled(
        &self,
        found: PolledEvent,
    ) -> Result<IdentifiedPolled, RejectionCause> {
        let PolledEvent {
            body,
            headers,
            polled,
            is_item,
        } = found;
        let mut auth =
            AuthState::none_yet(self.endpoint.provider.clone(), ClockReadings::default());
        auth.polled = Some(Box::new(polled));
        auth.body = Some(body.clone());
        let received_at = auth.readings.received_at(&*self.endpoint.clock);
        let event = match is_item {
            true => {
                let provider = &self.endpoint.provider;
                let identity = (self.rule).identify_item(provider, (&headers).into(), &body)?;
                self.settle(identity, &auth, received_at)?
            }
            false => self.identify(&headers, &auth, received_at)?,
        };
        if !self.endpoint.interest().body {
            auth.body = None;
        }
        Ok(IdentifiedPolled { event, auth, body })
    }

    /// How far each of these events has got, in order.
    pub(crate) async fn standings(
        &self,
        events: &[IdentifiedPolled],
    ) -> Result<Vec<Standing>, StoreError> {
        let keys: Vec<_> = (events.iter())
            .map(|it| it.event.identity.key.clone())
            .collect();
        #[cfg(feature = "inbox")]
        if let Some(inbox) = self.accepting() {
            let views = inbox.lookup_many(&keys).await?;
            let standing = |(it, view): (&IdentifiedPolled, Option<EntryView>)| match view {
                None => Standing::Open,
                Some(view) => it.known(Some(view.entry.fingerprint)),
            };
            return Ok(events.iter().zip(views).map(standing).collect());
        }
        let views = self.runs.store().lookup_many(&keys).await?;
        let standing = |(it, view): (&IdentifiedPolled, Option<RecordView>)| match view {
            None => Standing::Open,
            Some(view) => match view.state {
                RecordState::Lapsed { .. } | RecordState::Released => Standing::Open,
                RecordState::Claimed { .. } | RecordState::Done(_) => it.known(view.fingerprint),
            },
        };
        Ok(events.iter().zip(views).map(standing).collect())
    }

    /// Runs a found event, or accepts it; a handler is needed if there is no inbox.
    pub(crate) async fn run_polled(
        self: &Arc<Self>,
        found: IdentifiedPolled,
        handler: Option<&Arc<dyn AnyHandler>>,
    ) -> PolledEnd {
        let IdentifiedPolled {
            event,
            mut auth,
            body,
        } = found;
        let kept = Kept {
            core: Arc::clone(self),
            headers: None,
            proved_at: self.endpoint.is_timed().then(Instant::now),
            answered: Mutex::new(true),
        };
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        #[cfg(feature = "inbox")]
        let door: Option<Arc<Door>> = self.door_for(&event).cloned();
        let context =
            DeliveryContext::new(Arc::clone(&self.runs), request_clock, auth, event, kept);
        let (end, ended) = oneshot::channel();
        let caller = PolledCaller {
            context: Arc::clone(&context),
            end: Some(end),
        };
        let shared: Arc<DeliveryContext> = context;
        #[cfg(feature = "inbox")]
        if let Some(door) = door {
            spawn_accept(door, shared, Some(body), caller);
            return ended.await.unwrap_or(PolledEnd::Failed);
        }
        let Some(handler) = handler else {
            return PolledEnd::Failed;
        };
        let work = PolledWork {
            handler: Arc::clone(handler),
            limit: self.runs.renewal_ceiling(),
        };
        spawn(shared, Some(body), work, caller);
        ended.await.unwrap_or(PolledEnd::Failed)
    }
}

impl IdentifiedPolled {
    fn known(&self, fingerprint: Option<Fingerprint>) -> Standing {
        let differs = fingerprint.is_some_and(|it| it != self.event.identity.fingerprint);
        match differs && !self.event.has_own_id() {
            true => Standing::Differs,
            false => Standing::Known,
        }
    }
}

/// A handler whose answer nobody waits for.
struct PolledWork {
    handler: Arc<dyn AnyHandler>,
    /// After this time, another receiver may take the event.
    limit: Duration,
}

impl Work for PolledWork {
    /// Whether the handler gave up for good.
    type Answer = bool;

    async fn run(self, delivery: Delivery) -> Ran<bool> {
        let running = caught(|| self.handler.call(&delivery));
        let Ok(ran) = timeout(self.limit, running).await else {
            return Ok(Ended::Failed(Reason::HandlerSlow.into(), false));
        };
        Ok(match ran? {
            Ok(()) => Ended::Done(StoredResponse::new(200), false),
            Err(failure) if failure.kind() == FailureKind::Permanent => {
                Ended::GivenUp(StoredResponse::new(GIVEN_UP), true)
            }
            Err(failure) => Ended::Failed(
                RejectionCause::told(Reason::HandlerFailed, failure.to_string().into()),
                false,
            ),
        })
    }
}

/// The finder of an event, which learns its outcome.
struct PolledCaller {
    context: Arc<DeliveryContext>,
    end: Option<oneshot::Sender<PolledEnd>>,
}

impl PolledCaller {
    fn end(&mut self, verdict: Verdict, cause: Option<&RejectionCause>, end: PolledEnd) {
        self.context.observe(verdict, cause, None);
        if let Some(sender) = self.end.take() {
            let _ = sender.send(end);
        }
    }

    fn not_done<A>(&mut self, outcome: Outcome<A>) {
        match outcome {
            Outcome::Done(_) => {}
            Outcome::Duplicate(_) => {
                let cause = Reason::AlreadyDone.into();
                self.end(Verdict::Duplicate, Some(&cause), PolledEnd::Known);
            }
            Outcome::Refused(cause) => {
                let end = PolledEnd::of_refusal(cause.reason);
                self.end(Verdict::Refused, Some(&cause), end);
            }
            Outcome::Failed(cause, _) => {
                let end = PolledEnd::Failed;
                self.end(Verdict::Failed, Some(&cause), end);
            }
            Outcome::LeaseLost => {
                let cause = Reason::LeaseLost.into();
                self.end(Verdict::Failed, Some(&cause), PolledEnd::Failed);
            }
        }
    }
}

impl PolledEnd {
    /// The end of an event that is refused for this reason before its handler.
    pub(crate) fn of_refusal(reason: Reason) -> Self {
        match reason {
            Reason::Conflict | Reason::ConfirmMismatch | Reason::ConfirmUnknown => Self::Mismatched,
            Reason::Filtered | Reason::NotOurs | Reason::EventTooOld => Self::Filtered,
            Reason::InProgress
            | Reason::ConfirmTryAgain
            | Reason::DeadLetter
            | Reason::NotReady
            | Reason::BudgetUsedUp
            | Reason::StoreUnavailable
            | Reason::StoreTooSlow
            | Reason::StoreFull
            | Reason::Draining => Self::Pending,
            _ => Self::Failed,
        }
    }
}

impl Caller<bool> for PolledCaller {
    fn is_answered(&self) -> bool {
        true
    }

    async fn gone(&mut self) {
        std::future::pending::<()>().await;
    }

    fn early(&mut self, _: Reason) {}

    fn ended(&mut self, outcome: Outcome<bool>) {
        match outcome {
            Outcome::Done(false) => self.end(Verdict::Handled, None, PolledEnd::Recovered),
            Outcome::Done(true) => {
                let end = PolledEnd::Failed;
                self.end(Verdict::Handled, None, end);
            }
            other => self.not_done(other),
        }
    }
}

#[cfg(feature = "inbox")]
impl Caller<Accepted> for PolledCaller {
    fn is_answered(&self) -> bool {
        true
    }

    async fn gone(&mut self) {
        std::future::pending::<()>().await;
    }

    fn early(&mut self, _: Reason) {}

    fn ended(&mut self, outcome: Outcome<Accepted>) {
        let (verdict, reason, end) = match outcome {
            Outcome::Done(accepted) => match accepted {
                Accepted::Queued | Accepted::Corrected | Accepted::Revived => {
                    (Verdict::Queued, Reason::Queued, PolledEnd::Recovered)
                }
                Accepted::Duplicate { .. } => {
                    (Verdict::Duplicate, Reason::AlreadyDone, PolledEnd::Known)
                }
                Accepted::Conflict => {
                    let end = PolledEnd::Mismatched;
                    (Verdict::Refused, Reason::Conflict, end)
                }
                Accepted::Dead => {
                    let end = PolledEnd::Pending;
                    (Verdict::Refused, Reason::DeadLetter, end)
                }
                Accepted::HeldInline => {
                    let end = PolledEnd::Pending;
                    (Verdict::Refused, Reason::InProgress, end)
                }
            },
            other => return self.not_done(other),
        };
        self.end(verdict, Some(&reason.into()), end);
    }
}
