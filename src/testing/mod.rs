//! The testing kit: a webhook handler tested as its senders and its store will treat it.
//!
//! ```
//! # use axum::{Router, body::Body, http::StatusCode, routing::post};
//! # use tower::ServiceExt;
//! # use tower_webhook::provider::{self, blendfi};
//! # use tower_webhook::testing::{Sample, TestDelivery, assert_handled, assert_rejected};
//! # use tower_webhook::{Event, Reason, Webhook};
//! # async fn on_event(event: Event<blendfi::Payload>) -> StatusCode { StatusCode::NO_CONTENT }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?)?;
//! let app: Router = Router::new().route("/", post(on_event).layer(Webhook::new(blendfi.clone()).layer()?));
//! let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
//! assert_handled(&app.clone().oneshot(delivery.request::<Body>()?).await?);
//! assert_rejected(&app.oneshot(delivery.with_body_changed().request::<Body>()?).await?, Reason::SignatureMismatch);
//! # Ok(())
//! # }
//! ```
//!
//! - [`TestDelivery`] is a delivery of any [`Provider`](crate::Provider), right in everything until
//!   it is told what to do wrong; [`Sample`] has bodies of the known senders.
//! - [`assert_handled`], [`assert_copy`] and [`assert_rejected`] look at the response from inside
//!   the process, where the reason of a refusal can be read.
//! - [`ManualClock`] moves the receiver's time, and with it the window for signed times.
//! - [`FaultyStore`] is a store that fails, stalls, loses replies or forgets.
//! - [`Sender`] delivers many events as a real sender does, with its retries, and tells what became
//!   of each; in virtual time with a [`TokioClock`].
//!
//! What a handler makes of a store that loses a reply:
//!
//! ```
//! # use axum::{Router, body::Body, http::StatusCode, routing::post};
//! # use tower::ServiceExt;
//! use tower_webhook::testing::{
//!     Fault, FaultyStore, Operation, Sample, TestDelivery, assert_copy, assert_rejected,
//! };
//! # use tower_webhook::provider::{self, blendfi};
//! # use tower_webhook::{MemoryStore, Reason, Webhook};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?)?;
//! let store = FaultyStore::new(MemoryStore::new());
//! let webhook = Webhook::new(blendfi.clone()).dedupe(store.clone());
//! # let on_event = || async { StatusCode::NO_CONTENT };
//! let app: Router = Router::new().route("/", post(on_event).layer(webhook.layer()?));
//! let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
//!
//! // Handled, but the store cannot be told: "not now", and the outcome is sent until it arrives.
//! store.inject(Fault::lose_reply().on(Operation::Complete));
//! assert_rejected(&app.clone().oneshot(delivery.request::<Body>()?).await?, Reason::NotRecorded);
//! store.heal();
//! assert_copy(&app.oneshot(delivery.request::<Body>()?).await?);
//! # Ok(())
//! # }
//! ```

mod assertions;
mod clock;
mod delivery;
mod edit;
mod faulty_store;
mod history;
mod random;
mod sample;
mod sender;
mod store_contract;
mod wire;

pub use assertions::{assert_copy, assert_handled, assert_rejected};
pub use clock::TokioClock;
pub use delivery::TestDelivery;
pub use faulty_store::{Fault, FaultyStore, Operation};
pub use history::{Attempt, End, History};
pub use random::Random;
pub use sample::Sample;
pub use sender::Sender;
pub use store_contract::{StoreRule, StoreViolation, check_store};
pub use wire::{SendError, SendErrorKind};

#[doc(no_inline)]
pub use crate::clock::ManualClock;

#[cfg(test)]
mod tests;
