//! The testing kit: tests a webhook handler the way its senders and its store will treat it.
//!
//! ```
//! use axum::{Router, body::Body, http::StatusCode, routing::post};
//! use tower::ServiceExt;
//! use tower_webhook::MemoryStore;
//! use tower_webhook::provider::{self, blendfi};
//! use tower_webhook::testing::{Sample, TestDelivery, assert_handled, assert_rejected};
//! use tower_webhook::{Event, Reason, Webhook};
//!
//! async fn on_event(event: Event<blendfi::Payload>) -> StatusCode {
//!     StatusCode::NO_CONTENT
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new()).build()?;
//! let app: Router = Router::new().route("/", post(on_event).layer(webhook));
//! let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
//! assert_handled(&app.clone().oneshot(delivery.request::<Body>()?).await?);
//! assert_rejected(&app.oneshot(delivery.body_changed().request::<Body>()?).await?, Reason::SignatureMismatch);
//! # Ok(())
//! # }
//! ```
//!
//! - [`TestDelivery`] is a delivery of any [`Provider`](crate::Provider), correct unless you make it wrong;
//!   [`Sample`] has bodies of the known senders. It becomes a request, or is sent [to a URL](TestDelivery::send_to).
//! - [`assert_handled`], [`assert_duplicate`] and [`assert_rejected`] check the response inside the
//!   process, where the reason for a refusal is readable.
//! - [`ManualClock`] moves the receiver's time, and with it the window for signed times.
//! - [`FaultyStore`] is a store that fails, stalls, loses replies or forgets.
//! - [`check_store`] checks a store of your own against the contract.
//! - [`Sender`] delivers many events as a real sender does, with its retries, and reports the outcome of each. It
//!   delivers to a service in virtual time with a [`TokioClock`], or to a URL at a faster pace.
//!
//! Every way to make a delivery wrong is one call:
//!
//! ```
//! use axum::{Router, body::Body, http::{Method, StatusCode}, routing::post};
//! use tower::ServiceExt;
//! use tower_webhook::MemoryStore;
//! use tower_webhook::provider::{self, blendfi};
//! use tower_webhook::testing::{Sample, TestDelivery, assert_rejected};
//! use tower_webhook::{Reason, Webhook};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let on_event = || async { StatusCode::NO_CONTENT };
//! let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new()).build()?;
//! let app: Router = Router::new().route("/", post(on_event).layer(webhook));
//! let ten_minutes = std::time::Duration::from_secs(600);
//! let right = || TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
//! for (wrong, reason) in [
//!     (right().wrong_secret(), Reason::SignatureMismatch),
//!     (right().signature_changed(), Reason::SignatureMismatch),
//!     (right().body_changed(), Reason::SignatureMismatch),
//!     (right().timestamp_changed(), Reason::SignatureMismatch),
//!     (right().timestamp("soon"), Reason::SignatureHeader),
//!     (right().without_signature(), Reason::SignatureHeader),
//!     (right().another_header("x-blendfi-signature", "t=1,v1=00"), Reason::SignatureHeader),
//!     (right().aged(ten_minutes), Reason::SignatureStale),
//!     (right().ahead(ten_minutes), Reason::SignatureStale),
//!     (right().header_id("evt_another"), Reason::NoEventKey),
//!     (right().header("content-encoding", "gzip"), Reason::ContentEncoding),
//!     (right().method(Method::GET), Reason::MethodNotAllowed),
//! ] {
//!     assert_rejected(&app.clone().oneshot(wrong.request::<Body>()?).await?, reason);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Deliveries of senders that are recognized in other ways, and of a sender of your own:
//!
//! ```
//! use axum::{Router, body::Body, http::StatusCode, routing::post};
//! use std::time::Duration;
//! use tower::ServiceExt;
//! use tower_webhook::MemoryStore;
//! use tower_webhook::event::{EventRule, Shape};
//! use tower_webhook::signature::{Component, Scheme, Verifier};
//! use tower_webhook::testing::{Sample, TestDelivery, assert_handled, assert_rejected};
//! use tower_webhook::{
//!     Allowlist, SenderContract, Encoding, PathTokens, Provider, Name, Reason,
//!     RetriedStatuses, RetrySchedule, SigningSecret, Webhook, provider,
//! };
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let answer = async |provider: &Provider, delivery: TestDelivery| {
//!     let webhook = Webhook::new(provider.clone()).store(MemoryStore::new()).build()?;
//!     let app: Router = Router::new().fallback_service(post(|| async { StatusCode::OK }).layer(webhook));
//!     Ok::<_, Box<dyn std::error::Error>>(app.oneshot(delivery.request::<Body>()?).await?)
//! };
//!
//! // By a token at the end of the path.
//! let token = "3f9d1c0b7a5e48d26c90b1f4";
//! let bloque = provider::bloque_accounts(PathTokens::parse([token])?);
//! let right = TestDelivery::new(&bloque, Sample::BloqueCard.body(1)).to("/hooks").token(token);
//! assert_handled(&answer(&bloque, right.clone()).await?);
//! assert_rejected(&answer(&bloque, right.wrong_token()).await?, Reason::UnknownPath);
//!
//! // By its source address.
//! let bloquo = provider::bloquo(Allowlist::parse(["192.0.2.7"])?);
//! let from = |last| TestDelivery::new(&bloquo, Sample::Bloquo.body(1)).from([192, 0, 2, last].into());
//! assert_handled(&answer(&bloquo, from(7)).await?);
//! assert_rejected(&answer(&bloquo, from(8)).await?, Reason::SourceRefused);
//!
//! // By a scheme of your own that also signs an id.
//! let scheme = Scheme::builder("x-acme-signature")
//!     .single("sha256=", Encoding::Hex)
//!     .id_header("x-acme-id")
//!     .content([Component::Id, Component::literal("."), Component::Body])
//!     .build()?;
//! let acme = Provider::signed(
//!     Name::new("acme")?,
//!     Verifier::new(scheme, SigningSecret::from_text("acme-9f8e7d6c5b4a")?),
//!     EventRule::members([Shape::new("order", ["/order"])?])?,
//!     SenderContract::new(RetrySchedule::Never, RetriedStatuses::None),
//! );
//! let right = TestDelivery::new(&acme, r#"{"order":1042}"#);
//! assert_handled(&answer(&acme, right.clone()).await?);
//! assert_rejected(&answer(&acme, right.header_id("another")).await?, Reason::SignatureMismatch);
//! # Ok(())
//! # }
//! ```
//!
//! A delivery that was correct five minutes ago, by a clock that only the test moves:
//!
//! ```
//! use axum::{Router, body::Body, http::StatusCode, routing::post};
//! use std::time::Duration;
//! use tower::ServiceExt;
//! use tower_webhook::MemoryStore;
//! use tower_webhook::provider::{self, blendfi};
//! use tower_webhook::testing::{ManualClock, Sample, TestDelivery, assert_duplicate, assert_handled, assert_rejected};
//! use tower_webhook::{Clock, Reason, UnixTime, Webhook};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let on_event = || async { StatusCode::NO_CONTENT };
//! let clock = ManualClock::new(UnixTime::from_secs(1_777_899_600));
//! let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new()).clock(clock.clone());
//! let app: Router = Router::new().route("/", post(on_event).layer(webhook.build()?));
//! let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(1)).at(clock.now());
//!
//! assert_handled(&app.clone().oneshot(delivery.request::<Body>()?).await?);
//! clock.advance(Duration::from_secs(300));
//! assert_duplicate(&app.clone().oneshot(delivery.request::<Body>()?).await?);
//! clock.advance(Duration::from_secs(1));
//! assert_rejected(&app.oneshot(delivery.request::<Body>()?).await?, Reason::SignatureStale);
//! # Ok(())
//! # }
//! ```
//!
//! How a handler fares with a store that loses a reply:
//!
//! ```
//! use axum::{Router, body::Body, http::StatusCode, routing::post};
//! use tower::ServiceExt;
//! use tower_webhook::testing::{
//!     Fault, FaultyStore, Operation, Sample, TestDelivery, assert_duplicate, assert_rejected,
//! };
//! use tower_webhook::provider::{self, blendfi};
//! use tower_webhook::{MemoryStore, Reason, Webhook};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let store = FaultyStore::new(MemoryStore::new());
//! let webhook = Webhook::new(blendfi.clone()).store(store.clone());
//! let on_event = || async { StatusCode::NO_CONTENT };
//! let app: Router = Router::new().route("/", post(on_event).layer(webhook.build()?));
//! let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
//!
//! // Handled, but the store does not know: "not now", and the outcome is resent until it arrives.
//! store.inject(Fault::lose_reply().on(Operation::Complete));
//! assert_rejected(&app.clone().oneshot(delivery.request::<Body>()?).await?, Reason::NotRecorded);
//! store.heal();
//! assert_duplicate(&app.oneshot(delivery.request::<Body>()?).await?);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "http-client")]
mod api;
mod assertions;
mod clock;
mod delivery;
mod edit;
mod faulty_store;
mod history;
#[cfg(feature = "inbox")]
mod inbox_contract;
mod random;
mod sample;
mod sender;
mod store_contract;
mod tamper;
mod wire;

#[cfg(feature = "asymmetric")]
pub use crate::asymmetric::PrivateKey;
#[cfg(feature = "http-client")]
pub use api::{ApiFault, ApiServer, BlendFiStandIn, BloquoStandIn, BloxStandIn};
#[cfg(feature = "inbox")]
pub use assertions::assert_queued;
pub use assertions::{assert_duplicate, assert_handled, assert_rejected};
pub use clock::TokioClock;
pub use delivery::TestDelivery;
pub use faulty_store::{Fault, FaultyStore, Operation};
pub use history::{Attempt, End, History};
#[cfg(feature = "inbox")]
pub use inbox_contract::{InboxRule, InboxViolation, check_inbox};
pub use random::Random;
pub use sample::Sample;
pub use sender::Sender;
pub use store_contract::{StoreRule, StoreViolation, check_store};
pub use wire::{SendError, SendErrorKind};

#[doc(no_inline)]
pub use crate::clock::ManualClock;

#[cfg(test)]
mod tests;
