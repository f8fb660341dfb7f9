use std::borrow::Cow;
use std::fmt;

/// Why a client certificate does not prove the origin.
///
/// Its text is for the operator. It names what was shown: a certificate is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateError {
    kind: CertificateErrorKind,
    text: Cow<'static, str>,
}

/// The kind of a [`CertificateError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateErrorKind {
    /// No certificate was shown, or none by a peer that is believed.
    Missing,
    /// What was shown is no certificate, or stands twice.
    Malformed,
    /// It is another's, or the proxy has found that its chain is not right.
    Refused,
    /// It is not valid yet, or not any more.
    Expired,
    /// The peer's address is not known, or a proxy is not declared: the receiver is set up wrongly.
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

    /// What kind of error this is.
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
