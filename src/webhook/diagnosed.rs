use std::time::Duration;

use super::Webhook;

impl<S> Webhook<S> {
    /// Finds out why signatures are refused, for the operator: of no more than one refusal in this time,
    /// behind its answer and on a thread of its own. The observer's
    /// [`diagnosed`](crate::Observer::diagnosed) is told, which is a line of the log unless set.
    ///
    /// Off unless set. The sender learns nothing of it. Where the provider signs nothing, nothing is done.
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
