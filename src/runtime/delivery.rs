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

/// What is known of the delivery that a handler runs for.
///
/// It stands in the request's extensions and is an extractor for axum. Clones share it.
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

    /// Whose delivery it is.
    pub fn provider(&self) -> &Name {
        self.key().provider()
    }

    /// Which consumer's it is, where they have names.
    pub fn consumer(&self) -> Option<&Name> {
        self.key().consumer()
    }

    /// Which event it is: what a sink can be made unique on, by [`EventKey::encoded`]. Its `Display` leaves out
    /// whose it is.
    pub fn key(&self) -> &EventKey {
        &self.context.event.identity.key
    }

    /// The name of the shape that the body has; `None` where the provider's rule knows none, and
    /// the event is keyed on its body.
    pub fn shape(&self) -> Option<&str> {
        self.context.event.identity.shape.as_deref()
    }

    /// Whether its id is one that the sender uses for tests. It is never deduplicated: a random
    /// part stands in its key.
    pub fn is_test_id(&self) -> bool {
        self.context.event.identity.handling == Handling::TestId
    }

    /// Which attempt at the event this is, from 1; 0 where the store could not be asked, and for a
    /// question that is [answered](crate::event::Shape::answered) each time, for which nothing is claimed.
    ///
    /// It counts where a handler began, or may have begun: what waited too long for a limit inside, or was
    /// given back at a shutdown, has its number still to come.
    pub fn attempt(&self) -> u32 {
        self.context.grant().map_or(0, |grant| grant.attempt)
    }

    /// A number that grows with every claim of the event: a sink that remembers the highest one and
    /// refuses lower ones is safe from a handler that outlived its lease. 0 where there is no
    /// [attempt](Self::attempt).
    pub fn fence(&self) -> u64 {
        self.context.grant().map_or(0, |grant| grant.fence)
    }

    /// Whether an earlier attempt failed with other content under the same key.
    pub fn is_corrected(&self) -> bool {
        self.context.grant().is_some_and(|grant| grant.corrected)
    }

    /// Whether the store could not be asked, so that this may be a duplicate: only where running
    /// unchecked was chosen.
    pub fn is_unchecked(&self) -> bool {
        self.context.is_unchecked()
    }

    /// Whether a worker runs it out of an inbox: its sender was answered before. `false` where it runs
    /// inline, and its outcome is the sender's answer.
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

    /// Whether no delivery brought it: a [`Reconciler`](crate::reconcile::Reconciler) has found it by asking
    /// its sender. Nothing was signed then, and the body may be made of the sender's answer.
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

    /// What the event is about and how new it is, where its rule [says so](crate::event::EventRule::ordered).
    ///
    /// ```
    /// use tower_webhook::Delivery;
    ///
    /// fn is_late(delivery: &Delivery) -> bool {
    ///     // An operator wants it run after a newer one.
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

    /// When the delivery was signed, where that is signed too.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.mark.signature()?.signed_at()
    }

    /// The names of all keys that it was signed with.
    pub fn verified_by(&self) -> Option<&KeyIds> {
        Some(self.mark.signature()?.key_ids())
    }

    /// Which proofs of origin it has passed.
    pub fn authenticated(&self) -> &Authenticated {
        &self.mark
    }

    /// The proved body; of several events in one, that of this [item](Self::item).
    pub fn body(&self) -> Bytes {
        self.mark.body().cloned().unwrap_or_default()
    }

    /// What an [`Event<T>`](crate::Event) is read from: the [body](Self::body), or the JSON of one that
    /// is a form.
    pub fn document(&self) -> Bytes {
        self.form().cloned().unwrap_or_else(|| self.body())
    }

    pub(crate) fn form(&self) -> Option<&Bytes> {
        self.context.event.document.as_ref()
    }

    /// Where the event stands in its delivery, where that holds a list of them.
    pub fn item(&self) -> Option<ItemPlace> {
        Some(self.context.event.item.as_ref()?.place)
    }

    /// The whole proved body: of an [item](Self::item) what its list stands in, else the
    /// [body](Self::body) itself.
    ///
    /// In a worker it is what the inbox has kept with the item: the body around the list, with an empty list in its
    /// place. `None` where that is over 16 KiB, or no text.
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
