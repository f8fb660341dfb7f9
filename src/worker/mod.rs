//! Runs the events of an inbox.
//!
//! A worker takes entries that are due from an [inbox](crate::inbox), runs the [`EventHandler`] of their webhook
//! under a lease that is renewed during the run, and reports the outcome. The handler is the same one that a route
//! takes; [`Delivery::is_queued`](crate::Delivery::is_queued) shows where it runs.
//!
//! | the handler | the event is |
//! | --- | --- |
//! | returns `Ok` | done |
//! | returns an error | tried again after a random delay up to a limit that doubles, see [`Backoff`] |
//! | returns a failure that says [`after`](crate::runtime::Failure::after) | tried again after that time |
//! | fails for the last time | in the dead letters, with its failed attempts |
//! | returns [`Permanent`](crate::Permanent), or the body is not of its type | in the dead letters at once |
//! | panics, or takes longer than the time limit | tried again, as after an error |
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_webhook::inbox::{EntryStatus, Inbox, MemoryInbox};
//! use tower_webhook::worker::InboxExt;
//! use tower_webhook::{
//!     Delivery, Event, PathTokens, RouterExt, Webhook, event_handler, provider,
//! };
//!
//! async fn on_event(Event(event): Event<serde_json::Value>, delivery: Delivery) {
//!     println!("{} in attempt {}", event["type"], delivery.attempt());
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Take `SqliteInbox`: this one forgets everything when the process ends.
//!     let inbox = MemoryInbox::new();
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let bloque = Webhook::new(provider::bloque_accounts(tokens)).inbox(inbox.clone()).build()?;
//!
//!     let worker = inbox.worker().on(&bloque, on_event).build()?;
//!     let working = tokio::spawn({
//!         let worker = worker.clone();
//!         async move { worker.run().await }
//!     });
//!     let app: Router = Router::new().webhook("/bloque", bloque, event_handler(on_event));
//!
//!     let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
//!     let request = Request::post("/bloque/3f9d1c0b7a5e48d26c90b1f4").body(Body::from(event))?;
//!     // It is held; `testing::assert_queued` distinguishes that from a handler's own answer.
//!     assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
//!
//!     while inbox.counts().await?.done == 0 {
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!     }
//!     worker.drain().begin();
//!     working.await?;
//!     Ok(())
//! }
//! ```
//!
//! # Several workers
//!
//! Any number of workers, in any number of processes, may work on one inbox: each entry belongs to one worker at a
//! time. Each worker declares the routes that it serves; entries of other routes wait for their own workers. If a
//! worker dies or is cut off, its entries are taken over once their leases are over, and the attempts that had begun
//! count: the first one at an event begins when it is [taken](crate::inbox::Take::begins). An entry whose worker has
//! died twice then runs alone. A worker that takes an entry again which it is still at work on, as after an
//! outage longer than the lease or where the clock of the inbox is set forward, lets that attempt go on and ends the entry
//! with it.
//!
//! If a rule names the [subject](crate::event::OrderRule) of events, those of one subject run one
//! at a time, even with many workers. A [rate](crate::inbox::Rate) limits all workers together.
//!
//! # An orderly end
//!
//! Once its [`Drain`](crate::Drain) begins, a worker takes nothing more. Entries that were taken
//! but have not begun are given back, and running handlers are awaited: [`Worker::run`] returns
//! when they are over. Leases are renewed until then.
//!
//! # What is guaranteed
//!
//! As for inline runs, each event runs at least once, under one live lease. Its effect takes place once except in the
//! windows that the [crate](crate#what-is-guaranteed) names; an attempt that fails after its effect is one of them.

mod asking;
mod backoff;
mod builder;
mod caller;
mod entry_store;
mod health;
mod in_flight;
mod route_state;
mod run;
mod take;
mod take_size;
mod unconfirmed;
mod work;

pub use backoff::Backoff;
pub use builder::{InboxExt, WorkerBuilder};
pub use run::{Worker, WorkerStatus};

#[doc(no_inline)]
pub use crate::runtime::EventHandler;
