//! The signature base: the signed text (RFC 9421, section 2.5).

use http::{HeaderMap, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::field;
use super::identifier::{Identifier, Source};
use super::target::Target;
use super::unread::Unread;

/// The characters that are not escaped in a query parameter (RFC 9421, section 2.2.8, after the URL
/// Standard's set of `application/x-www-form-urlencoded`).
const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');
/// More parameters would let strangers cause work.
const MAX_PARAMETERS: usize = 1024;
/// The longest signed text.
const MAX_BASE: usize = 64 * 1024;

/// The head of a request, and the URL that its sender was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// The text that a signature with these parameters covers.
pub(super) fn base(
    asked: Asked<'_>,
    target: Option<&Target>,
    covered: &[Identifier],
    parameters: &str,
) -> Result<Vec<u8>, Unread> {
    let mut base = String::new();
    for identifier in covered {
        let value = value(asked, target, &identifier.source)?;
        base.push_str(&identifier.text);
        base.push_str(": ");
        base.push_str(&value);
        base.push('\n');
        if base.len() > MAX_BASE {
            return Err(Unread::TooLong);
        }
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    Ok(base.into_bytes())
}

fn value(asked: Asked<'_>, target: Option<&Target>, source: &Source) -> Result<String, Unread> {
    let told = target.ok_or(Unread::NoUrl);
    let path = || match target {
        Some(target) => target.path.as_str(),
        None => match asked.uri.path() {
            "" => "/",
            path => path,
        },
    };
    let with_query = |before: String| match asked.uri.query() {
        Some(query) => format!("{before}?{query}"),
        None => before,
    };
    Ok(match source {
        Source::Method => asked.method.as_str().to_owned(),
        Source::Scheme => told?.scheme.clone(),
        Source::Authority => told?.authority.clone(),
        Source::TargetUri => {
            let Target {
                scheme,
                authority,
                path,
            } = told?;
            with_query(format!("{scheme}://{authority}{path}"))
        }
        Source::RequestTarget => with_query(path().to_owned()),
        Source::Path => path().to_owned(),
        Source::Query => format!("?{}", asked.uri.query().unwrap_or_default()),
        Source::QueryParam(name) => parameter(asked.uri, name)?,
        Source::Field(name, form) => field::value(asked.headers, name, form)?,
        Source::Trailer => return Err(Unread::NotThere),
    })
}

/// The encoded value of the only parameter with this encoded name.
fn parameter(uri: &Uri, name: &str) -> Result<String, Unread> {
    let encode = |text: &str| utf8_percent_encode(text, PARAMETER).to_string();
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut found = None;
    for (count, (other, value)) in query.enumerate() {
        if count > MAX_PARAMETERS {
            return Err(Unread::TooLong);
        }
        if encode(&other) == name && found.replace(encode(&value)).is_some() {
            return Err(Unread::Ambiguous);
        }
    }
    found.ok_or(Unread::NotThere)
}
