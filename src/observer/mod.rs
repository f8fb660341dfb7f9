//! Who sees what became of each delivery, and what is shown.

mod claimed_id;
mod masked;
mod tracing_observer;

use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::event::{EventKey, ItemPlace, Name};
use crate::printable::Printable;
use crate::reason::{Reason, codes};
use crate::secret::KeyIds;
use crate::signature::diagnosis::Diagnosis;

pub use claimed_id::ClaimedId;
pub use masked::MaskedHeaders;
pub use tracing_observer::TracingObserver;

/// Sees what became of every delivery, refused ones included.
///
/// It is called once for each answer and once more where a handler ended after its answer; of a
/// delivery that holds a list of events, for each of them and once for its answer. Logs,
/// metrics and journals hang on it. It runs on the delivery's own way, so it must not block. The
/// one that is used unless set is [`TracingObserver`].
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tower_webhook::{Observation, Observer, Reason};
///
/// #[derive(Default)]
/// struct Stale(AtomicU64);
///
/// impl Observer for Stale {
///     fn observe(&self, observation: &Observation<'_>) {
///         if observation.reason == Some(Reason::SignatureStale) {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Takes note of one outcome.
    fn observe(&self, observation: &Observation<'_>);

    /// Takes note of why a signature was refused, where
    /// [refusals are diagnosed](crate::Webhook::diagnose_refusals). Nothing unless overridden.
    ///
    /// It is called behind the answer, on a thread for work that blocks.
    fn diagnosed(&self, _diagnosed: &Diagnosed<'_>) {}

    /// What the observer wants to see beside the verdict. Nothing unless overridden: headers and
    /// bodies are kept for it only where it asks.
    fn interest(&self) -> Interest {
        Interest::default()
    }
}

/// Shows an outcome to an observer. One that panics costs neither the delivery its answer or its
/// record nor other observers the outcome.
pub(crate) fn show(observe: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(observe)).is_err() {
        tracing::error!(target: "tower_webhook", "the observer of deliveries panicked");
    }
}

/// Both see each outcome, the first one first, whatever the other one does; a metric beside the log
/// lines, say.
///
/// ```
/// use tower_webhook::MemoryStore;
/// use tower_webhook::layer::TracingObserver;
/// use tower_webhook::{Observation, Observer, Webhook, provider};
///
/// struct Metrics;
///
/// impl Observer for Metrics {
///     fn observe(&self, _: &Observation<'_>) {}
/// }
/// let stripe = provider::stripe(provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
/// let webhook = Webhook::new(stripe).store(MemoryStore::new()).observer((TracingObserver, Metrics));
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&self, observation: &Observation<'_>) {
        show(|| self.0.observe(observation));
        show(|| self.1.observe(observation));
    }

    fn diagnosed(&self, diagnosed: &Diagnosed<'_>) {
        show(|| self.0.diagnosed(diagnosed));
        show(|| self.1.diagnosed(diagnosed));
    }

    fn interest(&self) -> Interest {
        self.0.interest().or(self.1.interest())
    }
}

/// All three see each outcome, in their order, whatever the others do.
impl<A: Observer, B: Observer, C: Observer> Observer for (A, B, C) {
    fn observe(&self, observation: &Observation<'_>) {
        show(|| self.0.observe(observation));
        show(|| self.1.observe(observation));
        show(|| self.2.observe(observation));
    }

    fn diagnosed(&self, diagnosed: &Diagnosed<'_>) {
        show(|| self.0.diagnosed(diagnosed));
        show(|| self.1.diagnosed(diagnosed));
        show(|| self.2.diagnosed(diagnosed));
    }

    fn interest(&self) -> Interest {
        (self.0.interest().or(self.1.interest())).or(self.2.interest())
    }
}

/// What an [`Observer`] wants to see beside the verdict.
///
/// ```
/// use tower_webhook::layer::Interest;
/// use tower_webhook::{Observation, Observer};
///
/// /// Which program of the sender's it was.
/// struct UserAgents;
///
/// impl Observer for UserAgents {
///     fn observe(&self, seen: &Observation<'_>) {
///         let mut headers = seen.headers.iter().flat_map(|headers| headers.iter());
///         println!("{:?}", headers.find(|(name, _)| **name == "user-agent"));
///     }
///
///     fn interest(&self) -> Interest {
///         Interest { headers: true, body: false }
///     }
/// }
///
/// assert!(UserAgents.interest().headers);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest {
    /// The request's headers, with secrets masked.
    pub headers: bool,
    /// The raw body, where it was read.
    pub body: bool,
}

impl Interest {
    fn or(self, other: Self) -> Self {
        Self {
            headers: self.headers || other.headers,
            body: self.body || other.body,
        }
    }
}

/// What became of one delivery.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// Whose delivery it was, or claimed to be.
    pub provider: &'a Name,
    /// Which consumer's it was, where they have names.
    pub consumer: Option<&'a Name>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, where it was not simply handled.
    pub reason: Option<Reason>,
    /// The reason in words, for the operator; holds no secret, and what others wrote is escaped.
    pub detail: Option<Detail<'a>>,
    /// What was answered; `None` for an outcome after the answer.
    pub status: Option<StatusCode>,
    /// Which event it was, where that was known.
    pub key: Option<&'a EventKey>,
    /// Which of the events of its delivery it was, where that holds a list of them.
    pub item: Option<ItemPlace>,
    /// How many events the delivery held, where this is of a list of them as a whole: its answer.
    pub items: Option<usize>,
    /// The names of all keys that signed it, where that was known.
    pub signed_by: Option<&'a KeyIds>,
    /// The client's address, where a gate asked for it. Where a signature or a proof of your own was
    /// refused, the peer's if no declared proxy tells more.
    pub client: Option<IpAddr>,
    /// The id that the delivery claims, where its signature or a proof of your own was refused.
    pub claimed_id: Option<ClaimedId<'a>>,
    /// How many bytes of body came, where its signature was judged and refused.
    pub body_len: Option<u64>,
    /// How many `Content-Length` announced, where a signature or a proof of your own was refused;
    /// `None` for a body in chunks. If it differs from [`body_len`](Self::body_len), the body was changed before this
    /// layer, and the secret may be right.
    pub content_length: Option<u64>,
    /// At least three different deliveries in a row, this one among them, are authentic and off by
    /// about as much: until one is in time, our own clock is suspected.
    pub clock_suspected: bool,
    /// Which attempt at the event this was, where it was claimed.
    pub attempt: Option<u32>,
    /// The same key came with other content after a failure, and was taken.
    pub corrected: bool,
    /// The key is the sender's own id, and came with other content before: a duplicate all the
    /// same, or the next attempt after one that failed.
    pub content_differs: bool,
    /// The id is one that the sender uses for tests, and is never deduplicated.
    pub test_id: bool,
    /// The event happened before the retention began: that it is no duplicate is not certain.
    pub predates_retention: bool,
    /// The store could not be asked and the handler ran all the same.
    pub unchecked: bool,
    /// No delivery brought it: it was found by asking the sender.
    pub polled: bool,
    /// How long the delivery has taken.
    pub timings: Timings,
    /// The request's headers, if [asked for](Interest::headers).
    pub headers: Option<MaskedHeaders<'a>>,
    /// The raw body, if [asked for](Interest::body) and read; of an [item](Self::item) its own.
    pub body: Option<&'a Bytes>,
}

/// Why a signature was refused, as far as that was found out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Diagnosed<'a> {
    /// Whose delivery it claimed to be.
    pub provider: &'a Name,
    /// Which consumer's it was, where they have names.
    pub consumer: Option<&'a Name>,
    /// Why it was refused.
    pub reason: Reason,
    /// The id that the delivery claims.
    pub claimed_id: Option<ClaimedId<'a>>,
    /// What would have been right.
    pub diagnosis: &'a Diagnosis,
}

/// A reason in words.
#[derive(Clone, Copy)]
pub struct Detail<'a>(pub(crate) &'a dyn fmt::Display);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(self.0).fmt(f)
    }
}

impl fmt::Debug for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(self.0).fmt(f)
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Its origin was proved and it was passed on; no dedupe layer said more.
    Passed,
    /// Its handler ran and it is done.
    Handled,
    /// It is held in the inbox: a worker handles it later.
    Queued,
    /// It was done before: a duplicate, answered without running anything.
    Duplicate,
    /// It was refused, or told to come again; no handler ran for it.
    Refused,
    /// Its handler ran without success, and the event can be run again.
    Failed,
    /// It was answered in time while its handler goes on.
    Unfinished,
    /// It was of a type that is not wanted: answered with success, and nothing was run.
    Filtered,
    /// It was for somebody else: answered with success, and nothing was run.
    NotOurs,
    /// The sender looked whether a receiver is there: it was told so, and nothing was delivered.
    Probed,
}

impl Verdict {
    /// What became of a delivery that was refused for this reason before its handler.
    pub(crate) fn of_refusal(reason: Reason) -> Self {
        match reason {
            Reason::Probe => Self::Probed,
            Reason::Filtered => Self::Filtered,
            Reason::NotOurs => Self::NotOurs,
            _ => Self::Refused,
        }
    }

    codes! {
        #[doc(hidden)]
        pub const ALL;
        /// The word for it in journals, metrics and on the page: it stays.
        ///
        /// ```
        /// assert_eq!(tower_webhook::layer::Verdict::NotOurs.code(), "not_ours");
        /// ```
        pub fn code {
            Passed => "passed",
            Handled => "handled",
            Queued => "queued",
            Duplicate => "duplicate",
            Refused => "refused",
            Failed => "failed",
            Unfinished => "unfinished",
            Filtered => "filtered",
            NotOurs => "not_ours",
            Probed => "probed",
        }
    }
}

/// How long a delivery has taken, from its head received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Timings {
    /// Until the body was there and its signature judged.
    pub proved: Option<Duration>,
    /// Until the event was claimed.
    pub claimed: Option<Duration>,
    /// Until now.
    pub total: Duration,
}
