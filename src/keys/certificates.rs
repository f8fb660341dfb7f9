//! The keys of certificates that deliveries name.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use super::certificate_url::CertificateUrl;
use super::document::KeyDocument;
use super::fetch::{FetchError, FetchKeys};
use super::http::HttpKeys;
use crate::asymmetric::PublicKey;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::SigningKey;

/// Fetches the certificate whose URL a delivery names, from where it may be fetched alone.
///
/// Its host's own certificate is what is trusted; the chain of the one that is fetched is judged
/// where [roots are pinned](Self::under).
///
/// ```
/// use tower_webhook::keys::{HttpCertificates, KeySource};
/// use tower_webhook::provider::{self, sns};
///
/// let certificates = HttpCertificates::at(sns::certificate_urls())?;
/// let sns = provider::sns(KeySource::by_id(certificates));
/// # drop(sns);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpCertificates {
    urls: Vec<CertificateUrl>,
    http: HttpKeys,
    chain: Option<Arc<Chain>>,
}

/// What a chain must end in.
#[derive(Debug)]
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    names: Vec<ServerName<'static>>,
}

impl HttpCertificates {
    /// From these URLs.
    ///
    /// # Errors
    ///
    /// A system that trusts no certificate.
    pub fn at(urls: impl IntoIterator<Item = CertificateUrl>) -> Result<Self, ConfigError> {
        Ok(Self {
            urls: urls.into_iter().collect(),
            http: HttpKeys::get("https://certificates.invalid/", KeyDocument::Jwks)?,
            chain: None,
        })
    }

    /// Demands that the certificate is valid now, for one of these names, and that its chain ends in
    /// one of these authorities, in PEM.
    ///
    /// ```
    /// use tower_webhook::keys::HttpCertificates;
    /// use tower_webhook::provider::paypal;
    ///
    /// let at = HttpCertificates::at(paypal::certificate_urls())?;
    /// assert!(at.under("no PEM", ["messageverificationcerts.paypal.com"]).is_err());
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Authorities that cannot be read, and a text that is no name.
    pub fn under<'n>(
        mut self,
        roots: impl AsRef<[u8]>,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, ConfigError> {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(roots.as_ref()) {
            let root = root.map_err(|_| refused("an authority is not PEM"))?;
            (store.add(root)).map_err(|_| refused("an authority is no certificate"))?;
        }
        if store.is_empty() {
            return Err(refused("there is no authority in PEM"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider);
        let verifier = verifier
            .build()
            .map_err(|_| refused("no chain can be judged"))?;
        let names: Result<Vec<_>, _> = (names.into_iter())
            .map(|name| ServerName::try_from(name.to_owned()))
            .collect();
        let names = names.map_err(|_| refused("that is not a name"))?;
        self.chain = Some(Arc::new(Chain { verifier, names }));
        Ok(self)
    }

    /// The key of the first certificate of this PEM.
    fn key(&self, url: &str, pem: &[u8]) -> Result<SigningKey, FetchError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(FetchError::new)?;
        let (first, rest) = certificates
            .split_first()
            .ok_or_else(|| FetchError::new("there is no certificate"))?;
        if let Some(chain) = &self.chain {
            let verify = |name: &ServerName<'_>| {
                let now = UnixTime::now();
                chain
                    .verifier
                    .verify_server_cert(first, rest, name, &[], now)
            };
            if !chain.names.iter().any(|name| verify(name).is_ok()) {
                return Err(FetchError::new(
                    "the certificate is not one of the sender's",
                ));
            }
        }
        let parsed = ParsedCertificate::try_from(first).map_err(FetchError::new)?;
        let info = parsed.subject_public_key_info();
        let key = PublicKey::from_der(&info).map_err(FetchError::new)?;
        Ok(SigningKey::public(url, key))
    }
}

impl FetchKeys for HttpCertificates {
    fn may_fetch(&self, url: &str) -> bool {
        self.urls.iter().any(|at| at.allows(url))
    }

    async fn fetch(&self, url: &str) -> Result<Vec<SigningKey>, FetchError> {
        if !self.may_fetch(url) {
            return Ok(Vec::new());
        }
        match self.http.document(url).await? {
            Some(pem) => Ok(vec![self.key(url, &pem)?]),
            None => Ok(Vec::new()),
        }
    }
}

fn refused(message: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Other, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An authority, a certificate for `certs.sender.example` under it and one under another
    /// authority, as `openssl req -x509` and `openssl x509 -req` make them, until the year 2126.
    const ROOT: &str = include_str!("../../tests/data/certificates/root.pem");
    const LEAF: &str = include_str!("../../tests/data/certificates/leaf.pem");
    const FOREIGN: &str = include_str!("../../tests/data/certificates/foreign.pem");
    const URL: &str = "https://certs.sender.example/a.pem";

    fn certificates() -> HttpCertificates {
        HttpCertificates::at([CertificateUrl::new("certs.sender.example", "/", ".pem")]).unwrap()
    }

    #[test]
    fn a_chain_ends_in_a_pinned_root_and_is_for_a_name() {
        let under = |names: [&'static str; 1]| certificates().under(ROOT, names).unwrap();
        let pinned = under(["certs.sender.example"]);
        assert!(pinned.key(URL, LEAF.as_bytes()).is_ok());
        assert!(pinned.key(URL, FOREIGN.as_bytes()).is_err());
        assert!(
            pinned
                .key(URL, format!("{FOREIGN}{LEAF}").as_bytes())
                .is_err()
        );
        let other = under(["certs.other.example"]);
        assert!(other.key(URL, LEAF.as_bytes()).is_err());
        // Without pinned roots its host is trusted.
        assert!(certificates().key(URL, FOREIGN.as_bytes()).is_ok());
        assert!(certificates().key(URL, b"no PEM").is_err());
    }

    #[tokio::test]
    async fn what_stands_elsewhere_is_not_fetched() {
        for url in [
            "https://evil.example/a.pem",
            "http://certs.sender.example/a.pem",
            "a",
        ] {
            assert!(!certificates().may_fetch(url), "{url}");
            assert!(certificates().fetch(url).await.unwrap().is_empty(), "{url}");
        }
    }
}
