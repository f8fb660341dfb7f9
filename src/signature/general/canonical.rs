//! Canonical forms of parts of a request, as senders sign them.
//!
//! ```text
//! target  = path [ "?" escape( query ) ], and encodeURI of it all
//! headers = entry *( ";" entry )        ; sorted by name
//! entry   = name ":" value              ; the name in lower case
//! ```

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::source::header;
use crate::signature::error::SignatureErrorKind as Kind;

/// More would let strangers cause work.
const MAX_LISTED: usize = 64;

/// The characters that `encodeURIComponent` and Node's `querystring.escape` escape (ECMAScript,
/// section 19.2.6).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The characters that `encodeURI` escapes, including the percent sign.
const OF_URI: &AsciiSet = &ESCAPED
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#');

/// Path and query as Contentful signs them.
pub(super) fn escaped_target(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let query = query.split('?').next().unwrap_or_default();
    let target = match query {
        "" => uri.path().to_owned(),
        query => format!(
            "{}?{}",
            uri.path(),
            percent_encode(query.as_bytes(), ESCAPED)
        ),
    };
    percent_encode(target.as_bytes(), OF_URI).to_string()
}

/// The headers that the header `list` lists; it must list itself and the demanded headers.
pub(super) fn headers_listed<'n>(
    headers: &HeaderMap,
    list: &HeaderName,
    mut demanded: impl Iterator<Item = &'n HeaderName>,
) -> Result<String, Kind> {
    let names = header(headers, list)?.ok_or(Kind::MissingContent)?;
    let names = std::str::from_utf8(names).map_err(|_| Kind::Malformed)?;
    let names: BTreeSet<&str> = names.split(',').map(str::trim_ascii).collect();
    if names.len() > MAX_LISTED {
        return Err(Kind::Malformed);
    }
    let is_listed = |name: &HeaderName| names.contains(name.as_str());
    if !is_listed(list) || !demanded.all(is_listed) {
        return Err(Kind::MissingContent);
    }
    let mut entries = Vec::new();
    for name in names {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Kind::Malformed)?;
        if parsed.as_str() != name {
            return Err(Kind::Malformed);
        }
        let value = header(headers, &parsed)?.ok_or(Kind::MissingContent)?;
        let value = std::str::from_utf8(value).map_err(|_| Kind::Malformed)?;
        let value = value.trim_ascii();
        if holds_entry(value) {
            return Err(Kind::AmbiguousContent);
        }
        entries.push(format!("{name}:{value}"));
    }
    Ok(entries.join(";"))
}

/// Whether another entry could begin within this value.
fn holds_entry(value: &str) -> bool {
    value.split(';').skip(1).any(|rest| {
        let name = rest.split_once(':').map(|(name, _)| name);
        name.is_some_and(|name| HeaderName::from_bytes(name.as_bytes()).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> String {
        escaped_target(&text.parse().unwrap())
    }

    /// Computed by Node 20: `encodeURI(path + '?' + querystring.escape(query))`.
    #[test]
    fn a_target_is_escaped_twice() {
        for (uri, signed) in [
            ("/in", "/in"),
            ("/in?", "/in"),
            ("/in?a=b", "/in?a%253Db"),
            ("/in?a=1&b=%20?c", "/in?a%253D1%2526b%253D%252520"),
            ("/a%20b/(c)'~*!", "/a%2520b/(c)'~*!"),
            ("/a;,:@&=+$", "/a;,:@&=+$"),
            ("/in?-_.!~*'()", "/in?-_.!~*'()"),
        ] {
            assert_eq!(target(uri), signed, "{uri}");
        }
    }

    fn listed(lines: &[(&'static str, &str)]) -> Result<String, Kind> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let time = HeaderName::from_static("x-time");
        headers_listed(
            &headers,
            &HeaderName::from_static("x-list"),
            [&time].into_iter(),
        )
    }

    #[test]
    fn headers_are_sorted_by_name() {
        let lines = [
            ("x-time", " 1 "),
            ("x-list", "x-time,content-type,x-list"),
            ("content-type", "application/json; charset=utf-8"),
            ("x-other", "not listed"),
        ];
        let signed = "content-type:application/json; charset=utf-8;\
                      x-list:x-time,content-type,x-list;x-time:1";
        assert_eq!(listed(&lines), Ok(signed.to_owned()));
    }

    #[test]
    fn a_list_that_leaves_a_header_open_is_refused() {
        for (list, kind) in [
            ("x-list", Kind::MissingContent),
            ("x-time", Kind::MissingContent),
            ("x-list,x-time,x-absent", Kind::MissingContent),
            ("x-list,x-time,X-Time", Kind::Malformed),
            ("x-list,x-time,", Kind::Malformed),
            ("x-list,x-time,a b", Kind::Malformed),
        ] {
            let lines = [("x-time", "1"), ("x-list", list)];
            assert_eq!(listed(&lines), Err(kind), "{list}");
        }
        // A value that contains the entries' separator has no certain end.
        let lines = [
            ("a", "1;b:2"),
            ("x-list", "a,x-list,x-time"),
            ("x-time", "1"),
        ];
        assert_eq!(listed(&lines), Err(Kind::AmbiguousContent));
        let many = (0..64).map(|n| format!(",h{n}")).collect::<String>();
        let lines = [("x-time", "1"), ("x-list", &format!("x-list,x-time{many}"))];
        assert_eq!(listed(&lines), Err(Kind::Malformed));
    }
}
