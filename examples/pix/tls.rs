use std::error::Error;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// What becomes of a client without a certificate. One whose certificate no authority of ours has issued
/// fails in the handshake, whatever is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Its handshake fails.
    InHandshake,
    /// It gets 401 where a certificate is the proof, and is served elsewhere: for other routes on the
    /// same port.
    OnTheRoute,
}

/// TLS with this certificate and key, and with clients of these authorities, all in PEM.
///
/// `authorities` holds what the senders publish and nothing else: whoever is under one of them is taken
/// for a sender where the proof is a name or an issuer.
///
/// # Errors
///
/// Files that are no PEM, or a key that is another certificate's.
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
