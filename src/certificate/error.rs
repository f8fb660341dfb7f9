use std::borrow::Cow;
use std::fmt;

/// The reason why a client certificate does not prove the origin.
///
/// Its text is for the operator. It names the certificate, which is not a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateError {
    kind: CertificateErrorKind,
    text: Cow<'static, str>,
}

/// The kind of a [`CertificateError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateErrorKind {
    /// No certificate was shown, or only by an untrusted peer.
    Missing,
    /// The value is not a certificate, or occurs twice.
    Malformed,
    /// It is not the sender's, or the proxy found its chain invalid.
    Refused,
    /// It is not yet valid, or no longer valid.
    Expired,
    /// The peer's address is unknown, or a proxy is not declared: the receiver is misconfigured.
    Fault,
}

impl CertificateError {
    pub(super) fn new(kind: CertificateErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    pub(super) fn malformed(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CertificateErrorKind::Malformed, text)
    }

    /// The kind of the error.
    pub fn kind(&self) -> CertificateErrorKind {
        self.kind
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CertificateError {}
