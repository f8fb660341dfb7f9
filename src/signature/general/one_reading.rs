//! Signed content must have one reading. The boundary between two pieces is fixed by a text between
//! them, by a length, or by the characters that the pieces can contain.
//!
//! Read from the left, a piece has a certain end; read from the right, a certain beginning. At most
//! one piece, usually the body, may have neither: it is the rest in the middle.

use crate::signature::component::Component;

/// Conditions that the proof relies on, which each delivery must meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::signature) struct Touching {
    /// The body touches the piece before it: it begins with a bracket, which that piece cannot
    /// contain.
    pub(super) body_begins: bool,
    /// The body touches the piece after it: it ends with a bracket, which that piece cannot
    /// contain.
    pub(super) body_ends: bool,
    /// The body touches a time in digits before it: it does not begin with a digit.
    pub(super) body_follows_digits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class<'a> {
    Text(&'a str),
    /// The same in every delivery, or of fixed length.
    Fixed,
    /// Of fixed length, and without a bracket if the body touches it.
    Length,
    /// A method in upper case: none is a prefix of another.
    Method,
    Time,
    Body,
    Open,
    /// Fields without certain boundaries.
    Glued,
}

impl Class<'_> {
    /// Whether it cannot contain a bracket, once open pieces are checked.
    fn holds_no_bracket(&self) -> bool {
        match self {
            Self::Text(text) => !text.contains(['{', '[']),
            Self::Length | Self::Method | Self::Time | Self::Open => true,
            Self::Fixed | Self::Body | Self::Glued => false,
        }
    }
}

const TOUCH: &str = "two pieces of the content have nothing between them";

/// The proof, if there is one.
pub(super) fn prove(
    pieces: &[Component],
    time_is_digits: bool,
    content_is_id: bool,
) -> Result<Touching, &'static str> {
    let mut classes = Vec::new();
    classify(pieces, &mut classes)?;
    let count = |class| classes.iter().filter(|other| **other == class).count();
    if count(Class::Body) > 1 {
        return Err("the content holds the body twice");
    }
    if count(Class::Time) > 1 {
        return Err("the content holds the timestamp or the id twice");
    }
    let come_last = classes.last() == Some(&Class::Glued) || count(Class::Time) == 0;
    if count(Class::Glued) > 0 && !(content_is_id && come_last) {
        return Err(
            "the fields of a form come last where a time is signed, and the content is the event's id",
        );
    }
    let mut touching = Touching::default();
    let len = classes.len();
    let at = |place: usize| classes.get(place).copied();
    let begins_with_digit =
        |text: &str| time_is_digits && text.starts_with(|c: char| c.is_ascii_digit());
    let ends_with_digit = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());

    let mut from_left = 0;
    while let Some(class) = at(from_left) {
        let ends = match (class, at(from_left.saturating_add(1))) {
            (Class::Text(_) | Class::Fixed | Class::Length | Class::Method, _) => true,
            (Class::Time, Some(Class::Text(text))) if begins_with_digit(text) => {
                return Err("the text after the timestamp begins with a digit");
            }
            (Class::Time, Some(Class::Text(_) | Class::Method) | None) => true,
            (Class::Open, Some(Class::Text(_)) | None) => true,
            // The content is the event's id, so another split is the same event.
            (Class::Open, Some(Class::Glued)) => true,
            (Class::Time, Some(Class::Body)) if time_is_digits => {
                touching.body_follows_digits = true;
                true
            }
            (Class::Time | Class::Open, Some(Class::Body)) => {
                touching.body_begins = true;
                true
            }
            _ => false,
        };
        if !ends {
            break;
        }
        from_left = from_left.saturating_add(1);
    }
    let mut from_right = 0;
    while from_left.saturating_add(from_right) < len {
        let place = len.saturating_sub(from_right).saturating_sub(1);
        let before = place.checked_sub(1).and_then(at);
        let begins = match (at(place), before) {
            (Some(Class::Text(_) | Class::Fixed | Class::Length), _) => true,
            // The body begins with the first bracket: the piece before it contains none.
            (Some(Class::Body), Some(touched @ (Class::Length | Class::Time)))
                if (touched == Class::Length || !time_is_digits)
                    && (classes.iter().take(place)).all(Class::holds_no_bracket) =>
            {
                touching.body_begins = true;
                true
            }
            // RFC 3339: ten characters before its only `T`.
            (Some(Class::Time), Some(Class::Open)) if !time_is_digits => true,
            (Some(Class::Time), Some(Class::Text(text))) => !ends_with_digit(text),
            (Some(Class::Open), Some(Class::Text(_)) | None) => true,
            (Some(Class::Time | Class::Open), Some(Class::Body)) => {
                touching.body_ends = true;
                true
            }
            _ => false,
        };
        if !begins {
            break;
        }
        from_right = from_right.saturating_add(1);
    }
    match from_left.saturating_add(from_right).saturating_add(1) >= len {
        true => Ok(touching),
        false => Err(TOUCH),
    }
}

fn classify<'a>(pieces: &'a [Component], classes: &mut Vec<Class<'a>>) -> Result<(), &'static str> {
    for piece in pieces {
        classes.push(match piece {
            Component::Literal(text) if text.is_empty() => {
                return Err("the content holds an empty text");
            }
            Component::Literal(text) => Class::Text(text),
            Component::Timestamp => Class::Time,
            Component::Body => Class::Body,
            Component::Method => Class::Method,
            Component::SortedForm => Class::Glued,
            Component::PublicUrl | Component::Secret | Component::BodyDigest(..) => Class::Fixed,
            Component::OfLength(inner, _) => match **inner {
                Component::Timestamp
                | Component::Id
                | Component::Parameter(_)
                | Component::Header(_)
                | Component::Member(_)
                | Component::FormField(_) => Class::Length,
                _ => Class::Fixed,
            },
            // No value contains a line feed, and a text within a value that could be a header is
            // refused.
            Component::HeadersListedIn(_) => Class::Fixed,
            // The token signs their names, and no value contains the line feed after it.
            #[cfg(feature = "jwt")]
            Component::ListedHeaders => Class::Fixed,
            Component::Id
            | Component::RequestUrl
            | Component::RequestUrlWithPort
            | Component::Path
            | Component::EscapedTarget
            | Component::Query
            | Component::Parameter(_)
            | Component::Header(_)
            | Component::Member(_)
            | Component::CompactMember(_)
            | Component::FormField(_)
            | Component::BodyCrc32
            | Component::LongerThan(..)
            | Component::LowerCase(_) => Class::Open,
            Component::Optional(inner) => {
                classify(inner, classes)?;
                continue;
            }
            Component::Demand(_) => continue,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Component::{Body, Id, Method, PublicUrl, RequestUrl, SortedForm, Timestamp};

    fn text(text: &'static str) -> Component {
        Component::literal(text)
    }

    fn proved(pieces: &[Component]) -> Result<(bool, bool), &'static str> {
        let touching = prove(pieces, true, false)?;
        Ok((
            touching.body_begins || touching.body_follows_digits,
            touching.body_ends,
        ))
    }

    #[test]
    fn pieces_may_touch_where_their_ends_are_certain() {
        // Discord and SendGrid; Box and Klaviyo; HubSpot; QI Tech; Square; Trello; Sinch.
        assert_eq!(proved(&[Timestamp, Body]), Ok((true, false)));
        assert_eq!(proved(&[Body, Timestamp]), Ok((false, true)));
        assert_eq!(
            proved(&[Method, RequestUrl, Body, Timestamp]),
            Ok((true, true))
        );
        assert_eq!(proved(&[PublicUrl, Method, Body]), Ok((false, false)));
        assert_eq!(proved(&[PublicUrl, Body]), Ok((false, false)));
        assert_eq!(proved(&[Body, PublicUrl]), Ok((false, false)));
        assert_eq!(
            proved(&[Body, text("."), Id, text("."), Timestamp]),
            Ok((false, false))
        );
        // Twitch, Mailgun.
        assert_eq!(
            proved(&[Id.of_length(36), Timestamp, Body]),
            Ok((true, false))
        );
        let token = Component::member("/token");
        assert_eq!(
            proved(&[Timestamp, token.clone().of_length(50)]),
            Ok((false, false))
        );
        assert_eq!(proved(&[Timestamp, token]), Err(TOUCH));
        // QuickNode: the time has ten digits, and the body begins with the first bracket.
        let nonce = || Component::header("x-nonce");
        let time = || Timestamp.of_length(10);
        assert_eq!(proved(&[nonce(), time(), Body]), Ok((true, false)));
        assert_eq!(proved(&[nonce(), Timestamp, Body]), Err(TOUCH));
        assert_eq!(proved(&[nonce(), nonce(), time(), Body]), Err(TOUCH));
        assert_eq!(proved(&[PublicUrl, nonce(), time(), Body]), Err(TOUCH));
    }

    #[test]
    fn a_time_that_is_not_all_digits_has_a_certain_beginning() {
        // Twitch, whose id has no fixed length.
        let pieces = [Id, Timestamp, Body];
        let touching = prove(&pieces, false, false).unwrap();
        assert!(touching.body_begins && !touching.body_follows_digits);
        assert_eq!(prove(&pieces, true, false), Err(TOUCH));
        let two = [Component::header("x"), Id, Timestamp, Body];
        assert_eq!(prove(&two, false, false), Err(TOUCH));
    }

    #[test]
    fn behind_digits_a_body_begins_with_none() {
        let touching = prove(&[Timestamp, Body], true, false).unwrap();
        assert!(touching.body_follows_digits && !touching.body_begins);
        let touching = prove(&[Timestamp, Body], false, false).unwrap();
        assert!(touching.body_begins && !touching.body_follows_digits);
    }

    #[test]
    fn pieces_that_could_be_cut_elsewhere_are_refused() {
        for pieces in [
            vec![Id, Timestamp, Body],
            vec![Id, Body, Component::header("x"), text("."), Timestamp, Id],
            vec![
                Component::parameter("a"),
                Component::parameter("b"),
                text("."),
            ],
            vec![Body, Method],
            vec![Component::member("/a"), Component::member("/b"), Body],
        ] {
            assert!(proved(&pieces).is_err(), "{pieces:?}");
        }
        assert_eq!(
            proved(&[Timestamp, text("1"), Body]),
            Err("the text after the timestamp begins with a digit")
        );
        assert_eq!(proved(&[Body, text("1"), Timestamp]), Err(TOUCH));
        assert!(proved(&[text("")]).is_err());
        assert!(proved(&[Body, text("."), Body]).is_err());
    }

    #[test]
    fn the_fields_of_a_form_need_the_content_as_id() {
        let pieces = [PublicUrl, SortedForm];
        assert!(prove(&pieces, true, false).is_err());
        assert!(prove(&pieces, true, true).is_ok());
        assert!(prove(&[SortedForm, Timestamp], true, true).is_err());
        // Plivo: every split is the same event.
        let plivo = [PublicUrl, SortedForm, text("."), Component::header("nonce")];
        assert!(prove(&plivo, true, true).is_ok());
        assert!(prove(&plivo, true, false).is_err());
    }
}
