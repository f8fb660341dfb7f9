use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use reqwest::Url;
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use super::client::{ApiClient, BEARER, KeyForm, Shared};
use super::pace::Pace;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::ApiKey;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_MAX_ANSWER: usize = 4 * 1024 * 1024;
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(300);
const AGENT: &str = concat!("tower-webhook/", env!("CARGO_PKG_VERSION"));

/// Builds an [`ApiClient`].
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::reconcile::{ApiClient, ApiKey, Pace};
///
/// let key = || ApiKey::new("sk_test_9f8e7d6c5b4a");
/// let client = ApiClient::at("https://api.acme.example/")
///     .key_header("x-api-key", key()?)
///     .timeout(Duration::from_secs(3))
///     .max_answer_bytes(64 * 1024)
///     .pace(Pace::new().per_minute(60))
///     .build()?;
/// assert!(!format!("{client:?}").contains("9f8e7d6c5b4a"));
///
/// let in_clear = ApiClient::at("http://api.acme.example/").bearer(key()?).build();
/// assert!(in_clear.unwrap_err().to_string().contains("begin with https://"));
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ApiClientBuilder {
    base: String,
    key: Option<(String, KeyForm, ApiKey)>,
    pace: Pace,
    timeout: Duration,
    max_answer: usize,
    authorities: Vec<u8>,
}

impl ApiClient {
    /// Starts a client of the API at this URL, to which paths are appended.
    pub fn at(base_url: impl Into<String>) -> ApiClientBuilder {
        ApiClientBuilder {
            base: base_url.into(),
            key: None,
            pace: Pace::new().concurrency(64),
            timeout: DEFAULT_TIMEOUT,
            max_answer: DEFAULT_MAX_ANSWER,
            authorities: Vec::new(),
        }
    }
}

impl ApiClientBuilder {
    /// Sends this key as is in this header.
    pub fn key_header(mut self, name: &str, key: ApiKey) -> Self {
        self.key = Some((name.to_owned(), KeyForm::Plain, key));
        self
    }

    /// Sends this key in `Authorization: Bearer`.
    pub fn bearer(mut self, key: ApiKey) -> Self {
        self.key = Some((BEARER.to_string(), KeyForm::Bearer, key));
        self
    }

    /// How often the API is asked, and how many requests are under way; 64 at once and no rate unless
    /// set. A request waits for its turn, however long that takes: what cannot wait is bounded by who
    /// asks, as by `tokio::time::timeout`, and leaves its turn to others. An API that wants to be left
    /// alone for longer than the time of a request is not waited for: the error says
    /// [for how long](super::ApiError::wait).
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// How long a request may take, including its answer: from 10 ms to 5 min, by default 5 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// The most bytes that are read of an answer; the default is 4 MiB.
    pub fn max_answer_bytes(mut self, limit: usize) -> Self {
        self.max_answer = limit;
        self
    }

    /// Also trusts these authorities: certificates in PEM.
    ///
    /// ```
    /// use tower_webhook::reconcile::ApiClient;
    ///
    /// let client = ApiClient::at("https://blox.internal/").certificate_authority("no PEM");
    /// assert!(client.build().is_err());
    /// ```
    pub fn certificate_authority(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.authorities.extend_from_slice(pem.as_ref());
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// If the URL is not HTTPS, except for this machine's own addresses, or has a password or a query.
    /// Also for an invalid header name, for unreadable certificates, and on a system without any.
    pub fn build(self) -> Result<ApiClient, ConfigError> {
        let base = base_url(&self.base)?;
        let is_local = base.scheme() == "http";
        if self.timeout < SHORTEST || self.timeout > LONGEST {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                format!("{:?} is not from {SHORTEST:?} to {LONGEST:?}", self.timeout),
            ));
        }
        let key = match self.key {
            None => None,
            Some((name, form, key)) => {
                let read = HeaderName::from_bytes(name.as_bytes());
                let name = read.map_err(|_| refused(format!("{name:?} is not a header name")))?;
                Some((name, form, key))
            }
        };
        let tls = tls(&self.authorities, is_local)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .referer(false)
            .user_agent(AGENT)
            .connect_timeout(self.timeout)
            .timeout(self.timeout);
        if is_local {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| {
            refused("no HTTP client can be made").caused_by(error.without_url())
        })?;
        Ok(ApiClient::of(Shared {
            http,
            base,
            key,
            pace: self.pace,
            timeout: self.timeout,
            max_answer: self.max_answer,
        }))
    }
}

/// Checks a URL that a key will be sent to.
fn base_url(text: &str) -> Result<Url, ConfigError> {
    let refused = |what| refused(what).in_setting("base URL");
    let url = Url::parse(text).map_err(|_| {
        refused("not a URL: write https://, the host, and the path if there is one")
    })?;
    let is_local = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse()
            .is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback()),
        None => return Err(refused("the URL names no host")),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_local => {}
        _ => {
            return Err(refused(
                "a key goes nowhere in clear: it is to begin with https://",
            ));
        }
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "a name or password stands in the URL: give the key by bearer(…)",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "a query or fragment stands in the URL, to which paths are added",
        ));
    }
    Ok(url)
}

/// TLS by `ring`, which trusts the system's authorities and these.
fn tls(authorities: &[u8], is_local: bool) -> Result<rustls::ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| refused("TLS cannot be set up").caused_by(error);
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    // No request uses HTTPS.
    if is_local {
        let none = rustls::RootCertStore::empty();
        return Ok(config.with_root_certificates(none).with_no_client_auth());
    }
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(authorities)
        .collect::<Result<_, _>>()
        .map_err(|error| refused("a certificate authority is not PEM").caused_by(error))?;
    if certificates.is_empty() && !authorities.is_empty() {
        return Err(refused("a certificate authority is not PEM"));
    }
    let verifier = Verifier::new_with_extra_roots(certificates, provider).map_err(|error| {
        refused(
            "the system's certificates cannot be read: install them (ca-certificates), or name the \
             authority by certificate_authority(…)",
        )
        .caused_by(error)
    })?;
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Other, message).in_setting("API client")
}

impl fmt::Debug for ApiClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            base: _,
            key,
            pace,
            timeout,
            max_answer,
            authorities,
        } = self;
        f.debug_struct("ApiClientBuilder")
            .field("key", &key.as_ref().map(|(name, form, _)| (name, form)))
            .field("pace", pace)
            .field("timeout", timeout)
            .field("max_answer_bytes", max_answer)
            .field("authorities_len", &authorities.len())
            .finish_non_exhaustive()
    }
}
