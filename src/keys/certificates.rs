//! Keys from certificates that deliveries name.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{self, CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::certificate_url::CertificateUrl;
use super::document::KeyDocument;
use super::fetch::{FetchError, FetchKeys};
use super::http::HttpKeys;
use crate::asymmetric::PublicKey;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::printable::Printable;
use crate::secret::SigningKey;

/// Fetches the certificate whose URL a delivery names, if that URL is allowed.
///
/// By default the TLS certificate of its host is trusted; the chain of the fetched certificate is
/// checked only if [roots are pinned](Self::under).
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

/// The roots and names that a chain is checked against.
#[derive(Debug)]
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    names: Vec<ServerName<'static>>,
}

impl HttpCertificates {
    /// Fetches from these URLs.
    ///
    /// # Errors
    ///
    /// If the system trusts no certificate.
    pub fn at(urls: impl IntoIterator<Item = CertificateUrl>) -> Result<Self, ConfigError> {
        Ok(Self {
            urls: urls.into_iter().collect(),
            http: HttpKeys::get("https://certificates.invalid/", KeyDocument::Jwks)?,
            chain: None,
        })
    }

    /// Requires that the certificate is valid now, for one of these names, and that its chain ends
    /// in one of these authorities, in PEM.
    ///
    /// Its key counts to the last second of the certificate and no longer, whether or not it could be
    /// fetched again by then. A chain that was judged and is refused is an answer, as 404 is: its URL has
    /// no key from then on. What names it gets 401, or the not-now status while it is too early to ask again,
    /// until a fetch brings a good one, a minute later at the soonest. So whoever changes what stands at that
    /// URL, be it the sender by mistake, can have deliveries refused, and none believed; the log names the URL
    /// and the reason. What cannot be fetched, or is no certificate at all, leaves the key that was known.
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
    /// Authorities that cannot be read, a text that is no name, and no name at all.
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
        if names.is_empty() {
            return Err(refused("there is no name that a certificate could be for"));
        }
        self.chain = Some(Arc::new(Chain { verifier, names }));
        Ok(self)
    }

    /// The key of the first certificate of this PEM; none where the pinned authorities vouch for no such one.
    fn keys(&self, url: &str, pem: &[u8], now: UnixTime) -> Result<Vec<SigningKey>, FetchError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(FetchError::new)?;
        let (first, rest) = certificates
            .split_first()
            .ok_or_else(|| FetchError::new("there is no certificate"))?;
        if let Some(chain) = &self.chain
            && let Some(reason) = chain.refusal(first, rest, now)?
        {
            tracing::warn!(
                target: "tower_webhook",
                url = %Printable(url),
                reason = %Printable(reason),
                "a certificate is not one of the sender's: what names it is refused"
            );
            return Ok(Vec::new());
        }
        let parsed = ParsedCertificate::try_from(first).map_err(FetchError::new)?;
        let info = parsed.subject_public_key_info();
        let key = PublicKey::from_der(&info).map_err(FetchError::new)?;
        let key = SigningKey::public(url, key);
        Ok(vec![match &self.chain {
            Some(_) => key.expires_at(end(first)?),
            None => key,
        }])
    }
}

impl Chain {
    /// Why this certificate is not one of the sender's; nothing where it is for one of the names.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    fn refusal(
        &self,
        first: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Option<CertificateError>, FetchError> {
        let now = pki_types::UnixTime::since_unix_epoch(now.saturating_since(UnixTime::EPOCH));
        let mut last = None;
        for name in &self.names {
            let judged = (self.verifier).verify_server_cert(first, rest, name, &[], now);
            match judged {
                Ok(_) => return Ok(None),
                Err(Error::InvalidCertificate(CertificateError::BadEncoding)) => {
                    return Err(FetchError::new("what is there is no certificate"));
                }
                Err(Error::InvalidCertificate(reason)) => last = Some(reason),
                Err(error) => return Err(FetchError::new(error)),
            }
        }
        Ok(last)
    }
}

/// From when on a certificate is not valid any more: the second behind its last one (RFC 5280, section 4.1.2.5).
fn end(certificate: &CertificateDer<'_>) -> Result<UnixTime, FetchError> {
    let read = Certificate::from_der(certificate).map_err(FetchError::new)?;
    let last = read.tbs_certificate().validity().not_after;
    let behind = last
        .to_unix_duration()
        .saturating_add(Duration::from_secs(1));
    Ok(UnixTime::EPOCH.saturating_add(behind))
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
            Some(pem) => self.keys(url, &pem, UnixTime::now()),
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

    /// An authority, a certificate for `certs.sender.example` issued by it, and one issued by
    /// another authority. They were made with `openssl req -x509` and `openssl x509 -req`, until
    /// the year 2126.
    const ROOT: &str = include_str!("../../tests/data/certificates/root.pem");
    const LEAF: &str = include_str!("../../tests/data/certificates/leaf.pem");
    const FOREIGN: &str = include_str!("../../tests/data/certificates/foreign.pem");
    const URL: &str = "https://certs.sender.example/a.pem";

    fn certificates() -> HttpCertificates {
        HttpCertificates::at([CertificateUrl::new("certs.sender.example", "/", ".pem")]).unwrap()
    }

    /// `date -u -d '2026-12-01' +%s`
    const NOW: UnixTime = UnixTime::from_secs(1_796_083_200);
    /// The last second of `LEAF`: `date -u -d 'Nov  5 13:35:44 2126 GMT' +%s`, as
    /// `openssl x509 -enddate -noout` tells it.
    const LAST: UnixTime = UnixTime::from_secs(4_949_559_344);

    #[test]
    fn a_certificate_for_no_name_is_refused_at_once() {
        assert!(certificates().under(ROOT, []).is_err());
    }

    fn under(name: &'static str) -> HttpCertificates {
        certificates().under(ROOT, [name]).unwrap()
    }

    /// How many keys it takes from this PEM; `None` where it cannot tell.
    fn taken(certificates: &HttpCertificates, pem: &str, now: UnixTime) -> Option<usize> {
        let keys = certificates.keys(URL, pem.as_bytes(), now);
        keys.ok().map(|keys| keys.len())
    }

    #[test]
    fn a_chain_ends_in_a_pinned_root_and_is_for_a_name() {
        let pinned = under("certs.sender.example");
        assert_eq!(taken(&pinned, LEAF, NOW), Some(1));
        // It was judged: there is no such key.
        assert_eq!(taken(&pinned, FOREIGN, NOW), Some(0));
        assert_eq!(taken(&pinned, &format!("{FOREIGN}{LEAF}"), NOW), Some(0));
        assert_eq!(taken(&under("certs.other.example"), LEAF, NOW), Some(0));
        // Without pinned roots, the host is trusted.
        assert_eq!(taken(&certificates(), FOREIGN, NOW), Some(1));
        // What is no certificate says nothing of the key.
        for all in [&certificates(), &pinned] {
            assert_eq!(taken(all, "no PEM", NOW), None);
            assert_eq!(taken(all, &LEAF.replace("CERTIFICATE", "KEY"), NOW), None);
            let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            assert_eq!(taken(all, garbage, NOW), None);
        }
    }

    #[test]
    fn a_key_counts_no_longer_than_the_certificate_that_a_pinned_root_vouches_for() {
        let pinned = under("certs.sender.example");
        let keys = pinned.keys(URL, LEAF.as_bytes(), LAST).unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(keys[0].end(), Some(LAST.saturating_add(second)));
        assert!(keys[0].is_active(LAST));
        assert!(!keys[0].is_active(LAST.saturating_add(second)));
        // The refetch of one that has expired has a clear answer.
        let later = LAST.saturating_add(second);
        assert_eq!(taken(&pinned, LEAF, later), Some(0));
        assert_eq!(taken(&pinned, LEAF, UnixTime::EPOCH), Some(0));
        let trusted = certificates();
        let keys = trusted.keys(URL, LEAF.as_bytes(), later).unwrap();
        assert_eq!(keys[0].end(), None);
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
