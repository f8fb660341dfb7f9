//! Client certificates: proof of origin by the certificate that a sender shows in its TLS handshake.
//!
//! The handshake ends before a request arrives. The TLS endpoint, which is your server or a proxy
//! before it, checks that the sender holds the certificate's key and that an authority has issued
//! it. This module finds the certificate that was shown, and decides whether it is the sender's.
//!
//! - The server hands it on as a [`ClientCertificate`] in the request's extensions, or a
//!   [declared](crate::TrustedProxies) proxy writes it into a [`CertificateHeader`].
//! - A [`CertificateMatch`] selects the sender's certificates: by fingerprint, by name, by issuer.
//! - A [`CertificateProof`] combines both, and is used like any other [`Prove`](crate::layer::Prove).
//!
//! A fingerprint is secure whatever the TLS server trusts, because nobody else has the key. Anyone
//! can write names and issuers into a certificate. They are only as reliable as the TLS server's
//! list of authorities, which must contain only the sender's.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_webhook::certificate::{CertificateMatch, CertificateProof, ClientCertificate};
//! use tower_webhook::provider;
//! use tower_webhook::{ManualClock, MemoryStore, UnixTime, Webhook};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let leaf = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/leaf.pem"));
//! # let other = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/foreign.pem"));
//! let sender = CertificateProof::of([CertificateMatch::certificate(leaf)?])?;
//! let inter = Webhook::new(provider::inter(sender))
//!     .store(MemoryStore::new())
//!     .clock(ManualClock::new(UnixTime::from_secs(1_900_000_000)));
//! let service = ServiceBuilder::new().layer(inter.build()?).service_fn(
//!     async |_: Request<Full<Bytes>>| Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())),
//! );
//!
//! // A server puts it there after the handshake.
//! let shown = |pem: &str| {
//!     let certificate = ClientCertificate::from_pem(pem).unwrap();
//!     let request = Request::post("/").extension(certificate);
//!     request.body(Full::from(r#"[{"endToEndId":"E1"}]"#)).unwrap()
//! };
//! assert_eq!(service.clone().oneshot(shown(leaf)).await?.status(), StatusCode::OK);
//! assert_eq!(service.clone().oneshot(shown(other)).await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```

mod error;
mod facts;
mod header;
mod matching;
mod pem;
mod proof;
mod shown;
mod xfcc;

pub use error::{CertificateError, CertificateErrorKind};
pub use header::CertificateHeader;
pub use matching::CertificateMatch;
pub use proof::CertificateProof;
pub(crate) use proof::Seen;
pub use shown::ClientCertificate;

#[cfg(test)]
mod tests;
