//! A log of every request with what became of it, to look at afterwards and to send through again.
//!
//! A [`Webhook`](crate::Webhook) with a [journal](crate::Webhook::journal) has each outcome written down: what was
//! refused too, with its head and as much of its body as was read. Requests whose origin was proved can be
//! sent through again by [`WebhookLayer::replay`](crate::WebhookLayer::replay); of others it can be found out
//! why they were refused.
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
//! // At the end, and before looking: what is written is up to date then.
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
//! Each [line](JournalLine) is JSON. Signatures, their times and ids are kept, so that it can be found out why one
//! is wrong. These are masked, before anything is written: a token in the path, right or wrong; tokens that a
//! scheme has in a header, the query or the body; headers that carry credentials, cookies among them; parameters
//! of the query that are called `token`, `key` or the like; and in bodies that are *not* authentic
//! members that are called so, as the secrets of a handshake are. [`JournalBuilder::mask_header`],
//! [`mask_parameter`](JournalBuilder::mask_parameter) and [`mask_member`](JournalBuilder::mask_member) name more.
//! A body of which something is masked cannot be sent through again.
//!
//! Nothing is read for the journal: where a delivery is refused at its head, there is no body. Of a
//! body that was read 256 KiB are kept where its origin was proved and 16 KiB where it was not, unless set.
//!
//! Bodies hold what your senders know of people. The journal is as secret as they are, and whoever can write it
//! can make you run what was never sent.
//!
//! # What it costs, and what it never costs
//!
//! A delivery copies its head and body into one of two queues, of what is proved and of what is not, and waits for
//! nothing: a thread of the journal's own masks, prints and writes. Where a queue is full, because the disk is full
//! or slow, what does not fit is counted ([`JournalStats`]), told in the log, and a line of the journal says how
//! many are missing. So it is with lines at which a sink panics. Strangers push nothing out that is proved.
//!
//! It is a log and no record: what was in the queues when the process died is lost. What must not be lost stands in
//! the store or the inbox.

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

/// A log of requests that is being written. Clones are the same one; any number of webhooks share it.
///
/// The [module](self) says what stands in it. When the last clone is gone, what is queued is written still, if the
/// process goes on for so long: [`flush`](Self::flush) waits for that.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

impl Journal {
    /// A journal with the usual settings that is written there.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(sink: impl JournalSink) -> Result<Self, JournalError> {
        Self::builder(sink).start()
    }

    /// A journal with settings of its own.
    pub fn builder<S: JournalSink>(sink: S) -> JournalBuilder<S> {
        JournalBuilder::new(sink)
    }

    fn of(shared: Arc<Shared>) -> Self {
        let handle = Arc::new(Handle::new(shared));
        Self { handle }
    }

    /// What was written, and what was not.
    pub fn stats(&self) -> JournalStats {
        self.handle.shared.stats()
    }

    /// Waits until everything is written that was queued before this call, or given up because the sink panics at
    /// it, which [`JournalStats`] counts; `false` where it is not within `limit`.
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

    /// Takes down what an operator did.
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
