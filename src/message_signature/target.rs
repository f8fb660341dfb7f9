use http::Uri;

/// The parts of the URL that a sender was given, in the form of RFC 9421 (section 2.2).
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(super) scheme: String,
    /// In lower case, without the default port of the scheme.
    pub(super) authority: String,
    pub(super) path: String,
}

impl Target {
    /// The parts of a checked URL; `None` for any other text.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        let default_port = match &*scheme {
            "https" => ":443",
            _ => ":80",
        };
        let authority = match authority.strip_suffix(default_port) {
            Some(host) => host.to_owned(),
            None => authority,
        };
        Some(Self {
            scheme,
            authority,
            path: uri.path().to_owned(),
        })
    }
}
