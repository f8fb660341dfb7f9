//! Proof by signature: a scheme as plain data, and the verifier that works by it.
//!
//! A [`Scheme`] states which headers carry the signature, its encoding and its coverage. A [`Verifier`] has a scheme
//! and a [`KeyRing`](crate::KeyRing) and needs no HTTP server, and a [`Signer`] signs by the same scheme. The values
//! below are the published example of the Standard Webhooks specification.
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::signature::{Component, Scheme, SignatureErrorKind, Verifier};
//! use tower_webhook::{Encoding, SigningSecret, UnixTime};
//!
//! let scheme = Scheme::builder("webhook-signature")
//!     .list("v1,", Encoding::Base64)
//!     .timestamp_header("webhook-timestamp")
//!     .id_header("webhook-id")
//!     .content([Component::Id, Component::literal("."), Component::Timestamp, Component::literal("."), Component::Body])
//!     .build()?;
//! let secret = SigningSecret::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let verifier = Verifier::new(scheme, secret);
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse()?);
//! headers.insert("webhook-timestamp", "1614265330".parse()?);
//! headers.insert("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".parse()?);
//! let body = br#"{"test": 2432232314}"#;
//!
//! // Accepted: signed with the right secret, and the clock is within five minutes of it.
//! let now = UnixTime::from_secs(1_614_265_350);
//! let verified = verifier.verify(&headers, body, now)?;
//! assert_eq!(verified.signed_at(), Some(UnixTime::from_secs(1_614_265_330)));
//!
//! // Refused: one byte of the body has changed.
//! let forged = verifier.verify(&headers, br#"{"test": 2432232315}"#, now).unwrap_err();
//! assert_eq!(forged.kind(), SignatureErrorKind::Mismatch);
//!
//! // Refused: authentic, but ten minutes old by the clock, so it may be a replay.
//! let late = verifier.verify(&headers, body, UnixTime::from_secs(1_614_265_930)).unwrap_err();
//! assert!(late.is_stale());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "senders")]
mod algorithm;
mod component;
pub mod diagnosis;
mod error;
#[cfg(feature = "senders")]
mod general;
mod header;
mod names;
mod one_or_more;
mod one_reading;
#[cfg(feature = "senders")]
mod place;
#[cfg(feature = "senders")]
mod public_url;
mod read;
mod scheme;
mod signer;
mod stale_run;
mod verification;
mod verifier;
#[cfg(feature = "senders")]
mod wider;

#[cfg(feature = "asymmetric")]
pub use crate::asymmetric::{
    Curve, EcdsaForm, KeyKind, PublicKey, PublicKeyAlgorithm, PublicKeyFormat,
};
#[cfg(feature = "jwt")]
pub use crate::jws::{Jws, JwsAlgorithm};
#[cfg(feature = "asymmetric")]
pub use crate::message_signature::{MessageAlgorithm, MessageSignatures};
#[cfg(feature = "senders")]
pub use algorithm::Algorithm;
pub use component::Component;
#[cfg(feature = "senders")]
pub use component::Demand;
pub(crate) use error::Stale;
pub use error::{SignatureError, SignatureErrorKind};
#[cfg(all(feature = "senders", feature = "testing"))]
pub(crate) use general::{Outgoing, Said};
#[cfg(feature = "senders")]
pub use place::{Place, TimeFormat};
#[cfg(feature = "senders")]
pub use public_url::PublicUrl;
pub use scheme::{Scheme, SchemeBuilder};
#[cfg(feature = "testing")]
pub(crate) use signer::Content;
pub use signer::Signer;
pub(crate) use stale_run::StaleRun;
pub use verification::{Verification, Verified};
pub use verifier::Verifier;
