use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers of a request, with secret values masked.
#[derive(Clone, Copy)]
pub struct MaskedHeaders<'a> {
    headers: &'a HeaderMap,
    secret: &'a [HeaderName],
}

impl<'a> MaskedHeaders<'a> {
    pub(crate) fn new(headers: &'a HeaderMap, secret: &'a [HeaderName]) -> Self {
        Self { headers, secret }
    }

    /// Each header line, in unspecified order; a secret value reads `[REDACTED]`.
    pub fn iter(&self) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        static REDACTED: HeaderValue = HeaderValue::from_static("[REDACTED]");
        let secret = self.secret;
        self.headers.iter().map(move |(name, value)| {
            if value.is_sensitive() || is_credential(name) || secret.contains(name) {
                (name, &REDACTED)
            } else {
                (name, value)
            }
        })
    }
}

/// Headers that carry credentials with any provider, and those whose names say so.
fn is_credential(name: &HeaderName) -> bool {
    const PARTS: [&str; 7] = [
        "authorization",
        "cookie",
        "signature",
        "secret",
        "token",
        "api-key",
        "apikey",
    ];
    PARTS.iter().any(|part| name.as_str().contains(part))
}

impl fmt::Debug for MaskedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_headers_are_masked() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-acme-proof", "s3cret-1"),
            ("authorization", "s3cret-2"),
            ("set-cookie", "s3cret-3"),
            ("x-hub-signature-256", "s3cret-4"),
            ("blox-api-key", "s3cret-5"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let mut marked: HeaderValue = "s3cret-6".parse().unwrap();
        marked.set_sensitive(true);
        headers.insert("x-marked", marked);

        let secret = [HeaderName::from_static("x-acme-proof")];
        let printed = format!("{:?}", MaskedHeaders::new(&headers, &secret));
        assert!(!printed.contains("s3cret"), "{printed}");
        assert_eq!(printed.matches("[REDACTED]").count(), 6);
        assert!(printed.contains("application/json"));
    }
}
