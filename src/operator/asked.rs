//! A request for a view: by whom, when, and with which parameters.

use axum::extract::OriginalUri;
use http::Uri;
use http::request::Parts;

use super::access::OperatorAccess;
use crate::clock::UnixTime;

/// A longer query is no view's.
pub(super) const MAX_QUERY: usize = 16 * 1024;

/// What a view is asked with.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) access: OperatorAccess,
    pub(super) now: UnixTime,
    /// How much had been seen before the view was made.
    pub(super) seen: u64,
    /// Where the router is nested.
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

    /// A path of this router, as it is asked for from outside.
    pub(super) fn path(&self, path: &str) -> String {
        match (path, &*self.prefix) {
            ("/", "") => "/".to_owned(),
            ("/", prefix) => prefix.to_owned(),
            (path, prefix) => format!("{prefix}{path}"),
        }
    }

    /// A parameter that is there and holds something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        get(&self.parameters, name)
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// The operator's name, if it is known.
    pub(super) fn who(&self) -> Option<&str> {
        self.access.name()
    }
}

/// The first field of this name that holds something.
pub(super) fn get<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut all = fields.iter().filter(|(of, _)| of == name);
    all.find_map(|(_, value)| Some(value.as_str()).filter(|it| !it.is_empty()))
}

/// Reads what a form or a query says.
pub(super) fn read(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// What stands before the path that the router sees.
fn prefix(outer: &Uri, inner: &Uri) -> String {
    let (outer, inner) = (outer.path(), inner.path());
    let before = match outer.strip_suffix(inner) {
        Some(before) => before,
        // Nested, it sees `/` where its own path alone is asked for.
        None if inner == "/" => outer.trim_end_matches('/'),
        None => "",
    };
    // Of two slashes a browser makes another host.
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
