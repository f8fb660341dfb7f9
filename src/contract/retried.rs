//! Which answers make a sender retry.

use std::borrow::Cow;

use http::StatusCode;

/// Which answers make a sender retry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetriedStatuses {
    /// None: the sender does not retry.
    None,
    /// Every answer that is not a success.
    AllButSuccess,
    /// These, and every 5xx. See [`RetriedStatuses::server_errors_and`].
    ServerErrorsAnd(Cow<'static, [u16]>),
    /// These alone. The first is the not-now status, unless 503 is among them. See
    /// [`RetriedStatuses::only`].
    Only(Cow<'static, [u16]>),
}

impl RetriedStatuses {
    /// These statuses, and every 5xx.
    pub fn server_errors_and(statuses: impl Into<Cow<'static, [u16]>>) -> Self {
        Self::ServerErrorsAnd(statuses.into())
    }

    /// These statuses alone, the first of which is the not-now status unless 503 is among them.
    pub fn only(statuses: impl Into<Cow<'static, [u16]>>) -> Self {
        Self::Only(statuses.into())
    }

    /// Whether the sender retries after this status, if it takes every 2xx for success.
    pub fn contains(&self, status: StatusCode) -> bool {
        match self {
            Self::None => false,
            Self::AllButSuccess => !status.is_success(),
            Self::ServerErrorsAnd(listed) => {
                status.is_server_error() || listed.contains(&status.as_u16())
            }
            Self::Only(listed) => listed.contains(&status.as_u16()),
        }
    }
}
