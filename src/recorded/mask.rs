//! What of a request is a secret, and is masked in its line.

use std::borrow::Cow;

use data_encoding::BASE64;
use http::HeaderName;
use serde_json::Value;

use super::body::KeptBody;
use super::head::RecordedHead;
use super::line::{RecordedBody, RecordedRequest};
use crate::path::split_token;

/// What stands in the place of a secret.
const MASK: &str = "[REDACTED]";
/// Names of headers, parameters and members that say so of themselves.
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
/// A parameter of the query with one of these names is a secret too.
const SHORT: [&str; 5] = ["key", "auth", "access_key", "code", "pwd"];

/// The secrets of one webhook's requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masks {
    /// Whether the path ends with a token.
    pub(crate) has_token: bool,
    /// The segment that may follow that.
    pub(crate) tail: Option<String>,
    /// Headers that hold a signature, and are kept whatever they are called.
    pub(crate) kept_headers: Vec<HeaderName>,
    /// Headers, parameters of the query, members of the body and fields of a form that hold a token.
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) parameters: Vec<String>,
    pub(crate) members: Vec<String>,
    pub(crate) fields: Vec<String>,
}

fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

impl Masks {
    /// A request as it is written.
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

    /// The token of a path, right or wrong.
    pub(super) fn token_of<'u>(&self, uri: &'u str) -> Option<&'u str> {
        if !self.has_token {
            return None;
        }
        let path = uri.split('?').next().unwrap_or_default();
        split_token(path, self.tail.as_deref()).map(|(_, token)| token)
    }

    pub(super) fn uri(&self, uri: &str) -> String {
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri, None),
        };
        let mut masked = match self.token_of(path) {
            Some(token) => {
                // It is a part of the path, and stands there as it is.
                let before = path.len().saturating_sub(token.len());
                let at = (path.rmatch_indices(token).next()).map_or(before, |(at, _)| at);
                let behind = path
                    .get(at.saturating_add(token.len())..)
                    .unwrap_or_default();
                format!("{}{MASK}{behind}", path.get(..at).unwrap_or_default())
            }
            None => path.to_owned(),
        };
        if let Some(query) = query {
            masked.push('?');
            masked.push_str(&self.parameters(query));
        }
        masked
    }

    /// A query with the values of its secret parameters masked; the rest stands as it came.
    fn parameters(&self, query: &str) -> String {
        let masked = query.split('&').map(|pair| {
            let raw = pair.split('=').next().unwrap_or_default();
            let name = form_urlencoded::parse(raw.as_bytes()).next();
            let name = name.map_or(Cow::Borrowed(raw), |(name, _)| name);
            let is_secret = self.parameters.iter().any(|it| **it == *name)
                || tells(&name)
                || SHORT.iter().any(|it| name.eq_ignore_ascii_case(it));
            match is_secret && pair.contains('=') {
                true => format!("{raw}={MASK}"),
                false => pair.to_owned(),
            }
        });
        masked.collect::<Vec<_>>().join("&")
    }

    /// The value of a header as it is written: a character for each byte.
    pub(super) fn header(
        &self,
        name: &str,
        value: &[u8],
        is_sensitive: bool,
        token: Option<&str>,
    ) -> String {
        let is_token = self.headers.iter().any(|it| it.as_str() == name);
        let is_kept = self.kept_headers.iter().any(|it| it.as_str() == name);
        // A proxy may repeat the whole URL in a header.
        let repeats = token.is_some_and(|token| {
            let mut windows = value.windows(token.len().max(1));
            windows.any(|window| window == token.as_bytes())
        });
        if is_token || repeats || (!is_kept && (is_sensitive || tells(name))) {
            return MASK.to_owned();
        }
        value.iter().copied().map(char::from).collect()
    }

    /// A body as it is written.
    pub(crate) fn body(&self, body: &KeptBody, is_proved: bool) -> RecordedBody {
        let mut recorded = RecordedBody {
            len: u64::try_from(body.len).unwrap_or(u64::MAX),
            text: None,
            base64: None,
            cut: body.kept.len() < body.len,
            masked: false,
        };
        let text = std::str::from_utf8(&body.kept);
        let may_hide = !self.members.is_empty() || !self.fields.is_empty() || !is_proved;
        let text = match text {
            Ok(text) => text,
            // The end of a body that was cut may be the middle of a character.
            Err(error) if recorded.cut && error.error_len().is_none() => {
                let valid = body.kept.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(valid).unwrap_or_default()
            }
            Err(_) if !self.members.is_empty() || !self.fields.is_empty() => {
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
            return self.form(text, is_proved);
        }
        match serde_json::from_str::<Value>(begins) {
            Ok(mut value) => {
                let before = value.clone();
                for pointer in &self.members {
                    if let Some(secret) = value.pointer_mut(pointer) {
                        *secret = Value::from(MASK);
                    }
                }
                if !is_proved {
                    mask_telling(&mut value, 0);
                }
                match value == before {
                    true => Text::Plain,
                    false => Text::Masked(value.to_string()),
                }
            }
            // Where it is not known what stands in it, nothing of it is shown.
            Err(_) if !self.members.is_empty() => Text::Hidden,
            Err(_) if !is_proved && (is_cut || tells(text)) => Text::Hidden,
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
            if pair.contains('=') && (is_secret || (!is_proved && tells(&name))) {
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

/// Masks members whose names tell that they are secrets, as those of a handshake do.
fn mask_telling(value: &mut Value, depth: u8) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match tells(name) {
                    true => *member = Value::from(MASK),
                    false if depth < 32 => mask_telling(member, depth.saturating_add(1)),
                    false => {}
                }
            }
        }
        Value::Array(items) if depth < 32 => {
            for item in items {
                mask_telling(item, depth.saturating_add(1));
            }
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text, as it may be shown.
enum Text {
    Plain,
    Masked(String),
    Hidden,
}
