//! Whether the key of an event can be made from the data that its sender's API returns.

use super::{EventRule, Source};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::error::{EventError, EventErrorKind as Kind};
use crate::event::identity::Identity;
use crate::event::pointer::Pointer;
use crate::event::shape::Shape;
use crate::head::RequestHead;
use crate::name::Name;

/// The data of events that a reconcile source returns.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// The members of their bodies; `None` means all of them.
    pub(crate) members: Option<Box<[Pointer]>>,
    /// Whether a body equals that of the delivery byte by byte, with its headers.
    pub(crate) is_exact: bool,
    /// Whether the id that a delivery signs is included.
    pub(crate) has_id: bool,
    /// Whether each is an item of the lists that deliveries contain.
    pub(crate) are_items: bool,
}

impl Given {
    fn has_one_of<'a>(&self, mut spellings: impl Iterator<Item = &'a Pointer>) -> bool {
        match &self.members {
            // The whole body is known, but no query parameter.
            None => spellings.next().is_some(),
            Some(given) => spellings.any(|wanted| given.iter().any(|it| it.leads_to(wanted))),
        }
    }

    /// The part of this shape's key that is missing.
    fn lacks(&self, shape: &Shape) -> Option<String> {
        let missing = |field: &&crate::event::field::KeyField| !self.has_one_of(field.pointers());
        let field = shape.key.iter().find(missing)?;
        let name = field.pointers().next().map(ToString::to_string);
        Some(name.unwrap_or_else(|| "what is no member of the body".to_owned()))
    }
}

impl EventRule {
    /// The identity of an item that the sender's API returned outside any list.
    pub(crate) fn identify_item(
        &self,
        provider: &Name,
        head: RequestHead<'_>,
        item: &[u8],
    ) -> Result<Identity, EventError> {
        match &self.each {
            Some(each) => each.identify_lone(provider, head, item),
            None => Err(EventError::new(Kind::UnknownShape)),
        }
    }

    /// Refuses a source whose events lack data for their keys.
    pub(crate) fn check_given(&self, given: &Given) -> Result<(), ConfigError> {
        let source = match (&self.each, given.are_items) {
            (Some(each), true) => &each.item,
            (None, false) => &self.source,
            (Some(_), false) => {
                return Err(refused(
                    "its deliveries hold lists of events, and a source finds them one by one: say by \
                     Recovery::of_items that what it finds are the items of such lists",
                ));
            }
            (None, true) => {
                return Err(refused(
                    "the source finds items of lists, and its deliveries hold none: leave \
                     Recovery::of_items away, or give it a rule by EventRule::each",
                ));
            }
        };
        if given.are_items && source.reads_envelope() {
            return Err(refused(
                "a member of the envelope around the list is part of the key, and an item that is found \
                 by itself has none: have the sender deliver the list again",
            ));
        }
        match source {
            Source::Members(shapes, _) => {
                let mut lacking = None;
                for shape in &shapes.all {
                    match given.lacks(shape) {
                        None => return Ok(()),
                        Some(member) => lacking = Some(member),
                    }
                }
                let member = lacking.unwrap_or_default();
                Err(refused(format!(
                    "{member} is part of the key, and the source does not tell it: an event that is \
                     made without it would be another one than the sender's, and run twice; have the \
                     sender deliver it again, by a source of Recovery::redelivery"
                )))
            }
            Source::SignedId if given.has_id => Ok(()),
            Source::SignedId => Err(refused(
                "its key is the id that the sender signs, and the source does not tell that: say so \
                 by Recovery::with_id, and give each event its id",
            )),
            Source::Body(_) | Source::InsecureHeader(_) if given.is_exact => Ok(()),
            Source::Body(_) | Source::InsecureHeader(_) | Source::ItemsAlone => Err(refused(
                "its key comes from the exact bytes or headers of a delivery, and the source does not \
                 tell those: Recovery::exact says that it does",
            )),
        }
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::EventRule, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(keys: &[&str]) -> EventRule {
        let shape = Shape::new("s", keys.iter().copied()).unwrap();
        EventRule::members([shape]).unwrap()
    }

    fn given(members: &[&str]) -> Given {
        Given {
            members: Some(members.iter().map(|it| Pointer::known(it)).collect()),
            is_exact: false,
            has_id: false,
            are_items: false,
        }
    }

    fn whole() -> Given {
        Given {
            members: None,
            ..given(&[])
        }
    }

    #[test]
    fn each_part_of_a_key_is_told_in_one_of_its_spellings() {
        let checkout = rule(&["/checkoutId", "/status"]);
        assert!(
            checkout
                .check_given(&given(&["/checkoutId", "/status", "/amount"]))
                .is_ok()
        );
        assert!(checkout.check_given(&whole()).is_ok());
        let error = checkout.check_given(&given(&["/checkoutId"])).unwrap_err();
        assert!(
            error.to_string().contains("/status is part of the key"),
            "{error}"
        );

        let two_spellings = rule(&["/OrderId|/orderId"]);
        assert!(two_spellings.check_given(&given(&["/orderId"])).is_ok());
        // A whole object includes its members; a member does not include the others.
        assert!(rule(&["/data/id"]).check_given(&given(&["/data"])).is_ok());
        assert!(rule(&["/data/id"]).check_given(&given(&["/id"])).is_err());
        assert!(rule(&["?id"]).check_given(&whole()).is_err());
    }

    #[test]
    fn what_no_member_says_is_told_otherwise() {
        let with_id = Given {
            has_id: true,
            ..whole()
        };
        let exact = Given {
            is_exact: true,
            ..whole()
        };
        for (rule, enough, too_little) in [
            (EventRule::signed_id(), &with_id, &exact),
            (EventRule::body(), &exact, &with_id),
        ] {
            assert!(rule.check_given(enough).is_ok());
            assert!(rule.check_given(too_little).is_err());
        }
        let item = rule(&["/id"]);
        let listed = EventRule::each("/items", item).unwrap();
        assert!(listed.check_given(&exact).is_err());
    }

    #[test]
    fn items_are_told_by_themselves_where_nothing_around_them_is_part_of_the_key() {
        let items = Given {
            are_items: true,
            ..given(&["/id"])
        };
        let listed = |keys: &[&str]| EventRule::each("/items", rule(keys)).unwrap();
        assert!(listed(&["/id"]).check_given(&items).is_ok());
        assert!(listed(&["/id", "/status"]).check_given(&items).is_err());
        let error = listed(&["^/account", "/id"])
            .check_given(&items)
            .unwrap_err();
        assert!(error.to_string().contains("around the list"), "{error}");
        let error = rule(&["/id"]).check_given(&items).unwrap_err();
        assert!(error.to_string().contains("hold none"), "{error}");
    }
}
