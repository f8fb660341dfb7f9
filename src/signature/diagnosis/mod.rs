//! Why a signature was refused: which change of key, body, URL, time or scheme would make it valid.
//!
//! It is for the operator, on demand: for a captured delivery, a test or a log. It uses the
//! verifier's keys, tries a bounded number of changes of them and of the delivery, and reports the
//! one that matches. A MAC never matches by chance, so a named cause is certain. If it finds none,
//! the cause is [`Cause::Unknown`]. Never send a diagnosis to the sender.
//!
//! ```
//! use http::Request;
//! use tower_webhook::UnixTime;
//! use tower_webhook::provider::{self, stripe};
//! use tower_webhook::signature::diagnosis::{Cause, Diagnose};
//!
//! let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let request = Request::post("/webhooks/stripe").header(
//!     "stripe-signature",
//!     "t=1777899600,v1=08325ebbc85e7149a1d118232b1f0e701c642b78ee160a831315049066d4c60b",
//! );
//! // A middleware has parsed the JSON and serialized it again, with spaces.
//! let body = r#"{"id": "evt_1", "object": "event", "type": "charge.succeeded", "created": 1777899600, "data": {"object": {"id": "ch_1", "amount": 1500}}}"#;
//! let request = request.body(body)?;
//!
//! let diagnose = Diagnose::new(stripe.verifier().ok_or("Stripe signs")?);
//! let now = UnixTime::from_secs(1_777_899_660);
//! let diagnosis = diagnose.delivery(&request, body.as_bytes(), now);
//! assert_eq!(diagnosis.cause(), Some(Cause::BodyReserialised));
//! assert_eq!(
//!     diagnosis.to_string(),
//!     "the body's JSON was written anew after it was signed (key \"1\"): let nothing read or rewrite \
//!      the body before it is verified: a proxy, a gateway, a parser of JSON",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without the feature `senders`, a [`SigningSecret`](crate::SigningSecret) does not store its key's bytes. Changes
//! of the key are then tried only for [secrets](Diagnose::secret) that are passed as in the settings.

mod bodies;
mod cause;
mod diagnose;
mod heads;
mod json;
mod keys;
mod search;
mod trial;
#[cfg(feature = "senders")]
mod urls;

pub use self::cause::{Cause, Diagnosis, Finding};
pub use self::diagnose::Diagnose;
