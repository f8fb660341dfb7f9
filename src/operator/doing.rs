//! An action of an operator, and how it is written down.

use http::StatusCode;

use super::asked::Asked;
use super::shown;
use super::state::State;
use crate::event::{EventKey, Name};
use crate::journal::Note;
use crate::store::StoreError;

/// How an action is answered that does not come to its end.
pub(super) type Refused = (StatusCode, &'static str);

/// What an error of a store is answered with; log and journal have it.
pub(super) const FAILED: Refused = (
    StatusCode::SERVICE_UNAVAILABLE,
    "The store did not do it, or did not say so. Look at what is there now, and try again.",
);

/// What is done, and by whom.
#[derive(Clone, Copy)]
pub(super) struct Doing<'a> {
    pub(super) state: &'a State,
    pub(super) asked: &'a Asked,
    pub(super) action: &'a str,
}

impl Doing<'_> {
    /// Writes down what was done.
    pub(super) fn note(&self, provider: Option<&Name>, key: Option<&EventKey>, came_to: &str) {
        let (who, action) = (self.asked.who().unwrap_or("an operator"), self.action);
        let shown = key.map(EventKey::escaped);
        tracing::info!(
            target: "tower_webhook",
            action,
            who,
            provider = provider.map(Name::as_str),
            key = shown,
            "an operator's action: {came_to}"
        );
        if let Some((journal, _)) = &self.state.journal {
            journal.note(Note {
                at: self.asked.now,
                provider: provider.map(ToString::to_string).unwrap_or_default(),
                key: key.map(EventKey::encoded),
                detail: format!("{action} by {}: {came_to}", shown::kept(who)),
            });
        }
    }

    /// Writes down that it failed, with what else was done, and gives the answer.
    pub(super) fn failed(
        &self,
        provider: Option<&Name>,
        key: Option<&EventKey>,
        error: &StoreError,
        besides: &str,
    ) -> Refused {
        tracing::warn!(target: "tower_webhook", %error, "an operator's action failed");
        self.note(provider, key, &format!("failed: {error}{besides}"));
        FAILED
    }
}
