//! What a handler receives, and what it can answer.
//!
//! ```
//! use axum::{Router, body::Body, http::Request};
//! use serde::Deserialize;
//! use tower::ServiceExt;
//! use tower_webhook::layer::Proof;
//! use tower_webhook::runtime::Failure;
//! use tower_webhook::{
//!     Delivery, Event, MemoryStore, PathTokens, RouterExt, Webhook, event_handler, provider,
//! };
//!
//! #[derive(Deserialize)]
//! struct Purchase {
//!     transaction_id: String,
//! }
//!
//! async fn on_purchase(event: Event<Purchase>, delivery: Delivery) -> Result<(), Failure> {
//!     println!("{}: attempt {} at {}", event.transaction_id, delivery.attempt(), delivery.key());
//!     println!("received {}", delivery.received_at().to_rfc3339());
//!     // The sender's time of the event, and the keys that signed it: both are unknown here.
//!     assert_eq!((delivery.event_time(), delivery.verified_by()), (None, None));
//!     assert!(delivery.authenticated().proves(Proof::SecretPath));
//!     if delivery.is_test_id() || delivery.predates_retention() {
//!         return Err(Failure::permanent("a test, or one that is too old to tell"));
//!     }
//!     // It has a record (no fail-open), and the same content as before any failure.
//!     assert!(!delivery.is_unchecked() && !delivery.is_corrected());
//!     match delivery.lease().is_lost() {
//!         true => Err(Failure::retry("another receiver has it by now")),
//!         false => Ok(()),
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
//!     let app: Router = Router::new()
//!         .webhook("/bloque", bloque.build()?, event_handler(on_purchase));
//!     let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
//!     let request = Request::post("/bloque/3f9d1c0b7a5e48d26c90b1f4").body(Body::from(event))?;
//!     assert!(app.oneshot(request).await?.status().is_success());
//!     Ok(())
//! }
//! ```
//!
//! The payloads of the presets are typed, and have methods such as `is_final`:
//!
//! ```
//! use tower_webhook::Event;
//! use tower_webhook::provider::{blendfi, bloque, blox};
//!
//! async fn on_blox(event: Event<blox::Payload>) {
//!     if event.status.is_final() {
//!         println!("ship it");
//!     }
//! }
//!
//! async fn on_blendfi(event: Event<blendfi::Payload>) {
//!     if event.kind.is_conversion() {
//!         println!("book it");
//!     }
//! }
//!
//! async fn on_card(event: Event<bloque::CardEvent>) {
//!     if event.event.is_rejection() {
//!         println!("tell the customer");
//!     }
//! }
//! ```
