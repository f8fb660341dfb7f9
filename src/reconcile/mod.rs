//! Finds what never arrived, and confirms what did.
#[cfg(feature = "http-client")]
mod blendfi;
#[cfg(feature = "http-client")]
mod blox;
mod builder;
#[cfg(feature = "http-client")]
mod client;
#[cfg(feature = "http-client")]
mod client_builder;
mod error;
#[cfg(feature = "http-client")]
mod listed;
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
pub use blox::{BloxApi, OpenCheckouts};
pub use builder::ReconcilerBuilder;
#[cfg(feature = "http-client")]
pub use client::ApiClient;
#[cfg(feature = "http-client")]
pub use client_builder::ApiClientBuilder;
pub use error::{ApiError, ApiErrorKind};
#[cfg(feature = "http-client")]
pub use listed::{DeliveryList, ListedDeliveries};
pub use pace::Pace;
pub use reconciler::Reconciler;
pub use report::{Report, RunEnd};
pub use source::{Found, Page, Recovery, Source};
