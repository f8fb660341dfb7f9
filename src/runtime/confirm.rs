use std::fmt;
use std::future::Future;

use bytes::Bytes;

use crate::event::EventKey;

/// The part of all places, and of all bytes, that one subject may hold.
pub(super) const SHARE: usize = 4;

/// An event that is not confirmed yet: nothing of it is in the store. An inbox holds it meanwhile, under a key of
/// its own.
#[derive(Clone)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// Which event it is.
    pub key: EventKey,
    /// The proved body.
    pub body: Bytes,
}

impl fmt::Debug for Unconfirmed {
    /// A body may hold what does not belong in a log: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, body } = self;
        f.debug_struct("Unconfirmed")
            .field("key", key)
            .field("body_len", &body.len())
            .finish()
    }
}

/// What a confirmation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confirmation {
    /// The event is true: it is claimed, and the handler runs.
    Confirmed,
    /// The event is not true: 400, and nothing of it is kept; what an inbox holds is mismatched.
    Mismatch,
    /// There is nothing of that name to ask about: 400 at once, and nothing of it is kept.
    Unknown,
    /// It cannot be told yet: asked again while there is time, then the sender is told "not now".
    TryAgain,
}

/// Asks whether an event is true, before it is claimed. Where there is an inbox a worker asks, behind the answer to
/// the sender: what is not true is mismatched there, and what cannot be told is asked about again.
///
/// For senders whose proof is weak: a copy of their order, or a call to their status API, tells
/// what a signature would. A function of [`Unconfirmed`] will do. A confirmation that panics is
/// taken as "try again". What is done already, or being handled, is not asked about; deliveries of
/// the same body share one question at a time. Where one answer tells the truth about many
/// deliveries, [`ConfirmSubject`] asks once for all of them.
///
/// **Compare exactly what the event's key is made of.** Each spelling of a key part is an event of
/// its own. Whoever looks it up more leniently than that, as an API or a database does that takes
/// an id in any case or with blanks around it, confirms one truth under many keys: take the id from
/// what was found, and have it equal the delivery's byte by byte.
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
    /// What is found of this event.
    fn confirm(&self, event: Unconfirmed) -> impl Future<Output = Confirmation> + Send;

    /// How much may wait for it.
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

/// Finds out the truth about what events speak of, and judges each event by it.
///
/// A stranger who knows a secret path can send any number of untrue deliveries about one checkout.
/// A question for each of them would keep the true one waiting. Here one question at a time is asked
/// about a subject, and its answer judges all deliveries that wait. One that refuses a delivery was
/// asked for after that delivery had come; one that confirms it may be up to a second old.
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
///         // The status of our own order; `None` where the database cannot be reached.
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
    /// What is true of a subject.
    type Truth: Send + Sync + 'static;

    /// What has to be asked about to judge this event, an order's id for example.
    ///
    /// # Errors
    ///
    /// What the event is judged as without asking: [`Confirmation::Mismatch`] where it does not
    /// have the form of one.
    fn subject(&self, event: &Unconfirmed) -> Result<String, Confirmation>;

    /// What is true now of this subject; `None` where it cannot be told, which is asked again.
    ///
    /// It is given up once nobody waits for it any more, and where it takes longer than half the
    /// time that a delivery has which came meanwhile.
    fn fetch(&self, subject: &str) -> impl Future<Output = Option<Self::Truth>> + Send;

    /// What this truth makes of the event. Compare exactly what its key is made of: see [`Confirm`].
    fn judge(&self, truth: &Self::Truth, event: &Unconfirmed) -> Confirmation;

    /// How much may wait for it.
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
    /// 64 questions at once; 8,192 deliveries and 32 MiB of bodies that wait.
    fn default() -> Self {
        Self {
            questions: 64,
            deliveries: 8_192,
            body_bytes: 32 * 1024 * 1024,
        }
    }
}

impl ConfirmLimits {
    /// Asks this many questions at once, and at least one.
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

    /// Lets bodies of this many bytes in all wait. Four times the largest body is the least that is of use: `build`
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
