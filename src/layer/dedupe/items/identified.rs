use std::ops::Range;

use bytes::Bytes;
use http::request::Parts;

use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::event::{EventKey, Handling, ItemIdentity, ItemPlace};
use crate::layer::dedupe::state::DedupeState;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Around, DeliveredItem, IdentifiedEvent};

/// An item of a proved delivery: an event, or the reason that it cannot be claimed.
pub(crate) struct IdentifiedItem {
    pub(super) place: ItemPlace,
    pub(super) body: Bytes,
    pub(in crate::layer::dedupe) event: Result<IdentifiedEvent, RejectionCause>,
}

impl IdentifiedItem {
    /// Its key, if it would get the same one again.
    pub(in crate::layer::dedupe) fn key(&self) -> Option<&EventKey> {
        let identity = &self.event.as_ref().ok()?.identity;
        (identity.handling != Handling::TestId).then_some(&identity.key)
    }
}

impl DedupeState {
    /// Whether a body can hold a list of events.
    pub(crate) fn has_items(&self) -> bool {
        self.rule.has_items()
    }

    /// Names the events in a proved body that holds a list; `None` if the body is one event itself.
    pub(crate) fn identify_items(
        &self,
        parts: &Parts,
        proved: &AuthState,
        received_at: UnixTime,
    ) -> Result<Option<Vec<IdentifiedItem>>, RejectionCause> {
        let body = proved.body.clone().unwrap_or_default();
        let body = self.rule.document(&body).map_or(body, Bytes::from);
        let provider = &self.endpoint.provider;
        let found = (self.rule).identify_items(provider, parts, &body, self.max_items)?;
        let Some(found) = found else {
            return Ok(None);
        };
        let count = found.len();
        let span = span_of(&body, &found);
        let outlasts_drain = !self.endpoint.contract.retries_at_all();
        let items = found.into_iter().enumerate().map(|(index, item)| {
            let place = ItemPlace::new(index, count);
            let event = (item.identity.map_err(RejectionCause::from))
                .and_then(|identity| self.settle(identity, proved, received_at));
            let delivered = || DeliveredItem {
                place,
                around: Around::Whole {
                    body: body.clone(),
                    items: span.clone(),
                },
                outlasts_drain,
            };
            IdentifiedItem {
                place,
                body: body.slice_ref(item.body),
                event: event.map(|event| event.item(delivered())),
            }
        });
        Ok(Some(items.collect()))
    }
}

/// The span of these items in their body, from the start of the first to the end of the last.
fn span_of(body: &[u8], items: &[ItemIdentity<'_>]) -> Range<usize> {
    let at = |item: &ItemIdentity<'_>| item.body.as_ptr().addr().wrapping_sub(body.as_ptr().addr());
    let begin = items.first().map_or(0, at);
    let end = items
        .last()
        .map_or(0, |last| at(last).saturating_add(last.body.len()));
    begin..end
}
