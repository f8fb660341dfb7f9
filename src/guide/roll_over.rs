//! Changing a secret without losing a delivery.
//!
//! 1. Create the new secret at the sender, if it lets both be in use for a while (Stripe does, for
//!    up to a day). Put it into the ring with the old one, each under a name.
//! 2. Watch which key signs: [`Delivery::verified_by`](crate::Delivery::verified_by) and
//!    [`Observation::signed_by`](crate::Observation) name every key that matches.
//! 3. Once the old one no longer signs, not even retries, remove it.
//!
//! [`KeyRing::rotate`](crate::KeyRing::rotate) adds the new key in a running receiver. `BlendFiApi::rotate_secret`
//! of the feature `http-client` also creates it at BlendFi.
//!
//! If a sender switches at once, put the new secret into the ring before the sender uses it. A ring
//! with both accepts either, and costs one more MAC at most.
//!
//! ```
//! use tower_webhook::{ConfigError, KeyRing, SigningKey, SigningSecret, UnixTime};
//!
//! fn main() -> Result<(), ConfigError> {
//!     let old = || SigningSecret::from_text("whsec_test_the_old_one");
//!     let new = || SigningSecret::from_text("whsec_test_the_new_one");
//!     let ring = KeyRing::new([SigningKey::new("2025-12", old()?)])?;
//!
//!     // Clones share the ring: a running receiver uses the new keys at once.
//!     let end = UnixTime::from_secs(1_780_000_000);
//!     ring.replace([
//!         SigningKey::new("2026-06", new()?),
//!         SigningKey::new("2025-12", old()?).expires_at(end),
//!     ])?;
//!     assert_eq!(ring.ids().len(), 2);
//!
//!     ring.replace([SigningKey::new("2026-06", new()?)])?;
//!     assert_eq!(ring.ids().len(), 1);
//!     Ok(())
//! }
//! ```
//!
//! Secrets from the environment are named in the same way: `2026-06:whsec_…,2025-12:whsec_…`, read by
//! [`Secrets::from_env`](crate::Secrets::from_env).
//!
//! Without a server, the verifier also names the key that signed:
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::UnixTime;
//! use tower_webhook::provider::{self, stripe};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let keys = stripe::keys([
//!         ("2026-06", "whsec_test_9f8e7d6c5b4a"),
//!         ("2025-12", "whsec_test_0a1b2c3d4e5f"),
//!     ])?;
//!     let mut headers = HeaderMap::new();
//!     headers.insert(
//!         "stripe-signature",
//!         "t=1777899600,v1=e162025436917946e377f5df05beb08afdec253d01c30cc307565dc189e20c7a".parse()?,
//!     );
//!     let body = br#"{"id":"evt_1","type":"invoice.paid"}"#;
//!     let stripe = provider::stripe(keys);
//!     let verifier = stripe.verifier().ok_or("it signs")?;
//!     let verified = verifier.verify(&headers, body, UnixTime::from_secs(1_777_899_600))?;
//!     assert_eq!(verified.key_ids().to_string(), "2026-06");
//!     Ok(())
//! }
//! ```
