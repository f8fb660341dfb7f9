use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A request to a sender's API that failed.
///
/// Its text names the place and the remedy. It never contains a key or any text from the other
/// side, which may repeat one.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::reconcile::{ApiError, ApiErrorKind};
///
/// let busy = ApiError::new(ApiErrorKind::TooManyRequests, "GET /v1/payments: 429")
///     .retry_after(Duration::from_secs(30));
/// assert!(busy.is_transient());
/// assert_eq!(busy.wait(), Some(Duration::from_secs(30)));
/// assert_eq!(busy.to_string(), "too many requests: GET /v1/payments: 429");
/// ```
pub struct ApiError(Box<Fault>);

struct Fault {
    kind: ApiErrorKind,
    place: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of an [`ApiError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// There was no connection, or it broke.
    Unreachable,
    /// There was no answer in time.
    TimedOut,
    /// The API wants fewer requests: 429, or 503 with `Retry-After`.
    TooManyRequests,
    /// The API failed: 5xx.
    Failed,
    /// The key is wrong, or may not ask this: 401 or 403.
    Unauthorized,
    /// The API has no such resource: 404 or 410.
    NotFound,
    /// An unexpected status.
    Refused,
    /// The answer is a redirect. The key is never sent there.
    Redirected,
    /// The answer is longer than the limit.
    TooLarge,
    /// The answer is not as expected: it is not JSON, or lacks a required member.
    Malformed,
    /// The same page was returned again.
    Repeated,
    /// The result was not final within its time.
    NotFinal,
    /// The source does not support this.
    Unsupported,
}

impl ApiErrorKind {
    /// The kind as a single stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::TooManyRequests => "too_many_requests",
            Self::Failed => "failed",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Redirected => "redirected",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Repeated => "repeated",
            Self::NotFinal => "not_final",
            Self::Unsupported => "unsupported",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "no connection to the API",
            Self::TimedOut => "no answer in time",
            Self::TooManyRequests => "too many requests",
            Self::Failed => "the API failed",
            Self::Unauthorized => "the API does not take the key: give it one that may ask this",
            Self::NotFound => "the API has nothing of that name",
            Self::Refused => "the API refused the request",
            Self::Redirected => {
                "the API answered with another place, where the key is not sent: set the base URL to \
                 the right one"
            }
            Self::TooLarge => "the answer is too long: raise max_answer_bytes if it is right",
            Self::Malformed => "the answer is not what it should be",
            Self::Repeated => "the same page came again: see the settings of its cursor",
            Self::NotFinal => "not final in time",
            Self::Unsupported => "the source cannot do this",
        }
    }
}

impl ApiError {
    /// An error of this kind. The text says where it happened, and must not contain a key.
    pub fn new(kind: ApiErrorKind, place: impl Into<String>) -> Self {
        Self(Box::new(Fault {
            kind,
            place: place.into(),
            status: None,
            retry_after: None,
            source: None,
        }))
    }

    /// The same error, with how long the API wants to be left alone.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The same error, with its cause.
    ///
    /// ```
    /// use std::error::Error;
    /// use tower_webhook::reconcile::{ApiError, ApiErrorKind};
    ///
    /// let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let error = ApiError::new(ApiErrorKind::Unreachable, "GET /v1/payments").caused_by(cause);
    /// assert_eq!(error.kind().code(), "unreachable");
    /// assert!(error.source().is_some());
    /// ```
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    #[cfg(feature = "http-client")]
    pub(super) fn of_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The status of the answer, if there was one.
    #[cfg(feature = "http-client")]
    pub(super) fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ApiErrorKind {
        self.0.kind
    }

    /// How long the API wants to be left alone, if it said so.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            ApiErrorKind::Unreachable
                | ApiErrorKind::TimedOut
                | ApiErrorKind::TooManyRequests
                | ApiErrorKind::Failed
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.text(), self.0.place)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            kind,
            place,
            status,
            retry_after,
            source,
        } = &*self.0;
        f.debug_struct("ApiError")
            .field("kind", kind)
            .field("place", place)
            .field("status", status)
            .field("retry_after", retry_after)
            .field("source", source)
            .finish()
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.0.source.as_deref()?;
        Some(source)
    }
}
