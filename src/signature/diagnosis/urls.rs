//! Candidates for the sender's URL.

use std::sync::Arc;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

use super::cause::Cause;
use crate::head::RequestHead;
use crate::signature::component::Component;
use crate::signature::general::General;
use crate::signature::public_url::PublicUrl;
use crate::signature::scheme::Scheme;

/// A URL that the sender may have signed: in the scheme, or as the request's own.
pub(super) struct Changed {
    pub(super) cause: Cause,
    pub(super) what: &'static str,
    pub(super) scheme: Scheme,
    pub(super) uri: Uri,
}

/// The same scheme for this URL.
pub(super) fn with_url(scheme: &Scheme, url: &PublicUrl) -> Scheme {
    let mut scheme = scheme.clone();
    if let Some(general) = &scheme.general
        && general.url.is_some()
    {
        scheme.general = Some(Arc::new(General {
            url: Some(url.clone()),
            ..(**general).clone()
        }));
    }
    scheme
}

/// The URLs that the sender may have, given the configured one and this request.
pub(super) fn changes(scheme: &Scheme, head: RequestHead<'_>) -> Vec<Changed> {
    let Some(general) = &scheme.general else {
        return Vec::new();
    };
    let uri = head.uri();
    let mut all: Vec<Changed> = Vec::new();
    if let Some(url) = &general.url {
        let mut known = vec![url.clone()];
        for (cause, what, text) in texts(url.as_str(), head) {
            let Some(url) = PublicUrl::parse(&text)
                .ok()
                .filter(|it| !known.contains(it))
            else {
                continue;
            };
            all.push(Changed {
                cause,
                what,
                scheme: with_url(scheme, &url),
                uri: uri.clone(),
            });
            known.push(url);
        }
    }
    let pieces = general.contents.iter().flat_map(|content| &content.pieces);
    let signs_path = pieces.into_iter().any(|piece| *piece == Component::Path);
    if let Some(uri) = signs_path.then(|| other_slash(uri)).flatten() {
        all.push(Changed {
            cause: Cause::UrlSlash,
            what: SLASH,
            scheme: scheme.clone(),
            uri,
        });
    }
    all
}

const SCHEME: &str = "the sender has the URL with another scheme (http, https) than is configured";
const PORT: &str =
    "the sender has the URL with a port that is not configured, or without the one that is";
const SLASH: &str =
    "the sender has the URL with a slash at its end, or without the one that is configured";
const OTHER: &str =
    "the sender has the URL of the request itself, which is not the one that is configured";

/// Each URL as text, with one change first.
fn texts(text: &str, head: RequestHead<'_>) -> Vec<(Cause, &'static str, String)> {
    let mut all = Vec::new();
    let schemes = |text: &str| match text.strip_prefix("https://") {
        Some(rest) => format!("http://{rest}"),
        None => text.replacen("http://", "https://", 1),
    };
    let of_one = |text: &str, all: &mut Vec<(Cause, &'static str, String)>| {
        all.push((Cause::UrlScheme, SCHEME, schemes(text)));
        for other in ports(text) {
            all.push((Cause::UrlPort, PORT, other));
        }
        all.extend(slash(text).map(|other| (Cause::UrlSlash, SLASH, other)));
    };
    of_one(text, &mut all);
    // Two changes of one URL, reported as the first.
    for (cause, what, changed) in all.clone() {
        let mut more = Vec::new();
        of_one(&changed, &mut more);
        all.extend(more.into_iter().map(|(_, _, text)| (cause, what, text)));
    }
    let query = head.uri().query();
    let base = text.split_once('?').map_or(text, |(base, _)| base);
    let with_query = query.map_or(base.to_owned(), |query| format!("{base}?{query}"));
    all.push((Cause::UrlOther, OTHER, with_query));
    for host in hosts(head.headers()) {
        let path = head
            .uri()
            .path_and_query()
            .map_or("/", PathAndQuery::as_str);
        for scheme in ["https", "http"] {
            all.push((Cause::UrlOther, OTHER, format!("{scheme}://{host}{path}")));
            let path = base
                .split_once("://")
                .and_then(|(_, rest)| rest.find('/').map(|at| (rest, at)));
            if let Some(path) = path.and_then(|(rest, at)| rest.get(at..)) {
                all.push((Cause::UrlOther, OTHER, format!("{scheme}://{host}{path}")));
            }
        }
    }
    all
}

/// The hosts that the request names. This untrusted text is only tried here.
fn hosts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    ["x-forwarded-host", HOST.as_str()]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
}

/// The URL with the default port of its scheme, or without its port.
fn ports(text: &str) -> Vec<String> {
    let Ok(uri) = text.parse::<Uri>() else {
        return Vec::new();
    };
    let Some(authority) = uri.authority() else {
        return Vec::new();
    };
    let host = authority.host();
    let default = match uri.scheme_str() {
        Some("https") => "443",
        _ => "80",
    };
    let with = |authority: String| {
        text.replacen(uri.authority().map_or("", |it| it.as_str()), &authority, 1)
    };
    match authority.port() {
        Some(_) => vec![with(host.to_owned()), with(format!("{host}:{default}"))],
        None => vec![with(format!("{host}:{default}"))],
    }
}

/// The URL with a trailing slash in its path, or without it.
fn slash(text: &str) -> Option<String> {
    let (base, query) = match text.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (text, String::new()),
    };
    let base = match base.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{base}/"),
    };
    Some(format!("{base}{query}"))
}

fn other_slash(uri: &Uri) -> Option<Uri> {
    slash(uri.path_and_query()?.as_str())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_changed_in_one_thing_and_then_in_two() {
        let headers = HeaderMap::from_iter([(HOST, "shop.example:8080".parse().unwrap())]);
        let (method, uri) = (http::Method::POST, "/in/square?a=1".parse().unwrap());
        let head = RequestHead::new(&method, &uri, &headers);
        let all = texts("https://hooks.example/in", head);
        for (cause, text) in [
            (Cause::UrlScheme, "http://hooks.example/in"),
            (Cause::UrlPort, "https://hooks.example:443/in"),
            (Cause::UrlSlash, "https://hooks.example/in/"),
            (Cause::UrlScheme, "http://hooks.example/in/"),
            (Cause::UrlOther, "https://hooks.example/in?a=1"),
            (Cause::UrlOther, "https://shop.example:8080/in/square?a=1"),
        ] {
            let found = all.iter().find(|(_, _, other)| other == text);
            assert_eq!(found.map(|(cause, ..)| *cause), Some(cause), "{text}");
        }
        assert_eq!(
            ports("http://a.example:8080/x"),
            ["http://a.example/x", "http://a.example:80/x"]
        );
        assert_eq!(
            slash("https://a.example/x/?q=1").as_deref(),
            Some("https://a.example/x?q=1")
        );
    }
}
