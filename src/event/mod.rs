//! What an event is: the key it is known by and the fingerprint of what it means.

mod key;

pub use key::{EventKey, Fingerprint, ProviderName};
