//! Client certificates: proof of origin by the certificate that a sender shows in its TLS handshake.
//!
//! The handshake is over before a request is here. That the sender holds the certificate's key, and that
//! an authority has issued it, is found out by whoever ends TLS: your server, or a proxy before it. What
//! this module does is to find the certificate that was shown, and to say whether it is the sender's.
//!
//! - The server hands it on as a [`ClientCertificate`] in the request's extensions, or a
//!   [declared](crate::TrustedProxies) proxy writes it into a [`CertificateHeader`].
//! - A [`CertificateMatch`] says which certificates are the sender's: by fingerprint, by name, by issuer.
//! - A [`CertificateProof`] is both together, and stands where any other [`Prove`](crate::layer::Prove)
//!   does.
//!
//! A fingerprint holds whatever the TLS server trusts, for nobody else has the key. Names and issuers are
//! words that anybody can write into a certificate: they are worth what the TLS server's list of
//! authorities is worth, which must hold the sender's alone.
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
//! // What a server puts there after the handshake.
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
