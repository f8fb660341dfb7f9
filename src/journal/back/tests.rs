use super::*;
use crate::clock::UnixTime;
use crate::recorded::JournalFilter;

/// A folder with one file of these lines, which is removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn of(name: &str, lines: &[String]) -> Self {
        let name = format!("webhook-journal-back-{name}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(folder.0.join("proved-1.jsonl"), text).unwrap();
        folder
    }
}

/// A line of this id, which is so long at least.
fn line(id: u32, len: usize) -> String {
    let at = UnixTime::from_secs(id.into());
    let mut line = JournalLine::new(id.to_string(), at, "a".to_owned(), "handled");
    line.detail = Some("x".repeat(len));
    line.to_json()
}

/// The ids of all lines, as a page after the other gives them.
fn ids(folder: &Folder, most: usize) -> Vec<String> {
    let files = JournalFiles::open(&folder.0).unwrap();
    let (filter, mut before, mut all) = (JournalFilter::new(), None::<JournalPosition>, Vec::new());
    loop {
        let wanted = Newest {
            filter: &filter,
            verdict: None,
            reason: None,
            before: before.as_ref(),
            most,
        };
        let found = newest(&files, wanted).unwrap();
        all.extend(found.lines.into_iter().map(|(_, line)| line.id));
        match found.next {
            Some(next) => before = Some(next),
            None => return all,
        }
    }
}

#[test]
fn what_stands_before_a_line_that_is_too_long_is_found() {
    const MIB: usize = 1 << 20;
    for (name, len) in [("three", 3 * MIB), ("five", 5 * MIB), ("nine", 9 * MIB)] {
        let lines = [
            line(1, 0),
            line(2, len),
            line(3, 0),
            line(4, len),
            line(5, len),
            line(6, 0),
        ];
        let folder = Folder::of(name, &lines);
        for most in [1, 2, 50] {
            assert_eq!(
                ids(&folder, most),
                ["6", "3", "1"],
                "{name}, {most} at a time"
            );
        }
    }
}
