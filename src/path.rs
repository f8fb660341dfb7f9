//! Secret path tokens: the proof of a sender that signs nothing but was given a secret URL.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::Uri;
use http::uri::PathAndQuery;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::is_placeholder;

/// A shorter token can be guessed.
const MIN_LEN: usize = 8;
/// A longer one is cut or refused by some senders, and lets strangers cause work.
const MAX_LEN: usize = 256;
/// Every token is compared with each request's.
const MAX_TOKENS: usize = 8;

/// The secret tokens that may be the last segment of a webhook's path; clones share them.
///
/// During a change of URL, the old and the new token are both valid, and [`PathTokens::replace`]
/// swaps them at run time. Only SHA-256 digests are stored and compared, in constant time, so that
/// neither a token's content nor its length leaks. They never print.
///
/// ```
/// use tower_webhook::PathTokens;
///
/// // For example from `openssl rand -hex 24`.
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4a7e35d82c6b0f19e4d7a2358"])?;
/// assert!(!tokens.matches(b"3f9d1c0b"));
/// assert_eq!(
///     PathTokens::parse(["good-enough", "no/token"]).unwrap_err().to_string(),
///     "path token: number 2: holds a character other than A-Z, a-z, 0-9, '-', '.', '_' and '~'",
/// );
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct PathTokens {
    digests: Arc<RwLock<Box<[Digest256]>>>,
    /// A segment that may follow.
    tail: Option<Arc<str>>,
}

/// As words: four of them are compared faster than 32 bytes.
type Digest256 = [u64; 4];

impl PathTokens {
    /// From 1 to 8 tokens, each of 8 to 256 unreserved characters (RFC 3986 section 2.3), which no
    /// client, proxy or router spells in another way.
    ///
    /// # Errors
    ///
    /// No token, more than eight, or a token that is too short, too long, only dots, a placeholder
    /// (`your-secret-token`) or has another character. The text names the token's position, never the token.
    pub fn parse<I>(tokens: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Ok(Self {
            digests: Arc::new(RwLock::new(digests(tokens)?)),
            tail: None,
        })
    }

    /// Also accepts the token if this segment follows it: some senders add one to the URL that they
    /// are given, as banks add `/pix`. Both are cut off the path that is passed on.
    ///
    /// ```
    /// use tower_webhook::PathTokens;
    ///
    /// // /webhooks/pix/{token} and /webhooks/pix/{token}/pix
    /// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?.or_followed_by("pix")?;
    /// # drop(tokens);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The segment is empty, only dots, or holds a character that a token may not.
    pub fn or_followed_by(mut self, segment: &str) -> Result<Self, ConfigError> {
        let is_plain = !segment.is_empty() && segment.bytes().all(is_unreserved);
        if !is_plain || segment.bytes().all(|b| b == b'.') {
            return Err(refused(format!("no segment that can follow: {segment:?}")));
        }
        self.tail = Some(segment.into());
        Ok(self)
    }

    pub(crate) fn tail(&self) -> Option<&str> {
        self.tail.as_deref()
    }

    /// Replaces the tokens of every clone of this handle.
    ///
    /// # Errors
    ///
    /// The same as [`PathTokens::parse`]; the old tokens then stay.
    pub fn replace<I>(&self, tokens: I) -> Result<(), ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let digests = digests(tokens)?;
        *self.digests.write().unwrap_or_else(PoisonError::into_inner) = digests;
        Ok(())
    }

    /// Whether these raw path bytes are one of the tokens. The time depends on the candidate's
    /// length and the number of tokens, but on nothing secret.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        ShownToken::of(candidate).is_some_and(|shown| self.include(&shown))
    }

    /// Whether one of the tokens is somewhere in these bytes, not adjacent to any other token character.
    pub(crate) fn stand_in(&self, bytes: &[u8]) -> bool {
        let mut pieces = bytes.split(|byte| !is_unreserved(*byte));
        pieces.any(|piece| piece.len() >= MIN_LEN && self.matches(piece))
    }

    /// Whether a token that was shown to some gate is one of these.
    pub(crate) fn include(&self, shown: &ShownToken) -> bool {
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        digests
            .iter()
            .fold(Choice::from(0), |found, digest| {
                found | digest.ct_eq(&shown.0)
            })
            .into()
    }
}

/// The digest of a token in a request, right or wrong.
#[derive(Clone, Copy)]
pub(crate) struct ShownToken(Digest256);

impl ShownToken {
    /// The digest of these bytes, unless they are longer than any token.
    pub(crate) fn of(candidate: &[u8]) -> Option<Self> {
        (candidate.len() <= MAX_LEN).then(|| Self(digest(candidate)))
    }
}

impl fmt::Debug for ShownToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

fn digest(token: &[u8]) -> Digest256 {
    let digest: [u8; 32] = Sha256::digest(token).into();
    let mut words = Digest256::default();
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    words
}

fn digests<I>(tokens: I) -> Result<Box<[Digest256]>, ConfigError>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut digests = Vec::new();
    for (position, token) in (1..).zip(tokens) {
        if position > MAX_TOKENS {
            return Err(refused(format!("at most {MAX_TOKENS} are in use at once")));
        }
        let token = token.as_ref();
        check(token).map_err(|why| refused(format!("number {position}: {why}")))?;
        digests.push(digest(token.as_bytes()));
    }
    if digests.is_empty() {
        return Err(refused("at least one is needed"));
    }
    Ok(digests.into())
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

fn check(token: &str) -> Result<(), String> {
    let len = token.len();
    if !token.bytes().all(is_unreserved) {
        let others = "holds a character other than A-Z, a-z, 0-9, '-', '.', '_' and '~'";
        Err(others.to_owned())
    } else if len < MIN_LEN {
        Err(format!(
            "{len} characters are too few, at least {MIN_LEN} are needed"
        ))
    } else if len > MAX_LEN {
        Err(format!(
            "{len} characters are too many, at most {MAX_LEN} are taken"
        ))
    } else if token.bytes().all(|b| b == b'.') {
        Err("made of dots alone".to_owned())
    } else if is_placeholder(token) {
        Err("looks like a placeholder that nothing has filled in, and can be guessed".to_owned())
    } else {
        Ok(())
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::PathToken, message)
}

impl fmt::Debug for PathTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathTokens([REDACTED])")
    }
}

/// A path without its last segment, and that segment as raw bytes; a last segment equal to `tail`
/// is dropped first. `None` if the segment is empty, or the path is not absolute.
pub(crate) fn split_token<'p>(path: &'p str, tail: Option<&str>) -> Option<(&'p str, &'p str)> {
    let without = tail.and_then(|tail| path.strip_suffix(tail)?.strip_suffix('/'));
    let path = without.unwrap_or(path);
    let (head, token) = path
        .rsplit_once('/')
        .filter(|(_, token)| path.starts_with('/') && !token.is_empty())?;
    Some((if head.is_empty() { "/" } else { head }, token))
}

/// The same URI without the token in its path and without the segment after it. `None` if
/// [`split_token`] returns `None`.
pub(crate) fn without_token(uri: &Uri, tail: Option<&str>) -> Option<Uri> {
    let (head, _) = split_token(uri.path(), tail)?;
    let path_and_query = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{head}?{query}")),
        None => PathAndQuery::try_from(head),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests;
