use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::SigningKey;

/// The source of a ring's keys if they are stored elsewhere. A check uses the keys known so far and
/// never waits; callers that can wait call `fetch` first.
pub(crate) trait KeyLookup: Send + Sync + fmt::Debug {
    /// The state of the key that a delivery names, if it arrived at this moment; of all keys if it
    /// names none.
    fn look(&self, id: &str, arrived: Instant) -> Found;

    /// Fetches the keys that such a delivery needs, if necessary, or waits for a fetch in progress.
    fn fetch(&self, id: &str, arrived: Instant)
    -> Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

    /// Notes that none of the keys known for this id made a signature: they may have been replaced.
    fn doubt(&self, id: &str);
}

/// The state of a key.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// These are all the keys that a signature may have been made with.
    Keys(Arc<[SigningKey]>),
    /// There is none, according to an answer since the delivery arrived.
    Unknown,
    /// It cannot be decided now.
    NotNow,
}
