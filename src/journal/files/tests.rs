use std::time::Duration;

use super::{JournalFiles, JournalFilter, JournalLine, JournalSink, Retained};
use crate::clock::UnixTime;

/// A folder that is removed at the end.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_that_fills_slowly_goes_in_its_time() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let name = format!("webhook-journal-slow-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let mut files = JournalFiles::open(&folder.0).unwrap();
    let line = |id: &str| {
        let mut line = JournalLine::new(id.to_owned(), UnixTime::now(), "a".to_owned(), "handled");
        line.authenticated = true;
        line
    };
    let ids = |files: &JournalFiles| -> Vec<String> {
        let page = files.read(&JournalFilter::new(), None, 9).unwrap();
        page.lines.into_iter().map(|line| line.id).collect()
    };
    files.write(&[line("first")]).unwrap();
    let begun = UnixTime::now();
    let prune_in = |files: &mut JournalFiles, hours: u32| {
        let retained = Retained {
            proved: HOUR * 48,
            refused: HOUR,
            now: begun.saturating_add(HOUR * hours),
        };
        files.prune(&retained).unwrap();
    };
    prune_in(&mut files, 23);
    files.write(&[line("second")]).unwrap();
    // Behind a day another file is begun.
    prune_in(&mut files, 25);
    files.write(&[line("third")]).unwrap();
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2);
    assert_eq!(ids(&files), ["first", "second", "third"]);
    // Nothing was written since: the last file is not kept for being the last.
    prune_in(&mut files, 49);
    assert_eq!(ids(&files), [""; 0]);
}
