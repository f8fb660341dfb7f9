use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::secret::SigningKey;

/// A way to fetch keys.
///
/// It is called seldom, and given up after ten seconds.
pub trait FetchKeys: Send + Sync + 'static {
    /// Whether a key can have this id, such as a URL that is one of the sender's. An impossible id
    /// is unknown at once: it neither waits for a fetch nor uses one up.
    ///
    /// ```
    /// use tower_webhook::SigningKey;
    /// use tower_webhook::keys::{FetchError, FetchKeys};
    ///
    /// struct Numbered;
    ///
    /// impl FetchKeys for Numbered {
    ///     fn may_fetch(&self, id: &str) -> bool {
    ///         id.bytes().all(|byte| byte.is_ascii_digit())
    ///     }
    ///
    ///     async fn fetch(&self, _id: &str) -> Result<Vec<SigningKey>, FetchError> {
    ///         Ok(Vec::new())
    ///     }
    /// }
    ///
    /// assert!(!Numbered.may_fetch("https://evil.example/a.pem"));
    /// ```
    fn may_fetch(&self, id: &str) -> bool {
        let _ = id;
        true
    }

    /// Fetches all keys, or those of this id if a [`KeySource`](super::KeySource) requests each [by
    /// its id](super::KeySource::by_id). The id is untrusted text of up to 256 printable ASCII
    /// characters without blanks: it must be escaped before it is put into a URL.
    ///
    /// An empty result means that there is no such key.
    ///
    /// # Errors
    ///
    /// If it is unknown whether there is such a key: previously fetched keys then remain valid.
    fn fetch(&self, id: &str) -> impl Future<Output = Result<Vec<SigningKey>, FetchError>> + Send;
}

/// A [`FetchKeys`] of any type.
pub(super) trait Fetch: Send + Sync {
    fn may_fetch(&self, id: &str) -> bool;

    fn fetch<'f>(
        self: Arc<Self>,
        id: Box<str>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SigningKey>, FetchError>> + Send + 'f>>
    where
        Self: 'f;
}

impl<F: FetchKeys> Fetch for F {
    fn may_fetch(&self, id: &str) -> bool {
        FetchKeys::may_fetch(self, id)
    }

    fn fetch<'f>(
        self: Arc<Self>,
        id: Box<str>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SigningKey>, FetchError>> + Send + 'f>>
    where
        Self: 'f,
    {
        Box::pin(async move { FetchKeys::fetch(&*self, &id).await })
    }
}

/// An error from fetching keys.
pub struct FetchError(Box<dyn std::error::Error + Send + Sync>);

impl FetchError {
    /// An error with this reason, which is logged.
    ///
    /// ```
    /// use tower_webhook::keys::FetchError;
    ///
    /// let error = FetchError::new("the API answered 500");
    /// assert_eq!(error.to_string(), "the keys could not be fetched");
    /// ```
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Debug for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FetchError").field(&self.0).finish()
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keys could not be fetched")
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
