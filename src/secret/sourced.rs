use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::SigningKey;

/// Where the keys of a ring are looked up that come from elsewhere. A check asks what is known and
/// waits for nothing; whoever can wait lets it fetch first.
pub(crate) trait KeyLookup: Send + Sync + fmt::Debug {
    /// What is known of the key that a delivery names which arrived at this moment; of all keys where
    /// it names none.
    fn look(&self, id: &str, arrived: Instant) -> Found;

    /// Fetches what such a delivery needs, if something is to be fetched, or waits for who does.
    fn fetch(&self, id: &str, arrived: Instant)
    -> Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

    /// Notes that none of the keys known for this id made a signature: they may have been replaced.
    fn doubt(&self, id: &str);
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// These are all that a signature may have been made with.
    Keys(Arc<[SigningKey]>),
    /// There is none: who was asked since the delivery arrived has said so.
    Unknown,
    /// It cannot be told now.
    NotNow,
}
