use std::error::Error;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The treatment of a client without a certificate. A client whose certificate is issued by none of
/// our authorities always fails in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Its handshake fails.
    InHandshake,
    /// It gets 401 on routes where a certificate is the proof, and is served on other routes of the
    /// same port.
    OnTheRoute,
}

/// TLS with this certificate and key, for clients of these authorities, all in PEM.
///
/// `authorities` must hold only what the senders publish: if the proof is a name or an issuer, any
/// client with a certificate of one of them is taken for a sender.
///
/// # Errors
///
/// If a file is not PEM, or the key belongs to another certificate.
pub fn server_config(
    certificate: &[u8],
    key: &[u8],
    authorities: &[u8],
    demand: Demand,
) -> Result<Arc<ServerConfig>, Box<dyn Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        roots.add(authority?)?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = match demand {
        Demand::InHandshake => verifier,
        Demand::OnTheRoute => verifier.allow_unauthenticated(),
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>()?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier.build()?)
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key)?)?;
    Ok(Arc::new(config))
}
