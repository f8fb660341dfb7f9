//! Which of a sender's events are handled, and their keys and order.

use super::Provider;
use crate::error::ConfigError;
use crate::event::OrderRule;

impl Provider {
    /// Handles only events of these types. See [`EventRule::only_types`](crate::event::EventRule::only_types).
    ///
    /// ```
    /// use tower_webhook::provider::{self, stripe};
    ///
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?)
    ///     .only_types(["charge.succeeded", "charge.refunded"])?
    ///     .only_for("/account", ["acct_1"])?;
    /// # drop(stripe);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A provider whose rule does not state where an event's type is.
    pub fn only_types<'a>(
        mut self,
        types: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let of = |error: ConfigError| error.of_provider(self.name.to_string());
        self.rule = self.rule.only_types(types).map_err(of)?;
        Ok(self)
    }

    /// Handles only events that name one of these values here. See
    /// [`EventRule::only_for`](crate::event::EventRule::only_for).
    ///
    /// # Errors
    ///
    /// The same as for [`EventRule::only_for`](crate::event::EventRule::only_for).
    pub fn only_for<'a>(
        mut self,
        field: &str,
        ours: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let of = |error: ConfigError| error.of_provider(self.name.to_string());
        self.rule = self.rule.only_for(field, ours).map_err(of)?;
        Ok(self)
    }

    /// Keys every body on its content alone, even if the provider keys some on an id that no signature
    /// covers. See [`EventRule::key_on_content_alone`](crate::event::EventRule::key_on_content_alone).
    #[must_use]
    pub fn key_on_content_alone(mut self) -> Self {
        self.rule = self.rule.key_on_content_alone();
        self
    }

    /// Runs events about one subject one at a time if they wait in an [inbox](crate::inbox), and
    /// skips overtaken ones. See [`OrderRule`].
    ///
    /// ```
    /// use tower_webhook::event::OrderRule;
    /// use tower_webhook::provider::{self, stripe};
    ///
    /// let order = OrderRule::by(["/data/object/id"])?.version_seconds("/created")?;
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?).ordered(order);
    /// # drop(stripe);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn ordered(mut self, order: OrderRule) -> Self {
        self.rule = self.rule.ordered(order);
        self
    }
}
