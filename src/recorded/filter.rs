use super::line::JournalLine;
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::observer::Verdict;
use crate::reason::Reason;

/// Selects lines of a journal. All unless restricted.
///
/// ```
/// use tower_webhook::journal::{JournalFilter, JournalLine};
/// use tower_webhook::layer::Verdict;
/// use tower_webhook::{EventKey, Name, Reason, UnixTime};
///
/// let failed = JournalFilter::new()
///     .provider(Name::new("stripe")?)
///     .key(EventKey::new(Name::new("stripe")?, ["evt_1"])?)
///     .from(UnixTime::from_secs(1_777_899_600))
///     .until(UnixTime::from_secs(1_777_903_200))
///     .verdict(Verdict::Failed)
///     .reason(Reason::HandlerPanicked)
///     .authenticated();
/// let line = r#"{"v":1,"id":"1","at":1777899601000000,"provider":"stripe","authenticated":true,
///     "verdict":"failed","reason":"handler_panicked","key":"stripe:evt_1"}"#;
/// assert!(failed.matches(&JournalLine::parse(line)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct JournalFilter {
    pub(crate) provider: Option<Name>,
    pub(crate) key: Option<EventKey>,
    pub(crate) from: Option<UnixTime>,
    pub(crate) until: Option<UnixTime>,
    verdict: Option<Verdict>,
    reason: Option<Reason>,
    authenticated: bool,
}

impl JournalFilter {
    /// Every line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only lines of this provider.
    pub fn provider(mut self, provider: Name) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Only lines of this event.
    pub fn key(mut self, key: EventKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Only lines whose outcome was known at this moment or later.
    pub fn from(mut self, from: UnixTime) -> Self {
        self.from = Some(from);
        self
    }

    /// Only lines whose outcome was known before this moment.
    pub fn until(mut self, until: UnixTime) -> Self {
        self.until = Some(until);
        self
    }

    /// Only lines with this outcome.
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// Only lines with this reason.
    pub fn reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Only lines whose origin was proved.
    pub fn authenticated(mut self) -> Self {
        self.authenticated = true;
        self
    }

    /// Whether every line is selected.
    #[cfg(feature = "page")]
    pub(crate) fn is_for_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this line is selected.
    pub fn matches(&self, line: &JournalLine) -> bool {
        let Self {
            provider,
            key,
            from,
            until,
            verdict,
            reason,
            authenticated,
        } = self;
        let at = UnixTime::from_micros(line.at);
        provider
            .as_ref()
            .is_none_or(|it| it.as_str() == line.provider)
            && key
                .as_ref()
                .is_none_or(|it| line.key.as_deref() == Some(&*it.encoded()))
            && from.is_none_or(|from| from <= at)
            && until.is_none_or(|until| at < until)
            && verdict.is_none_or(|it| it.code() == line.verdict)
            && reason.is_none_or(|it| line.reason.as_deref() == Some(it.code()))
            && (line.authenticated || !*authenticated)
    }
}
