//! Exactly what is guaranteed.
//!
//! **A handler runs at least once** for each event that is wanted here and whose sender sends it until it is
//! acknowledged, and **at most one lease** of an event is live at any time. Where handlers run inline, an event is
//! answered with 2xx only once it is recorded as done, but for the 202 below. What a handler answers
//! decides what becomes of the event:
//!
//! | the handler | the event | the sender |
//! | --- | --- | --- |
//! | answers 2xx | is done | gets that answer; duplicates get 200 |
//! | answers [`Permanent`](crate::Permanent) | is done | gets its status; duplicates get 200 |
//! | answers anything else, an error, or panics | is free again | gets a status that it retries |
//! | takes longer than the sender waits | stays claimed, and the handler goes on | gets the not-now status, and its next attempt finds the outcome; one that does not retry gets 202 |
//!
//! A handler that axum mounts is judged by the status of its answer alone. `Err(String)` is 200 to axum, and so its
//! event is done: fail by a status, by a [`Failure`](crate::runtime::Failure), or mount the handler by
//! [`event_handler`](crate::event_handler), which takes any error for a failure.
//!
//! Twice in a row, the second try after a failure:
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
//! The effect of a handler takes place once, but for the [windows](crate#what-is-guaranteed) in which a
//! process dies between effect and record, a handler fails after its effect, a lease ends before it, or
//! the store forgets. No receiver that calls another system can close those; the system that has the
//! effect can. Either it takes each key once:
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
//! or it takes no lower [`fence`](crate::Delivery::fence) after a higher one, which keeps a handler out
//! that was paused past its lease. With records in Postgres or SQLite beside the data, `Tx` writes effect and
//! record in one transaction, which closes the first four; `docs/exactly-once.md` says what stays open.
//!
//! # What is not
//!
//! - **Order.** Senders do not keep it, and nor do retries. Compare the event's own time or version; or have
//!   an inbox do so, which runs one event of each thing at a time (`docs/inbox.md`).
//! - **Senders that do not retry.** What is answered with an error is gone: ask their API too.
//! - **Records that a store loses.** [`MemoryStore`](crate::MemoryStore) does at every restart; for Redis
//!   the README says which settings keep them.
