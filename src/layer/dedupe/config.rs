use std::time::Duration;

use crate::runtime::{Confirm, ConfirmSubject, Drain, SharedConfirm};

/// How events are claimed, kept and confirmed: what [`Webhook`](crate::Webhook) and
/// [`DedupeLayer`](super::DedupeLayer) both take.
///
/// Unset values follow the sender's [contract](crate::SenderContract). Values that the contract
/// does not allow are refused when the layer is built.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::{DedupeConfig, Drain, MemoryStore, PathTokens, Webhook, provider};
///
/// let drain = Drain::new();
/// let dedupe = DedupeConfig::new().drain(drain.clone()).lease(Duration::from_secs(30));
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let bloque = Webhook::new(provider::bloque_accounts(tokens))
///     .store(MemoryStore::new())
///     .dedupe(dedupe)
///     .build()?;
/// # drop(bloque);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a setting does nothing until a webhook or a layer takes it"]
pub struct DedupeConfig {
    pub(crate) confirms: Vec<SharedConfirm>,
    pub(crate) drain: Drain,
    pub(crate) retention: Option<Duration>,
    pub(crate) lease: Option<Duration>,
    pub(crate) renewal_ceiling: Option<Duration>,
    pub(crate) refuse_old: bool,
    pub(crate) replay_body: Option<usize>,
    pub(crate) fail_open: bool,
    pub(crate) shares_name: bool,
    pub(crate) max_items: Option<usize>,
    pub(crate) item_concurrency: Option<usize>,
}

impl DedupeConfig {
    /// Follows the sender's contract in everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks whether an event is true before it is claimed. All questions must agree: the provider's
    /// own and each one added here. With an inbox, the workers ask.
    pub fn confirm(mut self, confirm: impl Confirm) -> Self {
        self.confirms.push(SharedConfirm::new(confirm));
        self
    }

    /// Like [`confirm`](Self::confirm), but asks one question for all deliveries about one subject.
    pub fn confirm_subject(mut self, confirm: impl ConfirmSubject) -> Self {
        self.confirms.push(SharedConfirm::by_subject(confirm));
        self
    }

    /// Makes this drain wait for the handlers. By default, nothing waits: a process that ends
    /// leaves its events claimed until their leases end.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// How long a record is kept.
    ///
    /// By default, 30 days if old events can come back (by hand, or because a captured delivery has
    /// no signed time to grow stale by), else 72 hours; longer if the sender itself retries for
    /// longer. See [`SenderContract::default_retention`](crate::SenderContract::default_retention).
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How long a claim lasts without renewal: the time for which a receiver that dies blocks an
    /// event.
    ///
    /// By default, 15 s, or the sender's retry interval or the renewal ceiling if one of them is
    /// shorter, and at least 1 s. See
    /// [`SenderContract::default_lease`](crate::SenderContract::default_lease).
    ///
    /// It is renewed after a third of that time, or up to a fifteenth earlier: renewals that are
    /// due at about the same time share one call to the store.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long a claim is renewed in all.
    ///
    /// By default, two fifths of the sender's retry horizon and at most 15 minutes; 15 minutes if
    /// it does not retry. See
    /// [`SenderContract::default_renewal_ceiling`](crate::SenderContract::default_renewal_ceiling).
    pub fn renewal_ceiling(mut self, ceiling: Duration) -> Self {
        self.renewal_ceiling = Some(ceiling);
        self
    }

    /// Refuses, with 422, events that happened before the retention began: it is uncertain whether
    /// they are duplicates.
    ///
    /// The age is that of the event's own time ([`Delivery::event_time`](crate::Delivery::event_time)) by this
    /// receiver's clock. Events without a time pass, and a store clock that was set forward goes unnoticed.
    pub fn refuse_old_events(mut self) -> Self {
        self.refuse_old = true;
        self
    }

    /// Stores response bodies of up to this many bytes (at most 4 KiB) with the record, and answers
    /// duplicates with the first response's status, body and `Content-Type` instead of an empty
    /// 200.
    ///
    /// No other header is stored. Duplicates therefore get the empty 200 if the body is longer, or
    /// cannot be read without another header: with a `Content-Encoding`, as part of a whole (206),
    /// in a redirection, or with a `Content-Type` of more than 255 bytes.
    pub fn replay_responses(mut self, max_body_bytes: usize) -> Self {
        self.replay_body = Some(max_body_bytes);
        self
    }

    /// Lets the layer use a name that another webhook of this process has taken in the same store:
    /// for reloading a configuration, or if one process plays several receivers.
    pub fn shares_name(mut self) -> Self {
        self.shares_name = true;
        self
    }

    /// How many events a delivery with a list may hold; 1,000 by default. A delivery with more is
    /// refused with 413 before any event is claimed.
    ///
    /// ```
    /// use tower_webhook::DedupeConfig;
    ///
    /// let config = DedupeConfig::new().max_items(100).item_concurrency(4);
    /// # drop(config);
    /// ```
    pub fn max_items(mut self, limit: usize) -> Self {
        self.max_items = Some(limit);
        self
    }

    /// How many events of one delivery are claimed and run at a time; 16 by default, and at least 1.
    ///
    /// Those of a longer list begin in its order when it comes first. When its sender comes again, those begin first that
    /// were tried least often.
    pub fn item_concurrency(mut self, limit: usize) -> Self {
        self.item_concurrency = Some(limit);
        self
    }

    /// Runs handlers while the store is out of reach.
    ///
    /// # Insecure
    ///
    /// While the store is out of reach, every duplicate and every replay runs its handler again.
    /// Such deliveries report it through [`Delivery::is_unchecked`](crate::Delivery::is_unchecked),
    /// and the observer counts them.
    pub fn with_insecure_fail_open(mut self) -> Self {
        self.fail_open = true;
        self
    }
}
