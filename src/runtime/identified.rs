use std::ops::Range;

use bytes::Bytes;

use crate::event::{Handling, Identity, ItemPlace};

/// An event that may be claimed: its origin is proved and its name is known.
#[derive(Debug)]
pub(crate) struct IdentifiedEvent {
    pub(crate) identity: Identity,
    pub(crate) predates_retention: bool,
    /// Boxed, like everything that most deliveries do without.
    pub(crate) item: Option<Box<DeliveredItem>>,
    /// The JSON form of the body, if that is a form.
    pub(crate) document: Option<Bytes>,
}

/// The facts about an event that arrived with others in one delivery.
#[derive(Debug)]
pub(crate) struct DeliveredItem {
    pub(crate) place: ItemPlace,
    pub(crate) around: Around,
    /// Whether it runs even if the receiver is shutting down, because its sender does not retry.
    pub(crate) outlasts_drain: bool,
}

/// The body around an item.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "inbox"),
    expect(dead_code, reason = "an inbox keeps a part of it")
)]
pub(crate) enum Around {
    /// The body as it was proved, and the range of the items in it: from the start of the first to
    /// the end of the last.
    Whole { body: Bytes, items: Range<usize> },
    /// The part that an inbox has stored.
    Kept(Option<Bytes>),
}

#[cfg(feature = "inbox")]
impl Around {
    /// The most bytes of it that are stored with each item.
    const MOST_KEPT: usize = 16 * 1024;

    /// The body without its items, if that is short enough to be stored with each of them.
    pub(crate) fn without_items(&self) -> Option<Bytes> {
        let (body, items) = match self {
            Self::Whole { body, items } => (body, items),
            Self::Kept(kept) => return kept.clone(),
        };
        let (before, behind) = (body.get(..items.start)?, body.get(items.end..)?);
        let is_short = before.len().saturating_add(behind.len()) <= Self::MOST_KEPT;
        is_short.then(|| [before, behind].concat().into())
    }
}

impl IdentifiedEvent {
    /// The same event as an item of a delivery.
    pub(crate) fn item(mut self, item: DeliveredItem) -> Self {
        self.item = Some(Box::new(item));
        self
    }

    /// Whether other content under the key is a duplicate too.
    pub(crate) fn has_own_id(&self) -> bool {
        self.identity.handling == Handling::OncePerId
    }
}

#[cfg(test)]
#[cfg(feature = "inbox")]
mod tests {
    use super::*;

    fn around(body: &str, items: Range<usize>) -> Around {
        Around::Whole {
            body: Bytes::from(body.to_owned()),
            items,
        }
    }

    #[test]
    fn what_is_kept_of_a_body_is_all_but_its_items() {
        let body = r#"{"id":7, "pix":[ {"a":1}, {"b":[]} ], "end":true}"#;
        let items = body.find(r#"{"a"#).unwrap()..body.find(" ], ").unwrap();
        let kept = around(body, items).without_items().unwrap();
        assert_eq!(kept, r#"{"id":7, "pix":[  ], "end":true}"#);
        assert_eq!(around("[1,2]", 1..4).without_items().unwrap(), "[]");
    }

    #[test]
    fn what_is_too_long_is_not_kept_with_each_item() {
        let of = |length: usize| format!("[1]{}", " ".repeat(length - 2));
        let longest = around(&of(16 * 1024), 1..2).without_items();
        assert_eq!(longest.unwrap().len(), 16 * 1024);
        assert_eq!(around(&of(16 * 1024 + 1), 1..2).without_items(), None);
    }
}
