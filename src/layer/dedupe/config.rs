use std::time::Duration;

use crate::runtime::{Confirm, ConfirmSubject, Drain, SharedConfirm};

/// How events are claimed, kept and confirmed: what [`Webhook`](crate::Webhook) and
/// [`DedupeLayer`](super::DedupeLayer) both take.
///
/// What is not set is as the sender's [contract](crate::SenderContract) says. Values that contract
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
    /// Everything as the sender's contract says.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks whether an event is true before it is claimed. Whatever is asked must agree: the
    /// provider's own question and each that is added here. Where there is an inbox its workers ask.
    pub fn confirm(mut self, confirm: impl Confirm) -> Self {
        self.confirms.push(SharedConfirm::new(confirm));
        self
    }

    /// The same, with one question for all deliveries about one subject.
    pub fn confirm_subject(mut self, confirm: impl ConfirmSubject) -> Self {
        self.confirms.push(SharedConfirm::by_subject(confirm));
        self
    }

    /// Lets this drain wait for the handlers. Unless set, nothing waits: a process that ends leaves
    /// its events claimed until their leases are over.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// How long a record is kept.
    ///
    /// Unless set, 30 days where old events can come back (by hand, or because no signed time lets a
    /// captured one grow stale), else 72 hours; longer where the sender itself goes on for longer. See
    /// [`SenderContract::default_retention`](crate::SenderContract::default_retention).
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How long a claim lasts without renewal: what a receiver that dies holds an event for.
    ///
    /// Unless set, 15 s, or the sender's retry interval or the renewal ceiling where one of them is
    /// shorter, and at least 1 s. See
    /// [`SenderContract::default_lease`](crate::SenderContract::default_lease).
    ///
    /// It is renewed after a third of that time, or up to a fifteenth earlier: what falls due at
    /// about the same time goes to the store in one call.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long a claim is renewed for in all.
    ///
    /// Unless set, two fifths of the sender's retry horizon and at most 15 minutes; 15 minutes where
    /// it does not retry. See
    /// [`SenderContract::default_renewal_ceiling`](crate::SenderContract::default_renewal_ceiling).
    pub fn renewal_ceiling(mut self, ceiling: Duration) -> Self {
        self.renewal_ceiling = Some(ceiling);
        self
    }

    /// Refuses, with 422, events that happened before the retention began: whether those are
    /// duplicates is not certain.
    ///
    /// It goes by the time that an event tells ([`Delivery::event_time`](crate::Delivery::event_time)) and by the
    /// clock of this receiver: events without a time pass, and a store's clock that was set forward is not seen.
    pub fn refuse_old_events(mut self) -> Self {
        self.refuse_old = true;
        self
    }

    /// Keeps response bodies of up to this many bytes (at most 4 KiB) with the record, and answers
    /// duplicates with the first one's status, body and `Content-Type` instead of an empty 200.
    ///
    /// No other header is kept. So a body that cannot be read without one leaves duplicates the
    /// empty 200, as a longer one does: one with a `Content-Encoding`, a part of a whole (206), a
    /// redirection, or a `Content-Type` of more than 255 bytes.
    pub fn replay_responses(mut self, max_body_bytes: usize) -> Self {
        self.replay_body = Some(max_body_bytes);
        self
    }

    /// Lets the layer keep its records under a name that another webhook of this process has, in
    /// the same store: while a configuration is read anew, or where one process plays several
    /// receivers.
    pub fn shares_name(mut self) -> Self {
        self.shares_name = true;
        self
    }

    /// How many events are taken of a delivery that holds a list of them; 1,000 unless set. One with
    /// more is refused with 413 before any of them is claimed.
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

    /// How many events of one delivery are claimed and run at a time; 16 unless set, and at least one.
    ///
    /// Those of a longer list begin in its order when it comes first. When its sender comes again, those begin first that
    /// were tried least often.
    pub fn item_concurrency(mut self, limit: usize) -> Self {
        self.item_concurrency = Some(limit);
        self
    }

    /// Runs handlers while the store cannot be asked.
    ///
    /// # Insecure
    ///
    /// While the store is out of reach every duplicate and every replay runs its handler again. Such
    /// deliveries say so by [`Delivery::is_unchecked`](crate::Delivery::is_unchecked), and the
    /// observer counts them.
    pub fn with_insecure_fail_open(mut self) -> Self {
        self.fail_open = true;
        self
    }
}
