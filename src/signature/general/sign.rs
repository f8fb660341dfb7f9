//! Signs like a sender of the wider model.

use std::collections::BTreeSet;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::content::Sources;
use super::source::{BodyParts, HeadParts, parameter};
use super::{At, General, Proof};
use crate::encoding::Encoding;
use crate::head::RequestHead;
use crate::secret::Material;
use crate::signature::component::{Component, Demand};

/// A request to sign.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A time, an id and the name of the key, as texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) time: &'a str,
    pub(crate) id: &'a str,
    pub(crate) key_id: &'a str,
}

#[cfg(all(feature = "jwt", feature = "testing"))]
impl<'a> Said<'a> {
    fn claims(self, body: &'a [u8], url: Option<&'a str>, is_body: bool) -> crate::jws::Draft<'a> {
        crate::jws::Draft {
            key_id: self.key_id,
            ..crate::jws::Draft::of(self.time, self.id, body, url, is_body)
        }
    }
}

#[cfg(all(feature = "asymmetric", feature = "testing"))]
impl<'a> Said<'a> {
    fn draft(self) -> crate::message_signature::Draft<'a> {
        crate::message_signature::Draft {
            time: self.time,
            id: self.id,
            key_id: self.key_id,
        }
    }
}

impl General {
    /// Signs `signed` and sends `told`, which is equal unless a test needs a difference. `spoil`
    /// changes one bit of the signature.
    pub(in crate::signature) fn seal(
        &self,
        material: &Material,
        out: &mut Outgoing,
        signed: Said<'_>,
        told: Said<'_>,
        spoil: bool,
    ) -> Result<(), String> {
        self.complete(out, signed)?;
        self.tell(out, signed)?;
        #[cfg(all(feature = "jwt", feature = "testing"))]
        if let Some(jws) = &self.jws {
            let listed = match out.headers.contains_key(http::header::CONTENT_TYPE) {
                true => "Content-Type",
                false => "",
            };
            let body = match jws.is_detached() {
                true => self.detached(out, listed)?,
                false => out.body.clone(),
            };
            let url = self.url.as_ref().map(crate::signature::PublicUrl::as_str);
            let is_body = self.is_body_token();
            let mut signed = signed.claims(&body, url, is_body);
            signed.listed = listed;
            let told_draft = told.claims(&body, url, is_body);
            let token = jws.issue(material, signed, told_draft, spoil);
            let token = token.ok_or("the key is none to sign with by this scheme")?;
            let text = self.layout.print(&token, "", told.key_id);
            let place = self.places.first().ok_or("the signature stands nowhere")?;
            return self.put(out, place, &text);
        }
        #[cfg(all(feature = "asymmetric", feature = "testing"))]
        if let Some(rules) = &self.message {
            self.tell(out, told)?;
            let request = (&out.method, &out.uri, &mut out.headers);
            let drafts = (signed.draft(), told.draft());
            let sealed = rules.issue(material, request, &out.body, drafts, spoil);
            return sealed.ok_or_else(|| "the key is none to sign with by this scheme".into());
        }
        let mut tag = self.tag(material, out, signed)?;
        if spoil && let Some(first) = tag.first_mut() {
            *first ^= 1;
        }
        self.tell(out, told)?;
        let spelled = match self.proof {
            Proof::Signed(_) => self.encoding.encode(&tag),
            Proof::Token if self.basic => Encoding::Base64.encode(&tag),
            Proof::Token => String::from_utf8_lossy(&tag).into_owned(),
            #[cfg(feature = "jwt")]
            Proof::Jws => return Err("tokens are signed with the feature `testing`".into()),
            #[cfg(feature = "asymmetric")]
            Proof::Message => {
                return Err("messages are signed with the feature `testing`".into());
            }
        };
        let text = self.layout.print(&spelled, told.time, told.key_id);
        let place = self.places.first().ok_or("the signature stands nowhere")?;
        self.put(out, place, &text)
    }

    /// The content that a token omits.
    #[cfg(all(feature = "jwt", feature = "testing"))]
    fn detached(&self, out: &Outgoing, listed: &str) -> Result<Vec<u8>, String> {
        let request = RequestHead::new(&out.method, &out.uri, &out.headers);
        let head = HeadParts::whole(request);
        let unread = |kind| format!("what it covers is not there: {kind:?}");
        let parts = BodyParts::of(self, &out.body).map_err(unread)?;
        let sources = Sources {
            general: self,
            head: &head,
            time: b"",
            id: b"",
            body: &out.body,
            parts: &parts,
            secret: b"",
            listed,
        };
        let content = self.contents.first().ok_or("it signs nothing")?;
        let pieces = sources.pieces(content).map_err(unread)?;
        Ok(pieces.unwrap_or_default().concat())
    }

    /// The signature of the content that would be sent.
    fn tag(&self, material: &Material, out: &Outgoing, said: Said<'_>) -> Result<Vec<u8>, String> {
        let secret = match material {
            Material::Secret(secret) => secret.bytes(),
            #[cfg(feature = "asymmetric")]
            _ => b"",
        };
        let Proof::Signed(algorithm) = self.proof else {
            return Ok(secret.to_vec());
        };
        let request = RequestHead::new(&out.method, &out.uri, &out.headers);
        let head = match self.reads_all_headers() {
            true => HeadParts::whole(request),
            false => HeadParts::of(request, &self.headers),
        };
        let unread = |kind: crate::signature::SignatureErrorKind| {
            format!("what it covers is not there: {kind:?}")
        };
        let parts = BodyParts::of(self, &out.body).map_err(unread)?;
        let sources = Sources {
            general: self,
            head: &head,
            time: said.time.as_bytes(),
            id: said.id.as_bytes(),
            body: &out.body,
            parts: &parts,
            secret,
            #[cfg(feature = "jwt")]
            listed: "",
        };
        for content in &self.contents {
            if let Some(pieces) = sources.pieces(content).map_err(unread)? {
                let tag = algorithm.sign(material, pieces.iter().map(|piece| &**piece));
                return tag.ok_or_else(|| "the key is none to sign with by this scheme".into());
            }
        }
        Err("no content of the scheme fits this request".into())
    }

    /// Adds the missing parameters and headers that the content reads.
    fn complete(&self, out: &mut Outgoing, said: Said<'_>) -> Result<(), String> {
        let Some(content) = self.contents.first() else {
            return Ok(());
        };
        for piece in &content.pieces {
            let inner: &[Component] = match piece {
                Component::Optional(inner) => inner,
                piece => std::slice::from_ref(piece),
            };
            for piece in inner {
                match piece {
                    Component::Parameter(name) => {
                        let there = parameter(&out.uri, name).ok().flatten().is_some();
                        if !there {
                            self.put(out, &At::Query(name.clone()), said.id)?;
                        }
                    }
                    Component::Header(name) => {
                        let name: HeaderName = parse(name)?;
                        if !out.headers.contains_key(&name) {
                            insert(&mut out.headers, &name, said.id)?;
                        }
                    }
                    Component::HeadersListedIn(name) => {
                        let time = self.time.iter().filter_map(|time| time.at.as_ref());
                        let time = time.flat_map(At::headers).map(HeaderName::as_str);
                        let list: HeaderName = parse(name)?;
                        let kind = http::header::CONTENT_TYPE;
                        let kind = out.headers.contains_key(&kind).then_some("content-type");
                        let names = BTreeSet::from_iter(time.chain([list.as_str()]).chain(kind));
                        let names = Vec::from_iter(names).join(",");
                        insert(&mut out.headers, &list, &names)?;
                    }
                    Component::Demand(
                        Demand::HeaderIs(name, text) | Demand::HeaderLists(name, text),
                    ) => {
                        insert(&mut out.headers, &parse(name)?, text)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn tell(&self, out: &mut Outgoing, said: Said<'_>) -> Result<(), String> {
        if let Some(at) = self.time.as_ref().and_then(|time| time.at.as_ref()) {
            self.put(out, at, said.time)?;
        }
        if let Some(at) = &self.key_id {
            self.put(out, at, said.key_id)?;
        }
        match &self.id {
            Some(at) => self.put(out, at, said.id),
            None => Ok(()),
        }
    }

    /// Writes a text to its place.
    fn put(&self, out: &mut Outgoing, at: &At, text: &str) -> Result<(), String> {
        match at {
            At::Header(_) | At::Headers(_) => match at.headers().first() {
                Some(name) => insert(&mut out.headers, name, text),
                None => Ok(()),
            },
            At::Query(name) => {
                out.uri = with_parameter(&out.uri, name, text)?;
                Ok(())
            }
            At::Each { list, member } => {
                out.body = with_each_member(&out.body, &list.0, &member.0, text)?;
                Ok(())
            }
            At::Member(pointer) => {
                let list = self.only_item.as_ref().map(|(list, _)| &**list);
                out.body = with_member(&out.body, list, pointer, text)?;
                Ok(())
            }
            #[cfg(feature = "jwt")]
            At::Body => {
                out.body = text.as_bytes().to_vec();
                Ok(())
            }
            At::FormField(name) => {
                let fields = form_urlencoded::parse(&out.body).filter(|(other, _)| other != name);
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields).append_pair(name, text);
                out.body = form.finish().into_bytes();
                Ok(())
            }
        }
    }
}

fn parse(name: &str) -> Result<HeaderName, String> {
    name.parse()
        .map_err(|_| format!("{name:?} is not a header name"))
}

fn insert(headers: &mut HeaderMap, name: &HeaderName, text: &str) -> Result<(), String> {
    let value = HeaderValue::from_str(text);
    let value = value.map_err(|_| format!("what it signs cannot stand in {name}"))?;
    headers.insert(name.clone(), value);
    Ok(())
}

fn with_parameter(uri: &Uri, name: &str, text: &str) -> Result<Uri, String> {
    let others = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(others.filter(|(other, _)| other != name));
    query.append_pair(name, text);
    let mut parts = uri.clone().into_parts();
    let path = format!("{}?{}", uri.path(), query.finish());
    let refused = |_| "what it signs cannot stand in a query".to_owned();
    parts.path_and_query = Some(path.parse::<PathAndQuery>().map_err(refused)?);
    Uri::from_parts(parts).map_err(|_| "what it signs cannot stand in a query".to_owned())
}

/// The body with this member added, where `list` is the array of its only element.
fn with_member(
    body: &[u8],
    list: Option<&str>,
    pointer: &str,
    text: &str,
) -> Result<Vec<u8>, String> {
    let refused = || format!("the body has no place for {pointer}");
    let mut whole: serde_json::Value = serde_json::from_slice(body).map_err(|_| refused())?;
    let place = match list {
        Some(list) => whole.pointer_mut(&format!("{list}/0")),
        None => Some(&mut whole),
    };
    set(place.ok_or_else(refused)?, pointer, text).ok_or_else(refused)?;
    serde_json::to_vec(&whole).map_err(|_| refused())
}

/// The body with this member in each item of a list.
fn with_each_member(body: &[u8], list: &str, pointer: &str, text: &str) -> Result<Vec<u8>, String> {
    let refused =
        || format!("the body has no list at {list} whose items have a place for {pointer}");
    let mut whole: serde_json::Value = serde_json::from_slice(body).map_err(|_| refused())?;
    let items = whole.pointer_mut(list).and_then(|list| list.as_array_mut());
    for item in items.ok_or_else(refused)? {
        set(item, pointer, text).ok_or_else(refused)?;
    }
    serde_json::to_vec(&whole).map_err(|_| refused())
}

/// Sets the member at this pointer; a number stays a number.
fn set(mut place: &mut serde_json::Value, pointer: &str, text: &str) -> Option<()> {
    for name in pointer.split('/').skip(1) {
        let object = place.as_object_mut()?;
        place = object.entry(name).or_insert_with(|| serde_json::json!({}));
    }
    *place = match text.parse::<u64>() {
        Ok(number) if !place.is_string() => number.into(),
        _ => text.into(),
    };
    Some(())
}
