//! Changing a secret without losing a delivery.
//!
//! 1. Make the new secret at the sender, where it lets both be in use for a while (Stripe does, for
//!    up to a day). Put it into the ring beside the old one, each under a name.
//! 2. Watch which key signs: [`Delivery::verified_by`](crate::Delivery::verified_by) and
//!    [`Observation::signed_by`](crate::Observation) name every key that matches.
//! 3. Once the old one signs no more, retries included, take it out.
//!
//! Where a sender changes at once, put the new secret into the ring before the sender uses it. A ring
//! with both takes either, and costs one more MAC at most.
//!
//! ```
//! use tower_webhook::{ConfigError, KeyRing, SigningKey, SigningSecret, UnixTime};
//!
//! fn main() -> Result<(), ConfigError> {
//!     let old = || SigningSecret::from_text("whsec_test_the_old_one");
//!     let new = || SigningSecret::from_text("whsec_test_the_new_one");
//!     let ring = KeyRing::new([SigningKey::new("2025-12", old()?)])?;
//!
//!     // Clones share the ring: what a running receiver was built with takes the new keys at once.
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
