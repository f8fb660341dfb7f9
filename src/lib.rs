//! Tower layers that receive webhooks.
#![forbid(unsafe_code)]

mod clock;
mod delivery;
mod encoding;
mod error;
pub mod event;
mod secret;
pub mod signature;

pub use clock::{Clock, ManualClock, SystemClock, Tolerance, UnixTime};
pub use delivery::{DeliveryProfile, RetriedStatuses, RetrySchedule};
pub use encoding::Encoding;
pub use error::{ConfigError, ConfigErrorKind};
pub use event::{Decimal, EventKey, Fingerprint, ProviderName};
pub use secret::{KeyId, KeyRing, SecretFormat, SigningKey, SigningSecret};
