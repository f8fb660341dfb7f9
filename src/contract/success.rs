//! What a sender counts as success.

use std::borrow::Cow;

use http::StatusCode;

/// Which answers a sender counts as success.
///
/// A layer adapts a handler's success to it: a 204 becomes a 200 for a sender that counts only 200.
///
/// ```
/// use http::StatusCode;
/// use tower_webhook::SuccessAnswer;
///
/// let adyen = SuccessAnswer::text("[accepted]");
/// assert!(adyen.is_given_by(StatusCode::OK, b"[accepted]"));
/// assert!(!adyen.is_given_by(StatusCode::OK, b""));
///
/// let strict = SuccessAnswer::exactly(200);
/// assert!(!strict.is_given_by(StatusCode::NO_CONTENT, b""));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuccessAnswer {
    /// Any 2xx.
    AnySuccess,
    /// These statuses alone. The first replaces a handler's success with another status. See
    /// [`SuccessAnswer::one_of`].
    Statuses(Cow<'static, [u16]>),
    /// 200 with this body. See [`SuccessAnswer::text`] and [`SuccessAnswer::json`].
    Body {
        /// Its content type.
        content_type: &'static str,
        /// The body, byte for byte.
        text: Cow<'static, str>,
    },
}

impl SuccessAnswer {
    /// This status alone.
    pub fn exactly(status: u16) -> Self {
        Self::Statuses(vec![status].into())
    }

    /// These statuses alone, the first of which replaces a handler's success with another status.
    pub fn one_of(statuses: impl Into<Cow<'static, [u16]>>) -> Self {
        Self::Statuses(statuses.into())
    }

    /// 200 with this plain text.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Body {
            content_type: "text/plain; charset=utf-8",
            text: text.into(),
        }
    }

    /// 200 with this JSON.
    pub fn json(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Body {
            content_type: "application/json",
            text: text.into(),
        }
    }

    /// Whether the sender takes an answer with this status and body for success.
    pub fn is_given_by(&self, status: StatusCode, body: &[u8]) -> bool {
        self.has_status(status)
            && match self {
                Self::Body { text, .. } => text.as_bytes() == body,
                Self::AnySuccess | Self::Statuses(_) => true,
            }
    }

    /// Whether an answer with this status can be a success.
    pub(crate) fn has_status(&self, status: StatusCode) -> bool {
        match self {
            Self::AnySuccess => status.is_success(),
            Self::Statuses(listed) => listed.contains(&status.as_u16()),
            Self::Body { .. } => status == StatusCode::OK,
        }
    }

    /// The status that a success with this status gets.
    pub(crate) fn status_for(&self, status: StatusCode) -> StatusCode {
        if self.has_status(status) {
            return status;
        }
        let first = match self {
            Self::Statuses(listed) => listed.first(),
            Self::AnySuccess | Self::Body { .. } => None,
        };
        let first = first.and_then(|status| StatusCode::from_u16(*status).ok());
        first.unwrap_or(StatusCode::OK)
    }

    /// The fault in this answer, if any.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let Self::Statuses(listed) = self else {
            return None;
        };
        let [first, ..] = &**listed else {
            return Some("no status counts as success: name one");
        };
        let is_final = |status: &u16| matches!(status, 200..=599);
        if !listed.iter().all(is_final) {
            return Some("a status that counts as success is none from 200 to 599");
        }
        (!(200..300).contains(first)).then_some(
            "the first status that counts as success is what a handler's success is given, and no \
             2xx: put a 2xx first",
        )
    }
}
