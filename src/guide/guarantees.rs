//! Exactly what is guaranteed.
//!
//! **A handler runs at least once** for each wanted event that its sender keeps sending until it is
//! acknowledged, and **at most one lease** of an event is live at any time. If handlers run inline, an event is
//! answered with 2xx only once it is recorded as done, except for the 202 below. The handler's answer
//! decides what happens to the event:
//!
//! | the handler | the event | the sender |
//! | --- | --- | --- |
//! | answers 2xx | is done | gets that answer; duplicates get 200 |
//! | answers [`Permanent`](crate::Permanent) | is done | gets its status; duplicates get 200 |
//! | answers anything else, an error, or panics | is free again | gets a status that it retries |
//! | takes longer than the sender waits | stays claimed, and the handler keeps running | gets the not-now status, and its next attempt finds the outcome; one that does not retry gets 202 |
//!
//! A handler that axum mounts is judged only by the status of its answer. axum answers `Err(String)` with 200, so
//! its event is done. To fail, answer an error status or a [`Failure`](crate::runtime::Failure), or mount the
//! handler by [`event_handler`](crate::event_handler), which takes any error for a failure.
//!
//! The same event delivered three times; the first attempt fails:
//!
//! ```
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_webhook::{Delivery, MemoryStore, PathTokens, RouterExt, Webhook, provider};
//!
//! /// Fails at the first attempt.
//! async fn on_event(delivery: Delivery) -> StatusCode {
//!     match delivery.attempt() {
//!         1 => StatusCode::BAD_GATEWAY,
//!         _ => StatusCode::NO_CONTENT,
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
//!     let app: Router = Router::new().webhook("/bloque", bloque.build()?, on_event);
//!     let deliver = || {
//!         let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
//!         let path = "/bloque/3f9d1c0b7a5e48d26c90b1f4";
//!         app.clone().oneshot(Request::post(path).body(Body::from(event)).unwrap())
//!     };
//!     assert!(deliver().await?.status().is_server_error());
//!     assert_eq!(deliver().await?.status(), StatusCode::NO_CONTENT);
//!     assert_eq!(deliver().await?.headers()["idempotent-replayed"], "true");
//!     Ok(())
//! }
//! ```
//!
//! # Once, but for six windows
//!
//! The effect of a handler takes place once, except in the [windows](crate#what-is-guaranteed) in which a
//! process dies between effect and record, a handler fails after its effect, a lease ends before it, or
//! the store forgets. No receiver that calls another system can close those; the system in which the
//! effect takes place can. Either it accepts each key once:
//!
//! ```
//! use std::collections::HashSet;
//! use tower_webhook::{EventKey, Name};
//!
//! /// A unique column of your database does the same.
//! #[derive(Default)]
//! struct Ledger(HashSet<String>);
//!
//! impl Ledger {
//!     fn book(&mut self, key: &EventKey) -> bool {
//!         self.0.insert(key.encoded())
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let key = EventKey::new(Name::new("stripe")?, ["evt_1"])?;
//!     let mut ledger = Ledger::default();
//!     assert!(ledger.book(&key));
//!     assert!(!ledger.book(&key), "a second run of the same event changes nothing");
//!     Ok(())
//! }
//! ```
//!
//! or it refuses a lower [`fence`](crate::Delivery::fence) after a higher one, which excludes a handler
//! that was paused past its lease. If the records are in Postgres or SQLite with the data, `Tx` writes effect and
//! record in one transaction, which closes the first four; `docs/exactly-once.md` says what stays open.
//!
//! # What is not
//!
//! - **Order.** Senders do not keep it, and neither do retries. Compare the event's own time or version, or use
//!   an inbox, which compares them and runs the events of each order key one at a time (`docs/inbox.md`).
//! - **Senders that do not retry.** An event that is answered with an error is lost: query their API too.
//! - **Records that a store loses.** [`MemoryStore`](crate::MemoryStore) loses them at every restart; the
//!   README says which settings of Redis preserve them.
