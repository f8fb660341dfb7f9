//! Tower layers that receive webhooks.
#![forbid(unsafe_code)]

mod clock;
mod delivery;
mod encoding;
mod error;
mod event;
mod secret;
pub mod store;

pub use clock::{Clock, ManualClock, SystemClock, Tolerance, UnixTime};
pub use delivery::{DeliveryProfile, RetriedStatuses, RetrySchedule};
pub use encoding::Encoding;
pub use error::{ConfigError, ConfigErrorKind};
pub use event::{EventKey, Fingerprint, ProviderName};
pub use secret::{KeyId, KeyRing, SecretFormat, SigningKey, SigningSecret};
pub use store::{MemoryStore, SharedStore, Store};
