use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::facts::{Facts, Fingerprint, Read};
use super::shown::ClientCertificate;
use crate::error::{ConfigError, ConfigErrorKind};

/// The SHA-256 of no bytes, which some proxies write if no certificate was shown.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The longest name that is compared.
const MAX_NAME: usize = 1024;

/// Selects a sender's certificates.
///
/// | match | holds | worth |
/// | --- | --- | --- |
/// | [`sha256`](Self::sha256), [`certificate`](Self::certificate) | until the certificate is renewed | of itself |
/// | [`public_key_sha256`](Self::public_key_sha256), [`public_key_of`](Self::public_key_of) | as long as renewed ones keep the key | of itself |
/// | [`dns`](Self::dns), [`uri`](Self::uri) | across renewals | what the TLS server's authorities are worth |
/// | [`issued_by`](Self::issued_by), [`issued_to`](Self::issued_to), [`renewals_of`](Self::renewals_of) | across renewals | what the TLS server's authorities are worth |
///
/// During a rotation, name both the old and the new one.
///
/// ```
/// use tower_webhook::certificate::{CertificateMatch, CertificateProof};
///
/// let sender = CertificateProof::of([
///     CertificateMatch::sha256("31:0a:1b:5e:4a:6c:d9:7e:83:5f:52:5f:08:c0:a4:e0:10:7c:98:11:2b:5d:6c:cb:9f:39:0c:64:11:27:48:b3")?,
///     CertificateMatch::dns("webhooks.sender.example")?,
/// ])?;
/// # drop(sender);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateMatch(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Certificate(Fingerprint),
    PublicKey(Fingerprint),
    Dns(Box<str>),
    Uri(Box<str>),
    Issuer { issuer: Box<[u8]>, subject: Subject },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Any,
    CommonName(Box<str>),
    Exactly(Box<[u8]>),
}

impl CertificateMatch {
    /// The certificate with this SHA-256, in hex with or without colons, as
    /// `openssl x509 -noout -fingerprint -sha256` prints it.
    ///
    /// # Errors
    ///
    /// A text that is not a SHA-256 in hex. SHA-1 is not accepted.
    pub fn sha256(fingerprint: &str) -> Result<Self, ConfigError> {
        Ok(Self(Kind::Certificate(hex(fingerprint)?)))
    }

    /// Only this certificate, in PEM.
    ///
    /// # Errors
    ///
    /// What is no certificate in PEM.
    pub fn certificate(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let sha256 = facts(pem.as_ref())?.sha256;
        let sha256 = sha256.ok_or_else(|| refused("that is no certificate"))?;
        Ok(Self(Kind::Certificate(sha256)))
    }

    /// Certificates for the public key with this SHA-256.
    ///
    /// The hash is over the whole subject public key info: in hex, or in base64 as in
    /// `openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`.
    ///
    /// # Errors
    ///
    /// A text that is neither.
    ///
    /// ```
    /// use tower_webhook::certificate::CertificateMatch;
    ///
    /// let key = CertificateMatch::public_key_sha256("UHDoXfjkSMnJwuJT4Y83tEQLlp9mlqs0n9mwVYZYFjI=")?;
    /// # drop(key);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn public_key_sha256(fingerprint: &str) -> Result<Self, ConfigError> {
        let text = fingerprint.trim();
        let of_base64 = BASE64.decode(text.as_bytes()).ok();
        let of_base64 = of_base64.and_then(|bytes| Fingerprint::try_from(bytes).ok());
        Ok(Self(Kind::PublicKey(match of_base64 {
            Some(bytes) => bytes,
            None => hex(text)?,
        })))
    }

    /// Certificates for the public key of this certificate, in PEM.
    ///
    /// # Errors
    ///
    /// What is no certificate in PEM.
    ///
    /// ```
    /// use tower_webhook::certificate::CertificateMatch;
    ///
    /// assert!(CertificateMatch::public_key_of("no PEM").is_err());
    /// ```
    pub fn public_key_of(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self(Kind::PublicKey(read(pem.as_ref())?.public_key_sha256)))
    }

    /// Certificates with this DNS name among their alternative names, compared without case. A
    /// wildcard in a certificate matches only itself.
    ///
    /// # Errors
    ///
    /// An empty name, or one longer than 1024 bytes.
    pub fn dns(name: &str) -> Result<Self, ConfigError> {
        Ok(Self(Kind::Dns(named(name)?)))
    }

    /// Certificates with this URI among their alternative names, compared byte by byte, such as
    /// `spiffe://sender.example/webhooks`.
    ///
    /// # Errors
    ///
    /// As [`dns`](Self::dns).
    ///
    /// ```
    /// use tower_webhook::certificate::CertificateMatch;
    ///
    /// let workload = CertificateMatch::uri("spiffe://sender.example/webhooks")?;
    /// # drop(workload);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn uri(uri: &str) -> Result<Self, ConfigError> {
        Ok(Self(Kind::Uri(named(uri)?)))
    }

    /// Certificates whose issuer is the subject of this authority, in PEM: for an authority that
    /// issues only to this sender. Names are compared in DER, byte by byte. The TLS server must
    /// have checked that the authority signed.
    ///
    /// # Errors
    ///
    /// What is no certificate in PEM.
    pub fn issued_by(authority: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::by(authority.as_ref(), Subject::Any)
    }

    /// The same, with this common name in the subject: for an authority that also issues to others.
    ///
    /// # Errors
    ///
    /// What is no certificate in PEM, and a name as [`dns`](Self::dns) refuses it.
    ///
    /// ```
    /// use tower_webhook::certificate::CertificateMatch;
    ///
    /// # let authority = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/root.pem"));
    /// let pager_duty = CertificateMatch::issued_to(authority, "webhooks.pagerduty.com")?;
    /// # drop(pager_duty);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn issued_to(authority: impl AsRef<[u8]>, common_name: &str) -> Result<Self, ConfigError> {
        Self::by(authority.as_ref(), Subject::CommonName(named(common_name)?))
    }

    fn by(authority: &[u8], subject: Subject) -> Result<Self, ConfigError> {
        let issuer = read(authority)?.subject.into();
        Ok(Self(Kind::Issuer { issuer, subject }))
    }

    /// Certificates with the issuer and the subject of this one, in PEM, both compared in DER byte by byte.
    ///
    /// # Errors
    ///
    /// What is no certificate in PEM.
    ///
    /// ```
    /// use tower_webhook::certificate::CertificateMatch;
    ///
    /// # let today = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/leaf.pem"));
    /// let renewed = CertificateMatch::renewals_of(today)?;
    /// # drop(renewed);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn renewals_of(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let Read {
            issuer, subject, ..
        } = read(pem.as_ref())?;
        Ok(Self(Kind::Issuer {
            issuer: issuer.into(),
            subject: Subject::Exactly(subject.into()),
        }))
    }

    /// Whether this is one of them.
    pub(super) fn includes(&self, facts: &Facts) -> bool {
        let read = facts.read.as_ref();
        match &self.0 {
            Kind::Certificate(sha256) => facts.sha256.as_ref() == Some(sha256),
            Kind::PublicKey(sha256) => read.is_some_and(|read| read.public_key_sha256 == *sha256),
            Kind::Dns(name) => (facts.dns.iter()).any(|other| other.eq_ignore_ascii_case(name)),
            Kind::Uri(uri) => facts.uris.iter().any(|other| **other == **uri),
            Kind::Issuer { issuer, subject } => read.is_some_and(|read| {
                *read.issuer == **issuer
                    && match subject {
                        Subject::Any => true,
                        Subject::CommonName(name) => {
                            matches!(read.common_names.as_slice(), [only] if **only == **name)
                        }
                        Subject::Exactly(subject) => *read.subject == **subject,
                    }
            }),
        }
    }

    /// Whether the certificate itself is needed, not only the facts that a proxy states.
    pub(super) fn needs_certificate(&self) -> bool {
        !matches!(self.0, Kind::Certificate(_))
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Proof, message)
}

fn hex(text: &str) -> Result<Fingerprint, ConfigError> {
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
    if digits.len() == 40 {
        return Err(refused(
            "40 digits are a fingerprint of SHA-1: take the one of SHA-256",
        ));
    }
    if digits.eq_ignore_ascii_case(OF_NOTHING) {
        return Err(refused(
            "that is the SHA-256 of nothing, which stands where no certificate was shown",
        ));
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    bytes
        .and_then(|bytes| Fingerprint::try_from(bytes).ok())
        .ok_or_else(|| refused("a SHA-256 in hex has 64 digits, with or without colons"))
}

fn named(name: &str) -> Result<Box<str>, ConfigError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(refused("a name has 1 to 1024 bytes"));
    }
    Ok(name.into())
}

fn facts(pem: &[u8]) -> Result<Facts, ConfigError> {
    let certificate = ClientCertificate::from_pem(pem)?;
    Facts::read(certificate.as_der()).map_err(|error| refused(error.to_string()))
}

fn read(pem: &[u8]) -> Result<Read, ConfigError> {
    facts(pem)?
        .read
        .ok_or_else(|| refused("that is no certificate"))
}
