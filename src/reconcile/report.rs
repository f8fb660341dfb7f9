use std::fmt;

use super::error::ApiErrorKind;

/// What one run of a [`Reconciler`](super::Reconciler) has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many pages were read.
    pub pages: u64,
    /// How many events were seen.
    pub seen: u64,
    /// How many of them were handled before, are being handled, or are in the inbox.
    pub known: u64,
    /// How many were missed and are handled now, or held in the inbox.
    pub recovered: u64,
    /// How many the sender was asked to deliver again.
    pub requested: u64,
    /// How many are not final yet, or could not be told now: a later run takes them up.
    pub pending: u64,
    /// How many are not wanted here: of a type or an account that is filtered, or too old.
    pub filtered: u64,
    /// How many were handled with other content than the sender tells now. Each has a line in the log: a
    /// person should look.
    pub mismatched: u64,
    /// How many could not be handled: their handler failed, or their key could not be made.
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
    /// Nothing was asked: another process is at it.
    Elsewhere,
    /// The source could not be asked on.
    Source(ApiErrorKind),
    /// The store or inbox could not be reached.
    Store,
    /// Another process has taken over.
    TakenOver,
    /// The receiver is shutting down.
    Draining,
    /// Its [time](super::ReconcilerBuilder::run_limit) was over. The next run begins at the first page again.
    OutOfTime,
    /// There were more [pages](super::ReconcilerBuilder::most_pages) than it reads. The next run begins at the
    /// first page again.
    TooManyPages,
}

impl RunEnd {
    /// The end in one stable word.
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
