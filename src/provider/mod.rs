//! The known senders: for each its proof of origin, key rule, delivery contract and payload.
//!
//! | sender | constructor | proof | one event is |
//! | --- | --- | --- | --- |
//! | BlendFi | [`blendfi()`] | signature | `id` |
//! | Bloquo | [`bloquo()`] | source address | `OrderId`, `Status` |
//! | BLOX | [`blox()`] | secret path, status check | `checkoutId`, `status` |
//! | Bloque, accounts and cards | [`bloque_accounts()`] | secret path | `account_urn`, `event_type`, `timestamp`; or `type`, `event`, `transaction_id` |
//! | Bloque, payments | [`bloque_payments()`] | signature | `id`; or `type`, `data.id` |
//! | GitHub | [`github()`] | signature | the body; of some types with the id of the delivery |
//! | Shopify | [`shopify()`] | signature | the body; where something is gone, with the id of the delivery |
//! | Slack, Events API | [`slack()`] | signature | `event_id` |
//! | Standard Webhooks, Svix | [`standard_webhooks()`] | signature | the signed id |
//! | Stripe | [`stripe()`] | signature | `id` |
//!
//! The feature `senders` adds more than eighty, each in its own module. `docs/senders.md` lists
//! them with their proof and how certain it is.
//!
//! The module of the same name documents each sender in more detail, and the modules of the first four contain typed
//! payloads. These keep unknown members exactly as written, in [`Fields`] and [`RawJson`], and read amounts as
//! [`Decimal`](crate::Decimal), never as floats. Any other sender is a [`Provider`] of your own.
//!
//! [`Webhook`](crate::Webhook) turns a provider into a layer. Here a BLOX delivery is accepted and others refused:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, http::{Request, StatusCode}, routing::post};
//! use tower::ServiceExt;
//! use tower_webhook::provider::{self, blox::CheckoutStatus};
//! use tower_webhook::{MemoryStore, PathTokens, Webhook};
//!
//! // Asks `GET /v1/checkout/{id}` in a real receiver.
//! async fn status(checkout: String) -> Result<CheckoutStatus, std::io::Error> {
//!     let status = if checkout == "c-1" { "COMPLETED" } else { "FAILED" };
//!     Ok(CheckoutStatus::new(checkout, status))
//! }
//!
//! let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//! let webhook = Webhook::new(provider::blox(tokens).status_check(status)).store(MemoryStore::new());
//! let app: Router = Router::new()
//!     .route("/webhooks/blox/{token}", post(async || "{}").layer(webhook.build()?));
//!
//! let deliver = |token: &str, checkout: &str| {
//!     let body = format!(
//!         r#"{{"checkoutId":"{checkout}","status":"COMPLETED","amount":"15000",
//!             "timestamp":"2026-02-03T15:05:30.000Z"}}"#
//!     );
//!     let request = Request::post(format!("/webhooks/blox/{token}"));
//!     app.clone().oneshot(request.body(Body::from(body)).unwrap())
//! };
//! let accepted = deliver("3f9d1c0b7a5e48d26c90b1f4", "c-1").await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//! let guessed = deliver("3f9d1c0b7a5e48d26c90b1f5", "c-1").await?;
//! assert_eq!(guessed.status(), StatusCode::NOT_FOUND);
//! let untrue = deliver("3f9d1c0b7a5e48d26c90b1f4", "c-2").await?;
//! assert_eq!(untrue.status(), StatusCode::BAD_REQUEST);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "axum"))]
//! # fn main() {}
//! ```

pub mod blendfi;
pub mod bloque;
pub mod bloquo;
pub mod blox;
mod choice;
mod diagnose;
mod fields;
#[cfg(feature = "senders")]
mod file;
pub mod github;
mod masks;
mod names;
#[allow(
    clippy::module_inception,
    reason = "the file of the type that all of it is about"
)]
mod provider;
#[cfg(feature = "senders")]
mod senders;
pub mod shopify;
pub mod slack;
pub mod standard_webhooks;
pub mod stripe;

#[doc(inline)]
pub use blendfi::blendfi;
#[doc(inline)]
pub use bloque::{bloque_accounts, bloque_payments};
#[doc(inline)]
pub use bloquo::bloquo;
#[doc(inline)]
pub use blox::blox;
pub use fields::{FieldError, FieldErrorKind, Fields, RawJson};
#[cfg(feature = "senders")]
pub use file::ProviderFile;
#[doc(inline)]
pub use github::github;
pub use provider::Provider;
#[cfg(feature = "senders")]
pub use senders::*;
#[doc(inline)]
pub use shopify::shopify;
#[doc(inline)]
pub use slack::slack;
#[doc(inline)]
pub use standard_webhooks::standard_webhooks;
#[doc(inline)]
pub use stripe::stripe;

#[cfg(test)]
mod tests;
