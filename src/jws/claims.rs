//! Checks a token against the rules.

use std::borrow::Cow;

use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::rules::Jws;
use super::token::Token;
use crate::clock::{Skew, Tolerance, UnixTime};
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::secret::SigningKey;

/// The maximum clock difference for the end and the beginning of a token: "no more than a few
/// minutes" (RFC 7519, sections 4.1.4 and 4.1.5), however old it may be.
const LEEWAY: Tolerance = Tolerance::DEFAULT;

/// The values that claims are compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'r> {
    pub(crate) body: &'r [u8],
    pub(crate) url: Option<&'r str>,
    pub(crate) tolerance: Tolerance,
    pub(crate) now: UnixTime,
}

/// The fault in the claims of a token whose signature is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ill {
    /// A claim is absent, or of another type.
    Missing,
    /// A claim has another value.
    Other,
    Time(Skew),
}

/// The facts from a valid token.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) issued_at: Option<UnixTime>,
    pub(crate) id: Option<String>,
}

impl Jws {
    /// Whether this key signed the token over this payload, which is the token's own unless it is
    /// detached.
    pub(crate) fn signed_by(&self, key: &SigningKey, token: &Token<'_>, input: &[u8]) -> bool {
        let named = self
            .algorithms
            .iter()
            .find(|it| it.name() == token.says.alg);
        named.is_some_and(|algorithm| {
            algorithm.takes(key) && algorithm.verify(key, input, &token.signature)
        })
    }

    /// Whether the algorithm that a token names is one of those allowed.
    pub(crate) fn allows(&self, token: &Token<'_>) -> bool {
        let detached = self.is_detached() == token.payload.is_empty();
        detached && self.algorithms.iter().any(|it| it.name() == token.says.alg)
    }

    /// The signed content: the token's first two parts, with this payload if it is detached.
    pub(crate) fn input<'t>(&self, token: &Token<'t>, content: &[u8]) -> Cow<'t, [u8]> {
        if !self.is_detached() {
            return Cow::Borrowed(token.front);
        }
        let payload = data_encoding::BASE64URL_NOPAD.encode(content);
        Cow::Owned([token.header, b".", payload.as_bytes()].concat())
    }

    /// Judges the claims of a token whose signature is right; the times last.
    pub(crate) fn judge(&self, token: &Token<'_>, request: Request<'_>) -> Result<Told, Ill> {
        if self.is_detached() {
            return Ok(Told::default());
        }
        let claims = token.claims().ok_or(Ill::Missing)?;
        for claim in &self.demanded {
            claims.get(&**claim).ok_or(Ill::Missing)?;
        }
        for (claim, text) in &self.equal {
            let found = claims.get(&**claim).ok_or(Ill::Missing)?;
            let is_it = |value: &Value| value.as_str() == Some(&**text);
            let holds = is_it(found) || found.as_array().is_some_and(|list| list.iter().any(is_it));
            if !holds {
                return Err(Ill::Other);
            }
        }
        if let Some((claim, spelled)) = &self.body_hash {
            let hash = Digest::Sha256.hash([request.body]);
            let found = same(&claims, claim, &spelled.encode(&hash));
            match spelled {
                // Upstash writes it with padding, and reads it without.
                Encoding::Base64Url => {
                    let padded = data_encoding::BASE64URL.encode(&hash);
                    found.or_else(|_| same(&claims, claim, &padded))?;
                }
                _ => found?,
            }
        }
        if let Some(claim) = &self.url_hash {
            let url = request.url.ok_or(Ill::Missing)?;
            let hash = Digest::Sha256.hash([url.as_bytes()]);
            same(&claims, claim, &data_encoding::HEXLOWER.encode(&hash))?;
        }
        let id = match &self.id {
            Some(claim) => Some(text(&claims, claim).ok_or(Ill::Missing)?.to_owned()),
            None => None,
        };
        let issued_at = self.times(&claims, request.tolerance, request.now)?;
        Ok(Told { issued_at, id })
    }

    fn times(
        &self,
        claims: &Map<String, Value>,
        tolerance: Tolerance,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, Ill> {
        let at = |claim: &str, wanted: bool| match claims.get(claim) {
            None if wanted => Err(Ill::Missing),
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(Ill::Missing),
        };
        let issued = at("iat", self.issued_at)?;
        let (begins, ends) = (at("nbf", false)?, at("exp", self.expires)?);
        // Each is checked on one side; `iat` on both if it is demanded.
        let leeway = tolerance.min(LEEWAY);
        for (time, counts_if_old) in [(ends, true), (begins, false), (issued, false)] {
            if let Some(Err(skew)) = time.map(|time| leeway.check(time, now))
                && is_old(skew) == counts_if_old
            {
                return Err(Ill::Time(skew));
            }
        }
        match issued.map(|time| tolerance.check(time, now)) {
            Some(Err(skew)) if self.issued_at && is_old(skew) => Err(Ill::Time(skew)),
            _ => Ok(issued),
        }
    }
}

fn is_old(skew: Skew) -> bool {
    matches!(skew, Skew::Old(_))
}

/// Whole seconds, or the digits before the point (RFC 7519, section 2, NumericDate). A number with
/// an exponent is too large to be a time.
fn seconds(value: &Value) -> Option<UnixTime> {
    let text = value.as_number()?.to_string();
    let mut parts = text.split('.');
    let (whole, behind) = (parts.next()?, parts.next().unwrap_or_default());
    let plain = behind.bytes().all(|byte| byte.is_ascii_digit());
    whole
        .parse()
        .ok()
        .filter(|_| plain)
        .map(UnixTime::from_secs)
}

fn text<'c>(claims: &'c Map<String, Value>, claim: &str) -> Option<&'c str> {
    let text = claims.get(claim)?.as_str()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && (1..=256).contains(&text.len())).then_some(text)
}

fn same(claims: &Map<String, Value>, claim: &str, expected: &str) -> Result<(), Ill> {
    let found = claims
        .get(claim)
        .and_then(Value::as_str)
        .ok_or(Ill::Missing)?;
    match bool::from(found.as_bytes().ct_eq(expected.as_bytes())) {
        true => Ok(()),
        false => Err(Ill::Other),
    }
}
