use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixTime;
use crate::event::{EventKey, ProviderName};
use crate::layer::authenticated::Authenticated;
use crate::secret::KeyId;

/// What is known of the delivery that a handler runs for.
///
/// It stands in the request's extensions and is an extractor for axum. Clones share it.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

pub(super) struct Inner {
    pub(super) key: EventKey,
    pub(super) shape: Option<&'static str>,
    pub(super) attempt: u32,
    pub(super) fence: u64,
    pub(super) corrected: bool,
    pub(super) unchecked: bool,
    pub(super) event_time: Option<UnixTime>,
    pub(super) predates_retention: bool,
    pub(super) received_at: UnixTime,
    pub(super) authenticated: Authenticated,
    pub(super) lease: Lease,
}

impl Delivery {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Whose delivery it is.
    pub fn provider(&self) -> &ProviderName {
        self.0.key.provider()
    }

    /// Which event it is: what a sink can be made unique on.
    pub fn key(&self) -> &EventKey {
        &self.0.key
    }

    /// The name of the shape that the body has; `None` where the provider's rule knows none, and
    /// the event is keyed on its body.
    pub fn shape(&self) -> Option<&'static str> {
        self.0.shape
    }

    /// Which attempt at the event this is, from 1; 0 where the store could not be asked.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// A number that grows with every claim of the event: a sink that remembers the highest one and
    /// refuses lower ones is safe from a handler that outlived its lease. 0 where the store could
    /// not be asked.
    pub fn fence(&self) -> u64 {
        self.0.fence
    }

    /// Whether an earlier attempt failed with other content under the same key.
    pub fn is_corrected(&self) -> bool {
        self.0.corrected
    }

    /// Whether the store could not be asked, so that this may be a copy: only where running
    /// unchecked was chosen.
    pub fn is_unchecked(&self) -> bool {
        self.0.unchecked
    }

    /// When the event happened, as its content says.
    pub fn event_time(&self) -> Option<UnixTime> {
        self.0.event_time
    }

    /// Whether the event happened before the retention began: its record may have ended, so that it
    /// is no copy is not certain.
    pub fn predates_retention(&self) -> bool {
        self.0.predates_retention
    }

    /// When the delivery's head was received.
    pub fn received_at(&self) -> UnixTime {
        self.0.received_at
    }

    /// When the delivery was signed, where that is signed too.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.0.authenticated.signature()?.signed_at()
    }

    /// The name of the key that it was signed with.
    pub fn verified_by(&self) -> Option<&KeyId> {
        Some(self.0.authenticated.signature()?.key_id())
    }

    /// Which proofs of origin it has passed.
    pub fn authenticated(&self) -> &Authenticated {
        &self.0.authenticated
    }

    /// The proved body.
    pub fn body(&self) -> Bytes {
        self.0.authenticated.body().cloned().unwrap_or_default()
    }

    /// Whether this receiver still holds the event.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            key,
            shape,
            attempt,
            fence,
            corrected,
            unchecked,
            event_time,
            predates_retention,
            received_at,
            authenticated: _,
            lease,
        } = &*self.0;
        f.debug_struct("Delivery")
            .field("key", key)
            .field("shape", shape)
            .field("attempt", attempt)
            .field("fence", fence)
            .field("corrected", corrected)
            .field("unchecked", unchecked)
            .field("event_time", event_time)
            .field("predates_retention", predates_retention)
            .field("received_at", received_at)
            .field("verified_by", &self.verified_by())
            .field("lease", lease)
            .finish()
    }
}

/// A handler's hold on its event.
///
/// It is renewed while the handler runs, up to the renewal ceiling. Once lost, another receiver may
/// run the event: a handler should stop, or at least write nothing more.
#[derive(Debug, Clone)]
pub struct Lease(CancellationToken);

impl Lease {
    pub(super) fn new() -> Self {
        Self(CancellationToken::new())
    }

    /// Whether the hold is lost.
    pub fn is_lost(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the hold is lost; for `tokio::select!` beside the work.
    pub async fn lost(&self) {
        self.0.cancelled().await;
    }

    pub(super) fn lose(&self) {
        self.0.cancel();
    }
}
