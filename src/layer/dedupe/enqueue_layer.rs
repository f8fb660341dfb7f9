use std::sync::Arc;

use tower_layer::Layer;

use super::builder::DedupeBuilder;
use super::kept_in::KeptIn;
use super::service::Dedupe;
use crate::error::ConfigError;
use crate::inbox::{Inbox, Route, SharedInbox};
use crate::layer::webhook::NamedSteps;
use crate::runtime::{Served, Serves, sealed};

/// Keeps each event in an inbox and answers at once; a worker runs its handler later.
///
/// Made by [`DedupeBuilder::enqueue`]; [`Webhook::inbox`](crate::Webhook::inbox) does so for a
/// provider. The inner service is called only for requests that need their answer now, such as a
/// question that the sender asks when a webhook is set up.
#[derive(Debug, Clone)]
pub struct EnqueueLayer {
    steps: Arc<NamedSteps>,
}

impl DedupeBuilder {
    /// The layer that keeps its events in this inbox, instead of running the inner service for them.
    ///
    /// ```
    /// use tower_webhook::event::{EventRule, Shape};
    /// use tower_webhook::inbox::MemoryInbox;
    /// use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof};
    /// use tower_webhook::{Name, RetriedStatuses, RetrySchedule, SenderContract};
    ///
    /// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    /// let endpoint = EndpointConfig::new(Name::new("acme")?, contract);
    /// let rule = EventRule::members([Shape::new("event", ["/id"])?])?;
    /// let layer = DedupeLayer::builder(&endpoint, rule, [Proof::Signature]).enqueue(MemoryInbox::new())?;
    /// # drop(layer);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`DedupeBuilder::build`].
    pub fn enqueue(self, inbox: impl Inbox) -> Result<EnqueueLayer, ConfigError> {
        let steps = self.steps_alone(&KeptIn::Inbox(SharedInbox::new(inbox)))?;
        Ok(EnqueueLayer { steps })
    }
}

impl<S> Layer<S> for EnqueueLayer {
    type Service = Dedupe<S>;

    fn layer(&self, inner: S) -> Dedupe<S> {
        Dedupe::new(inner, Arc::clone(&self.steps))
    }
}

impl EnqueueLayer {
    /// The route of its entries in the inbox.
    pub fn route(&self) -> Option<&Route> {
        self.steps.route()
    }
}

impl sealed::Sealed for EnqueueLayer {}

impl Serves for EnqueueLayer {
    fn served(&self) -> Option<Served> {
        self.steps.served()
    }
}

impl NamedSteps {
    /// Where its events are accepted, if they are.
    pub(crate) fn served(&self) -> Option<Served> {
        let core = &self.steps.core;
        let door = core.door()?;
        Some(Served {
            inbox: door.inbox.clone(),
            route: door.route.clone(),
            retention: core.retention(),
            confirms: core.confirms().to_vec(),
            revive_every: door.revive_every,
        })
    }

    /// The route of its entries.
    pub(crate) fn route(&self) -> Option<&Route> {
        Some(&self.steps.core.door()?.route)
    }
}
