//! Observers of the outcome of each delivery, and the facts that they see.

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

/// Sees the outcome of every delivery, including refused ones.
///
/// It is called once for each answer, and once more if a handler ends after its answer. For a
/// delivery that holds a list of events, it is called for each of them and once for the answer.
/// Logs, metrics and journals depend on it. It runs in the delivery's own task, so it must not
/// block. The default is [`TracingObserver`].
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
    /// Observes one outcome.
    fn observe(&self, observation: &Observation<'_>);

    /// Observes why a signature was refused, if [refusals are
    /// diagnosed](crate::Webhook::diagnose_refusals). Does nothing by default.
    ///
    /// It is called after the answer, on a blocking thread.
    fn diagnosed(&self, _diagnosed: &Diagnosed<'_>) {}

    /// The details that the observer wants in addition to the verdict. None by default: headers and
    /// bodies are kept only on request.
    fn interest(&self) -> Interest {
        Interest::default()
    }
}

/// Shows an outcome to an observer. A panic in it costs neither the delivery its answer or its
/// record, nor other observers the outcome.
pub(crate) fn show(observe: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(observe)).is_err() {
        tracing::error!(target: "tower_webhook", "the observer of deliveries panicked");
    }
}

/// Both see each outcome, the first one first, whatever the other does: for example, metrics in
/// addition to log lines.
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

/// All three see each outcome, in order, whatever the others do.
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

/// The details that an [`Observer`] wants in addition to the verdict.
///
/// ```
/// use tower_webhook::layer::Interest;
/// use tower_webhook::{Observation, Observer};
///
/// /// The sender's program that sent it.
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
    /// The raw body, if it was read.
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

/// The outcome of one delivery.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// The provider that sent it, or was claimed to.
    pub provider: &'a Name,
    /// The name of the consumer, if it has one.
    pub consumer: Option<&'a Name>,
    /// The outcome.
    pub verdict: Verdict,
    /// The reason, unless it was simply handled.
    pub reason: Option<Reason>,
    /// The reason in words, for the operator. It holds no secret, and untrusted text is escaped.
    pub detail: Option<Detail<'a>>,
    /// The status of the answer; `None` for an outcome after the answer.
    pub status: Option<StatusCode>,
    /// The event's key, if it was known.
    pub key: Option<&'a EventKey>,
    /// The event's position in its delivery, if that holds a list of events.
    pub item: Option<ItemPlace>,
    /// The number of events in the delivery, if this is the answer to a list as a whole.
    pub items: Option<usize>,
    /// The names of all keys that signed it, if they were known.
    pub signed_by: Option<&'a KeyIds>,
    /// The client's address, if a gate needed it. If a signature or your own proof was refused and
    /// no declared proxy names a client, the peer's.
    pub client: Option<IpAddr>,
    /// The id that the delivery claims, if its signature or your own proof was refused.
    pub claimed_id: Option<ClaimedId<'a>>,
    /// The length of the received body, if its signature was judged and refused.
    pub body_len: Option<u64>,
    /// The announced `Content-Length`, if a signature or your own proof was refused; `None` for a
    /// chunked body. If it differs from [`body_len`](Self::body_len), the body was changed before
    /// this layer, and the secret may be right.
    pub content_length: Option<u64>,
    /// At least three different deliveries in a row, including this one, are authentic and off by a
    /// similar amount: until one is in time, our own clock is suspected.
    pub clock_suspected: bool,
    /// The number of this attempt at the event, if it was claimed.
    pub attempt: Option<u32>,
    /// The same key arrived with other content after a failure, and was accepted.
    pub corrected: bool,
    /// The key is the sender's own id, and was seen before with other content. This delivery is
    /// still a duplicate, or the next attempt after one that failed.
    pub content_differs: bool,
    /// The id is one that the sender uses for tests, and is never deduplicated.
    pub test_id: bool,
    /// The event happened before the retention began, so it may be a duplicate.
    pub predates_retention: bool,
    /// The store was out of reach, and the handler ran anyway.
    pub unchecked: bool,
    /// No delivery brought it: it was found by querying the sender.
    pub polled: bool,
    /// How long the delivery has taken.
    pub timings: Timings,
    /// The request's headers, if [asked for](Interest::headers).
    pub headers: Option<MaskedHeaders<'a>>,
    /// The raw body, if [asked for](Interest::body) and read; for an [item](Self::item), the item's
    /// own body.
    pub body: Option<&'a Bytes>,
}

/// The cause of a refused signature, as far as it was determined.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Diagnosed<'a> {
    /// The provider that the delivery claimed to be from.
    pub provider: &'a Name,
    /// The name of the consumer, if it has one.
    pub consumer: Option<&'a Name>,
    /// The reason for the refusal.
    pub reason: Reason,
    /// The id that the delivery claims.
    pub claimed_id: Option<ClaimedId<'a>>,
    /// What would have made it right.
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

/// The outcome of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Its origin was proved and it was passed on; no dedupe layer reported more.
    Passed,
    /// Its handler ran, and it is done.
    Handled,
    /// It is held in the inbox: a worker handles it later.
    Queued,
    /// It was done before: a duplicate, answered without running anything.
    Duplicate,
    /// It was refused, or must be sent again; no handler ran for it.
    Refused,
    /// Its handler ran without success, and the event can run again.
    Failed,
    /// It was answered in time while its handler is still running.
    Unfinished,
    /// It was of an unwanted type: answered with success, and nothing ran.
    Filtered,
    /// It was for another recipient: answered with success, and nothing ran.
    NotOurs,
    /// The sender checked whether a receiver is there: it got a success, and nothing was delivered.
    Probed,
}

impl Verdict {
    /// The verdict on a delivery that was refused for this reason before its handler.
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
        /// The word for it in journals, metrics and on the page. It is stable.
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

/// How long a delivery has taken since its head was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Timings {
    /// Until the body was complete and its signature judged.
    pub proved: Option<Duration>,
    /// Until the event was claimed.
    pub claimed: Option<Duration>,
    /// Until now.
    pub total: Duration,
}
