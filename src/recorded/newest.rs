use super::filter::JournalFilter;
use super::line::JournalLine;
use super::sink::JournalPosition;

/// Which lines are read from the newest one on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a> {
    pub(crate) filter: &'a JournalFilter,
    /// With this word for what became of it, and with this code of a reason.
    pub(crate) verdict: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    /// Only what stands before this place.
    pub(crate) before: Option<&'a JournalPosition>,
    /// So many lines at most.
    pub(crate) most: usize,
}

/// So many lines are looked at, where not every line is wanted, and so many bytes of them read.
pub(crate) const LOOKED_AT: usize = 2_000;
pub(crate) const READ_BYTES: usize = 4 << 20;

/// Some lines of a journal, the newest first, each with the place that it stands at.
#[derive(Debug, Default)]
pub(crate) struct NewestLines {
    pub(crate) lines: Vec<(JournalPosition, JournalLine)>,
    /// Before which place to read on; none where this is the beginning of the journal.
    pub(crate) next: Option<JournalPosition>,
    /// How many lines among them are too long to be read here.
    pub(crate) too_long: usize,
}

impl Newest<'_> {
    /// How many lines are looked at.
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

/// What is read, until that is enough.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) found: NewestLines,
    bytes: usize,
    seen: usize,
}

impl Reading {
    /// Takes the line at this place; whether more are wanted.
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
