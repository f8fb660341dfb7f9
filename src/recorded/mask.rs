//! Masks the secrets of a request in its line.

use std::borrow::Cow;
use std::ops::Range;

use data_encoding::BASE64;
use http::HeaderName;
use serde_json::Value;

use super::body::KeptBody;
use super::doubled::Doubled;
use super::head::RecordedHead;
use super::line::{RecordedBody, RecordedRequest};
use crate::path::{PathTokens, split_token};

/// The replacement for a secret.
const MASK: &str = "[REDACTED]";
/// Names of headers, parameters and members that indicate a secret.
const TELLING: [&str; 9] = [
    "token",
    "secret",
    "password",
    "passwd",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
];
/// A query parameter with one of these names is also a secret.
const SHORT: [&str; 5] = ["key", "auth", "access_key", "code", "pwd"];

/// The secrets of one webhook's requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masks {
    /// Whether the path ends with a token.
    pub(crate) has_token: bool,
    /// The segment that may follow the token.
    pub(crate) tail: Option<String>,
    /// The valid tokens, which are masked in every place.
    pub(crate) tokens: Vec<PathTokens>,
    /// Headers with a signature, which are kept whatever their name.
    pub(crate) kept_headers: Vec<HeaderName>,
    /// Headers, query parameters, members of the body and form fields with a token.
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) parameters: Vec<String>,
    pub(crate) members: Vec<String>,
    /// A member of each item of a list: the place of the list, and the member.
    pub(crate) each: Vec<(String, String)>,
    pub(crate) fields: Vec<String>,
}

fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

impl Masks {
    /// The masked request.
    pub(super) fn request(
        &self,
        head: &RecordedHead,
        body: Option<RecordedBody>,
    ) -> RecordedRequest {
        let uri = head.uri();
        let token = self.token_of(&uri);
        let headers = head.lines().map(|(name, value, is_sensitive)| {
            let name = String::from_utf8_lossy(name).into_owned();
            let value = self.header(&name, value, is_sensitive, token);
            (name, value)
        });
        RecordedRequest {
            received_at: head.received_at().as_micros(),
            method: head.method().to_owned(),
            uri: self.uri(&uri),
            headers: headers.collect(),
            headers_cut: head.is_cut(),
            body,
        }
    }

    /// The token of a path, valid or not.
    pub(super) fn token_of<'u>(&self, uri: &'u str) -> Option<&'u str> {
        let path = uri.split('?').next().unwrap_or_default();
        path.get(self.token_at(path)?)
    }

    /// The range of a path's token, valid or not.
    fn token_at(&self, path: &str) -> Option<Range<usize>> {
        // A trailing slash makes a valid URL invalid, but must not reveal its token.
        let path = path.trim_end_matches('/');
        let (_, token) = split_token(path, self.tail.as_deref()).filter(|_| self.has_token)?;
        let without = (self.tail.as_deref())
            .and_then(|tail| path.strip_suffix(tail)?.strip_suffix('/'))
            .unwrap_or(path);
        Some(without.len().saturating_sub(token.len())..without.len())
    }

    /// Whether these bytes contain a valid token.
    fn holds_token(&self, bytes: &[u8]) -> bool {
        self.tokens.iter().any(|tokens| tokens.stand_in(bytes))
    }

    pub(super) fn uri(&self, uri: &str) -> String {
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri, None),
        };
        let at = self.token_at(path).map(|range| range.start);
        let mut begin = 0;
        let segments = path.split('/').map(|segment| {
            let is_token = at == Some(begin) || self.holds_token(segment.as_bytes());
            begin = begin.saturating_add(segment.len()).saturating_add(1);
            if is_token { MASK } else { segment }
        });
        let mut masked = segments.collect::<Vec<_>>().join("/");
        if let Some(query) = query {
            masked.push('?');
            masked.push_str(&self.parameters(query));
        }
        masked
    }

    /// A query with the values of its secret parameters masked; the rest is unchanged.
    fn parameters(&self, query: &str) -> String {
        let masked = query.split('&').map(|pair| {
            let raw = pair.split('=').next().unwrap_or_default();
            let name = form_urlencoded::parse(raw.as_bytes()).next();
            let name = name.map_or(Cow::Borrowed(raw), |(name, _)| name);
            let is_secret = self.parameters.iter().any(|it| **it == *name)
                || tells(&name)
                || SHORT.iter().any(|it| name.eq_ignore_ascii_case(it));
            match pair.contains('=') {
                true if is_secret || self.holds_token(pair.as_bytes()) => format!("{raw}={MASK}"),
                false if self.holds_token(pair.as_bytes()) => MASK.to_owned(),
                _ => pair.to_owned(),
            }
        });
        masked.collect::<Vec<_>>().join("&")
    }

    /// The masked value of a header: a character for each byte.
    pub(super) fn header(
        &self,
        name: &str,
        value: &[u8],
        is_sensitive: bool,
        token: Option<&str>,
    ) -> String {
        let is_token = self.headers.iter().any(|it| it.as_str() == name);
        let is_kept = self.kept_headers.iter().any(|it| it.as_str() == name);
        // A proxy may repeat the original URL in a header before rewriting it.
        let has_secret_query = || {
            let text = std::str::from_utf8(value).unwrap_or_default();
            let query = text.split_once('?').map(|(_, query)| query);
            query.is_some_and(|query| self.parameters(query) != query)
        };
        let repeats = token.is_some_and(|token| {
            let mut windows = value.windows(token.len().max(1));
            windows.any(|window| window == token.as_bytes())
        });
        let tells = || is_sensitive || tells(name) || has_secret_query();
        if is_token || repeats || self.holds_token(value) || (!is_kept && tells()) {
            return MASK.to_owned();
        }
        value.iter().copied().map(char::from).collect()
    }

    /// Whether any member of the body is a secret.
    fn hides_members(&self) -> bool {
        !self.members.is_empty() || !self.each.is_empty()
    }

    /// The masked body.
    pub(crate) fn body(&self, body: &KeptBody, is_proved: bool) -> RecordedBody {
        let mut recorded = RecordedBody {
            len: u64::try_from(body.len).unwrap_or(u64::MAX),
            text: None,
            base64: None,
            cut: body.kept.len() < body.len,
            masked: false,
            decoded: false,
        };
        let text = std::str::from_utf8(&body.kept);
        let may_hide = self.hides_members() || !self.fields.is_empty() || !is_proved;
        let text = match text {
            Ok(text) => text,
            // A cut body may end in the middle of a character.
            Err(error) if recorded.cut && error.error_len().is_none() => {
                let valid = body.kept.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(valid).unwrap_or_default()
            }
            Err(_)
                if self.hides_members()
                    || !self.fields.is_empty()
                    || (!is_proved && tells(&String::from_utf8_lossy(&body.kept))) =>
            {
                recorded.masked = true;
                return recorded;
            }
            Err(_) => {
                recorded.base64 = Some(BASE64.encode(&body.kept));
                return recorded;
            }
        };
        match self.text(text, recorded.cut, may_hide, is_proved) {
            Text::Plain => recorded.text = Some(text.to_owned()),
            Text::Masked(text) => {
                recorded.text = Some(text);
                recorded.masked = true;
            }
            Text::Hidden => recorded.masked = true,
        }
        recorded
    }

    fn text(&self, text: &str, is_cut: bool, may_hide: bool, is_proved: bool) -> Text {
        if !may_hide {
            return Text::Plain;
        }
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        if !begins.starts_with(['{', '[']) {
            // No URL-encoded form contains these: it is XML, or a multipart form.
            if !is_proved && text.contains(['<', '\n']) && tells(text) {
                return Text::Hidden;
            }
            return self.form(text, is_proved);
        }
        match serde_json::from_str::<Value>(begins) {
            Ok(mut value) => {
                // Only the last of two equal members is read here, so the earlier one is not shown.
                let mut is_masked = serde_json::from_str(begins).is_ok_and(|Doubled(so)| so);
                for pointer in &self.members {
                    if let Some(secret) = value.pointer_mut(pointer) {
                        *secret = Value::from(MASK);
                        is_masked = true;
                    }
                }
                for (list, member) in &self.each {
                    let items = value.pointer_mut(list).and_then(Value::as_array_mut);
                    for secret in items.into_iter().flatten() {
                        if let Some(secret) = secret.pointer_mut(member) {
                            *secret = Value::from(MASK);
                            is_masked = true;
                        }
                    }
                }
                if !is_proved {
                    is_masked |= mask_telling(&mut value);
                }
                match is_masked {
                    true => Text::Masked(value.to_string()),
                    false => Text::Plain,
                }
            }
            // If the content cannot be read, nothing of it is shown.
            Err(_) if self.hides_members() => Text::Hidden,
            Err(_) if !is_proved && (is_cut || may_tell(text)) => Text::Hidden,
            Err(_) => Text::Plain,
        }
    }

    fn form(&self, text: &str, is_proved: bool) -> Text {
        let mut is_masked = false;
        let masked = text.split('&').map(|pair| {
            let raw = pair.split('=').next().unwrap_or_default();
            let name = form_urlencoded::parse(raw.as_bytes()).next();
            let name = name.map_or(Cow::Borrowed(raw), |(name, _)| name);
            let is_secret = self.fields.iter().any(|it| **it == *name);
            let tells = || {
                let pair = form_urlencoded::parse(pair.as_bytes()).next();
                tells(&name) || pair.is_some_and(|(_, value)| is_telling_json(&value))
            };
            if pair.contains('=') && (is_secret || (!is_proved && tells())) {
                is_masked = true;
                return format!("{raw}={MASK}");
            }
            pair.to_owned()
        });
        let masked = masked.collect::<Vec<_>>().join("&");
        match is_masked {
            true => Text::Masked(masked),
            false => Text::Plain,
        }
    }
}

/// Whether an unparsed text may contain a member whose name indicates a secret, as written or with
/// escapes.
fn may_tell(text: &str) -> bool {
    tells(text) || text.contains("\\u")
}

/// Whether a text is itself JSON and may contain such a member.
fn is_telling_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && may_tell(text)
}

/// Masks members whose names indicate secrets, such as those of a handshake; returns whether there
/// was one. The parser bounds the depth.
fn mask_telling(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => members.iter_mut().fold(false, |is_masked, (name, member)| {
            is_masked
                | match tells(name) {
                    true => {
                        *member = Value::from(MASK);
                        true
                    }
                    false => mask_telling(member),
                }
        }),
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |is_masked, item| is_masked | mask_telling(item)),
        Value::String(text) if is_telling_json(text) => {
            *value = Value::from(MASK);
            true
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A text, or its masked form.
enum Text {
    Plain,
    Masked(String),
    Hidden,
}
