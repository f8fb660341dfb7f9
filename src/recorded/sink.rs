use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::line::JournalLine;
use crate::clock::UnixTime;

/// The destination of a journal's lines.
///
/// Its functions run in the journal's own thread, one at a time, and may block.
///
/// ```
/// use tower_webhook::journal::{Journal, JournalError, JournalLine, JournalSink, Retained};
///
/// /// For a supervisor that stores the output of a process.
/// struct Stdout;
///
/// impl JournalSink for Stdout {
///     fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError> {
///         lines.iter().for_each(|line| println!("{}", line.to_json()));
///         Ok(())
///     }
///
///     fn prune(&mut self, _: &Retained) -> Result<bool, JournalError> {
///         Ok(false)
///     }
/// }
///
/// let journal = Journal::start(Stdout)?;
/// # drop(journal);
/// # Ok::<(), JournalError>(())
/// ```
pub trait JournalSink: Send + 'static {
    /// Writes these lines, all or none of them.
    ///
    /// # Errors
    ///
    /// They could not be written. The journal passes them again a moment later, until they are
    /// written. If the result of a write is unknown, they may be stored already: a line's
    /// [`id`](JournalLine::id) and [`number`](JournalLine::number) together identify it.
    ///
    /// # Panics
    ///
    /// A sink that panics is called again with the same lines. After three panics they count as lost.
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError>;

    /// Removes some expired lines, at most some hundred; returns whether there are more.
    ///
    /// # Errors
    ///
    /// They could not be removed. The journal tries again later.
    fn prune(&mut self, retained: &Retained) -> Result<bool, JournalError>;
}

/// The retention of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retained {
    /// How long lines of requests whose origin was proved are kept.
    pub proved: Duration,
    /// How long all others are kept.
    pub refused: Duration,
    /// The current time.
    pub now: UnixTime,
}

/// Some lines of a journal, in the order in which they were written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct JournalPage {
    /// The lines.
    pub lines: Vec<JournalLine>,
    /// The position to continue from, now or later.
    pub next: JournalPosition,
    /// Whether there are no more lines for now.
    pub is_last: bool,
    /// The number of lines that could not be read, such as one cut off by a crash, and were skipped.
    pub unreadable: usize,
}

/// A position in a journal to continue reading from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalPosition(String);

impl JournalPosition {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JournalPosition {
    /// As text for storage: [`from`](JournalPosition::from) reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for JournalPosition {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A journal that cannot be written or read.
#[derive(Debug)]
pub struct JournalError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl JournalError {
    /// An error with a description of what failed.
    ///
    /// ```
    /// use tower_webhook::journal::JournalError;
    ///
    /// let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    /// let error = JournalError::new("cannot be written").with_source(full);
    /// assert_eq!(error.to_string(), "journal: cannot be written");
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal: {}", self.message)
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}
