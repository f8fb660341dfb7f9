//! Answering at once and working later: the inbox.
//!
//! A handler that takes a second keeps its sender waiting, and one that fails depends on the sender to
//! come again. With an inbox in place of a store the sender has its success as soon as its event is durably
//! held. A worker runs the handler afterwards, again and again until it is done, and what never gets done
//! is kept where somebody can see it.
//!
//! | take a store, run inline | take an inbox |
//! | --- | --- |
//! | the handler is quick, and the sender retries | the sender gives up soon, or never comes again |
//! | the answer matters to the sender | the answer is only "I have it" |
//! | nothing else is to be run | retries, order, rates and dead letters are wanted |
//!
//! `.store(store)` becomes `.inbox(inbox)`, and the handler stays the same:
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use std::time::Duration;
//! use axum::{Router, body::Body, extract::State, http::Request};
//! use serde::Deserialize;
//! use std::sync::Arc;
//! use tower::ServiceExt;
//! use tower_webhook::inbox::{DeadLetters, Inbox, MemoryInbox};
//! use tower_webhook::runtime::Failure;
//! use tower_webhook::worker::InboxExt;
//! use tower_webhook::{Event, PathTokens, RouterExt, Webhook, event_handler, provider};
//!
//! #[derive(Deserialize)]
//! struct Purchase {
//!     transaction_id: String,
//! }
//!
//! /// Whether the customer's account is open.
//! type Account = Arc<AtomicBool>;
//!
//! async fn on_purchase(event: Event<Purchase>, account: State<Account>) -> Result<(), Failure> {
//!     match event.transaction_id.as_str() {
//!         // Tried again after a minute; 30 attempts in all.
//!         "tx_busy" => Err(Failure::retry("the ledger is busy").after(Duration::from_secs(60))),
//!         // Not tried again: a dead letter.
//!         _ if !account.load(Ordering::Relaxed) => Err(Failure::permanent("no such account")),
//!         _ => Ok(()),
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // `SqliteInbox`, `PostgresInbox` and `RedisInbox` outlive the process, this one does not.
//!     let inbox = MemoryInbox::new();
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let cards = Webhook::new(provider::bloque_accounts(tokens)).inbox(inbox.clone()).build()?;
//!
//!     let account = Account::default();
//!     let worker = inbox.worker().with_state(account.clone()).on(&cards, on_purchase).build()?;
//!     let drain = worker.drain().clone();
//!     let working = tokio::spawn(async move { worker.run().await });
//!     let app = Router::new().webhook("/cards", cards, event_handler(on_purchase));
//!     let app: Router = app.with_state(account.clone());
//!
//!     // Each is acknowledged, whatever becomes of it.
//!     for id in ["tx_1", "tx_busy"] {
//!         let event = serde_json::json!({
//!             "type": "authorization", "event": "purchase", "transaction_id": id,
//!         });
//!         let request = Request::post("/cards/3f9d1c0b7a5e48d26c90b1f4");
//!         let answer = app.clone().oneshot(request.body(Body::from(event.to_string()))?).await?;
//!         assert!(answer.status().is_success());
//!     }
//!     while inbox.counts().await?.dead == 0 {
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!     }
//!
//!     // Somebody opens the account, and sends round again what died for want of it.
//!     account.store(true, Ordering::Relaxed);
//!     let died = DeadLetters::new().reason("no such account");
//!     assert_eq!(died.redrive(&inbox, Duration::ZERO).await?.done, 1);
//!     while inbox.counts().await?.done == 0 {
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!     }
//!
//!     // Takes nothing more, gives back what has not begun, and waits for what runs.
//!     drain.begin();
//!     working.await?;
//!     Ok(())
//! }
//! ```
//!
//! A worker may be a process of its own, and there may be many of them: build the same webhook there, with the
//! same inbox, and mount it nowhere. `MODE=inbox cargo run --example receiver` and `cargo run --example worker`
//! are such a pair.
//!
//! What else is there:
//!
//! - [`OrderRule`](crate::event::OrderRule): the events of one order or account run one at a time, and one
//!   that is older than what was completed is skipped.
//! - [`Inbox::set_paused`](crate::inbox::Inbox::set_paused): a provider's events are held, and wait.
//! - [`Inbox::set_rate`](crate::inbox::Inbox::set_rate): no more than so many within so long, for all workers.
//! - [`Delivery::is_queued`](crate::Delivery::is_queued): a handler can tell where it runs.
//! - [`Backoff`](crate::worker::Backoff), and the other settings of a
//!   [`WorkerBuilder`](crate::worker::WorkerBuilder).
//!
//! A handler runs at least once, as it does inline, and may run again where its worker died behind its effect.
//! On Postgres a handler that takes `Tx` closes that window. `docs/inbox.md` in the repository has the states of
//! an entry, who moves it on and when, and what each backend survives.
