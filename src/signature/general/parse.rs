//! Builds a scheme of the wider model from its builder's settings.

use std::borrow::Cow;

use http::HeaderName;

#[cfg(feature = "asymmetric")]
use super::message::message_rules;
use super::needed::Needed;
use super::one_reading::prove;
use super::{At, Compact, Content, General, Layout, Proof, Settings, Time};
use crate::coverage::Coverage;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::event::Lookup;
use crate::signature::algorithm::Algorithm;
use crate::signature::component::{Component, Demand};
use crate::signature::place::Place;

/// The settings of a builder.
pub(in crate::signature) struct Parsed<'b> {
    pub(in crate::signature) settings: &'b Settings,
    pub(in crate::signature) layout: Layout,
    pub(in crate::signature) encoding: Encoding,
    pub(in crate::signature) signature_header: Option<&'b str>,
    pub(in crate::signature) timestamp_header: Option<&'b str>,
    pub(in crate::signature) id_header: Option<&'b str>,
    pub(in crate::signature) content: &'b [Component],
}

/// As in the first edition: bounds how much a stranger can make the receiver compare.
const MAX_CANDIDATES: usize = 64;
/// Each costs as much as thousands of comparisons. A sender signs with one key, or with two during
/// a rotation.
const MOST_SIGNATURES: usize = 2;
/// Proxies may also have signed the message.
#[cfg(feature = "asymmetric")]
const MOST_MESSAGE_SIGNATURES: usize = 4;

type Refused = Cow<'static, str>;

impl Parsed<'_> {
    pub(in crate::signature) fn general(self) -> Result<General, Refused> {
        let settings = self.settings;
        let header = |name: &str| Place::Header(name.to_owned().into());
        let own = self.signature_header.map(header);
        let places: Box<[_]> = (own.iter().chain(&settings.places))
            .map(at)
            .collect::<Result<_, _>>()?;
        if places.is_empty() {
            return Err("the signature stands nowhere".into());
        }
        let time_place = settings.time_place.clone();
        let time_place = time_place.or_else(|| self.timestamp_header.map(header));
        let id_place = settings
            .id_place
            .clone()
            .or_else(|| self.id_header.map(header));
        let time_at = time_place.as_ref().map(at).transpose()?;
        let id = id_place.as_ref().map(at).transpose()?;
        let key_id = settings.key_id_place.as_ref().map(at).transpose()?;
        let is_each = |at: &At| matches!(at, At::Each { .. });
        let mut besides = time_at.iter().chain(&id).chain(&key_id);
        if besides.any(is_each) || (!settings.is_token && places.iter().any(is_each)) {
            return Err("only a token stands in each item of a list".into());
        }
        if time_at.is_some() && self.layout.holds_time() {
            return Err("the timestamp stands in two places".into());
        }
        #[cfg(feature = "asymmetric")]
        if key_id.is_some() && self.layout.holds_key_id() {
            return Err("the name of the key stands in two places".into());
        }
        let reads_time = time_at.is_some() || self.layout.holds_time();
        let time = reads_time.then_some(Time {
            at: time_at,
            format: settings.time_format,
        });
        let proof = match (settings.is_token, settings.algorithm) {
            (true, _) => Proof::Token,
            #[cfg(feature = "jwt")]
            (false, _) if settings.jws.is_some() => Proof::Jws,
            #[cfg(feature = "asymmetric")]
            (false, _) if settings.message.is_some() => Proof::Message,
            (false, algorithm) => {
                Proof::Signed(algorithm.unwrap_or(Algorithm::Hmac(Digest::Sha256)))
            }
        };
        if matches!(proof, Proof::Signed(algorithm) if !algorithm.is_defined()) {
            return Err("there is no HMAC and no RSA with Keccak-256".into());
        }
        let given =
            std::iter::once(self.content).chain(settings.other_contents.iter().map(Vec::as_slice));
        let given: Vec<&[Component]> = match proof {
            Proof::Token => Vec::new(),
            #[cfg(feature = "jwt")]
            Proof::Jws if settings.jws.as_ref().is_none_or(|jws| !jws.is_detached()) => Vec::new(),
            #[cfg(feature = "asymmetric")]
            Proof::Message => Vec::new(),
            _ => given.collect(),
        };
        if given.len() > 4 {
            return Err("more than four contents: each costs a hash for each key".into());
        }
        let mut contents = Vec::new();
        for pieces in &given {
            check(pieces, proof, time.as_ref(), id.is_some(), settings)?;
            let digits = settings.time_format.is_digits();
            let mut touching = prove(pieces, digits, settings.content_is_id)?;
            touching.body_begins |= settings.json_body;
            contents.push(Content {
                pieces: pieces.iter().cloned().collect(),
                touching,
            });
        }
        let covers = coverage(&given);
        #[cfg(feature = "jwt")]
        let covers = match &settings.jws {
            Some(jws) => {
                jws.check()?;
                if jws.reads_url() && settings.url.is_none() {
                    return Err("the public URL is signed: say which it is".into());
                }
                let is_body = places.iter().any(|at| matches!(at, At::Body));
                match jws.is_detached() {
                    true => covers,
                    false => jws.covers(is_body),
                }
            }
            None if places.iter().any(|at| matches!(at, At::Body)) => {
                return Err("only a JWS is the body".into());
            }
            None => covers,
        };
        #[cfg(feature = "asymmetric")]
        let (covers, message) = match &settings.message {
            Some(rules) => {
                let rules = message_rules(rules, settings, id.as_ref(), time.is_some())?;
                (rules.covers(), Some(rules))
            }
            None => (covers, None),
        };
        #[cfg(feature = "asymmetric")]
        let names_itself = message.is_some();
        #[cfg(not(feature = "asymmetric"))]
        let names_itself = false;
        if covers == Coverage::Id && !names_itself && !settings.content_is_id && id.is_none() {
            return Err(
                "the content holds neither the body nor its digest: say `content_is_id`, so that \
                 events are known by what is signed"
                    .into(),
            );
        }
        let Needed {
            mut pointers,
            compact,
            mut headers,
        } = Needed::of(&given)?;
        let fixed = (time.iter().filter_map(|time| time.at.as_ref()))
            .chain(&id)
            .chain(&key_id);
        for place in fixed.chain(&places) {
            headers.extend(place.headers().iter().cloned());
            if let At::Member(pointer) = place {
                pointers.push(pointer.clone());
            }
        }
        let lookup = |texts: &[Cow<'static, str>]| {
            Lookup::new(texts.iter().map(|text| &**text)).map_err(|error| error.to_string())
        };
        let only_item = match &settings.only_item {
            Some(pointer) => {
                let list = lookup(std::slice::from_ref(pointer))?;
                Some((pointer.clone(), list))
            }
            None => None,
        };
        Ok(General {
            proof,
            encoding: self.encoding,
            basic: settings.basic,
            places,
            layout: self.layout,
            several_lines: settings.several_lines,
            time,
            id,
            contents: contents.into(),
            content_is_id: settings.content_is_id,
            hashes_id: given.iter().any(|pieces| pieces.iter().any(holds_words)),
            url: settings.url.clone(),
            members: lookup(&pointers)?,
            pointers: pointers.into(),
            compact: Compact {
                members: lookup(&compact)?,
                pointers: compact.into(),
            },
            only_item,
            headers: headers.into(),
            covers,
            key_id,
            most_signatures: match (settings.most_signatures, proof) {
                (Some(count), _) => count.into(),
                (None, Proof::Signed(algorithm)) if algorithm.is_public() => MOST_SIGNATURES,
                #[cfg(feature = "jwt")]
                (None, Proof::Jws) => 1,
                #[cfg(feature = "asymmetric")]
                (None, Proof::Message) => MOST_MESSAGE_SIGNATURES,
                (None, _) => MAX_CANDIDATES,
            },
            #[cfg(feature = "jwt")]
            jws: settings.jws.clone(),
            #[cfg(feature = "asymmetric")]
            message,
        })
    }
}

fn at(place: &Place) -> Result<At, Refused> {
    let name = |text: &str| -> Result<HeaderName, Refused> {
        HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| format!("{text:?} is not a header name").into())
    };
    Ok(match place {
        Place::Header(text) => At::Header(name(text)?),
        Place::NumberedHeaders {
            count: 0 | 101.., ..
        } => {
            return Err("numbered headers go from 1 to 100 at most".into());
        }
        Place::NumberedHeaders { prefix, count } => {
            let names = (1..=*count).map(|number| name(&format!("{prefix}{number}")));
            At::Headers(names.collect::<Result<_, _>>()?)
        }
        Place::Query(name) => At::Query(name.clone()),
        Place::Member(pointer) => At::Member(pointer.clone()),
        Place::EachMember { list, member } => {
            let lookup = |pointer: &Cow<'static, str>| -> Result<_, Refused> {
                let lookup = Lookup::new([&**pointer]).map_err(|error| error.to_string())?;
                Ok((pointer.clone(), lookup))
            };
            At::Each {
                list: lookup(list)?,
                member: lookup(member)?,
            }
        }
        Place::FormField(name) => At::FormField(name.clone()),
        #[cfg(feature = "jwt")]
        Place::Body => At::Body,
    })
}

/// Refuses a content that lacks a required piece or has a forbidden one.
fn check(
    pieces: &[Component],
    proof: Proof,
    time: Option<&Time>,
    reads_id: bool,
    settings: &Settings,
) -> Result<(), Refused> {
    let holds = |wanted: &Component| pieces.iter().any(|piece| is_or_holds(piece, wanted));
    let covers_body = pieces.iter().any(covers_body);
    // A time in the body is signed with it.
    let in_body = time.is_some_and(|time| time.at.as_ref().is_some_and(|at| !at.is_in_head()));
    let lists_headers = (pieces.iter()).any(|it| matches!(it, Component::HeadersListedIn(_)));
    let stands_in_header =
        time.is_some_and(|time| time.at.as_ref().is_some_and(|at| !at.headers().is_empty()));
    match (time.is_some(), holds(&Component::Timestamp)) {
        (true, false) if in_body && covers_body => {}
        // The list must name the header that contains it.
        (true, false) if lists_headers && stands_in_header => {}
        (true, false) => return Err("the timestamp is read but not signed".into()),
        (false, true) => return Err("the timestamp is signed but not read".into()),
        (true, true) | (false, false) => {}
    }
    match (reads_id, holds(&Component::Id)) {
        (true, false) => return Err("the id is read but not signed".into()),
        (false, true) => return Err("the id is signed but not read".into()),
        (true, true) | (false, false) => {}
    }
    let hashes = matches!(proof, Proof::Signed(algorithm) if algorithm.hashes_secret());
    match (hashes, holds(&Component::Secret)) {
        (true, false) => return Err("a plain hash must hold the secret".into()),
        (false, true) => return Err("the secret is the key, and no piece of the content".into()),
        (true, true) | (false, false) => {}
    }
    let url = [
        Component::PublicUrl,
        Component::RequestUrl,
        Component::RequestUrlWithPort,
    ];
    if settings.url.is_none() && url.iter().any(holds) {
        return Err("the public URL is signed: say which it is".into());
    }
    let varies = |piece: &Component| {
        !matches!(
            piece,
            Component::Literal(_) | Component::PublicUrl | Component::Secret | Component::Demand(_)
        )
    };
    if !pieces.iter().any(varies) {
        return Err("the content is the same in every delivery".into());
    }
    let may_lack = |piece: &Component| matches!(piece, Component::Optional(_));
    if !settings.content_is_id && pieces.iter().any(may_lack) {
        return Err(
            "a piece that may not be there leaves two readings: say `content_is_id`, so that both \
             are one event"
                .into(),
        );
    }
    Ok(())
}

fn is_or_holds(piece: &Component, wanted: &Component) -> bool {
    piece == wanted
        || match piece {
            Component::OfLength(inner, _)
            | Component::LongerThan(inner, _)
            | Component::LowerCase(inner) => is_or_holds(inner, wanted),
            _ => false,
        }
}

/// Whether it depends on the whole body.
fn covers_body(piece: &Component) -> bool {
    matches!(
        piece,
        Component::Body
            | Component::SortedForm
            | Component::BodyDigest(..)
            | Component::Demand(Demand::ParameterIsBodyDigest(..))
    )
}

/// Whether it may contain free text.
fn holds_words(piece: &Component) -> bool {
    covers_body(piece) || matches!(piece, Component::CompactMember(_))
}

/// The coverage that all of these contents share.
fn coverage(contents: &[&[Component]]) -> Coverage {
    if contents.is_empty() {
        return Coverage::Connection;
    }
    let all =
        |holds: fn(&Component) -> bool| contents.iter().all(|pieces| pieces.iter().any(holds));
    let url =
        |piece: &Component| matches!(piece, Component::RequestUrl | Component::RequestUrlWithPort);
    if !all(covers_body) {
        Coverage::Id
    } else if all(|piece| *piece == Component::Method) && all(url) {
        Coverage::Request
    } else {
        Coverage::Body
    }
}
