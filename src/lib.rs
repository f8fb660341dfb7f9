//! Tower layers that receive webhooks.
#![forbid(unsafe_code)]

mod clock;
mod delivery;
mod encoding;
mod error;

pub mod event;
mod layer;
mod path;
pub mod provider;
mod secret;
pub mod signature;
pub mod source;

pub use clock::{Clock, ManualClock, SystemClock, Tolerance, UnixTime};
pub use delivery::{DeliveryProfile, RetriedStatuses, RetrySchedule};
pub use encoding::Encoding;
pub use error::{ConfigError, ConfigErrorKind};
pub use event::{Decimal, EventKey, Fingerprint, ProviderName};
pub use layer::{Confirm, Confirmation, Unconfirmed};
pub use path::PathTokens;
pub use provider::Provider;
pub use secret::{KeyId, KeyRing, SecretFormat, SigningKey, SigningSecret};
pub use source::{Allowlist, TrustedProxies};
