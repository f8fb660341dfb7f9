//! Tower layers that receive webhooks.
#![forbid(unsafe_code)]

mod clock;
mod delivery;
mod encoding;
mod error;
pub mod event;
#[cfg(feature = "axum")]
mod extract;
pub mod layer;
mod path;
pub mod provider;
mod rejection;
mod secret;
pub mod signature;
pub mod source;
pub mod store;
mod webhook;

pub use clock::{Clock, ManualClock, SystemClock, Tolerance, UnixTime};
pub use delivery::{DeliveryProfile, RetriedStatuses, RetrySchedule};
pub use encoding::Encoding;
pub use error::{ConfigError, ConfigErrorKind};
pub use event::{Decimal, EventKey, Fingerprint, ProviderName};
#[cfg(feature = "axum")]
pub use extract::{Event, EventRejection};
pub use layer::{
    Authenticated, Confirm, Confirmation, Delivery, Drain, Lease, NeverAgain, Observation,
    Observer, Unconfirmed,
};
pub use path::PathTokens;
pub use provider::Provider;
pub use rejection::{Reason, Rejection, RejectionResponse};
pub use secret::{KeyId, KeyRing, SecretFormat, SigningKey, SigningSecret};
pub use source::{Allowlist, TrustedProxies};
pub use store::{MemoryStore, SharedStore, Store};
pub use webhook::{Webhook, WebhookLayer};
