use super::filter::JournalFilter;
use super::line::JournalLine;
use super::sink::JournalPosition;

/// Selects lines, starting with the newest one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a> {
    pub(crate) filter: &'a JournalFilter,
    /// Only lines with this verdict, and with this reason code.
    pub(crate) verdict: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    /// Only lines before this position.
    pub(crate) before: Option<&'a JournalPosition>,
    /// The maximum number of lines.
    pub(crate) most: usize,
}

/// At most this many lines are examined, if only some are selected, and at most this many bytes
/// read.
pub(crate) const LOOKED_AT: usize = 2_000;
pub(crate) const READ_BYTES: usize = 4 << 20;

/// Lines of a journal, the newest first, each with its position.
#[derive(Debug, Default)]
pub(crate) struct NewestLines {
    pub(crate) lines: Vec<(JournalPosition, JournalLine)>,
    /// The position before which to continue; `None` at the beginning of the journal.
    pub(crate) next: Option<JournalPosition>,
    /// The number of lines that were too long to be read here.
    pub(crate) too_long: usize,
}

impl Newest<'_> {
    /// The maximum number of lines to examine.
    pub(crate) fn looked_at(&self) -> usize {
        let is_for_all =
            self.filter.is_for_all() && self.verdict.is_none() && self.reason.is_none();
        match is_for_all {
            true => self.most,
            false => LOOKED_AT.max(self.most),
        }
    }

    fn matches(&self, line: &JournalLine) -> bool {
        self.filter.matches(line)
            && self.verdict.is_none_or(|verdict| verdict == line.verdict)
            && (self.reason).is_none_or(|reason| line.reason.as_deref() == Some(reason))
    }
}

/// The lines read so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) found: NewestLines,
    bytes: usize,
    seen: usize,
}

impl Reading {
    /// Adds the line at this position; returns whether to continue.
    pub(crate) fn take(&mut self, newest: &Newest<'_>, at: JournalPosition, text: &str) -> bool {
        self.bytes = self.bytes.saturating_add(text.len());
        self.seen = self.seen.saturating_add(1);
        self.found.next = Some(at.clone());
        if let Ok(line) = JournalLine::parse(text)
            && newest.matches(&line)
        {
            self.found.lines.push((at, line));
        }
        self.found.lines.len() < newest.most
            && self.bytes < READ_BYTES
            && self.seen < newest.looked_at()
    }
}
