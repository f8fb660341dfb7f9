use std::time::Duration;

use super::Webhook;

impl<S> Webhook<S> {
    /// Diagnoses refused signatures for the operator: at most one refusal per `every`, after it has
    /// been answered and on a separate thread. The result goes to the observer's
    /// [`diagnosed`](crate::Observer::diagnosed), which by default logs a line.
    ///
    /// Off by default. The sender learns nothing of it. It has no effect if the provider signs nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::layer::Diagnosed;
    /// use tower_webhook::provider::{self, stripe};
    /// use tower_webhook::{MemoryStore, Observation, Observer, Webhook};
    ///
    /// struct Causes;
    ///
    /// impl Observer for Causes {
    ///     fn observe(&self, _: &Observation<'_>) {}
    ///
    ///     fn diagnosed(&self, diagnosed: &Diagnosed<'_>) {
    ///         println!("{}: {}", diagnosed.provider, diagnosed.diagnosis);
    ///     }
    /// }
    ///
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let webhook = Webhook::new(stripe)
    ///     .store(MemoryStore::new())
    ///     .observer(Causes)
    ///     .diagnose_refusals(Duration::from_secs(60));
    /// # drop(webhook);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn diagnose_refusals(mut self, every: Duration) -> Self {
        if let Some(diagnose) = self.provider.diagnose() {
            self.endpoint = self.endpoint.diagnose_refusals(diagnose, every);
        }
        self
    }
}
