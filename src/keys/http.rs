//! Fetches keys over HTTPS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls_platform_verifier::Verifier;

use super::document::{KeyDocument, MAX_BYTES};
use super::fetch::{FetchError, FetchKeys};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::SigningKey;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(8);
/// The placeholder for the requested id.
const ID: &str = "{id}";

/// Fetches keys over HTTPS.
///
/// The answer has at most 256 KiB, and no redirect is followed. 404 means that there is no such
/// key; for a list it means nothing, and previously fetched keys remain valid.
///
/// ```
/// use tower_webhook::keys::{HttpKeys, KeyDocument, KeySource};
///
/// let jwks = HttpKeys::get("https://acme.example/.well-known/jwks.json", KeyDocument::Jwks)?;
/// let all = KeySource::list(jwks);
///
/// let circle = HttpKeys::get(
///     "https://api.circle.com/v2/notifications/publicKey/{id}",
///     tower_webhook::provider::circle::key_document(),
/// )?
/// .header("authorization", "Bearer an-api-key")?;
/// let each = KeySource::by_id(circle);
/// # drop((all, each));
/// assert!(HttpKeys::get("http://acme.example/jwks.json", KeyDocument::Jwks).is_err());
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct HttpKeys {
    client: Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<serde_json::Value>,
    document: KeyDocument,
}

impl HttpKeys {
    /// Gets this URL, in whose path `{id}` is replaced by the escaped id of the requested key.
    ///
    /// # Errors
    ///
    /// If the URL is not HTTPS, except for this machine's own addresses, or if the system trusts no
    /// certificate.
    pub fn get(url: impl Into<String>, document: KeyDocument) -> Result<Self, ConfigError> {
        let url = url.into();
        let parsed = Url::parse(&url.replace(ID, "id")).map_err(|_| refused("not a URL"))?;
        let is_local = match parsed.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => (host.parse::<std::net::Ipv4Addr>()).is_ok_and(|ip| ip.is_loopback()),
            None => return Err(refused("the URL names no host")),
        };
        if parsed.scheme() != "https" && !(is_local && parsed.scheme() == "http") {
            return Err(refused("keys are fetched by https:// alone"));
        }
        let path = url
            .find('?')
            .map_or(url.as_str(), |at| url.get(..at).unwrap_or_default());
        let host = path.split('/').nth(2).unwrap_or_default();
        if host.contains(ID) || (url.contains(ID) && !path.contains(ID)) {
            return Err(refused("{id} stands in the path alone"));
        }
        Ok(Self {
            client: client(is_local)?,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            document,
        })
    }

    /// Posts this JSON, in which the text `{id}` is replaced by the id of the requested key.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_webhook::keys::{HttpKeys, KeySource};
    /// use tower_webhook::provider::plaid;
    ///
    /// let keys = HttpKeys::post(
    ///     "https://production.plaid.com/webhook_verification_key/get",
    ///     json!({ "client_id": "…", "secret": "…", "key_id": "{id}" }),
    ///     plaid::key_document(),
    /// )?;
    /// let source = KeySource::by_id(keys);
    /// # drop(source);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`HttpKeys::get`].
    pub fn post(
        url: impl Into<String>,
        body: serde_json::Value,
        document: KeyDocument,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(url, document)?
        })
    }

    /// Sends this header, such as an API key. Its value is never printed.
    ///
    /// # Errors
    ///
    /// If the text is not a valid header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| refused("that is not a header name"))?;
        let value = HeaderValue::from_str(value);
        let mut value = value.map_err(|_| refused("what it says cannot stand in a header"))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    async fn ask(&self, id: &str) -> Result<Vec<SigningKey>, FetchError> {
        let Some(url) = self.url(id) else {
            return Ok(Vec::new());
        };
        match self.answer(&url, id).await? {
            Some(document) => self.document.keys(id, &document),
            // A list that is missing for a moment revokes no key.
            None if id.is_empty() => Err(FetchError::new("there is no list of keys")),
            None => Ok(Vec::new()),
        }
    }

    /// The URL of the key with this id; `None` if the id could be a path segment such as `..`,
    /// because URL parsers also accept `%2E%2E` for that.
    fn url(&self, id: &str) -> Option<String> {
        if matches!(id, "." | "..") {
            return None;
        }
        let escaped = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
        Some(self.url.replace(ID, &escaped))
    }

    /// The document at another URL; `None` if there is none.
    pub(super) async fn document(&self, url: &str) -> Result<Option<Vec<u8>>, FetchError> {
        self.answer(url, "").await
    }

    async fn answer(&self, url: &str, id: &str) -> Result<Option<Vec<u8>>, FetchError> {
        let mut request = self.client.request(self.method.clone(), url);
        request = request.headers(self.headers.clone());
        if let Some(body) = &self.body {
            let request_body = with_id(body, id).to_string();
            request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(request_body);
        }
        let broke = |error: reqwest::Error| FetchError::new(error.without_url());
        let mut response = request.send().await.map_err(broke)?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => {
                return Err(FetchError::new(format!("the answer was {status}")));
            }
            _ => {}
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broke)? {
            if document.len().saturating_add(chunk.len()) > MAX_BYTES {
                return Err(FetchError::new("the document is longer than 256 KiB"));
            }
            document.extend_from_slice(&chunk);
        }
        Ok(Some(document))
    }
}

impl FetchKeys for HttpKeys {
    async fn fetch(&self, id: &str) -> Result<Vec<SigningKey>, FetchError> {
        self.ask(id).await
    }
}

impl fmt::Debug for HttpKeys {
    /// Omits whatever may hold an API key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client: _,
            method,
            url: _,
            headers: _,
            body: _,
            document,
        } = self;
        f.debug_struct("HttpKeys")
            .field("method", method)
            .field("document", document)
            .finish_non_exhaustive()
    }
}

/// The same body with `{id}` replaced by this id.
fn with_id(body: &serde_json::Value, id: &str) -> serde_json::Value {
    match body {
        serde_json::Value::String(text) if text == ID => id.into(),
        serde_json::Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), with_id(value, id)));
            serde_json::Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// TLS by `ring`, which trusts the system's authorities.
fn client(is_local: bool) -> Result<Client, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| refused("TLS cannot be set up"))?;
    let config = match is_local {
        true => config.with_root_certificates(rustls::RootCertStore::empty()),
        false => {
            let verifier = Verifier::new(provider);
            let verifier = verifier.map_err(|_| {
                refused("the system's certificates cannot be read: install ca-certificates")
            })?;
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    }
    .with_no_client_auth();
    let mut client = Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("tower-webhook/", env!("CARGO_PKG_VERSION")))
        .timeout(LIMIT);
    if is_local {
        client = client.no_proxy();
    }
    client
        .build()
        .map_err(|_| refused("no HTTP client can be made"))
}

fn refused(message: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Other, message)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn only_who_asks_for_one_key_is_told_by_404_that_there_is_none() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let answer =
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
        });
        let each = HttpKeys::get(format!("{at}/{{id}}"), KeyDocument::Jwks).unwrap();
        assert!(each.fetch("a").await.unwrap().is_empty());
        // A list that is missing for a moment must not replace the last good one.
        let list = HttpKeys::get(format!("{at}/jwks"), KeyDocument::Jwks).unwrap();
        assert!(list.fetch("").await.is_err());
    }

    #[test]
    fn an_id_is_one_segment_of_the_path_and_leads_to_no_other() {
        let keys = HttpKeys::get("https://acme.example/keys/{id}/pem", KeyDocument::Jwks).unwrap();
        let path = |id: &str| {
            let url = keys.url(id)?;
            Some(Url::parse(&url).unwrap().path().to_owned())
        };
        assert_eq!(path("a").as_deref(), Some("/keys/a/pem"));
        assert_eq!(path("../b").as_deref(), Some("/keys/%2E%2E%2Fb/pem"));
        assert_eq!(path("a.b").as_deref(), Some("/keys/a%2Eb/pem"));
        // URL parsers take these for relative segments, escaped or not.
        for step in [".", ".."] {
            assert_eq!(path(step), None);
        }
    }
}
