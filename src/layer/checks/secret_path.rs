use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::authenticated::{Coverage, Proved};
use crate::clock::UnixTime;
use crate::path::{PathTokens, ShownToken, split_token, without_token};
use crate::prove::{NotProved, ProofHead, Prove, ProveBody};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

/// Demands a secret token as the last segment of the path, and cuts it off.
#[derive(Debug, Clone)]
pub(crate) struct SecretPathGate {
    /// The token must be one of each set.
    sets: Vec<PathTokens>,
    /// The path that the gate guards; `None` for everything that it wraps.
    pub(crate) prefix: Option<Arc<str>>,
}

impl SecretPathGate {
    pub(crate) fn new(sets: Vec<PathTokens>) -> Self {
        Self { sets, prefix: None }
    }

    /// Whether an outer gate has cut off a token that is right here too.
    pub(crate) fn has_seen(&self, shown: Option<&ShownToken>) -> bool {
        shown.is_some_and(|shown| self.includes(shown))
    }

    /// Whether a token is right. Every set is checked, whatever the others say.
    fn includes(&self, shown: &ShownToken) -> bool {
        (self.sets.iter()).fold(!self.sets.is_empty(), |so_far, tokens| {
            tokens.include(shown) && so_far
        })
    }

    /// Whether the gate guards this path.
    pub(crate) fn guards(&self, path: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The segment that may follow the token.
    pub(crate) fn tail(&self) -> Option<&str> {
        self.sets.iter().find_map(PathTokens::tail)
    }

    /// Cuts a right token out of the request that is passed on.
    pub(crate) fn cut(&self, parts: &mut Parts) -> Result<(), RejectionCause> {
        self.hide(parts);
        parts.uri = without_token(&parts.uri, self.tail()).ok_or(Reason::UnknownPath)?;
        clean_original_uri(parts, self.tail());
        Ok(())
    }

    /// Hides a right token from observers of the headers.
    pub(crate) fn hide(&self, parts: &mut Parts) {
        if let Some((_, token)) = split_token(parts.uri.path(), self.tail()) {
            mark_sensitive(&mut parts.headers, token);
        }
    }
}

impl ProveBody for ShownToken {
    fn body(self, _: &[u8], _: UnixTime) -> Result<Proved, NotProved> {
        Ok(Proved::new())
    }
}

impl Prove for SecretPathGate {
    /// The right token: it proves everything, whatever the body is.
    type Body = ShownToken;

    fn covers(&self) -> Coverage {
        Coverage::Connection
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<ShownToken, NotProved> {
        let unknown = || RejectionCause::from(Reason::UnknownPath);
        let path = head.request().uri().path();
        let (before, token) = split_token(path, self.tail()).ok_or_else(unknown)?;
        let in_place = self.prefix.as_deref().is_none_or(|prefix| before == prefix);
        let shown = ShownToken::of(token.as_bytes()).ok_or_else(unknown)?;
        // The token is compared in any case, so that a wrong position takes equally long.
        if !(self.includes(&shown) && in_place) {
            return Err(unknown().into());
        }
        Ok(shown)
    }
}

/// A proxy may repeat the whole URL in a header: that header is as secret as the token in it.
fn mark_sensitive(headers: &mut HeaderMap, token: &str) {
    for value in headers.values_mut() {
        let (token, mut windows) = (token.as_bytes(), value.as_bytes().windows(token.len()));
        // Nearly all windows differ in the first byte.
        if windows.any(|window| window.first() == token.first() && window == token) {
            value.set_sensitive(true);
        }
    }
}

/// The original URI that axum remembers holds the token too.
#[cfg(feature = "axum")]
fn clean_original_uri(parts: &mut Parts, tail: Option<&str>) {
    use axum::extract::OriginalUri;

    if let Some(OriginalUri(uri)) = parts.extensions.get_mut::<OriginalUri>() {
        *uri = without_token(uri, tail).unwrap_or_else(|| http::Uri::from_static("/"));
    }
}

#[cfg(not(feature = "axum"))]
fn clean_original_uri(_: &mut Parts, _: Option<&str>) {}
