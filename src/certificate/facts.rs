//! The facts in a certificate.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use super::error::{CertificateError, CertificateErrorKind};
use super::pem::MAX_DER;
use crate::clock::UnixTime;
use crate::printable::Printable;

pub(super) type Fingerprint = [u8; 32];

/// The facts in a certificate, or those that a proxy states about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) sha256: Option<Fingerprint>,
    pub(super) dns: Vec<String>,
    pub(super) uris: Vec<String>,
    pub(super) read: Option<Read>,
}

/// The facts that only the certificate itself contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) public_key_sha256: Fingerprint,
    /// Names in DER.
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) common_names: Vec<String>,
    /// The subject for a log line (RFC 4514).
    shown_subject: String,
    shown_issuer: String,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Facts {
    /// Reads a certificate in DER.
    pub(super) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_DER {
            return Err(CertificateError::malformed(
                "the certificate is longer than 16 KiB, and is not read",
            ));
        }
        let unread = |_| CertificateError::malformed("what was shown is no X.509 certificate");
        let certificate = Certificate::from_der(der).map_err(unread)?;
        let tbs = certificate.tbs_certificate();
        let key = tbs.subject_public_key_info().to_der().map_err(unread)?;
        let (dns, uris) = names(&certificate);
        let seconds =
            |time: x509_cert::time::Time| UnixTime::from_secs(time.to_unix_duration().as_secs());
        Ok(Self {
            sha256: Some(Sha256::digest(der).into()),
            dns,
            uris,
            read: Some(Read {
                public_key_sha256: Sha256::digest(key).into(),
                issuer: tbs.issuer().to_der().map_err(unread)?,
                subject: tbs.subject().to_der().map_err(unread)?,
                common_names: common_names(tbs.subject()),
                shown_subject: tbs.subject().to_string(),
                shown_issuer: tbs.issuer().to_string(),
                not_before: seconds(tbs.validity().not_before),
                not_after: seconds(tbs.validity().not_after),
            }),
        })
    }

    /// Whether it is valid now: from the first second to the last one (RFC 5280, section 4.1.2.5).
    pub(super) fn check_time(&self, now: UnixTime) -> Result<(), CertificateError> {
        let Some(read) = &self.read else {
            return Ok(());
        };
        let now = UnixTime::from_secs(now.as_secs());
        let what = if now < read.not_before {
            format!(
                "{self} is not valid before {}",
                read.not_before.to_rfc3339()
            )
        } else if now > read.not_after {
            format!("{self} is not valid after {}", read.not_after.to_rfc3339())
        } else {
            return Ok(());
        };
        Err(CertificateError::new(CertificateErrorKind::Expired, what))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate")?;
        if let Some(sha256) = &self.sha256 {
            write!(f, " with SHA-256 {}", HEXLOWER.encode(sha256))?;
        }
        match &self.read {
            Some(read) => write!(
                f,
                " of {:?} by {:?}",
                Printable(cut(&read.shown_subject)),
                Printable(cut(&read.shown_issuer)),
            ),
            None => Ok(()),
        }
    }
}

/// A name cut for a log line: a client chooses its own.
fn cut(name: &str) -> &str {
    let end = (name.char_indices().nth(120)).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}

/// The DNS names and URIs among its alternative names. An unreadable list counts as empty.
fn names(certificate: &Certificate) -> (Vec<String>, Vec<String>) {
    let (mut dns, mut uris) = (Vec::new(), Vec::new());
    let listed = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(listed)))) = listed else {
        return (dns, uris);
    };
    for name in listed {
        match name {
            GeneralName::DnsName(name) => dns.push(name.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => uris.push(uri.to_string()),
            _ => {}
        }
    }
    (dns, uris)
}

/// The common names of a subject, in the text types in use.
fn common_names(subject: &Name) -> Vec<String> {
    let each = subject.iter().filter(|part| part.oid == CN);
    each.filter_map(|part| {
        let value = &part.value;
        let text = (value.decode_as::<Utf8StringRef<'_>>().ok()).map(|text| text.to_string());
        let text = text.or_else(|| {
            let text = value.decode_as::<PrintableStringRef<'_>>().ok()?;
            Some(text.to_string())
        });
        text.or_else(|| {
            let text = value.decode_as::<TeletexStringRef<'_>>().ok()?;
            Some(text.to_string())
        })
    })
    .collect()
}
