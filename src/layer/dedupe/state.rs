use std::sync::Arc;

use bytes::Bytes;

use crate::authenticated::{AuthState, Proof};
use crate::clock::UnixTime;
use crate::event::{EventRule, Handling, Identity, Scope};
use crate::head::RequestHead;
use crate::layer::endpoint::EndpointConfig;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
#[cfg(feature = "inbox")]
use crate::runtime::Door;
use crate::runtime::{Drain, IdentifiedEvent, RunState};
use crate::store::{SharedStore, Token};

/// What every delivery of one dedupe layer shares. Its settings were checked when it was built.
#[derive(Debug)]
pub(crate) struct DedupeState {
    pub(super) endpoint: EndpointConfig,
    pub(super) rule: EventRule,
    /// What the keys of its events have in common besides the provider.
    pub(super) scope: Option<Arc<Scope>>,
    pub(super) demanded: RequiredProofs,
    pub(super) runs: Arc<RunState>,
    /// The same state for the items of a delivery.
    pub(super) item_runs: Arc<RunState>,
    pub(super) refuse_old: bool,
    pub(super) replay_body: Option<usize>,
    /// The most events that one delivery may hold, and how many of them run at a time.
    pub(super) max_items: usize,
    pub(super) item_concurrency: usize,
    /// Where its events are accepted, unless they run inline.
    #[cfg(feature = "inbox")]
    pub(super) door: Option<Arc<Door>>,
}

/// The proofs without which nothing is claimed.
#[derive(Debug, Clone)]
pub(super) enum RequiredProofs {
    All(Box<[Proof]>),
    /// For tests: accepts deliveries of anybody.
    Nothing,
}

impl RequiredProofs {
    /// Whether the body is known to be exactly what the sender sent.
    fn covers_body(&self) -> bool {
        match self {
            Self::All(proofs) => (proofs.iter()).any(|proof| match proof {
                Proof::Signature => true,
                Proof::Custom(covers) => covers.includes_body(),
                Proof::SecretPath | Proof::SourceAddress => false,
            }),
            Self::Nothing => false,
        }
    }

    pub(super) fn include_own(&self) -> bool {
        match self {
            Self::All(proofs) => (proofs.iter()).any(|proof| matches!(proof, Proof::Custom(_))),
            Self::Nothing => false,
        }
    }

    /// Whether a proof vouches for the whole request with its query, and not for the body alone.
    pub(super) fn covers_query(&self) -> bool {
        match self {
            Self::All(proofs) => (proofs.iter()).any(|proof| match proof {
                Proof::Signature => false,
                Proof::Custom(covers) => covers.includes_query(),
                Proof::SecretPath | Proof::SourceAddress => true,
            }),
            Self::Nothing => true,
        }
    }
}

impl DedupeState {
    /// Refuses requests that no gate has proved as this provider demands, because a forged request
    /// must never mark an event as seen. Refuses everything once the receiver is shutting down.
    pub(crate) fn check(&self, proved: &AuthState) -> Result<(), RejectionCause> {
        match &self.demanded {
            RequiredProofs::All(proofs) if !proofs.iter().all(|proof| proved.include(*proof)) => {
                Err(RejectionCause::because(
                    Reason::Unauthenticated,
                    "the gates before this layer have not proved what the provider demands: put them \
                     outside of it, or build a `Webhook`, which stacks them",
                ))
            }
            RequiredProofs::All(_) | RequiredProofs::Nothing if self.runs.drain().has_begun() => {
                Err(Reason::Draining.into())
            }
            RequiredProofs::All(_) | RequiredProofs::Nothing => Ok(()),
        }
    }

    /// Where its records are looked up.
    pub(crate) fn store(&self) -> &SharedStore {
        self.runs.store()
    }

    pub(crate) fn drain(&self) -> &Drain {
        self.runs.drain()
    }

    /// Names the event in a proved body.
    pub(crate) fn identify<'a>(
        &self,
        head: impl Into<RequestHead<'a>>,
        proved: &AuthState,
        received_at: UnixTime,
    ) -> Result<IdentifiedEvent, RejectionCause> {
        let body = proved.body.as_deref().unwrap_or_default();
        let (provider, id) = (&self.endpoint.provider, proved.proved_id());
        let form = self.rule.document(body);
        let document = form.as_deref().unwrap_or(body);
        let identity = (self.rule).identify_document(provider, head.into(), id, body, document)?;
        let mut event = self.settle(identity, proved, received_at)?;
        event.document = form.map(Bytes::from);
        Ok(event)
    }

    /// The outcome of a delivery whose events are all taken care of.
    pub(super) fn done(&self) -> (Verdict, Option<Reason>) {
        #[cfg(feature = "inbox")]
        if self.door.is_some() {
            return (Verdict::Queued, Some(Reason::Queued));
        }
        (Verdict::Handled, None)
    }

    /// Completes an event's identity by how its delivery is proved and when it arrived.
    pub(super) fn settle(
        &self,
        mut identity: Identity,
        proved: &AuthState,
        received_at: UnixTime,
    ) -> Result<IdentifiedEvent, RejectionCause> {
        identity.key = identity.key.of_scope(self.scope.clone());
        match identity.handling {
            Handling::TestId => {
                let random = Token::random()?;
                let random = data_encoding::HEXLOWER.encode(random.as_bytes());
                identity.key = identity.key.with_part(&random);
            }
            // If anybody could have put this id next to this content, the id does not prove that it
            // is the same event.
            Handling::OncePerId
                if !self.demanded.covers_body()
                    || (self.rule.takes_signed_id() && !proved.id_covers_body()) =>
            {
                identity.handling = Handling::Once;
            }
            Handling::Once | Handling::OncePerId | Handling::Answered => {}
        }
        let age = identity.time.map(|time| received_at.saturating_since(time));
        let predates_retention = age.is_some_and(|age| age > self.runs.retention());
        if predates_retention && self.refuse_old {
            return Err(RejectionCause::because(
                Reason::EventTooOld,
                "the event happened before the retention began",
            ));
        }
        Ok(IdentifiedEvent {
            identity,
            predates_retention,
            item: None,
            document: None,
        })
    }
}
