use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::permanent::Permanent;
use crate::rejection_cause::Chain;

/// Why an [`EventHandler`](super::EventHandler) has not completed its event.
///
/// `?` converts every error into a failure that is retried, and a [`Permanent`] into one that is
/// not. A boxed error does not implement `Error`: convert it with [`Failure::retry`].
///
/// ```
/// use tower_webhook::Permanent;
/// use tower_webhook::runtime::{Failure, FailureKind};
///
/// fn amount(text: &str) -> Result<u64, Failure> {
///     if text.is_empty() {
///         return Err(Permanent("an order without an amount").into());
///     }
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(amount("").unwrap_err().kind(), FailureKind::Permanent);
/// assert_eq!(amount("five").unwrap_err().kind(), FailureKind::Retry);
/// ```
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    error: Box<dyn Error + Send + Sync>,
    retry_after: Option<Duration>,
}

/// The consequence for an event whose handler has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// It is released, and runs again at the sender's next attempt.
    Retry,
    /// No retry can help: the event is done, and never run again. In an inbox it is dead, and runs again only when
    /// it is redriven or delivered again.
    Permanent,
}

impl Failure {
    /// A failure after which the event runs again, from an error such as a boxed one or one of `anyhow`.
    ///
    /// ```
    /// use std::error::Error;
    /// use tower_webhook::runtime::{Failure, FailureKind};
    ///
    /// fn book() -> Result<(), Box<dyn Error + Send + Sync>> {
    ///     Err("the ledger is closed".into())
    /// }
    ///
    /// let failure = book().map_err(Failure::retry).unwrap_err();
    /// assert_eq!((failure.kind(), failure.to_string()), (FailureKind::Retry, "the ledger is closed".into()));
    /// ```
    pub fn retry(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Retry,
            error: error.into(),
            retry_after: None,
        }
    }

    /// The same failure, and when the event is to be run again: a worker of an inbox goes by that
    /// instead of its own delay, where an attempt is left. It waits a week at most: a wrong `Retry-After` of somebody
    /// else must not keep an event, and what comes after it in its order, for years. Inline it is the sender who says when.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::runtime::Failure;
    ///
    /// let busy = Failure::retry("the ledger allows one call a minute");
    /// let busy = busy.after(Duration::from_secs(60));
    /// assert_eq!(busy.retry_after(), Some(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// A failure that no retry can help. In an inbox the event is dead: a redrive or another delivery runs it again.
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            error: error.into(),
            retry_after: None,
        }
    }

    /// The consequence for the event.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The delay after which the event should run again, if the handler has set one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The handler's error.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            kind: FailureKind::Retry,
            error: Box::new(error),
            retry_after: None,
        }
    }
}

impl<R: fmt::Display> From<Permanent<R>> for Failure {
    fn from(Permanent(why): Permanent<R>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            error: why.to_string().into(),
            retry_after: None,
        }
    }
}

impl fmt::Display for Failure {
    /// The error and its causes, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Chain(&*self.error).fmt(f)
    }
}

/// The return type of an [`EventHandler`](super::EventHandler): `()` if it always succeeds, or a
/// `Result` with any error, a [`Permanent`] or a [`Failure`]. Your own type can implement it:
///
/// ```
/// use tower_webhook::Delivery;
/// use tower_webhook::runtime::{EventHandler, Failure, HandlerResult};
///
/// enum Booked {
///     Now,
///     Before,
///     Refused(String),
/// }
///
/// impl HandlerResult for Booked {
///     fn into_result(self) -> Result<(), Failure> {
///         match self {
///             Self::Now | Self::Before => Ok(()),
///             Self::Refused(why) => Err(Failure::permanent(why)),
///         }
///     }
/// }
///
/// async fn on_event(delivery: Delivery) -> Booked {
///     match delivery.attempt() {
///         1 => Booked::Now,
///         2 => Booked::Before,
///         _ => Booked::Refused("it was tried too often".to_owned()),
///     }
/// }
///
/// fn takes<Args>(_: impl EventHandler<(), Args>) {}
/// takes(on_event);
/// ```
pub trait HandlerResult {
    /// Whether the event is done.
    ///
    /// # Errors
    ///
    /// It is not done.
    fn into_result(self) -> Result<(), Failure>;
}

impl HandlerResult for () {
    fn into_result(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Into<Failure>> HandlerResult for Result<(), E> {
    fn into_result(self) -> Result<(), Failure> {
        self.map_err(Into::into)
    }
}
