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
    // A day later, another file is begun.
    prune_in(&mut files, 25);
    files.write(&[line("third")]).unwrap();
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2);
    assert_eq!(ids(&files), ["first", "second", "third"]);
    // Nothing was written since, but the last file is not kept for being the last.
    prune_in(&mut files, 49);
    assert_eq!(ids(&files), [""; 0]);
}

fn proved(id: &str) -> JournalLine {
    let mut line = JournalLine::new(id.to_owned(), UnixTime::now(), "a".to_owned(), "handled");
    line.authenticated = true;
    line
}

fn ids(files: &JournalFiles) -> Vec<String> {
    let page = files.read(&JournalFilter::new(), None, 99).unwrap();
    assert_eq!(page.unreadable, 0);
    page.lines.into_iter().map(|line| line.id).collect()
}

fn folder(name: &str) -> Folder {
    let name = format!("webhook-journal-{name}-{}", std::process::id());
    Folder(std::env::temp_dir().join(name))
}

#[test]
fn a_process_whose_file_another_one_has_removed_begins_a_new_one() {
    let folder = folder("shared");
    let files = || {
        JournalFiles::open(&folder.0)
            .unwrap()
            .at_most(400, 800, 800)
    };
    let (mut quiet, mut busy) = (files(), files());
    quiet.write(&[proved("quiet-1")]).unwrap();
    // To make room, the busy one removes what is the oldest.
    for number in 0..40 {
        busy.write(&[proved(&format!("busy-{number}"))]).unwrap();
    }
    assert!(!ids(&busy).contains(&"quiet-1".to_owned()));
    quiet.write(&[proved("quiet-2")]).unwrap();
    quiet.write(&[proved("quiet-3")]).unwrap();
    let all = ids(&busy);
    for id in ["quiet-2", "quiet-3", "busy-39"] {
        assert!(all.contains(&id.to_owned()), "{id} is lost: {all:?}");
    }
}

#[test]
fn a_line_that_would_be_too_long_to_be_read_is_written_with_a_part_of_its_body() {
    use crate::recorded::{RecordedBody, RecordedRequest};

    let folder = folder("long");
    let mut files = JournalFiles::open(&folder.0).unwrap();
    let body = |text: Option<String>, base64: Option<String>| RecordedBody {
        len: 17 << 20,
        text,
        base64,
        cut: false,
        masked: false,
        decoded: false,
    };
    let bodies = [
        body(Some("é".repeat(9 << 20)), None),
        // Each of these takes six bytes.
        body(Some("\u{1}".repeat(3 << 20)), None),
        body(None, Some("QUJD".repeat(5 << 20))),
    ];
    for (body, id) in bodies.into_iter().zip(["1", "2", "3"]) {
        let mut line = proved(id);
        line.request = Some(RecordedRequest {
            received_at: 0,
            method: "POST".to_owned(),
            uri: "/".to_owned(),
            headers: Vec::new(),
            headers_cut: false,
            body: Some(body),
        });
        files.write(&[line]).unwrap();
    }
    let page = files.read(&JournalFilter::new(), None, 9).unwrap();
    assert_eq!((page.lines.len(), page.unreadable), (3, 0));
    for line in page.lines {
        let body = line.request.unwrap().body.unwrap();
        assert!(body.cut && body.whole().is_none());
        let (text, base64) = (body.text.unwrap_or_default(), body.base64);
        let kept = text.len() + base64.as_ref().map_or(0, String::len);
        assert!(kept >= 1 << 20, "{kept}");
        assert!(base64.is_none_or(|it| it.len() % 4 == 0));
    }
}
