//! Fetched public keys: a list of all keys of a sender, or each key by its id.
//!
//! A [`KeySource`] is used like a [`KeyRing`](crate::KeyRing). It remembers fetched keys, continues
//! to use them while its sender is out of reach, and fetches seldom, whatever strangers send. A
//! [`FetchKeys`] does the fetching; with the feature `http-client`, `HttpKeys` does it over HTTPS.
//!
//! ```
//! use tower_webhook::keys::{FetchError, FetchKeys, KeySource};
//! use tower_webhook::signature::{KeyKind, PublicKey};
//! use tower_webhook::{SigningKey, provider};
//!
//! /// Asks the sender's API; here it is a constant.
//! struct Keys;
//!
//! impl FetchKeys for Keys {
//!     async fn fetch(&self, _: &str) -> Result<Vec<SigningKey>, FetchError> {
//!         let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
//!         let key = PublicKey::parse(KeyKind::Ed25519, key).map_err(FetchError::new)?;
//!         Ok(vec![SigningKey::public("2026", key)])
//!     }
//! }
//!
//! let telnyx = provider::telnyx(KeySource::list(Keys));
//! # drop(telnyx);
//! ```
//!
//! The answer to a delivery whose key is unknown:
//!
//! | | |
//! | --- | --- |
//! | no fetch began within the cool-down, a minute | it waits for a fetch, within its deadline |
//! | a fetch that began after it arrived has no such key | 401 |
//! | a fetch that began before has none, or failed, and the cool-down is not over | the not-now status: its sender retries |
//!
//! If the known keys prove nothing, the answer is 401, and they are fetched again in the background once the
//! cool-down is over. A replaced key without a name of its own is thus known at the sender's next attempt.
//!
//! A stranger who makes up ids therefore causes one fetch of a list per minute. If keys are fetched
//! one by one, each id is requested once in the cool-down, and ten in all within a minute, drawn at
//! random from those that deliveries wait for.

mod certificate_url;
#[cfg(feature = "http-client")]
mod certificates;
mod document;
mod fetch;
#[cfg(feature = "http-client")]
mod http;
mod queue;
mod rules;
mod source;

pub use certificate_url::CertificateUrl;
#[cfg(feature = "http-client")]
pub use certificates::HttpCertificates;
pub use document::KeyDocument;
pub use fetch::{FetchError, FetchKeys};
#[cfg(feature = "http-client")]
pub use http::HttpKeys;
pub use source::KeySource;

#[cfg(test)]
mod tests;
