//! The facts about a webhook that an operator is shown.

use std::time::Duration;

use tokio::time::Instant;

use super::WebhookLayer;
use crate::authenticated::Proof;
use crate::clock::UnixTime;
use crate::contract::SenderContract;
use crate::event::Name;
use crate::head::RequestHead;
use crate::inbox::{Route, SharedInbox};
use crate::recorded::{JournalLine, KeptBody, RecordedBody};
use crate::secret::KeyRing;
use crate::signature::diagnosis::Diagnose;
use crate::store::SharedStore;

/// A webhook's settings, and the traces that its deliveries have left.
pub(crate) struct EndpointFacts {
    pub(crate) provider: Name,
    pub(crate) consumer: Option<Name>,
    pub(crate) contract: SenderContract,
    pub(crate) max_body_bytes: usize,
    pub(crate) proofs: Vec<&'static str>,
    /// The keys of a sender that signs; `None` if the keys are looked up elsewhere.
    pub(crate) keys: Option<Vec<KeyFacts>>,
    /// By how many seconds deliveries are off; positive if they are old.
    pub(crate) skew: Option<i64>,
    /// Failed deliveries and all deliveries in the sender's window.
    pub(crate) failures: (u64, u64),
    pub(crate) kept_in: KeptIn,
}

/// A key, without its secret.
pub(crate) struct KeyFacts {
    pub(crate) name: String,
    pub(crate) last_match: Option<UnixTime>,
    pub(crate) end: Option<UnixTime>,
}

/// Where a webhook keeps its records.
pub(crate) enum KeptIn {
    Store(SharedStore),
    /// The duration is how long an event is known once it is done.
    Inbox(SharedInbox, Duration, Route),
}

/// Longer bodies are not diagnosed.
const MAX_BODY: usize = 1024 * 1024;

impl<M> WebhookLayer<M> {
    /// Whether it is shutting down.
    pub(crate) fn is_draining(&self) -> bool {
        self.steps.steps.core.drain().has_begun()
    }

    /// Its present state.
    pub(crate) fn facts(&self) -> EndpointFacts {
        let authenticator = &self.steps.steps.authenticator;
        let (endpoint, checks) = (&authenticator.endpoint, &authenticator.checks);
        let failures = endpoint.pulse.failures(Instant::now());
        let keys = checks.keys().map(KeyRing::keys);
        let keys = keys.map(|keys| {
            let facts = keys.into_iter().map(|key| KeyFacts {
                name: key.id().to_string(),
                last_match: key.last_match(),
                end: key.end(),
            });
            facts.collect()
        });
        EndpointFacts {
            provider: endpoint.provider.clone(),
            consumer: endpoint.consumer.clone(),
            contract: endpoint.contract.clone(),
            max_body_bytes: endpoint.max_body_bytes,
            proofs: checks.proofs().map(word).collect(),
            keys,
            skew: endpoint.clock_watch.suspected(),
            failures: (failures.failed, failures.total),
            kept_in: match self.steps.served() {
                Some(served) => KeptIn::Inbox(served.inbox, served.retention, served.route),
                None => KeptIn::Store(self.steps.steps.core.store().clone()),
            },
        }
    }

    /// Why this journaled request was refused, if its signature was the reason; `None` if that
    /// cannot be determined. Takes up to a second of processor time.
    pub(crate) fn diagnose(&self, line: &JournalLine) -> Option<String> {
        let checks = &self.steps.steps.authenticator.checks;
        let verifier = checks.signature.as_ref()?;
        let request = line.request.as_ref()?;
        let body = match &request.body {
            Some(body) => body.whole()?,
            None => Vec::new(),
        };
        if body.len() > MAX_BODY {
            return None;
        }
        let (method, uri, headers) = (request.method()?, request.uri()?, request.header_map());
        let head = RequestHead::new(&method, &uri, &headers);
        let then = UnixTime::from_micros(request.received_at);
        let diagnosis = Diagnose::new(verifier).delivery(head, &body, then);
        Some(diagnosis.to_string())
    }

    /// A proved body, with its secrets masked.
    pub(crate) fn masked(&self, body: &bytes::Bytes, most: usize) -> RecordedBody {
        let masks = &self.steps.steps.authenticator.endpoint.masks;
        masks.body(&KeptBody::of(body, most), true)
    }
}

fn word(proof: Proof) -> &'static str {
    match proof {
        Proof::Signature => "signature",
        Proof::SecretPath => "secret path",
        Proof::SourceAddress => "source address",
        Proof::Custom(_) => "a proof of your own",
    }
}
