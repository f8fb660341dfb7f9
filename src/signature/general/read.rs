//! Reads signatures, time and id from their places.

use std::borrow::Cow;

use super::source::{BodyParts, HeadParts, or_once};
use super::{At, General, Proof};
use crate::clock::UnixTime;
use crate::joined::once;
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind};

/// The longest accepted id and token.
const MAX_ID: usize = 256;
const MAX_TOKEN: usize = 1024;
const MAX_CANDIDATES: usize = 64;

/// The values that were read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    pub(super) candidates: Vec<Vec<u8>>,
    /// The time as written, and its value.
    pub(super) time: Option<(Vec<u8>, UnixTime)>,
    pub(super) id: Option<Vec<u8>>,
    /// The name of the signing key.
    pub(super) key_id: Option<Vec<u8>>,
    /// The signatures of a message, which name their keys themselves.
    #[cfg(feature = "asymmetric")]
    pub(super) messages: Vec<crate::message_signature::Candidate>,
}

/// The values in one text.
struct Taken {
    candidates: Vec<Vec<u8>>,
    time: Option<(Vec<u8>, UnixTime)>,
    key_id: Option<Vec<u8>>,
}

impl Read {
    fn add(&mut self, taken: Taken) {
        self.candidates.extend(taken.candidates);
        self.time = self.time.take().or(taken.time);
        self.key_id = self.key_id.take().or(taken.key_id);
    }
}

impl General {
    pub(super) fn error(kind: Kind, at: &At) -> SignatureError {
        match at.headers() {
            [name] | [name, ..] => SignatureError::in_header(kind, name),
            [] => SignatureError::new(kind),
        }
    }

    /// Reads the values in the head.
    pub(super) fn read_head(&self, head: &HeadParts) -> Result<Read, SignatureError> {
        let mut read = Read::default();
        #[cfg(feature = "asymmetric")]
        if self.message.is_some() {
            self.read_id(head, &mut read)?;
            return Ok(read);
        }
        let mut refused = None;
        let mut any_place = false;
        for place in self.places.iter().filter(|place| place.is_in_head()) {
            any_place = true;
            let texts = place
                .in_head(&head.headers, &head.uri, self.several_lines)
                .map_err(|kind| Self::error(kind, place))?;
            for text in texts {
                if let Err(kind) =
                    or_once(&text, |text| self.take(text)).map(|taken| read.add(taken))
                {
                    refused.get_or_insert_with(|| Self::error(kind, place));
                }
                // A token may be any text, including one of joined lines.
                if self.proof == Proof::Token
                    && let Some(Ok(taken)) = once(&text).map(|text| self.take(text))
                {
                    read.candidates.extend(taken.candidates);
                }
            }
        }
        self.count(&mut read)?;
        let all_in_head = self.places.iter().all(At::is_in_head);
        if any_place && all_in_head && read.candidates.is_empty() {
            let missing = || match self.places.first() {
                Some(place) => Self::error(Kind::MissingHeader, place),
                None => SignatureError::new(Kind::MissingHeader),
            };
            return Err(refused.unwrap_or_else(missing));
        }
        if let Some(time) = &self.time
            && let Some(at) = time.at.as_ref().filter(|at| at.is_in_head())
        {
            let text = self.one_of_head(at, head)?;
            let parsed = or_once(&text, |text| self.parse_time(text));
            read.time = Some(parsed.map_err(|kind| Self::error(kind, at))?);
        }
        self.read_id(head, &mut read)?;
        if let Some(at) = self.key_id.as_ref().filter(|at| at.is_in_head()) {
            let text = self.one_of_head(at, head)?;
            let text = crate::joined::once(&text).map_or_else(|| text.clone(), <[u8]>::to_vec);
            read.key_id = Some(check_id(text).map_err(|kind| Self::error(kind, at))?);
        }
        #[cfg(feature = "jwt")]
        self.name_key(&mut read)?;
        Ok(read)
    }

    fn read_id(&self, head: &HeadParts, read: &mut Read) -> Result<(), SignatureError> {
        if let Some(at) = self.id.as_ref().filter(|at| at.is_in_head()) {
            let text = self.one_of_head(at, head)?;
            let text = once(&text).map(<[u8]>::to_vec).unwrap_or(text);
            read.id = Some(check_id(text).map_err(|kind| Self::error(kind, at))?);
        }
        Ok(())
    }

    /// A signature that occurs several times counts once.
    fn count(&self, read: &mut Read) -> Result<(), SignatureError> {
        if self.most_signatures < MAX_CANDIDATES && read.candidates.len() > 1 {
            let mut seen: Vec<Vec<u8>> = Vec::new();
            for candidate in read.candidates.drain(..) {
                if !seen.contains(&candidate) {
                    seen.push(candidate);
                }
            }
            read.candidates = seen;
        }
        match read.candidates.len() > self.most_signatures {
            true => Err(SignatureError::new(Kind::TooManyCandidates)),
            false => Ok(()),
        }
    }

    /// Reads the values in the body.
    pub(super) fn read_body(
        &self,
        body: &BodyParts,
        read: &mut Read,
    ) -> Result<(), SignatureError> {
        let new = SignatureError::new;
        for text in &body.in_each {
            let token = self.token(text.as_bytes()).ok_or(new(Kind::NoCandidate))?;
            read.candidates.push(token);
        }
        for place in self.places.iter().filter(|place| !place.is_in_head()) {
            if let Some(text) = place.in_body(self, body).map_err(new)? {
                read.add(self.take(text.as_bytes()).map_err(new)?);
            }
        }
        #[cfg(feature = "asymmetric")]
        if self.message.is_some() {
            return Ok(());
        }
        if read.candidates.is_empty() {
            return Err(new(Kind::NoCandidate));
        }
        self.count(read)?;
        if let Some(time) = &self.time
            && let Some(at) = time.at.as_ref().filter(|at| !at.is_in_head())
        {
            let text = at.in_body(self, body).map_err(new)?;
            let text = text.ok_or_else(|| new(Kind::InvalidTimestamp))?;
            read.time = Some(self.parse_time(text.as_bytes()).map_err(new)?);
        }
        if let Some(at) = self.id.as_ref().filter(|at| !at.is_in_head()) {
            let text = at.in_body(self, body).map_err(new)?;
            let text = text.ok_or_else(|| new(Kind::InvalidId))?;
            read.id = Some(check_id(text.into_bytes()).map_err(new)?);
        }
        if let Some(at) = self.key_id.as_ref().filter(|at| !at.is_in_head()) {
            let text = at.in_body(self, body).map_err(new)?;
            let text = text.ok_or_else(|| new(Kind::MissingContent))?;
            read.key_id = Some(check_id(text.into_bytes()).map_err(new)?);
        }
        #[cfg(feature = "jwt")]
        self.name_key(read)?;
        Ok(())
    }

    fn one_of_head(&self, at: &At, head: &HeadParts) -> Result<Vec<u8>, SignatureError> {
        let texts = at.in_head(&head.headers, &head.uri, false);
        let texts = texts.map_err(|kind| Self::error(kind, at))?;
        let first = texts.into_iter().next();
        Ok(first
            .ok_or_else(|| Self::error(Kind::MissingHeader, at))?
            .into_owned())
    }

    /// The signatures in one text, and the values next to them.
    fn take(&self, text: &[u8]) -> Result<Taken, Kind> {
        let spelled = self.layout.split(text)?;
        let time = spelled.time.map(|text| self.parse_time(text)).transpose()?;
        let key_id = spelled.key_id.map(check_id).transpose()?;
        let decode = |text: &Cow<'_, [u8]>| match self.proof {
            Proof::Signed(algorithm) => algorithm.decode(self.encoding, text),
            Proof::Token => self.token(text),
            #[cfg(feature = "jwt")]
            Proof::Jws => self.jws_token(text),
            #[cfg(feature = "asymmetric")]
            Proof::Message => None,
        };
        let candidates: Vec<_> = spelled.signatures.iter().filter_map(decode).collect();
        match candidates.is_empty() {
            true => Err(Kind::NoCandidate),
            false => Ok(Taken {
                candidates,
                time,
                key_id,
            }),
        }
    }

    /// A token as written, or decoded if the scheme uses base64.
    fn token(&self, text: &[u8]) -> Option<Vec<u8>> {
        if text.is_empty() || text.len() > MAX_TOKEN {
            return None;
        }
        match self.basic {
            true => data_encoding::BASE64.decode(text).ok(),
            false => Some(text.to_vec()),
        }
    }

    fn parse_time(&self, text: &[u8]) -> Result<(Vec<u8>, UnixTime), Kind> {
        let format = self
            .time
            .as_ref()
            .map(|time| time.format)
            .unwrap_or_default();
        let time = format.parse(text).ok_or(Kind::InvalidTimestamp)?;
        Ok((text.to_vec(), time))
    }
}

pub(super) fn check_id(text: Vec<u8>) -> Result<Vec<u8>, Kind> {
    match (1..=MAX_ID).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic) {
        true => Ok(text),
        false => Err(Kind::InvalidId),
    }
}
