//! Behind a proxy, for senders that are proved by their address.
//!
//! Behind a proxy the peer of every connection is the proxy. The client's address is in a header, and
//! a header is only as trustworthy as its author: a stranger who reaches the receiver directly can write
//! anything. So no header is believed until the proxy is declared, and then only that proxy's header.
//!
//! | in front of the receiver | what to declare |
//! | --- | --- |
//! | nothing | nothing; the peer is the client |
//! | a proxy that writes `X-Forwarded-For` | `TrustedProxies::parse(["10.0.0.0/8"])?`, with its addresses |
//! | a proxy that writes `Forwarded` (RFC 7239) | the same with [`header`](crate::TrustedProxies::header)`(ForwardingHeader::Forwarded)` |
//! | several proxies in a row | all of them; the client is the first hop from the right that is none of them |
//! | a proxy that writes the client's address into a header of its own (`X-Real-IP`, `CF-Connecting-IP`, `Fly-Client-IP`, `True-Client-IP`, `CloudFront-Viewer-Address`) | the same with that [`ForwardingHeader`](crate::source::ForwardingHeader) |
//! | a proxy with any other header | [`peer_from`](crate::Webhook::peer_from), which reads the address that a layer outside has put into the extensions |
//!
//! Serve with `into_make_service_with_connect_info::<SocketAddr>()`, so that the receiver knows the
//! peer. Other servers put a [`PeerAddr`](crate::layer::PeerAddr) into the request's extensions.
//!
//! ```
//! use std::net::SocketAddr;
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_webhook::layer::PeerAddr;
//! use tower_webhook::{Allowlist, MemoryStore, RouterExt, TrustedProxies, Webhook, provider};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let bloquo = provider::bloquo(Allowlist::parse(["203.0.113.0/24"])?);
//!     let bloquo = Webhook::new(bloquo)
//!         .store(MemoryStore::new())
//!         .trusted_proxies(TrustedProxies::parse(["10.0.0.0/8"])?);
//!     let app: Router = Router::new().webhook("/bloquo", bloquo.build()?, async || "done");
//!
//!     let from = |peer: &str, forwarded: &str| {
//!         let request = Request::post("/bloquo")
//!             // A server puts it there; axum's `ConnectInfo` works too.
//!             .extension(PeerAddr(SocketAddr::new(peer.parse().unwrap(), 4711)))
//!             .header("x-forwarded-for", forwarded)
//!             .body(Body::from(r#"{"OrderId":1,"Status":"COMPLETED"}"#));
//!         app.clone().oneshot(request.unwrap())
//!     };
//!     // Our proxy wrote the last hop; the hops before it are from the client.
//!     let through = from("10.0.0.2", "198.51.100.7, 203.0.113.9").await?;
//!     assert_eq!(through.status(), StatusCode::OK);
//!     // A stranger behind our proxy, who claims to be the sender.
//!     let claimed = from("10.0.0.2", "203.0.113.9, 198.51.100.7").await?;
//!     assert_eq!(claimed.status(), StatusCode::FORBIDDEN);
//!     // A stranger who reached us without the proxy.
//!     let direct = from("198.51.100.7", "203.0.113.9").await?;
//!     assert_eq!(direct.status(), StatusCode::FORBIDDEN);
//!     // An undeclared proxy in our own network: 500, and a line in the log.
//!     let undeclared = from("192.168.0.2", "203.0.113.9").await?;
//!     assert_eq!(undeclared.status(), StatusCode::INTERNAL_SERVER_ERROR);
//!     Ok(())
//! }
//! ```
//!
//! Declare the proxies' own addresses, not the networks of clients: a declared hop is passed over, and
//! if all hops are declared, there is no client. If the proxy also terminates TLS for strangers, an
//! allowlist proves no more than the proxy's word.
//!
//! Some senders publish the addresses that they deliver from. An
//! [`AddressFeed`](crate::source::AddressFeed) reads the lists of GitHub, Stripe and Atlassian, and any
//! other list of lines or JSON; a [`FeedRefresher`](crate::FeedRefresher) fetches it regularly. Until it
//! has been read once, unknown addresses get the not-now status. When it can no longer be read, its last
//! content counts for a week.
//!
//! Signed deliveries need none of this. For changes that a proxy makes to their body, see
//! [`unauthorized`](super::unauthorized).
