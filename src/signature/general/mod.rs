//! Schemes beyond HMAC-SHA256 over time, id and body: other algorithms, places, times and pieces of
//! content, and shared tokens.
//! They are judged when the whole body is available, since covered content may be in it. Faults of
//! the head are refused at once.
//! refused at the head is.

mod canonical;
mod compact;
mod content;
#[cfg(feature = "asymmetric")]
mod envelope;
mod layout;
#[cfg(feature = "asymmetric")]
mod message;
mod needed;
mod one_reading;
mod outcome;
mod parse;
mod read;
mod shared_token;
mod sign;
#[cfg(feature = "jwt")]
mod signed_token;
mod source;
mod verify;

use std::borrow::Cow;

use http::HeaderName;

use super::algorithm::Algorithm;
use super::component::Component;
use super::place::{Place, TimeFormat};
use super::public_url::PublicUrl;
use crate::coverage::Coverage;
use crate::encoding::Encoding;
use crate::event::Lookup;
#[cfg(feature = "jwt")]
use crate::jws::Jws;
#[cfg(feature = "asymmetric")]
use crate::message_signature::MessageSignatures;

#[cfg(feature = "asymmetric")]
pub(super) use envelope::Envelope;
pub(super) use layout::{Layout, Prefix};
pub(super) use one_reading::Touching;
pub(super) use outcome::Outcome;
pub(super) use parse::Parsed;
pub(crate) use sign::{Outgoing, Said};
pub(super) use verify::Check;

/// The settings of a builder beyond the first edition's model.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) algorithm: Option<Algorithm>,
    pub(super) is_token: bool,
    /// The token is in base64, like user and password.
    pub(super) basic: bool,
    pub(super) any_case_prefix: bool,
    pub(super) optional_prefix: bool,
    pub(super) places: Vec<Place>,
    pub(super) time_place: Option<Place>,
    pub(super) time_format: TimeFormat,
    pub(super) id_place: Option<Place>,
    pub(super) other_contents: Vec<Vec<Component>>,
    pub(super) separator: Option<u8>,
    /// A sender writes a space after it; a reader needs none.
    pub(super) blank_behind_separator: bool,
    pub(super) positional: bool,
    /// The members for signature and key name in a JSON object in base64.
    #[cfg(feature = "asymmetric")]
    pub(super) envelope: Option<[Cow<'static, str>; 2]>,
    pub(super) several_lines: bool,
    pub(super) content_is_id: bool,
    pub(super) json_body: bool,
    pub(super) url: Option<PublicUrl>,
    pub(super) only_item: Option<Cow<'static, str>>,
    pub(super) key_id_place: Option<Place>,
    pub(super) most_signatures: Option<u8>,
    #[cfg(feature = "jwt")]
    pub(super) jws: Option<Jws>,
    #[cfg(feature = "asymmetric")]
    pub(super) message: Option<MessageSignatures>,
}

impl Settings {
    /// Whether any setting needs the wider model.
    pub(super) fn is_used(&self) -> bool {
        let Self {
            algorithm,
            is_token,
            basic: _,
            any_case_prefix: _,
            optional_prefix: _,
            places,
            time_place,
            time_format,
            id_place,
            other_contents,
            separator,
            blank_behind_separator,
            positional,
            #[cfg(feature = "asymmetric")]
            envelope,
            several_lines,
            content_is_id,
            json_body,
            url,
            only_item,
            key_id_place,
            most_signatures: _,
            #[cfg(feature = "jwt")]
                jws: _,
            #[cfg(feature = "asymmetric")]
                message: _,
        } = self;
        #[cfg(feature = "asymmetric")]
        if envelope.is_some() {
            return true;
        }
        algorithm.is_some()
            || *is_token
            || !places.is_empty()
            || time_place.is_some()
            || *time_format != TimeFormat::Seconds
            || id_place.is_some()
            || !other_contents.is_empty()
            || separator.is_some()
            || *blank_behind_separator
            || *positional
            || *several_lines
            || *content_is_id
            || *json_body
            || url.is_some()
            || only_item.is_some()
            || key_id_place.is_some()
    }
}

/// A checked scheme of the wider model.
#[derive(Debug, Clone)]
pub(super) struct General {
    pub(super) proof: Proof,
    pub(super) encoding: Encoding,
    pub(super) basic: bool,
    pub(super) places: Box<[At]>,
    pub(super) layout: Layout,
    pub(super) several_lines: bool,
    pub(super) time: Option<Time>,
    pub(super) id: Option<At>,
    /// Any of them may be the signed content.
    pub(super) contents: Box<[Content]>,
    pub(super) content_is_id: bool,
    /// The id is a hash: free text does not belong in a key.
    pub(super) hashes_id: bool,
    pub(super) url: Option<PublicUrl>,
    /// The pointers of all members that are read, and their places.
    pub(super) pointers: Box<[Cow<'static, str>]>,
    pub(super) members: Lookup,
    pub(super) compact: Compact,
    /// Members are read from the only element of this array.
    pub(super) only_item: Option<(Cow<'static, str>, Lookup)>,
    /// The headers that the contents read.
    pub(super) headers: Box<[HeaderName]>,
    pub(super) covers: Coverage,
    /// The place of the signing key's name.
    pub(super) key_id: Option<At>,
    /// Deliveries with more signatures are refused before any of them is checked.
    pub(super) most_signatures: usize,
    #[cfg(feature = "jwt")]
    pub(super) jws: Option<Jws>,
    #[cfg(feature = "asymmetric")]
    pub(super) message: Option<MessageSignatures>,
}

/// The members that are read as compact JSON, and their places.
#[derive(Debug, Clone)]
pub(super) struct Compact {
    pub(super) pointers: Box<[Cow<'static, str>]>,
    pub(super) members: Lookup,
}

impl Compact {
    pub(super) fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }
}

/// The form of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Signed(Algorithm),
    /// The secret itself.
    Token,
    /// A JWS with its own rules.
    #[cfg(feature = "jwt")]
    Jws,
    /// A signature of a message, by RFC 9421.
    #[cfg(feature = "asymmetric")]
    Message,
}

/// A checked [`Place`].
#[derive(Debug, Clone)]
pub(super) enum At {
    Header(HeaderName),
    Headers(Box<[HeaderName]>),
    Query(Cow<'static, str>),
    Member(Cow<'static, str>),
    /// In a member of each item of a list.
    Each {
        list: (Cow<'static, str>, Lookup),
        member: (Cow<'static, str>, Lookup),
    },
    FormField(Cow<'static, str>),
    /// The whole body.
    #[cfg(feature = "jwt")]
    Body,
}

impl At {
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Headers(_) | Self::Query(_))
    }

    /// The headers of this place.
    pub(super) fn headers(&self) -> &[HeaderName] {
        match self {
            Self::Header(name) => std::slice::from_ref(name),
            Self::Headers(names) => names,
            Self::Query(_) | Self::Member(_) | Self::Each { .. } | Self::FormField(_) => &[],
            #[cfg(feature = "jwt")]
            Self::Body => &[],
        }
    }
}

/// The place of the time and its format.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// `None` if it is next to the signature.
    pub(super) at: Option<At>,
    pub(super) format: TimeFormat,
}

/// A candidate for the signed content.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) pieces: Box<[Component]>,
    pub(super) touching: Touching,
}

impl Content {
    /// Whether the body must be JSON that begins or ends with a bracket.
    pub(super) fn demands_bracket(&self) -> bool {
        self.touching.body_begins || self.touching.body_ends
    }
}

impl General {
    /// Whether a time is signed.
    pub(super) fn is_timed(&self) -> bool {
        #[cfg(feature = "jwt")]
        if self.jws.as_ref().is_some_and(Jws::is_timed) {
            return true;
        }
        #[cfg(feature = "asymmetric")]
        if self
            .message
            .as_ref()
            .is_some_and(MessageSignatures::is_timed)
        {
            return true;
        }
        self.time.is_some()
    }

    /// Whether any header may be signed.
    pub(super) fn reads_all_headers(&self) -> bool {
        #[cfg(feature = "jwt")]
        let lists = self.jws.as_ref().is_some_and(Jws::lists_headers);
        #[cfg(not(feature = "jwt"))]
        let lists = false;
        let is_list = |piece: &Component| matches!(piece, Component::HeadersListedIn(_));
        lists || (self.contents.iter()).any(|content| content.pieces.iter().any(is_list))
    }

    /// The headers with values that must not be logged.
    pub(super) fn secret_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.places.iter().flat_map(At::headers)
    }

    /// The place of the token, if a token is the proof.
    pub(super) fn token_places(&self) -> Vec<Place> {
        if self.proof != Proof::Token {
            return Vec::new();
        }
        let header = |name: &HeaderName| Place::header(name.as_str().to_owned());
        let places = self.places.iter().flat_map(|at| match at {
            At::Header(name) => vec![header(name)],
            At::Headers(names) => names.iter().map(header).collect(),
            At::Query(name) => vec![Place::query(name.clone())],
            At::Member(pointer) => vec![Place::member(pointer.clone())],
            At::Each { list, member } => {
                vec![Place::each_member(list.0.clone(), member.0.clone())]
            }
            At::FormField(name) => vec![Place::form_field(name.clone())],
            #[cfg(feature = "jwt")]
            At::Body => vec![Place::Body],
        });
        places.collect()
    }

    pub(super) fn id_header(&self) -> Option<&HeaderName> {
        self.id.as_ref()?.headers().first()
    }
}

#[cfg(test)]
mod tests;
