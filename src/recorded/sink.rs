use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::line::JournalLine;
use crate::clock::UnixTime;

/// Where the lines of a journal are written.
///
/// Its functions are called in the journal's own thread, one at a time, and may block.
///
/// ```
/// use tower_webhook::journal::{Journal, JournalError, JournalLine, JournalSink, Retained};
///
/// /// For a supervisor that keeps what a process prints.
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
    /// They could not be written. They are handed over again a moment later, until they are. Where it could not
    /// be learned whether they were, they may be there already: a line's [`id`](JournalLine::id) and
    /// [`number`](JournalLine::number) together are its own.
    ///
    /// # Panics
    ///
    /// A sink that panics is called again, three times with the same lines; then these are counted as lost.
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError>;

    /// Removes some of what is no longer to be kept, at most some hundred lines; whether there is more.
    ///
    /// # Errors
    ///
    /// It could not be removed. The journal tries again later.
    fn prune(&mut self, retained: &Retained) -> Result<bool, JournalError>;
}

/// What of a journal is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retained {
    /// How long lines of requests whose origin was proved are kept.
    pub proved: Duration,
    /// How long all others are kept.
    pub refused: Duration,
    /// What the clock says.
    pub now: UnixTime,
}

/// Some lines of a journal, in the order in which they were written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct JournalPage {
    /// The lines.
    pub lines: Vec<JournalLine>,
    /// Where to read on, now or later.
    pub next: JournalPosition,
    /// Whether these are all for now.
    pub is_last: bool,
    /// How many lines could not be read, such as one that was cut off by a death, and were passed over.
    pub unreadable: usize,
}

/// A place in a journal, to read on from.
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
    /// As text, to be kept: [`from`](JournalPosition::from) reads it.
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
    /// An error that says what could not be done.
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

    /// The same error, and what caused it.
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
