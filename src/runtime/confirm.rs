use std::fmt;
use std::future::Future;

use bytes::Bytes;

use crate::event::EventKey;

/// The part of all places, and of all bytes, that one subject may hold.
pub(super) const SHARE: usize = 4;

/// An event that is not confirmed yet: the store holds nothing of it. An inbox holds it meanwhile, under a key of
/// its own.
#[derive(Clone)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// The event's key.
    pub key: EventKey,
    /// The proved body.
    pub body: Bytes,
}

impl fmt::Debug for Unconfirmed {
    /// A body may hold data that does not belong in a log: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, body } = self;
        f.debug_struct("Unconfirmed")
            .field("key", key)
            .field("body_len", &body.len())
            .finish()
    }
}

/// The result of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confirmation {
    /// The event is true: it is claimed, and the handler runs.
    Confirmed,
    /// The event is not true: 400, and nothing of it is kept; what an inbox holds is mismatched.
    Mismatch,
    /// Nothing of that name can be asked about: 400 at once, and nothing of it is kept.
    Unknown,
    /// The truth is not known yet: the question is repeated while there is time, then the sender
    /// gets the not-now status.
    TryAgain,
}

/// Asks whether an event is true, before it is claimed. With an inbox, a worker asks after the sender has been
/// answered: an untrue event is then mismatched, and an undecided one is asked about again.
///
/// For senders whose proof is weak: your own copy of their order, or a call to their status API, replaces a
/// signature. A function of [`Unconfirmed`] will do. A confirmation that panics counts as "try again". Events that
/// are done, or being handled, are not asked about. Deliveries of the same body share one question at a time. If
/// one answer tells the truth about many deliveries, [`ConfirmSubject`] asks once for all of them.
///
/// **Compare exactly the values that form the event's key.** Each spelling of a key part is a
/// separate event. A lookup that is more lenient than that, such as an API or a database that
/// accepts an id in any case or with surrounding blanks, confirms one truth under many keys. Take
/// the id from the record found, and require it to equal the delivery's byte by byte.
///
/// ```
/// use tower_webhook::{Confirm, Confirmation, Unconfirmed};
///
/// async fn is_our_order(event: Unconfirmed) -> Confirmation {
///     if event.key.to_string().starts_with("1042:") {
///         Confirmation::Confirmed
///     } else {
///         Confirmation::Mismatch
///     }
/// }
///
/// fn takes(_: impl Confirm) {}
/// takes(is_our_order);
/// ```
pub trait Confirm: Send + Sync + 'static {
    /// Finds out whether this event is true.
    fn confirm(&self, event: Unconfirmed) -> impl Future<Output = Confirmation> + Send;

    /// How much may wait for a confirmation.
    fn limits(&self) -> ConfirmLimits {
        ConfirmLimits::default()
    }
}

impl<F, Fut> Confirm for F
where
    F: Fn(Unconfirmed) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Confirmation> + Send,
{
    fn confirm(&self, event: Unconfirmed) -> impl Future<Output = Confirmation> + Send {
        self(event)
    }
}

/// Fetches the truth about the subjects of events, and judges each event by it.
///
/// A stranger who knows a secret path can send any number of untrue deliveries about one checkout.
/// A question for each of them would keep the true one waiting. Instead, one question at a time is
/// asked about a subject, and its answer judges all deliveries that wait. An answer that refuses a
/// delivery was requested after that delivery arrived; one that confirms it may be up to a second
/// old.
///
/// ```
/// use tower_webhook::{Confirmation, ConfirmSubject, Unconfirmed};
///
/// struct Orders;
///
/// impl ConfirmSubject for Orders {
///     type Truth = Option<String>;
///
///     fn subject(&self, event: &Unconfirmed) -> Result<String, Confirmation> {
///         let order = event.key.parts().next().ok_or(Confirmation::Unknown)?;
///         Ok(order.into_owned())
///     }
///
///     async fn fetch(&self, order: &str) -> Option<Option<String>> {
///         // The status of our own order; `None` if the database is out of reach.
///         # let _ = order;
///         Some(Some("paid".to_owned()))
///     }
///
///     fn judge(&self, status: &Option<String>, event: &Unconfirmed) -> Confirmation {
///         match status {
///             None => Confirmation::Unknown,
///             Some(status) if event.key.parts().nth(1).as_deref() == Some(status) => {
///                 Confirmation::Confirmed
///             }
///             Some(_) => Confirmation::Mismatch,
///         }
///     }
/// }
///
/// let dedupe = tower_webhook::DedupeConfig::new().confirm_subject(Orders);
/// # drop(dedupe);
/// ```
pub trait ConfirmSubject: Send + Sync + 'static {
    /// The known facts about a subject.
    type Truth: Send + Sync + 'static;

    /// The subject to ask about to judge this event, for example an order's id.
    ///
    /// # Errors
    ///
    /// The verdict on the event without asking: [`Confirmation::Mismatch`] if it does not have the
    /// right form.
    fn subject(&self, event: &Unconfirmed) -> Result<String, Confirmation>;

    /// The present facts about this subject; `None` if they are not known yet, which is retried.
    ///
    /// The call is dropped once nobody waits for it any more, or if it takes longer than half the
    /// time of a delivery that arrived during it.
    fn fetch(&self, subject: &str) -> impl Future<Output = Option<Self::Truth>> + Send;

    /// Judges the event by these facts. Compare exactly the values that form its key: see
    /// [`Confirm`].
    fn judge(&self, truth: &Self::Truth, event: &Unconfirmed) -> Confirmation;

    /// How much may wait for a confirmation.
    fn limits(&self) -> ConfirmLimits {
        ConfirmLimits::default()
    }
}

/// How many questions a confirmation asks at once, and what may wait for the answers.
///
/// What is not confirmed is a stranger's. One subject may hold a quarter of the places and of the
/// bytes; its first delivery is let in if there is room for it at all, and one that is larger than all
/// of the bytes if nothing else waits. Where there is no place, one is taken from what an answer spoke against, then from the
/// subject with the most, from its newest delivery, or its largest where bytes are short; if that
/// is the one that comes, it is told "not now".
///
/// ```
/// use tower_webhook::runtime::ConfirmLimits;
///
/// let limits = ConfirmLimits::default().questions(8).deliveries(1_000).body_bytes(1024 * 1024);
/// assert_ne!(limits, ConfirmLimits::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmLimits {
    pub(super) questions: usize,
    pub(super) deliveries: usize,
    pub(super) body_bytes: usize,
}

impl Default for ConfirmLimits {
    /// 64 questions at once; 8,192 waiting deliveries with 32 MiB of bodies.
    fn default() -> Self {
        Self {
            questions: 64,
            deliveries: 8_192,
            body_bytes: 32 * 1024 * 1024,
        }
    }
}

impl ConfirmLimits {
    /// Asks this many questions at once; at least one.
    #[must_use]
    pub fn questions(mut self, limit: usize) -> Self {
        self.questions = limit.max(1);
        self
    }

    /// Lets this many deliveries wait, and at least one.
    #[must_use]
    pub fn deliveries(mut self, limit: usize) -> Self {
        self.deliveries = limit.max(1);
        self
    }

    /// Lets bodies of this many bytes wait in total. Four times the largest body is the least that is of use: `build`
    /// warns of less.
    #[must_use]
    pub fn body_bytes(mut self, limit: usize) -> Self {
        self.body_bytes = limit;
        self
    }

    /// The largest body that has room beside those of other subjects, each within its share.
    pub(super) fn share_of_bytes(&self) -> usize {
        self.body_bytes / SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Name;

    #[test]
    fn a_body_does_not_print() {
        let event = Unconfirmed {
            key: EventKey::new(Name::new("acme").unwrap(), ["1042"]).unwrap(),
            body: Bytes::from_static(b"{\"iban\":\"DE89\"}"),
        };
        assert_eq!(
            format!("{event:?}"),
            "Unconfirmed { key: EventKey(acme:1042), body_len: 15 }"
        );
    }
}
