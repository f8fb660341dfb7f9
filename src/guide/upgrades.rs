//! Replacing a receiver while deliveries arrive.
//!
//! 1. Start the new one while the old one runs, on the same store. Each sees which events the other has
//!    claimed and done; both may take deliveries for as long as you like.
//! 2. Shut the old one down: it finishes the events that it has begun, and answers the rest with the not-now
//!    status.
//! 3. An event that did not end in time stays claimed until its lease is over, and then runs in the new one
//!    at the sender's next attempt.
//!
//! Here both are in one process, so they must be allowed to share their name:
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_webhook::{
//!     ConfigError, DedupeConfig, Drain, MemoryStore, PathTokens, RouterExt, Webhook, provider,
//! };
//!
//! fn receiver(store: &MemoryStore, drain: &Drain) -> Result<Router, ConfigError> {
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let bloque = Webhook::new(provider::bloque_accounts(tokens))
//!         .store(store.clone())
//!         .dedupe(DedupeConfig::new().drain(drain.clone()).shares_name())
//!         .build()?;
//!     Ok(Router::new().webhook("/bloque", bloque, async || StatusCode::NO_CONTENT))
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (store, old_drain) = (MemoryStore::new(), Drain::new());
//!     let old = receiver(&store, &old_drain)?;
//!     let new = receiver(&store, &Drain::new())?;
//!     let deliver = |to: &Router, event: &str| {
//!         let body = format!(r#"{{"type":"authorization","event":"purchase","transaction_id":"{event}"}}"#);
//!         let request = Request::post("/bloque/3f9d1c0b7a5e48d26c90b1f4").body(Body::from(body));
//!         to.clone().oneshot(request.unwrap())
//!     };
//!
//!     assert_eq!(deliver(&old, "tx_1").await?.status(), StatusCode::NO_CONTENT);
//!     assert_eq!(old_drain.wait(Duration::from_secs(10)).await, 0);
//!     // In a real receiver its server ends first: a delivery that still arrives gets the not-now status.
//!     assert_eq!(deliver(&old, "tx_2").await?.status(), StatusCode::SERVICE_UNAVAILABLE);
//!     // The new one takes over, and knows which events the old one has done.
//!     assert_eq!(deliver(&new, "tx_1").await?.headers()["idempotent-replayed"], "true");
//!     assert_eq!(deliver(&new, "tx_2").await?.status(), StatusCode::NO_CONTENT);
//!     Ok(())
//! }
//! ```
//!
//! # Another version of this crate
//!
//! Each version reads the records of the version before it, and the other way round: two versions side by
//! side are as good as two receivers of one version. Keys and fingerprints never change. `docs/stability.md`
//! lists the promises, each with the test that checks it. If the older version answers differently while both
//! run, the CHANGELOG says so under "What a mixed fleet sees".
//!
//! # Other settings
//!
//! | changed | what happens |
//! | --- | --- |
//! | a secret | see [`roll_over`](super::roll_over); no restart |
//! | [`consumer`](crate::Webhook::consumer), the tenant or the store's namespace | the past is forgotten: an event that was handled runs again if it is sent again |
//! | the [retention](crate::DedupeConfig::retention) | existing records keep theirs |
//! | the store | the past is forgotten; let both stores' retention pass, or make effects unique on the key |
