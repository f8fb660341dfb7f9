//! What the processes of one test share: a Redis, a journal, the sinks.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tower_webhook::store::{RecordState, RecordView, SharedStore, Store};
use tower_webhook::{EventKey, Name};

use super::journal::Journal;
use super::process::Process;
use super::receiver::{Orders, Point, open};
use super::sinks::Sinks;

/// Options of a Redis that loses nothing it has acknowledged when it is killed.
pub(crate) const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

#[derive(Debug)]
pub(crate) struct World {
    url: String,
    folder: PathBuf,
    pub(crate) journal: Journal,
    pub(crate) sinks: Sinks,
    pub(crate) store: SharedStore,
}

impl World {
    pub(crate) async fn around(url: String) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-webhook-receivers-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        // A test asks a busy machine, and has time.
        let store = open(&url, Some(Duration::from_secs(10))).await;
        Self {
            url,
            journal: Journal::open(&folder),
            sinks: Sinks::open(&folder),
            store,
            folder,
        }
    }

    /// For a receiver with this lease, which stands nowhere.
    pub(crate) fn orders(&self, lease: impl Into<Option<Duration>>) -> Orders {
        Orders {
            store: self.url.clone(),
            folder: self.folder.clone(),
            lease: lease.into(),
            sinks: true,
            stand: None,
            threads: super::THREADS,
            blocks: None,
        }
    }

    /// Kills a receiver, and then says so.
    pub(crate) async fn kill(&self, receiver: Process) {
        let pid = receiver.pid;
        receiver.kill().await;
        self.journal.killed(pid);
    }

    pub(crate) async fn record(&self, id: &str) -> RecordView {
        let record = self.find(id).await;
        record.unwrap_or_else(|| panic!("{id} has no record"))
    }

    async fn find(&self, id: &str) -> Option<RecordView> {
        let key = EventKey::new(Name::new("blendfi").unwrap(), [id]).unwrap();
        self.store.lookup(&key).await.unwrap()
    }

    /// The fence of an event's record, if there is one and it is done.
    pub(crate) async fn done_with_fence(&self, id: &str) -> Option<u64> {
        let record = self.find(id).await?;
        matches!(record.state, RecordState::Done(_)).then_some(record.fence)
    }

    /// The record of an event, which is done.
    pub(crate) async fn done(&self, id: &str) -> RecordView {
        let record = self.record(id).await;
        match &record.state {
            RecordState::Done(response) => assert_eq!(response.status, 204, "{record:?}"),
            _ => panic!("not done: {record:?}"),
        }
        record
    }
}

impl Orders {
    /// Told to stand at this point the first time it gets there.
    pub(crate) fn standing_at(mut self, point: Point) -> Self {
        self.stand = Some((point, 1));
        self
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
