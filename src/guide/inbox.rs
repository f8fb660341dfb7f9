//! Answering at once and working later: the inbox.
//!
//! A handler that takes a second keeps its sender waiting, and one that fails depends on the sender to
//! retry. With an inbox in place of a store the sender gets its success as soon as its event is durably
//! held. A worker runs the handler afterwards, repeatedly until the event is done. An event that never gets
//! done becomes a dead letter, which an operator can see.
//!
//! | take a store, run inline | take an inbox |
//! | --- | --- |
//! | the handler is quick, and the sender retries | the sender gives up soon, or never retries |
//! | the answer matters to the sender | the answer is only "I have it" |
//! | you do not want to run a worker | you want retries, order, rates and dead letters |
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
//!         // Retried after a minute; 30 attempts in total.
//!         "tx_busy" => Err(Failure::retry("the ledger is busy").after(Duration::from_secs(60))),
//!         // Not retried: a dead letter.
//!         _ if !account.load(Ordering::Relaxed) => Err(Failure::permanent("no such account")),
//!         _ => Ok(()),
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Entries of `SqliteInbox`, `PostgresInbox` and `RedisInbox` outlive the process; these do not.
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
//!     // Each is acknowledged, whether or not its handler succeeds later.
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
//!     // An operator opens the account, and redrives the events that died without it.
//!     account.store(true, Ordering::Relaxed);
//!     let died = DeadLetters::new().reason("no such account");
//!     assert_eq!(died.redrive(&inbox, Duration::ZERO).await?.done, 1);
//!     while inbox.counts().await?.done == 0 {
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!     }
//!
//!     // Takes no more events, gives back those that have not begun, and waits for those that run.
//!     drain.begin();
//!     working.await?;
//!     Ok(())
//! }
//! ```
//!
//! A worker may be a separate process, and there may be many of them: build the same webhook there, with the
//! same inbox, and do not mount it. `MODE=inbox cargo run --example receiver` and `cargo run --example worker`
//! are such a pair.
//!
//! Further features:
//!
//! - [`OrderRule`](crate::event::OrderRule): the events of one order or account run one at a time, and an event
//!   that is older than the newest completed one is skipped.
//! - [`Inbox::set_paused`](crate::inbox::Inbox::set_paused): a provider's events are held, and wait.
//! - [`Inbox::set_rate`](crate::inbox::Inbox::set_rate): a limit on events per time, for all workers together.
//! - [`Delivery::is_queued`](crate::Delivery::is_queued): whether a handler runs in a worker.
//! - [`Backoff`](crate::worker::Backoff), and the other settings of a
//!   [`WorkerBuilder`](crate::worker::WorkerBuilder).
//!
//! A handler runs at least once, as it does inline, and may run again if its worker died after its effect. On
//! Postgres a handler that takes `Tx` closes that window. `docs/inbox.md` in the repository lists the states of
//! an entry, who moves it on and when, and what each backend survives.
