//! A log of every request and its outcome, to inspect later and to send through again.
//!
//! A [`Webhook`](crate::Webhook) with a [journal](crate::Webhook::journal) records every outcome. This includes
//! refused requests, with their heads and as much of their bodies as was read. Requests whose origin was proved can
//! be sent through again by [`WebhookLayer::replay`](crate::WebhookLayer::replay); for others the journal shows why
//! they were refused.
//!
//! ```
//! use std::time::Duration;
//! use tower_webhook::journal::{Journal, JournalFiles, JournalFilter};
//! use tower_webhook::{MemoryStore, Webhook, provider};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("webhook-journal-doc-{}", std::process::id()));
//! let files = JournalFiles::open(&folder)?;
//! let journal = Journal::builder(files.clone()).retention(Duration::from_secs(14 * 86_400)).start()?;
//! let stripe = provider::stripe(provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let layer = Webhook::new(stripe).store(MemoryStore::new()).journal(&journal).build()?;
//! # drop(layer);
//!
//! // At the end, and before reading: makes sure that the files are up to date.
//! assert!(journal.flush(Duration::from_secs(5)).await);
//! let page = files.read(&JournalFilter::new().authenticated(), None, 100)?;
//! for line in &page.lines {
//!     println!("{} {} {:?}", line.at, line.verdict, line.key);
//! }
//! assert_eq!(journal.stats().lost(), 0);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is kept
//!
//! Each [line](JournalLine) is JSON. Signatures, their times and ids are kept, so that you can find out why one is
//! wrong. The following is masked before anything is written: a token in the path, right or wrong; tokens that a
//! scheme has in a header, the query or the body; headers that carry credentials, including cookies; query
//! parameters named `token`, `key` or the like; and members with such names in bodies that are *not* authentic,
//! such as the secrets of a handshake. [`JournalBuilder::mask_header`],
//! [`mask_parameter`](JournalBuilder::mask_parameter) and [`mask_member`](JournalBuilder::mask_member) add more. A
//! body with a masked part cannot be sent through again.
//!
//! Nothing is read just for the journal: a delivery that is refused at its head has no body in it. Of a body that
//! was read, 256 KiB are kept by default if its origin was proved and 16 KiB if it was not.
//!
//! Bodies hold what your senders know about people. The journal is as secret as they are, and
//! anyone who can write to it can make you run events that were never sent.
//!
//! # What it costs, and what it never costs
//!
//! A delivery copies its head and body into one of two queues, for proved and for other requests, and waits for
//! nothing: the journal's own thread masks, formats and writes. If a queue is full, because the disk is full or
//! slow, whatever does not fit is counted ([`JournalStats`]) and logged, and a line of the journal says how many
//! are missing. The same happens to lines at which a sink panics. Strangers cannot displace proved requests.
//!
//! The journal is a log, not a record: anything still in the queues when the process dies is lost.
//! What must not be lost is in the store or the inbox.

#[cfg(feature = "page")]
mod back;
mod builder;
mod files;
#[cfg(feature = "page")]
mod lines;
mod queue;
mod writer;

pub use crate::recorded::{
    JournalError, JournalFilter, JournalLine, JournalPage, JournalPosition, JournalSink, LineError,
    RecordedBody, RecordedCustom, RecordedProof, RecordedRequest, RecordedSignature, RecordedTimes,
    Retained,
};
#[cfg(feature = "postgres")]
pub use crate::store::PostgresJournal;
#[cfg(feature = "sqlite")]
pub use crate::store::SqliteJournal;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::builder::JournalBuilder;
pub use self::files::JournalFiles;
#[cfg(feature = "page")]
pub use self::lines::JournalLines;
pub(crate) use self::queue::JournalPort;
pub use self::queue::JournalStats;
#[cfg(feature = "page")]
pub(crate) use self::queue::Note;
use self::queue::{Handle, Shared};

/// A running log of requests. Clones are the same log, and any number of webhooks can share it.
///
/// The [module](self) describes its content. After the last clone is dropped, queued lines are
/// still written if the process lives long enough: [`flush`](Self::flush) waits for that.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

impl Journal {
    /// Starts a journal with the usual settings that writes to this sink.
    ///
    /// # Errors
    ///
    /// If the system provides no thread.
    pub fn start(sink: impl JournalSink) -> Result<Self, JournalError> {
        Self::builder(sink).start()
    }

    /// A builder for a journal with other settings.
    pub fn builder<S: JournalSink>(sink: S) -> JournalBuilder<S> {
        JournalBuilder::new(sink)
    }

    fn of(shared: Arc<Shared>) -> Self {
        let handle = Arc::new(Handle::new(shared));
        Self { handle }
    }

    /// Counts of what was written and what was not.
    pub fn stats(&self) -> JournalStats {
        self.handle.shared.stats()
    }

    /// Waits until everything queued before this call is written, or given up because the sink panics at it,
    /// which [`JournalStats`] counts. Returns `false` if that takes longer than `limit`.
    pub async fn flush(&self, limit: Duration) -> bool {
        let shared = Arc::clone(&self.handle.shared);
        let until = tokio::time::Instant::now() + limit;
        let wanted = shared.ask_for_flush();
        loop {
            if shared.has_flushed(wanted) {
                return true;
            }
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return false;
            }
            tokio::time::sleep(left.min(Duration::from_millis(5))).await;
        }
    }

    /// Records an operator's action.
    #[cfg(feature = "page")]
    pub(crate) fn note(&self, note: Note) {
        self.handle.shared.note(note);
    }

    pub(crate) fn port(&self, masks: crate::recorded::Masks) -> JournalPort {
        JournalPort::new(Arc::clone(&self.handle), masks)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
