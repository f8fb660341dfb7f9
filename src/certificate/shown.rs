use std::fmt;
use std::sync::Arc;

use super::pem;
use crate::error::{ConfigError, ConfigErrorKind};

/// The certificate that a client has shown in its TLS handshake, as a request extension.
///
/// A server that demands certificates adds it to each request of the connection. Without a
/// certificate there is no such extension.
///
/// ```
/// use tower_webhook::certificate::ClientCertificate;
///
/// # fn shown_by(connection: &rustls::ServerConnection) -> Option<ClientCertificate> {
/// // With `rustls`: the first one is the client's own, and its chain follows.
/// let certificate = connection.peer_certificates().and_then(ClientCertificate::first_of);
/// # certificate
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    der: Arc<[u8]>,
}

impl ClientCertificate {
    /// From the DER bytes of the handshake. They are parsed when they are checked.
    ///
    /// ```
    /// use tower_webhook::certificate::ClientCertificate;
    ///
    /// # let der = [0x30_u8, 0x00];
    /// let certificate = ClientCertificate::from_der(der);
    /// assert_eq!(certificate.as_der(), der);
    /// ```
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Self {
        Self { der: der.into() }
    }

    /// The client's own certificate: the first of those that it has sent. The others are ignored: a
    /// client can send any.
    pub fn first_of<C: AsRef<[u8]>>(chain: &[C]) -> Option<Self> {
        chain.first().map(|first| Self::from_der(first.as_ref()))
    }

    /// From one certificate in PEM.
    ///
    /// # Errors
    ///
    /// A text without a certificate in PEM, or with more than one.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let der = pem::single(pem.as_ref()).ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::Proof,
                "one certificate in PEM belongs here, from BEGIN CERTIFICATE to END CERTIFICATE",
            )
        })?;
        Ok(Self::from_der(der))
    }

    /// The DER bytes.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("len", &self.der.len())
            .finish_non_exhaustive()
    }
}
