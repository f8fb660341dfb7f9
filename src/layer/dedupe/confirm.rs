use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::event::EventKey;

/// An event that is not confirmed yet: nothing of it is in the store.
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
pub enum Confirmation {
    /// The event is true: the handler runs.
    Confirmed,
    /// The event is not true: 400, and nothing of it is kept.
    Mismatch,
    /// It cannot be told yet: asked again while there is time, then the sender is told "not now".
    TryAgain,
}

/// Asks whether an event is true, before it is claimed.
///
/// For senders whose proof is weak: a copy of their order, or a call to their status API, tells
/// what a signature would. A function of [`Unconfirmed`] will do. A confirmation that panics is
/// taken as "try again".
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

/// Any [`Confirm`], behind a pointer.
#[derive(Clone)]
pub(crate) struct SharedConfirm(Arc<dyn Erased>);

impl SharedConfirm {
    pub(crate) fn new(confirm: impl Confirm) -> Self {
        Self(Arc::new(confirm))
    }

    pub(crate) fn confirm(
        &self,
        event: Unconfirmed,
    ) -> Pin<Box<dyn Future<Output = Confirmation> + Send + '_>> {
        self.0.confirm_boxed(event)
    }
}

impl fmt::Debug for SharedConfirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirm")
    }
}

trait Erased: Send + Sync {
    fn confirm_boxed(
        &self,
        event: Unconfirmed,
    ) -> Pin<Box<dyn Future<Output = Confirmation> + Send + '_>>;
}

impl<C: Confirm> Erased for C {
    fn confirm_boxed(
        &self,
        event: Unconfirmed,
    ) -> Pin<Box<dyn Future<Output = Confirmation> + Send + '_>> {
        Box::pin(self.confirm(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ProviderName;

    #[test]
    fn a_body_does_not_print() {
        let event = Unconfirmed {
            key: EventKey::new(ProviderName::new("acme").unwrap(), ["1042"]).unwrap(),
            body: Bytes::from_static(b"{\"iban\":\"DE89\"}"),
        };
        assert_eq!(
            format!("{event:?}"),
            "Unconfirmed { key: EventKey(acme:1042), body_len: 15 }"
        );
    }
}
