//! What to do when a sender gets 401.
//!
//! The sender learns nothing more than the status: strangers get the same bytes. The log says more, in an event
//! of the target `tower_webhook` with the code of a [`Reason`](crate::Reason); an
//! [`Observer`](crate::Observer) receives the same.
//!
//! | the log says | look at |
//! | --- | --- |
//! | `signature_mismatch` | the secret (of the sandbox, of another endpoint, with white space or without its prefix), and anything that changes the body on its way: a proxy that decompresses it, or that parses it and writes it again |
//! | `signature_header` | a header that is missing or spelled differently: another sender, a version of its scheme that the preset does not know, or a proxy that drops headers |
//! | `signature_stale` | the receiver's clock, or a queue in front of it that holds deliveries for minutes |
//! | `certificate_missing` and other `certificate_…` codes | the guide `client_certificates` (feature `asymmetric`) |
//!
//! Try a captured delivery without a server: a [`Verifier`](crate::signature::Verifier) says what is
//! wrong with it.
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::provider::{self, blendfi};
//! use tower_webhook::signature::SignatureErrorKind;
//! use tower_webhook::{ConfigError, UnixTime};
//!
//! /// The fault of this delivery, if any, for an endpoint with this secret.
//! fn fault(secret: &str, headers: &HeaderMap, body: &[u8]) -> Result<Option<SignatureErrorKind>, ConfigError> {
//!     let sender = provider::blendfi(blendfi::keys([secret])?);
//!     // The time of arrival: fixed here, because this delivery was captured then.
//!     let now = UnixTime::from_secs(1_777_899_600);
//!     let refused = sender.verifier().and_then(|it| it.verify(headers, body, now).err());
//!     Ok(refused.map(|error| error.kind()))
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut headers = HeaderMap::new();
//!     headers.insert(
//!         "x-blendfi-signature",
//!         "t=1777899600,v1=8f632700b26a730ce3336878aa995ddd9aacdf16f66935ae53361c3c47f787e2".parse()?,
//!     );
//!     let body = br#"{"id":"evt_1","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{}}"#;
//!     let (ours, others) = ("whsec_test_9f8e7d6c5b4a", "whsec_test_0a1b2c3d4e5f");
//!     assert_eq!(fault(ours, &headers, body)?, None);
//!     assert_eq!(fault(others, &headers, body)?, Some(SignatureErrorKind::Mismatch));
//!     // Parsed and written again: the same JSON, but different bytes.
//!     let again = serde_json::from_slice::<serde_json::Value>(body)?.to_string();
//!     assert_eq!(fault(ours, &headers, again.as_bytes())?, Some(SignatureErrorKind::Mismatch));
//!     // No header, or one of another sender.
//!     assert_eq!(fault(ours, &HeaderMap::new(), body)?, Some(SignatureErrorKind::MissingHeader));
//!     Ok(())
//! }
//! ```
