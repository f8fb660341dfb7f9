use std::borrow::Cow;
use std::fmt;

use http::Uri;

use crate::error::{ConfigError, ConfigErrorKind};

/// The URL that a sender was given and signs: as it is configured there, never from `Host`.
///
/// ```
/// use tower_webhook::signature::PublicUrl;
///
/// let url = PublicUrl::parse("https://shop.example/webhooks/square")?;
/// assert_eq!(url.as_str(), "https://shop.example/webhooks/square");
/// assert!(PublicUrl::parse("/webhooks/square").is_err());
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: Box<str>,
    /// The start of its query, if it has one.
    path_end: usize,
    /// The end of its host, and the default port of its scheme if the URL states none.
    default_port: Option<(usize, &'static str)>,
}

impl PublicUrl {
    /// The URL as the sender was given it, byte for byte, including a trailing slash and its query.
    ///
    /// # Errors
    ///
    /// A text that is no absolute `http` or `https` URL, or one with a fragment.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let uri: Uri = (text.parse()).map_err(|_| refused("is no URL"))?;
        let port = match uri.scheme_str() {
            Some("https") => ":443",
            Some("http") => ":80",
            _ => return Err(refused("does not begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("names no host"))?;
        if text.contains('#') {
            return Err(refused("has a fragment, which no sender signs"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("holds a character other than visible ASCII"));
        }
        let host_end = text
            .find(authority.as_str())
            .map(|at| at.saturating_add(authority.as_str().len()));
        Ok(Self {
            path_end: text.find('?').unwrap_or(text.len()),
            default_port: host_end
                .filter(|_| authority.port().is_none())
                .map(|at| (at, port)),
            text: text.into(),
        })
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL with this query in place of its own.
    pub(crate) fn with_query(&self, query: Option<&str>) -> String {
        let base = self.text.get(..self.path_end).unwrap_or_default();
        match query {
            Some(query) => format!("{base}?{query}"),
            None => base.to_owned(),
        }
    }

    /// The same with the default port of its scheme, if the URL states none.
    pub(crate) fn with_port_and_query(&self, query: Option<&str>) -> String {
        let url = self.with_query(query);
        let Some((at, port)) = self.default_port else {
            return url;
        };
        let (host, path) = url.split_at_checked(at).unwrap_or((&url, ""));
        format!("{host}{port}{path}")
    }
}

fn refused(what: &'static str) -> ConfigError {
    let text: Cow<'static, str> = what.into();
    ConfigError::new(ConfigErrorKind::Scheme, format!("the public URL {text}"))
}

impl fmt::Debug for PublicUrl {
    /// Without its query, which may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.get(..self.path_end).unwrap_or_default().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absolute_url_is_one() {
        for (text, what) in [
            ("", "is no URL"),
            ("/hooks", "does not begin"),
            ("ftp://a.example/", "does not begin"),
            ("https://a.example/#x", "fragment"),
            ("https://a.example/é", "no URL"),
        ] {
            let error = PublicUrl::parse(text).unwrap_err().to_string();
            assert!(
                error.contains(what) || error.contains("URL"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn query_and_port_are_put_where_they_belong() {
        let url = PublicUrl::parse("https://a.example/hooks?a=1").unwrap();
        assert_eq!(url.with_query(Some("b=2")), "https://a.example/hooks?b=2");
        assert_eq!(url.with_query(None), "https://a.example/hooks");
        assert_eq!(
            url.with_port_and_query(Some("a=1")),
            "https://a.example:443/hooks?a=1"
        );
        let ported = PublicUrl::parse("http://a.example:8080/").unwrap();
        assert_eq!(ported.with_port_and_query(None), "http://a.example:8080/");
        assert_eq!(format!("{url:?}"), "\"https://a.example/hooks\"");
    }
}
