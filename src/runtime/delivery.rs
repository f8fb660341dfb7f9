use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::context::RunContext;
use super::identified::Around;
use super::lease::Lease;
use crate::authenticated::Authenticated;
use crate::clock::UnixTime;
use crate::event::{EventKey, Handling, ItemPlace, Name, Order};
use crate::secret::KeyIds;

/// The facts about the delivery that a handler runs for.
///
/// It is in the request's extensions and is an extractor for axum. Clones share it.
#[derive(Clone)]
pub struct Delivery {
    context: Arc<RunContext>,
    mark: Authenticated,
}

impl Delivery {
    pub(super) fn new(context: Arc<RunContext>, mark: Authenticated) -> Self {
        Self { context, mark }
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn context(&self) -> &Arc<RunContext> {
        &self.context
    }

    /// The provider that sent it.
    pub fn provider(&self) -> &Name {
        self.key().provider()
    }

    /// The consumer that receives it, if consumers have names.
    pub fn consumer(&self) -> Option<&Name> {
        self.key().consumer()
    }

    /// The event's key. A sink can enforce uniqueness on its [`EventKey::encoded`] form. Its
    /// `Display` form omits the provider and consumer.
    pub fn key(&self) -> &EventKey {
        &self.context.event.identity.key
    }

    /// The name of the body's shape; `None` if the provider's rule knows none, and the event is
    /// keyed on its body.
    pub fn shape(&self) -> Option<&str> {
        self.context.event.identity.shape.as_deref()
    }

    /// Whether its id is one that the sender uses for tests. It is never deduplicated: its key has
    /// a random part.
    pub fn is_test_id(&self) -> bool {
        self.context.event.identity.handling == Handling::TestId
    }

    /// Which attempt at the event this is, from 1. It is 0 if the store was out of reach, and for a
    /// question that is [answered](crate::event::Shape::answered) each time, because nothing is
    /// claimed then.
    ///
    /// Attempts count if their handler began, or may have begun. An attempt that waited too long
    /// for an inner limit, or was given back at a shutdown, does not use up its number.
    pub fn attempt(&self) -> u32 {
        self.context.grant().map_or(0, |grant| grant.attempt)
    }

    /// A number that grows with every claim of the event. A sink that remembers the highest one and
    /// refuses lower ones is safe from a handler that outlives its lease. It is 0 if there is no
    /// [attempt](Self::attempt).
    pub fn fence(&self) -> u64 {
        self.context.grant().map_or(0, |grant| grant.fence)
    }

    /// Whether an earlier attempt failed with other content under the same key.
    pub fn is_corrected(&self) -> bool {
        self.context.grant().is_some_and(|grant| grant.corrected)
    }

    /// Whether the store was out of reach, so that this may be a duplicate: only if running
    /// unchecked is enabled.
    pub fn is_unchecked(&self) -> bool {
        self.context.is_unchecked()
    }

    /// Whether a worker runs it from an inbox, after its sender was answered. `false` if it runs
    /// inline, so that its outcome is the sender's answer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::Delivery;
    /// use tower_webhook::runtime::Failure;
    ///
    /// async fn on_event(delivery: Delivery) -> Result<(), Failure> {
    ///     // Nobody waits for a worker.
    ///     let patience = if delivery.is_queued() { 60 } else { 2 };
    ///     let effect = std::future::ready(());
    ///     tokio::time::timeout(Duration::from_secs(patience), effect)
    ///         .await
    ///         .map_err(|_| Failure::retry("the bank does not answer"))
    /// }
    /// ```
    pub fn is_queued(&self) -> bool {
        self.context.is_queued()
    }

    /// Whether no delivery brought it: a [`Reconciler`](crate::reconcile::Reconciler) found it by querying
    /// its sender. Nothing was signed then, and the body may be built from the sender's answer.
    ///
    /// ```
    /// use tower_webhook::Delivery;
    ///
    /// async fn on_event(delivery: Delivery) {
    ///     println!("{} {}", delivery.key(), if delivery.is_polled() { "was missed" } else { "came" });
    /// }
    /// ```
    pub fn is_polled(&self) -> bool {
        self.context.auth.polled.is_some()
    }

    /// The event's subject and version, if its rule [names them](crate::event::EventRule::ordered).
    ///
    /// ```
    /// use tower_webhook::Delivery;
    ///
    /// fn is_late(delivery: &Delivery) -> bool {
    ///     // An operator wants it to run after a newer one.
    ///     delivery.order().is_some_and(|order| order.forced)
    /// }
    /// ```
    pub fn order(&self) -> Option<&Order> {
        self.context.event.identity.order.as_deref()
    }

    /// When the event happened, as its content says.
    pub fn event_time(&self) -> Option<UnixTime> {
        self.context.event.identity.time
    }

    /// Whether the event happened before the retention began: its record may have expired, so it may
    /// be a duplicate all the same.
    pub fn predates_retention(&self) -> bool {
        self.context.event.predates_retention
    }

    /// When the delivery's head was received.
    pub fn received_at(&self) -> UnixTime {
        self.context.request_clock.received_at
    }

    /// When the delivery was signed, if the signature covers a time.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.mark.signature()?.signed_at()
    }

    /// The names of all keys that signed it.
    pub fn verified_by(&self) -> Option<&KeyIds> {
        Some(self.mark.signature()?.key_ids())
    }

    /// Which proofs of origin it has passed.
    pub fn authenticated(&self) -> &Authenticated {
        &self.mark
    }

    /// The proved body; for an [item](Self::item) of a list, that of this event alone.
    pub fn body(&self) -> Bytes {
        self.mark.body().cloned().unwrap_or_default()
    }

    /// The text that an [`Event<T>`](crate::Event) is read from: the [body](Self::body), or the
    /// JSON form of a form body.
    pub fn document(&self) -> Bytes {
        self.form().cloned().unwrap_or_else(|| self.body())
    }

    pub(crate) fn form(&self) -> Option<&Bytes> {
        self.context.event.document.as_ref()
    }

    /// The event's position in its delivery, if that holds a list of events.
    pub fn item(&self) -> Option<ItemPlace> {
        Some(self.context.event.item.as_ref()?.place)
    }

    /// The whole proved body: for an [item](Self::item), the body that holds its list, else the
    /// [body](Self::body) itself.
    ///
    /// In a worker, it is the part that the inbox has stored with the item: the body around the
    /// list, with an empty list in its place. `None` if that is over 16 KiB, or not text.
    pub fn envelope(&self) -> Option<Bytes> {
        match self.context.event.item.as_ref().map(|item| &item.around) {
            Some(Around::Whole { body, .. }) => Some(body.clone()),
            Some(Around::Kept(kept)) => kept.clone(),
            None => Some(self.body()),
        }
    }

    /// Whether this receiver still holds the event.
    pub fn lease(&self) -> &Lease {
        self.context.lease()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("key", self.key())
            .field("shape", &self.shape())
            .field("item", &self.item())
            .field("attempt", &self.attempt())
            .field("fence", &self.fence())
            .field("corrected", &self.is_corrected())
            .field("queued", &self.is_queued())
            .field("unchecked", &self.is_unchecked())
            .field("event_time", &self.event_time())
            .field("predates_retention", &self.predates_retention())
            .field("received_at", &self.received_at())
            .field("verified_by", &self.verified_by())
            .field("lease", self.lease())
            .finish()
    }
}
