use std::time::Duration;

use super::shared_confirm::SharedConfirm;
use crate::inbox::{Route, SharedInbox};

/// A layer whose events a worker runs: that of a [`Webhook`](crate::Webhook) with an inbox, or an
/// [`EnqueueLayer`](crate::layer::EnqueueLayer).
#[diagnostic::on_unimplemented(
    message = "a worker cannot run the events of `{Self}`",
    label = "not a built webhook that has an inbox",
    note = "build the webhook first, with the `?`: `Webhook::new(provider).inbox(inbox).build()?`"
)]
pub trait Serves: private::Sealed {
    #[doc(hidden)]
    fn served(&self) -> Option<Served>;
}

/// Where and how a layer's events are accepted.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Served {
    pub(crate) inbox: SharedInbox,
    pub(crate) route: Route,
    /// How long an event is known once it is done.
    pub(crate) retention: Duration,
    /// The confirmations that are asked for before an event runs.
    pub(crate) confirms: Vec<SharedConfirm>,
    /// How long after a delivery has revived a dead event no other delivery revives it.
    pub(crate) revive_every: Duration,
}

pub(crate) mod private {
    pub trait Sealed {}
}
