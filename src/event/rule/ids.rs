//! The headers with ids of events.

use http::HeaderName;

use super::super::source::Source;
use super::EventRule;

impl EventRule {
    /// The headers that may contain an unsigned id, if the rule identifies events by one.
    ///
    /// The first one that is present applies. Most rules have none.
    ///
    /// ```
    /// use tower_webhook::event::EventRule;
    /// use tower_webhook::provider::{self, github};
    ///
    /// let github = provider::github(github::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// assert_eq!(github.rule().unsigned_id_headers(), ["x-github-delivery"]);
    /// assert!(EventRule::body().unsigned_id_headers().is_empty());
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn unsigned_id_headers(&self) -> &[HeaderName] {
        match &self.source {
            Source::Body(Some(with_id)) => &with_id.headers,
            Source::InsecureHeader(name) => std::slice::from_ref(name),
            _ => &[],
        }
    }

    /// The header that repeats the key.
    #[cfg(feature = "testing")]
    pub(crate) fn id_header(&self) -> Option<&HeaderName> {
        self.id_header.as_ref()
    }
}
