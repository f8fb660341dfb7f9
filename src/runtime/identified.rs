use std::ops::Range;

use bytes::Bytes;

use crate::event::{Handling, Identity, ItemPlace};

/// An event that may be claimed: its origin is proved and its name is known.
#[derive(Debug)]
pub(crate) struct IdentifiedEvent {
    pub(crate) identity: Identity,
    pub(crate) predates_retention: bool,
    /// Behind a pointer, as everything that most deliveries do without.
    pub(crate) item: Option<Box<DeliveredItem>>,
    /// What the body is read as, where that is a form.
    pub(crate) document: Option<Bytes>,
}

/// What is known of an event that came with others in one delivery.
#[derive(Debug)]
pub(crate) struct DeliveredItem {
    pub(crate) place: ItemPlace,
    pub(crate) around: Around,
    /// Whether it is run although the receiver shuts down: its sender does not come again.
    pub(crate) outlasts_drain: bool,
}

/// The body around an item.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "inbox"),
    expect(dead_code, reason = "an inbox keeps a part of it")
)]
pub(crate) enum Around {
    /// As it was proved, and where in it the items stand: from the first one to the end of the last one.
    Whole { body: Bytes, items: Range<usize> },
    /// What an inbox has kept of it.
    Kept(Option<Bytes>),
}

#[cfg(feature = "inbox")]
impl Around {
    /// No more of it is kept with each item.
    const MOST_KEPT: usize = 16 * 1024;

    /// It without its items, if that is not too long to be kept with each of them.
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
    /// The same as an item of a delivery.
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
