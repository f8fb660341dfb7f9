//! A request for a view: its operator, time and parameters.

use axum::extract::OriginalUri;
use http::Uri;
use http::request::Parts;

use super::access::OperatorAccess;
use crate::clock::UnixTime;

/// The longest query that is accepted.
pub(super) const MAX_QUERY: usize = 16 * 1024;

/// The parameters of a view.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) access: OperatorAccess,
    pub(super) now: UnixTime,
    /// The number of changes seen before the view was made.
    pub(super) seen: u64,
    /// The path at which the router is nested.
    prefix: String,
    parameters: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn of(parts: &Parts, access: OperatorAccess, now: UnixTime, seen: u64) -> Self {
        let outer = parts.extensions.get::<OriginalUri>();
        let outer = outer.map_or(&parts.uri, |OriginalUri(uri)| uri);
        Self {
            access,
            now,
            seen,
            prefix: prefix(outer, &parts.uri),
            parameters: read(parts.uri.query().unwrap_or_default().as_bytes()),
        }
    }

    /// A path of this router, as seen from outside.
    pub(super) fn path(&self, path: &str) -> String {
        match (path, &*self.prefix) {
            ("/", "") => "/".to_owned(),
            ("/", prefix) => prefix.to_owned(),
            (path, prefix) => format!("{prefix}{path}"),
        }
    }

    /// A parameter that is present and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        get(&self.parameters, name)
    }

    /// A numeric parameter.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// The operator's name, if it is known.
    pub(super) fn who(&self) -> Option<&str> {
        self.access.name()
    }
}

/// The first field of this name that is not empty.
pub(super) fn get<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut all = fields.iter().filter(|(of, _)| of == name);
    all.find_map(|(_, value)| Some(value.as_str()).filter(|it| !it.is_empty()))
}

/// Parses a form or a query.
pub(super) fn read(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// The part of the path before that seen by the router.
fn prefix(outer: &Uri, inner: &Uri) -> String {
    let (outer, inner) = (outer.path(), inner.path());
    let before = match outer.strip_suffix(inner) {
        Some(before) => before,
        // If nested, the router sees `/` for its own path alone.
        None if inner == "/" => outer.trim_end_matches('/'),
        None => "",
    };
    // Browsers read a path that starts with two slashes as another host.
    match before.starts_with("//") {
        true => String::new(),
        false => before.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_where_it_is_nested() {
        for (outer, inner, found) in [
            ("/operator", "/", "/operator"),
            ("/operator/", "/", "/operator"),
            ("/operator/dead", "/dead", "/operator"),
            ("/dead", "/dead", ""),
            ("/", "/", ""),
            ("/a/b/deliveries?x=1", "/deliveries?x=1", "/a/b"),
            ("//evil.example/dead", "/dead", ""),
        ] {
            let (outer, inner) = (outer.parse().unwrap(), inner.parse().unwrap());
            assert_eq!(prefix(&outer, &inner), found, "{outer}");
        }
    }
}
