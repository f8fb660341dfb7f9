use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Journal;
use super::queue::{Rooms, Shared};
use super::writer::Writer;
use crate::recorded::{JournalError, JournalSink};

const DAY: Duration = Duration::from_secs(86_400);

/// Settings of a [`Journal`]; see [`Journal::builder`].
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::journal::{Journal, JournalError, JournalFiles};
///
/// # fn start(files: JournalFiles) -> Result<Journal, JournalError> {
/// let journal = Journal::builder(files)
///     .room(32 << 20, 4 << 20)
///     .bodies(1 << 20, 4 << 10)
///     .retention(Duration::from_secs(30 * 86_400))
///     .retention_of_refused(Duration::from_secs(2 * 86_400))
///     .mask_header("x-our-gateway")
///     .mask_parameter("customer")
///     .mask_member("/token")
///     .start()?;
/// # Ok(journal)
/// # }
/// ```
#[must_use]
pub struct JournalBuilder<S> {
    sink: S,
    rooms: Rooms,
    retention: Duration,
    retention_of_refused: Duration,
    headers: Vec<String>,
    parameters: Vec<String>,
    members: Vec<String>,
}

impl<S: JournalSink> JournalBuilder<S> {
    pub(super) fn new(sink: S) -> Self {
        Self {
            sink,
            rooms: Rooms::default(),
            retention: DAY.saturating_mul(30),
            retention_of_refused: DAY.saturating_mul(7),
            headers: Vec::new(),
            parameters: Vec::new(),
            members: Vec::new(),
        }
    }

    /// How many bytes may wait to be written, for requests whose origin was proved and for all
    /// others. The defaults are 16 MiB and 4 MiB.
    pub fn room(mut self, proved: usize, refused: usize) -> Self {
        self.rooms.proved = proved;
        self.rooms.refused = refused;
        self
    }

    /// How many bytes of a body are kept at most, if its origin was proved and if it was not. The defaults are
    /// 256 KiB and 16 KiB. A body that is kept only in part cannot be sent through again. A line of
    /// [`JournalFiles`](super::JournalFiles) holds 16 MiB at most, whatever is set.
    pub fn bodies(mut self, proved: usize, refused: usize) -> Self {
        self.rooms.proved_body = proved;
        self.rooms.refused_body = refused;
        self
    }

    /// How long requests whose origin was proved are kept; the default is 30 days.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long all others are kept; the default is 7 days.
    pub fn retention_of_refused(mut self, retention: Duration) -> Self {
        self.retention_of_refused = retention;
        self
    }

    /// Also masks this header.
    pub fn mask_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name.into().to_ascii_lowercase());
        self
    }

    /// Also masks this query parameter.
    pub fn mask_parameter(mut self, name: impl Into<String>) -> Self {
        self.parameters.push(name.into());
        self
    }

    /// Also masks this member of JSON bodies, given as a pointer (RFC 6901). A body that has it
    /// cannot be sent through again.
    pub fn mask_member(mut self, pointer: impl Into<String>) -> Self {
        self.members.push(pointer.into());
        self
    }

    /// Starts the writer.
    ///
    /// # Errors
    ///
    /// If the system provides no thread, or no random number to distinguish processes.
    pub fn start(self) -> Result<Journal, JournalError> {
        let mut process = [0; 4];
        getrandom::fill(&mut process)
            .map_err(|_| JournalError::new("the operating system gave no random bytes"))?;
        let more = super::queue::MoreMasks {
            headers: self.headers,
            parameters: self.parameters,
            members: self.members,
        };
        let shared = Arc::new(Shared::new(self.rooms, more));
        let writer = Writer {
            shared: Arc::clone(&shared),
            sink: self.sink,
            process: u32::from_ne_bytes(process),
            lines: 0,
            retention: self.retention,
            retention_of_refused: self.retention_of_refused,
        };
        std::thread::Builder::new()
            .name("webhook-journal".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| JournalError::new("no thread can be started").with_source(error))?;
        Ok(Journal::of(shared))
    }
}

impl<S> fmt::Debug for JournalBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalBuilder")
            .field("rooms", &self.rooms)
            .field("retention", &self.retention)
            .field("retention_of_refused", &self.retention_of_refused)
            .field("headers", &self.headers)
            .field("parameters", &self.parameters)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}
