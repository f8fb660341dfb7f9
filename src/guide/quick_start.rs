//! From nothing to a receiver.
//!
//! A receiver needs four things: who sends ([`provider`](crate::provider)), where records are stored
//! ([`store`](crate::store)), where it is mounted, and what it does with an event.
//!
//! ```toml
//! [dependencies]
//! axum = "0.8"
//! serde = { version = "1", features = ["derive"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] } # for the calls below alone
//! tracing-subscriber = "0.3"
//! tower-webhook = { git = "https://github.com/tower-webhook/tower-webhook" } # until a version is released
//! ```
//!
//! Its default features are `axum` and `redis`; the front page has a [table](crate#features) of all.
//!
//! Below, the router is called with deliveries in Stripe's format, as a test can do too; a real `main`
//! serves it by `axum::serve`. `examples/stripe.rs` is such a `main`, with the secret from the
//! environment, records in Redis and a graceful shutdown.
//!
//! ```
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use serde::Deserialize;
//! use tower::ServiceExt;
//! use tower_webhook::provider::{self, stripe};
//! use tower_webhook::{Delivery, Event, ManualClock, MemoryStore, RouterExt, UnixTime, Webhook};
//!
//! #[derive(Deserialize)]
//! struct StripeEvent {
//!     r#type: String,
//! }
//!
//! async fn on_event(event: Event<StripeEvent>, delivery: Delivery) -> StatusCode {
//!     // An effect that is unique on `delivery.key().encoded()` takes place once, whatever fails.
//!     println!("{} of {}", event.r#type, delivery.key());
//!     StatusCode::NO_CONTENT
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // The reason for a refusal is only in the log: the sender does not learn it.
//!     tracing_subscriber::fmt::init();
//!     let keys = stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
//!     let stripe = Webhook::new(provider::stripe(keys))
//!         .store(MemoryStore::new())
//!         // The delivery was signed at that time; a real receiver uses the system clock.
//!         .clock(ManualClock::new(UnixTime::from_secs(1_777_899_600)))
//!         .build()?;
//!     let app: Router = Router::new().webhook("/webhooks/stripe", stripe, on_event);
//!
//!     let deliver = |signature: &str| {
//!         let request = Request::post("/webhooks/stripe")
//!             .header("stripe-signature", format!("t=1777899600,v1={signature}"))
//!             .body(Body::from(r#"{"id":"evt_1","type":"invoice.paid"}"#));
//!         app.clone().oneshot(request.unwrap())
//!     };
//!     // Made by `openssl dgst -sha256 -hmac "$SECRET"` over `{t}.{body}`.
//!     let right = "e162025436917946e377f5df05beb08afdec253d01c30cc307565dc189e20c7a";
//!     assert_eq!(deliver(right).await?.status(), StatusCode::NO_CONTENT);
//!     // Stripe sends it again: the handler does not run.
//!     assert_eq!(deliver(right).await?.headers()["idempotent-replayed"], "true");
//!     // A forged signature.
//!     let forged = "0000000000000000000000000000000000000000000000000000000000000000";
//!     assert_eq!(deliver(forged).await?.status(), StatusCode::UNAUTHORIZED);
//!     Ok(())
//! }
//! ```
//!
//! # And then
//!
//! - [`MemoryStore`](crate::MemoryStore) forgets at every restart. `RedisStore`, `SqliteStore` and
//!   `PostgresStore` do not.
//! - Read secrets from the environment:
//!   `stripe::keys(Secrets::from_env("STRIPE_WEBHOOK_SECRETS")?)?`. [`roll_over`](super::roll_over)
//!   explains how to change one.
//! - Give all webhooks the same [`Drain`](crate::Drain), and wait for it once the server has ended.
//! - A handler answers 2xx when it is done, [`Permanent`](crate::Permanent) if no retry can help, and an error
//!   status or a [`Failure`](crate::runtime::Failure) to get the event again: [`guarantees`](super::guarantees)
//!   says what follows from each. An `Err(String)` is no failure: axum answers it with 200.
//! - Behind a proxy or a load balancer, read [`proxies`](super::proxies) if a sender is proved by its
//!   address.
