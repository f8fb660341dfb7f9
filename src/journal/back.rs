//! Reads the lines of a folder backward from the newest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::JournalFiles;
use crate::recorded::{JournalError, JournalLine, JournalPosition, Newest, NewestLines, Reading};

/// The prefixes of file names, by kind of content.
const KINDS: [&str; 2] = ["proved-", "refused-"];
/// The number of bytes read at a time.
const BLOCK: u64 = 64 * 1024;
/// A longer line is counted, and not kept in memory.
const LONGEST: usize = 2 << 20;

/// Reads the newest requested lines. It blocks while it reads.
pub(super) fn newest(
    files: &JournalFiles,
    newest: Newest<'_>,
) -> Result<NewestLines, JournalError> {
    let folder = files.folder();
    read(folder, newest).map_err(|error| {
        JournalError::new(format!("{} cannot be read", folder.display())).with_source(error)
    })
}

fn read(folder: &Path, newest: Newest<'_>) -> std::io::Result<NewestLines> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".jsonl") {
            names.push(name);
        }
    }
    names.sort();
    let before = newest.before.map(ends).unwrap_or_default();
    let mut ways: Vec<Way> = (KINDS.iter())
        .map(|kind| Way::new(folder, kind, &names, &before))
        .collect();
    let mut reading = Reading::default();
    loop {
        let mut heads = Vec::new();
        for (place, way) in ways.iter_mut().enumerate() {
            if let Some(at) = way.peek()? {
                heads.push((at, place));
            }
        }
        let Some((_, place)) = heads.into_iter().max() else {
            reading.found.next = None;
            // Those before which there is nothing else.
            let passed = ways.iter().map(|way| way.passed);
            reading.found.too_long = passed.fold(reading.found.too_long, usize::saturating_add);
            return Ok(reading.found);
        };
        let Some((text, passed)) = ways.get_mut(place).and_then(Way::take) else {
            return Ok(reading.found);
        };
        reading.found.too_long = reading.found.too_long.saturating_add(passed);
        // The position in each of the files: the line begins right after one of these.
        let at: Vec<_> = ways.iter().filter_map(Way::end).collect();
        if !reading.take(&newest, JournalPosition::new(at.join(",")), &text) {
            return Ok(reading.found);
        }
    }
}

/// The line after this position, if [`newest`] returned that position.
pub(super) fn line(files: &JournalFiles, at: &JournalPosition) -> Option<JournalLine> {
    // Of the last lines taken from each kind of file, the oldest was taken last.
    let lines = ends(at).into_iter().filter_map(|(name, offset)| {
        let kind_is_known = KINDS.iter().any(|kind| name.starts_with(kind));
        let is_plain = !name.contains(['/', '\\']) && name.ends_with(".jsonl");
        let path = (kind_is_known && is_plain).then(|| files.folder().join(&name))?;
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = Vec::new();
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes).ok()?;
        let text = bytes.split(|byte| *byte == b'\n').next()?;
        JournalLine::parse(std::str::from_utf8(text).ok()?).ok()
    });
    lines.min_by_key(|line| line.at)
}

/// The offset that a position holds for each of several files.
fn ends(position: &JournalPosition) -> BTreeMap<String, u64> {
    let pieces = position.as_str().split(',').filter_map(|piece| {
        let (name, at) = piece.rsplit_once(':')?;
        Some((name.to_owned(), at.parse().ok()?))
    });
    pieces.collect()
}

/// A backward reader of the files of one kind.
struct Way {
    folder: PathBuf,
    /// The remaining files, with the next one last.
    names: Vec<String>,
    file: Option<(String, File)>,
    /// The length of the file that is still unread, and the bytes that were read but not yet taken.
    offset: u64,
    ahead: Vec<u8>,
    /// The next line.
    head: Option<(u64, String)>,
    /// The file in which it begins, and the offset there.
    head_at: Option<(String, u64)>,
    taken_at: Option<(String, u64)>,
    first_end: Option<u64>,
    /// How many lines that are too long stand between the next line and the one that was taken before.
    passed: usize,
}

/// A whole line, and where it begins: without its text where that is too long.
struct Whole {
    begin: u64,
    text: Option<Vec<u8>>,
}

impl Way {
    fn new(folder: &Path, kind: &str, names: &[String], before: &BTreeMap<String, u64>) -> Self {
        let of_kind = |name: &&String| name.starts_with(kind);
        let end = before.iter().find(|(name, _)| name.starts_with(kind));
        let names = names.iter().filter(of_kind);
        let names = names.filter(|name| end.is_none_or(|(last, _)| *name <= last));
        Self {
            folder: folder.to_owned(),
            names: names.cloned().collect(),
            file: None,
            offset: 0,
            ahead: Vec::new(),
            head: None,
            head_at: None,
            taken_at: end.map(|(name, at)| (name.clone(), *at)),
            first_end: end.map(|(_, at)| *at),
            passed: 0,
        }
    }

    /// When the next line's outcome became known; `None` once all files are read.
    fn peek(&mut self) -> std::io::Result<Option<u64>> {
        while self.head.is_none() {
            if self.file.is_none() && !self.open()? {
                return Ok(None);
            }
            let Some(Whole { begin, text }) = self.line_before()? else {
                self.file = None;
                continue;
            };
            let Some(bytes) = text else {
                self.passed = self.passed.saturating_add(1);
                continue;
            };
            let text = String::from_utf8(bytes).ok();
            let parsed = text.and_then(|text| Some((JournalLine::parse(&text).ok()?.at, text)));
            if let (Some(head), Some((name, _))) = (parsed, &self.file) {
                self.head = Some(head);
                self.head_at = Some((name.clone(), begin));
            }
        }
        Ok(self.head.as_ref().map(|(at, _)| *at))
    }

    /// The next line, and how many that are too long stood behind it.
    fn take(&mut self) -> Option<(String, usize)> {
        self.taken_at = self.head_at.take();
        let passed = std::mem::take(&mut self.passed);
        self.head.take().map(|(_, text)| (text, passed))
    }

    /// The present position.
    fn end(&self) -> Option<String> {
        let (name, at) = self.taken_at.as_ref()?;
        Some(format!("{name}:{at}"))
    }

    fn open(&mut self) -> std::io::Result<bool> {
        while let Some(name) = self.names.pop() {
            let file = match File::open(self.folder.join(&name)) {
                Ok(file) => file,
                // Removed since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let len = file.metadata()?.len();
            self.offset = self.first_end.take().unwrap_or(len).min(len);
            self.ahead.clear();
            self.taken_at
                .get_or_insert_with(|| (name.clone(), self.offset));
            self.file = Some((name, file));
            return Ok(true);
        }
        Ok(false)
    }

    /// The last whole line before the offset.
    fn line_before(&mut self) -> std::io::Result<Option<Whole>> {
        loop {
            // Text after the last line break is still being written, or was cut off.
            if let Some(last) = self.ahead.iter().rposition(|byte| *byte == b'\n') {
                self.ahead.truncate(last);
                let begin = self.ahead.iter().rposition(|byte| *byte == b'\n');
                let begin = begin.map(|at| at.saturating_add(1));
                if let Some(begin) = begin.or((self.offset == 0).then_some(0)) {
                    let line = self.ahead.split_off(begin);
                    return Ok(Some(Whole {
                        begin: self.behind(),
                        text: Some(line).filter(|line| line.len() <= LONGEST),
                    }));
                }
                if self.ahead.len() > LONGEST {
                    self.pass()?;
                    let begin = self.behind();
                    return Ok(Some(Whole { begin, text: None }));
                }
                self.ahead.push(b'\n');
            } else if self.ahead.len() > LONGEST {
                self.pass()?;
                continue;
            } else if self.offset == 0 {
                return Ok(None);
            }
            self.read_block()?;
        }
    }

    /// Where what was read, and is not taken yet, ends.
    fn behind(&self) -> u64 {
        let ahead = u64::try_from(self.ahead.len()).unwrap_or(u64::MAX);
        self.offset.saturating_add(ahead)
    }

    /// Reads what stands before the offset, and puts it before what was read.
    fn read_block(&mut self) -> std::io::Result<()> {
        let Some((_, file)) = &mut self.file else {
            return Ok(());
        };
        let begin = self.offset.saturating_sub(BLOCK);
        let length = usize::try_from(self.offset.saturating_sub(begin)).unwrap_or(0);
        let mut block = vec![0; length];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(&mut block)?;
        block.append(&mut self.ahead);
        self.ahead = block;
        self.offset = begin;
        Ok(())
    }

    /// Goes back to where the line begins that was read in part, and keeps none of it.
    fn pass(&mut self) -> std::io::Result<()> {
        loop {
            self.ahead.clear();
            if self.offset == 0 {
                return Ok(());
            }
            self.read_block()?;
            if let Some(last) = self.ahead.iter().rposition(|byte| *byte == b'\n') {
                self.ahead.truncate(last.saturating_add(1));
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
