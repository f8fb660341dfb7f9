use std::fmt;

use super::error::ApiErrorKind;

/// The result of one run of a [`Reconciler`](super::Reconciler).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many pages were read.
    pub pages: u64,
    /// How many events were seen.
    pub seen: u64,
    /// How many of them were handled before, are being handled, or are in the inbox.
    pub known: u64,
    /// How many were missed and are now handled, or are held in the inbox.
    pub recovered: u64,
    /// How many the sender was asked to redeliver.
    pub requested: u64,
    /// How many are not final yet, or could not be checked now: a later run handles them.
    pub pending: u64,
    /// How many are not wanted: of a filtered type or account, or too old.
    pub filtered: u64,
    /// How many were handled with other content than the sender reports now. Each has a line in the
    /// log, and a person should investigate.
    pub mismatched: u64,
    /// How many could not be handled: their handler failed, or no key could be made.
    pub failed: u64,
    /// How the run ended.
    pub end: RunEnd,
}

/// How a run of a [`Reconciler`](super::Reconciler) ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RunEnd {
    /// All pages were read.
    #[default]
    Complete,
    /// Nothing was queried: another process is running.
    Elsewhere,
    /// The source could not be queried any further.
    Source(ApiErrorKind),
    /// The store or inbox could not be reached.
    Store,
    /// Another process has taken over.
    TakenOver,
    /// The receiver is shutting down.
    Draining,
    /// Its [time](super::ReconcilerBuilder::run_limit) was over. The next run starts over at the first page.
    OutOfTime,
    /// There were more [pages](super::ReconcilerBuilder::most_pages) than the limit. The next run
    /// starts over at the first page.
    TooManyPages,
}

impl RunEnd {
    /// The end as a single stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Elsewhere => "elsewhere",
            Self::Source(kind) => kind.code(),
            Self::Store => "store",
            Self::TakenOver => "taken_over",
            Self::Draining => "draining",
            Self::OutOfTime => "out_of_time",
            Self::TooManyPages => "too_many_pages",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pages,
            seen,
            known,
            recovered,
            requested,
            pending,
            filtered,
            mismatched,
            failed,
            end,
        } = self;
        write!(
            f,
            "{}: {seen} seen on {pages} pages, {known} known, {recovered} recovered, {requested} \
             requested, {pending} pending, {filtered} filtered, {mismatched} mismatched, {failed} failed",
            end.code()
        )
    }
}
