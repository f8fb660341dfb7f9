//! Finds events that never arrived, and confirms those that did.
//!
//! A [`Reconciler`] queries a sender's API on a schedule and handles what it finds as if it had
//! been delivered; the [guide](crate::guide::missed) says when that is needed. It queries a
//! [`Source`]: one for a sender of your own takes twenty lines.
//!
//! With the feature `http-client`, an `ApiClient` makes requests over HTTPS and keeps its key to itself.
//! `BloxApi` confirms checkouts and finds missed ones, `BlendFiApi` requests redeliveries and rotates secrets,
//! and `DeliveryList` serves senders whose lists are not documented. `testing` has stand-ins for their servers.
//!
//! # How it works
//!
//! `reconciler` has the schedule, and a `turn` of its own among many processes. A `run` goes through the
//! pages of a `source`, at a `pace` and each in its `call_time`, and notices `repeats`; what it finds enters
//! behind the proof (`layer::dedupe::polled`), with the same rule, record and runtime as a delivery. `client`
//! is the one way out.
//!
//! ```
//! use std::time::Duration;
//! use tower_webhook::reconcile::{ApiError, Page, Pace, Reconciler, Recovery, Source};
//! use tower_webhook::{Drain, MemoryStore, PathTokens, Webhook, provider};
//!
//! struct Nothing;
//!
//! impl Source for Nothing {
//!     fn recovery(&self) -> Recovery {
//!         Recovery::whole()
//!     }
//!
//!     async fn page(&self, _cursor: Option<&str>) -> Result<Page, ApiError> {
//!         Ok(Page::default())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_webhook::ConfigError> {
//! let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//! let webhook = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new()).build()?;
//! let count = |events: u32| move || std::future::ready(println!("{events}"));
//! let reconciler = Reconciler::of(&webhook, Nothing)
//!     .handler_with(count(1), ())
//!     .every(Duration::from_secs(60))
//!     .call_limit(Duration::from_secs(20))
//!     .pace(Pace::new().per_minute(30).concurrency(8))
//!     .drain(Drain::new())
//!     .build()?;
//! reconciler.drain().begin();
//! reconciler.run().await;
//! assert!(reconciler.last_report().is_some_and(|report| report.end.code() == "draining"));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "http-client")]
mod blendfi;
#[cfg(feature = "http-client")]
mod blox;
mod builder;
#[cfg_attr(
    not(feature = "http-client"),
    allow(
        dead_code,
        reason = "only requests of a client wait for their turn in a call"
    )
)]
mod call_time;
#[cfg(feature = "http-client")]
mod client;
#[cfg(feature = "http-client")]
mod client_builder;
mod error;
#[cfg(feature = "http-client")]
mod listed;
#[cfg(feature = "http-client")]
mod open_checkouts;
mod pace;
mod reconciler;
mod repeats;
mod report;
#[cfg(feature = "http-client")]
mod retry_after;
mod run;
mod source;
mod turn;

#[cfg(feature = "http-client")]
pub use crate::secret::ApiKey;
#[cfg(feature = "http-client")]
pub use blendfi::{BlendFiApi, RotatedSecret};
#[cfg(feature = "http-client")]
pub use blox::BloxApi;
pub use builder::ReconcilerBuilder;
#[cfg(feature = "http-client")]
pub use client::ApiClient;
#[cfg(feature = "http-client")]
pub use client_builder::ApiClientBuilder;
pub use error::{ApiError, ApiErrorKind};
#[cfg(feature = "http-client")]
pub use listed::{DeliveryList, ListedDeliveries};
#[cfg(feature = "http-client")]
pub use open_checkouts::OpenCheckouts;
pub use pace::Pace;
pub use reconciler::Reconciler;
pub use report::{Report, RunEnd};
pub use source::{Found, Page, Recovery, Source};
