//! Senders that show a client certificate.
//!
//! Efí and Inter sign nothing: they are identified by the certificate that they show while the TLS connection
//! is made. Others, such as PagerDuty and Meta, can show one in addition to their signature. The
//! [`certificate`](crate::certificate) module checks whether the certificate that was shown is the
//! sender's and is valid. `examples/pix` is a complete receiver, alone and behind nginx.
//!
//! # Who does what
//!
//! | question | who answers it |
//! | --- | --- |
//! | Does the client hold the key of the certificate? | the TLS server, or the proxy that ends TLS |
//! | Was it issued by an authority that may issue client certificates, and is no certificate of its chain revoked? | the same server or proxy: this crate verifies no chain |
//! | Is it this sender's, and valid now? | [`CertificateProof`](crate::certificate::CertificateProof) |
//! | Who may say in a header which certificate was shown? | [`Webhook::trusted_proxies`](crate::Webhook::trusted_proxies) |
//!
//! So the server's list of authorities must contain only those of your senders, and none of
//! those that browsers trust. A [fingerprint](crate::certificate::CertificateMatch::certificate) is safe
//! whatever the list contains, but must be changed when the sender renews: name both during the renewal.
//!
//! ```
//! use std::net::SocketAddr;
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_webhook::certificate::{CertificateHeader, CertificateMatch, CertificateProof, ClientCertificate};
//! use tower_webhook::layer::PeerAddr;
//! use tower_webhook::{ConfigError, Delivery, MemoryStore, RouterExt, TrustedProxies, Webhook, provider};
//!
//! async fn on_pix(delivery: Delivery) -> StatusCode {
//!     println!("{}", delivery.key());
//!     StatusCode::OK
//! }
//!
//! /// Behind a proxy that writes `Client-Cert` as RFC 9440 defines it.
//! fn behind_a_proxy(sender: CertificateProof) -> Result<Router, ConfigError> {
//!     let efi = provider::efi_mtls(sender.written_in(CertificateHeader::rfc9440()));
//!     let proxies = TrustedProxies::parse(["10.0.0.7"])?;
//!     let efi = Webhook::new(efi).store(MemoryStore::new()).trusted_proxies(proxies).build()?;
//!     // Efí adds `/pix` to the URL that it was given.
//!     Ok(Router::new().webhook("/efi", efi.clone(), on_pix).webhook("/efi/pix", efi, on_pix))
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let certificate = std::fs::read_to_string("tests/data/certificates/leaf.pem")?;
//!     let sender = CertificateProof::of([CertificateMatch::certificate(&certificate)?])?;
//!     let app = behind_a_proxy(sender)?;
//!     let der = ClientCertificate::from_pem(&certificate)?;
//!     let told = format!(":{}:", data_encoding::BASE64.encode(der.as_der()));
//!     let from = |peer: &str, told: &str| {
//!         let peer = PeerAddr(SocketAddr::new(peer.parse().unwrap(), 4711));
//!         let request = Request::post("/efi/pix").extension(peer).header("client-cert", told);
//!         app.clone().oneshot(request.body(Body::from(r#"{"pix":[{"endToEndId":"E1"}]}"#)).unwrap())
//!     };
//!     assert_eq!(from("10.0.0.7", &told).await?.status(), StatusCode::OK);
//!     // HAProxy writes this if no certificate was shown.
//!     assert_eq!(from("10.0.0.7", "::").await?.status(), StatusCode::UNAUTHORIZED);
//!     // A stranger who reached the receiver without the proxy.
//!     assert_eq!(from("198.51.100.7", &told).await?.status(), StatusCode::UNAUTHORIZED);
//!     Ok(())
//! }
//! ```
//!
//! # What stands in the log
//!
//! | the log says | look at |
//! | --- | --- |
//! | `certificate_missing` | a sender that shows none, such as Efí's probe; a server that does not ask for one, or does not put a `ClientCertificate` into the request's extensions; a proxy that does not write the header, or is not declared |
//! | `certificate_refused` | its fingerprint, subject and issuer, which are on the same line: another certificate under an authority that the server trusts, or a sender that has renewed; or the error text of a proxy that could not verify the chain |
//! | `certificate_expired` | the sender's certificate, or the receiver's clock |
//! | `certificate_malformed` | a proxy that appends its header to the client's; a form other than the one that is set; a chain where one certificate belongs |
//! | `source_fault` | a peer of your own network that writes the header and is not declared |
//!
//! # A server or proxy that is set up wrongly
//!
//! | mistake | how it shows |
//! | --- | --- |
//! | The server asks for no certificate. | Every delivery is `certificate_missing`, even authentic ones. |
//! | It trusts too many authorities, or `ssl_verify_client optional_no_ca` passes on any certificate. | It does not show: deliveries continue as before. With a fingerprint it does no harm; with names and issuers, anyone who can get such a certificate issued can pose as the sender. Test your server with a certificate of another authority, as the tests of `examples/pix` do. |
//! | The proxy passes on the client's header if no certificate was shown. | It does not show until it is exploited: send the header yourself, without a certificate. It must be refused. |
//! | Strangers can reach the receiver without the proxy. | Their header is not read. A proxy on the same machine shares its address with every other process there. |
//! | TLS ends at a load balancer in front of nginx. | nginx sees no certificate: `certificate_missing`. |
//! | Servers differ in what they accept: rustls refuses certificates of version 1 and authorities as clients, nginx accepts both. | The handshake of a sender with an old certificate fails after a change of server. |
//!
//! A certificate proves who sent a delivery, but not its content. If a sender also signs, demand both
//! with [`and_proved_by`](crate::Provider::and_proved_by); if it publishes addresses, demand them with
//! [`and_from_source`](crate::Provider::and_from_source). Efí's registration without certificates is another
//! preset, [`efi`](crate::provider::efi()).
