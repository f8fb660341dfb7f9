//! What a journal holds of requests that came over real sockets, and what it never costs them.

mod disks;
mod lines;
mod masks;
mod replays;
#[cfg(feature = "postgres")]
mod tables;
mod whole;

use std::time::Duration;

use tower_webhook::journal::{
    Journal, JournalBuilder, JournalFiles, JournalFilter, JournalLine, JournalSink,
};

use crate::support::folder::Folder;

/// Nothing here takes as long as this unless it never happens.
const LIMIT: Duration = Duration::from_secs(60);

/// Everything that stands in the files of a folder.
fn text_in(folder: &Folder) -> String {
    let files = std::fs::read_dir(folder.path()).unwrap();
    let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    String::from_utf8_lossy(&texts.collect::<Vec<_>>().concat()).into_owned()
}

/// A journal in files.
struct Kept {
    folder: Folder,
    files: JournalFiles,
    journal: Journal,
}

impl Kept {
    fn start() -> Self {
        Self::with(|builder| builder)
    }

    fn with(
        set: impl FnOnce(JournalBuilder<JournalFiles>) -> JournalBuilder<JournalFiles>,
    ) -> Self {
        let folder = Folder::new("journal");
        let files = JournalFiles::open(folder.path()).unwrap();
        Self {
            journal: set(Journal::builder(files.clone())).start().unwrap(),
            files,
            folder,
        }
    }

    /// All lines that were written until now, those of one request behind each other.
    async fn lines(&self) -> Vec<JournalLine> {
        flushed(&self.journal).await;
        let page = self
            .files
            .read(&JournalFilter::new(), None, 100_000)
            .unwrap();
        assert_eq!(page.unreadable, 0);
        assert!(page.is_last);
        let mut lines = page.lines;
        lines.sort_by(|a, b| a.id.cmp(&b.id));
        lines
    }
}

async fn flushed(journal: &Journal) {
    assert!(journal.flush(LIMIT).await, "{journal:?}");
}

/// What is said of each line: whether it is authentic, its verdict and reason.
fn told(lines: &[JournalLine]) -> Vec<(bool, &str, Option<&str>)> {
    let lines = lines.iter();
    lines
        .map(|line| {
            let reason = line.reason.as_deref();
            (line.authenticated, line.verdict.as_str(), reason)
        })
        .collect()
}

/// A journal somewhere.
fn started(sink: impl JournalSink) -> Journal {
    Journal::start(sink).unwrap()
}

/// Looks until it is so.
#[cfg(feature = "postgres")]
async fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
