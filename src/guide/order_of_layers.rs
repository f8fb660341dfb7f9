//! Which layers belong outside a webhook's layer, and which inside.
//!
//! | layer | belongs | because |
//! | --- | --- | --- |
//! | tracing, request ids | outside | refusals are seen too |
//! | a limit of connections or of requests per address | outside | it protects the receiver from strangers |
//! | anything that reads or changes the body: decompression, JSON | nowhere outside | signatures are over the bytes as they arrived |
//! | a concurrency limit, a queue | inside | only a claimed event takes a place: no unproved request, and no duplicate that waits |
//! | a time limit for the handler | inside | the layer observes the sender's time limit itself: one outside drops its answer |
//! | another webhook's layer | on a route of its own | one inside another is refused with 500 and a line in the log |
//!
//! `RouterExt::webhook` puts the layer around one route. `Router::layer` would put it around all
//! routes added so far, and around the fallback.
//!
//! ```
//! use axum::{Router, body::Body, http::{Request, StatusCode}, routing::post};
//! use tower::{ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};
//! use tower_webhook::{MemoryStore, PathTokens, Webhook, provider};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
//!     let stack = ServiceBuilder::new()
//!         .layer(bloque.build()?)
//!         .layer(ConcurrencyLimitLayer::new(64));
//!     let app: Router = Router::new()
//!         .route("/webhooks/bloque/{token}", post(async || StatusCode::NO_CONTENT).layer(stack))
//!         .route("/health", axum::routing::get(async || "up"));
//!
//!     let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
//!     let request = Request::post("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").body(Body::from(event))?;
//!     assert_eq!(app.clone().oneshot(request).await?.status(), StatusCode::NO_CONTENT);
//!     let health = Request::get("/health").body(Body::empty())?;
//!     assert_eq!(app.oneshot(health).await?.status(), StatusCode::OK);
//!     Ok(())
//! }
//! ```
