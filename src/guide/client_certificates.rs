//! Senders that show a client certificate.
//!
//! Efí and Inter sign nothing: they are known by the certificate that they show while the TLS connection
//! is made. Others, such as PagerDuty and Meta, can show one beside their signature. The
//! [`certificate`](crate::certificate) module tells whether the certificate that was shown is the
//! sender's, and when it is valid. `examples/pix` is a whole receiver, alone and behind nginx.
//!
//! # Who does what
//!
//! | question | who answers it |
//! | --- | --- |
//! | Does the client hold the key of the certificate? | the TLS server, or the proxy that ends TLS |
//! | Has an authority issued it that may issue certificates of clients, and is none of its chain revoked? | they too: this crate verifies no chain |
//! | Is it this sender's, and valid now? | [`CertificateProof`](crate::certificate::CertificateProof) |
//! | Who may tell the receiver by a header which certificate was shown? | [`Webhook::trusted_proxies`](crate::Webhook::trusted_proxies) |
//!
//! So the server's list of authorities must hold those of your senders and no other, above all none of
//! those that browsers trust. A [fingerprint](crate::certificate::CertificateMatch::certificate) is safe
//! whatever the list holds, and has to be changed when the sender renews: name both while it does.
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
//! /// Behind a proxy that writes `Client-Cert`, as RFC 9440 has it.
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
//!     // What HAProxy writes where no certificate was shown.
//!     assert_eq!(from("10.0.0.7", "::").await?.status(), StatusCode::UNAUTHORIZED);
//!     // A stranger who has reached the receiver without the proxy.
//!     assert_eq!(from("198.51.100.7", &told).await?.status(), StatusCode::UNAUTHORIZED);
//!     Ok(())
//! }
//! ```
//!
//! # What stands in the log
//!
//! | the log says | look at |
//! | --- | --- |
//! | `certificate_missing` | a sender that shows none, as Efí's probe; a server that does not ask for one, or does not put a `ClientCertificate` into the request's extensions; a proxy that does not write the header, or is not declared |
//! | `certificate_refused` | its fingerprint, subject and issuer stand beside it: another certificate under an authority that the server trusts, or a sender that has renewed; or the words of a proxy for which the chain is not right |
//! | `certificate_expired` | the sender's certificate, or the receiver's clock |
//! | `certificate_malformed` | a proxy that appends its header to the client's; another form than is set; a chain where one certificate belongs |
//! | `source_fault` | a peer of your own network that writes the header and is not declared |
//!
//! # A server or proxy that is set up wrongly
//!
//! | mistake | how it shows |
//! | --- | --- |
//! | The server asks for no certificate. | Each delivery is `certificate_missing`, the true ones too. |
//! | It trusts too many authorities, or `ssl_verify_client optional_no_ca` passes on whatever comes. | By nothing: deliveries go on as before. With a fingerprint it does no harm; with names and issuers whoever can have a certificate made is the sender. Show your server one of another authority, as the tests of `examples/pix` do. |
//! | The proxy passes on the client's header where no certificate was shown. | By nothing, until somebody tries: send the header yourself, without a certificate. It must be refused. |
//! | Strangers reach the receiver beside the proxy. | Their header is not read. A proxy on the same machine shares its address with every other process there. |
//! | TLS ends at a load balancer in front of nginx. | nginx sees no certificate: `certificate_missing`. |
//! | A server takes what another refuses: rustls no certificate of version 1 and no authority as a client, nginx both. | The handshake of a sender with an old certificate fails after a change of server. |
//!
//! A certificate says who has sent a delivery, and nothing of what it says. Where a sender signs too, demand both
//! with [`and_proved_by`](crate::Provider::and_proved_by); where it publishes addresses, those with
//! [`and_from_source`](crate::Provider::and_from_source). Efí's registration without certificates is another
//! preset, [`efi`](crate::provider::efi()).
