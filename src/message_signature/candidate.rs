//! A signature before a key was tried.

use sfv::InnerList;

use super::digests;
use super::unread::Unread;
use crate::clock::UnixTime;
use crate::digest::Digest;

/// The same limit as for other ids.
const MAX_TEXT: usize = 256;

/// A signature that may count, before a key was tried.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) key_id: Option<String>,
    pub(crate) created: Option<UnixTime>,
    pub(crate) expires: Option<UnixTime>,
    pub(crate) nonce: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) signature: Vec<u8>,
    pub(super) base: Vec<u8>,
    pub(super) digests: Vec<(Digest, Vec<u8>)>,
}

impl Candidate {
    /// Whether the covered digests match this body.
    pub(crate) fn is_of(&self, body: &[u8]) -> bool {
        digests::all_match(&self.digests, body)
    }

    /// The signed text.
    pub(crate) fn base(&self) -> &[u8] {
        &self.base
    }
}

/// The parameters of a signature (RFC 9421, section 2.3).
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) created: Option<UnixTime>,
    pub(super) expires: Option<UnixTime>,
    pub(super) key_id: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) tag: Option<String>,
}

impl Told {
    pub(super) fn of(list: &InnerList) -> Result<Self, Unread> {
        let mut told = Self::default();
        for (name, value) in &list.params {
            let time = || {
                let seconds = value.as_integer().map(i64::from);
                let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
                seconds.map(UnixTime::from_secs).ok_or(Unread::BadTime)
            };
            let text = || {
                let text = value.as_string().map(sfv::StringRef::as_str);
                let text = text.filter(|text| (1..=MAX_TEXT).contains(&text.len()));
                text.map(str::to_owned).ok_or(Unread::Malformed)
            };
            match name.as_str() {
                "created" => told.created = Some(time()?),
                "expires" => told.expires = Some(time()?),
                "keyid" => told.key_id = Some(text()?),
                "nonce" => told.nonce = Some(text()?),
                "alg" => told.algorithm = Some(text()?),
                "tag" => told.tag = Some(text()?),
                _ => return Err(Unread::UnknownParameter),
            }
        }
        Ok(told)
    }
}
