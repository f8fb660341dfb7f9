//! Running without axum.
//!
//! The crate is for any Tower HTTP service; axum is its default feature. Without it
//! (`default-features = false`), a handler is a service that finds its
//! [`Delivery`](crate::Delivery) in the request's extensions. Here hyper serves one:
//!
//! ```no_run
//! use std::convert::Infallible;
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use hyper_util::{rt::TokioIo, service::TowerToHyperService};
//! use tower::ServiceBuilder;
//! use tower_webhook::layer::PeerAddr;
//! use tower_webhook::{Allowlist, Delivery, MemoryStore, Webhook, provider};
//!
//! async fn on_event(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let mut answer = Response::new(Full::default());
//!     match request.extensions().get::<Delivery>() {
//!         Some(delivery) => println!("{}: {} bytes", delivery.key(), delivery.body().len()),
//!         None => *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
//!     }
//!     Ok(answer)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let bloquo = provider::bloquo(Allowlist::parse(["203.0.113.0/24"])?);
//!     let layer = Webhook::new(bloquo)
//!         .store(MemoryStore::new())
//!         .build()?
//!         // hyper's `Incoming` cannot be made from bytes: the handler gets this type instead.
//!         .handler_body::<Full<Bytes>>();
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     loop {
//!         let (stream, peer) = listener.accept().await?;
//!         let service = ServiceBuilder::new()
//!             // Only senders that are proved by their address need this.
//!             .map_request(move |mut request: Request<hyper::body::Incoming>| {
//!                 request.extensions_mut().insert(PeerAddr(peer));
//!                 request
//!             })
//!             .layer(layer.clone())
//!             .service_fn(on_event);
//!         let connection = hyper::server::conn::http1::Builder::new()
//!             .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
//!         tokio::spawn(connection);
//!     }
//! }
//! ```
//!
//! An [`EventHandler`](crate::EventHandler) knows nothing of HTTP. A service can call it:
//!
//! ```
//! use http::Extensions;
//! use tower_webhook::runtime::{EventHandler, Failure, Run};
//! use tower_webhook::{Delivery, Event};
//!
//! async fn on_event(event: Event<serde_json::Value>, delivery: Delivery) {
//!     println!("{} of {}", event["type"], delivery.key());
//! }
//!
//! async fn handle(extensions: &Extensions) -> Result<(), Failure> {
//!     match extensions.get::<Delivery>() {
//!         Some(delivery) => on_event.call(Run::new(delivery, &())).await,
//!         None => Err(Failure::retry("no webhook layer stands before this handler")),
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     assert!(handle(&Extensions::new()).await.is_err());
//! }
//! ```
//!
//! # Without a server
//!
//! A [`Verifier`](crate::signature::Verifier) needs only a head and a body, and an
//! [`EventRule`](crate::event::EventRule) names the event. Use them in a consumer of a queue, in a
//! serverless function, or in a test.
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::provider::{self, stripe};
//! use tower_webhook::UnixTime;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
//!     let mut headers = HeaderMap::new();
//!     headers.insert(
//!         "stripe-signature",
//!         "t=1777899600,v1=e162025436917946e377f5df05beb08afdec253d01c30cc307565dc189e20c7a".parse()?,
//!     );
//!     let body = br#"{"id":"evt_1","type":"invoice.paid"}"#;
//!     // When this delivery arrived; for one that has just arrived, use `UnixTime::now()`.
//!     let now = UnixTime::from_secs(1_777_899_600);
//!
//!     let verified = stripe.verifier().ok_or("it signs")?.verify(&headers, body, now)?;
//!     let event = stripe.rule().identify(stripe.name(), &headers, verified.id(), body)?;
//!     assert_eq!(event.key.encoded(), "stripe:evt_1");
//!     Ok(())
//! }
//! ```
