//! A journal in files of JSON lines, of which the oldest are removed.

mod fit;
mod open;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use self::open::Open;
use crate::recorded::{JournalError, JournalPage, JournalPosition, JournalSink, Retained};
use crate::recorded::{JournalFilter, JournalLine};

/// A line that is longer is passed over. None that is written here is.
const LONGEST_LINE: usize = 16 << 20;
const DAY: Duration = Duration::from_secs(86_400);

/// The kind of requests that a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Proved,
    Refused,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Proved => "proved-",
            Self::Refused => "refused-",
        }
    }
}

/// A journal in a folder of files of JSON lines.
///
/// Requests whose origin was proved have files of their own, and so have all others, each with a bound of their
/// size: what strangers send pushes nothing else out. A file that is full is followed by another, and where all of a
/// kind come to their bound the oldest is removed. Several processes may write to one folder, each to files of its
/// own; the bounds hold for all files that are there. A process whose file another one has removed begins a new one.
/// A file is begun each day, and goes as a whole. A line holds 16 MiB at most: where a longer one would come of it, a
/// part of the body is kept, as where [`bodies`](super::JournalBuilder::bodies) says so.
///
/// A file holds whole lines: one that could be written only in part, as on a full disk, is removed again. A process
/// that is killed while writing leaves at most one line that is cut off, which readers skip. Nothing is synced: a
/// crash of the machine loses the last moments. Only their owner can read the files and folder.
#[derive(Debug)]
pub struct JournalFiles {
    folder: PathBuf,
    file_bytes: u64,
    proved_bytes: u64,
    refused_bytes: u64,
    /// The files that this instance writes to.
    proved: Option<Open>,
    refused: Option<Open>,
}

impl Clone for JournalFiles {
    /// The same folder; a clone that writes uses its own files.
    fn clone(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            proved: None,
            refused: None,
            ..*self
        }
    }
}

impl JournalFiles {
    /// Opens the journal in this folder, which is created if missing: files of 16 MiB, up to 1 GiB
    /// of requests whose origin was proved and up to 128 MiB of others.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, JournalError> {
        let folder = folder.into();
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        (builder.recursive(true).create(&folder)).map_err(|error| {
            JournalError::new(format!("{} cannot be made", folder.display())).with_source(error)
        })?;
        Ok(Self {
            folder,
            file_bytes: 16 << 20,
            proved_bytes: 1 << 30,
            refused_bytes: 128 << 20,
            proved: None,
            refused: None,
        })
    }

    /// Limits the bytes of one file, of all files of requests whose origin was proved, and of all
    /// others. At least two files of a kind are kept.
    ///
    /// ```
    /// use tower_webhook::journal::{JournalError, JournalFiles};
    ///
    /// # fn files() -> Result<JournalFiles, JournalError> {
    /// let files = JournalFiles::open("/var/log/webhooks")?.at_most(64 << 20, 8 << 30, 256 << 20);
    /// # Ok(files)
    /// # }
    /// ```
    #[must_use]
    pub fn at_most(mut self, file: u64, proved: u64, refused: u64) -> Self {
        self.file_bytes = file.max(1);
        self.proved_bytes = proved.max(self.file_bytes.saturating_mul(2));
        self.refused_bytes = refused.max(self.file_bytes.saturating_mul(2));
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads up to `limit` matching lines, from the beginning or from the end of another page.
    ///
    /// Lines of one file are in the order in which they were written. The call blocks while it
    /// reads: in a runtime, call it in `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn read(
        &self,
        filter: &JournalFilter,
        after: Option<&JournalPosition>,
        limit: usize,
    ) -> Result<JournalPage, JournalError> {
        let mut offsets = after.map(offsets).unwrap_or_default();
        let mut page = JournalPage::default();
        let files = self.files(None)?;
        offsets.retain(|name, _| files.iter().any(|file| file.name == *name));
        page.is_last = true;
        for file in files {
            if page.lines.len() >= limit {
                page.is_last = false;
                break;
            }
            let offset = offsets.entry(file.name.clone()).or_default();
            if self.read_file(&file, offset, filter, limit, &mut page)? {
                page.is_last = false;
            }
        }
        page.next = position(&offsets);
        Ok(page)
    }

    /// Reads a file from this offset and advances it. Returns whether the page is full.
    fn read_file(
        &self,
        found: &Found,
        offset: &mut u64,
        filter: &JournalFilter,
        limit: usize,
        page: &mut JournalPage,
    ) -> Result<bool, JournalError> {
        let path = self.folder.join(&found.name);
        let failed = |error: std::io::Error| {
            JournalError::new(format!("{} cannot be read", path.display())).with_source(error)
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            // Removed since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(*offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        while page.lines.len() < limit {
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes).map_err(failed)?;
            // A line without an end is still being written, or was cut off.
            if bytes.pop() != Some(b'\n') {
                return Ok(false);
            }
            *offset = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            let line = std::str::from_utf8(&bytes).ok();
            let line = line.filter(|text| text.len() <= LONGEST_LINE);
            match line.map(JournalLine::parse) {
                Some(Ok(line)) if filter.matches(&line) => page.lines.push(line),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => page.unreadable = page.unreadable.saturating_add(1),
            }
        }
        Ok(true)
    }

    /// The existing files of this kind or of both, the oldest first.
    fn files(&self, kind: Option<Kind>) -> Result<Vec<Found>, JournalError> {
        let failed = |error: std::io::Error| {
            JournalError::new(format!("{} cannot be read", self.folder.display()))
                .with_source(error)
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let of = [Kind::Proved, Kind::Refused].into_iter().find(|kind| {
                name.strip_prefix(kind.prefix()).is_some() && name.ends_with(".jsonl")
            });
            let (Some(of), Ok(about)) = (of, entry.metadata()) else {
                continue;
            };
            if kind.is_none_or(|kind| kind == of) {
                let begun = name
                    .strip_prefix(of.prefix())
                    .unwrap_or_default()
                    .to_owned();
                found.push(Found {
                    begun,
                    name,
                    len: about.len(),
                    changed: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                });
            }
        }
        found.sort_by(|a, b| (&a.begun, &a.name).cmp(&(&b.begun, &b.name)));
        Ok(found)
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Open> {
        match kind {
            Kind::Proved => &mut self.proved,
            Kind::Refused => &mut self.refused,
        }
    }

    /// Writes all of this text to the file of this kind, or nothing.
    fn append(&mut self, kind: Kind, text: &[u8]) -> std::io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let most = self.file_bytes;
        let is_over = |open: &Open| {
            (open.len > 0 && open.len.saturating_add(len) > most) || open.is_removed()
        };
        if self.slot(kind).as_ref().is_none_or(is_over) {
            *self.slot(kind) = None;
            // If old files cannot be removed, the disk itself is the limit.
            let _ = self.make_room(kind, most.max(len));
            let open = Open::begin(&self.folder, kind.prefix())?;
            *self.slot(kind) = Some(open);
        }
        let Some(open) = self.slot(kind) else {
            return Ok(());
        };
        match open.file.write_all(text) {
            Ok(()) => {
                open.len = open.len.saturating_add(len);
                Ok(())
            }
            Err(error) => {
                let len = open.len;
                self.take_back(kind, len);
                Err(error)
            }
        }
    }

    /// Cuts the file of this kind back to this length. If that fails, another file is begun.
    fn take_back(&mut self, kind: Kind, len: u64) {
        let slot = self.slot(kind);
        if let Some(open) = slot {
            open.len = len;
            if open.file.set_len(len).is_err() {
                let _ = open.file.write_all(b"\n");
                *slot = None;
            } else if len == 0 {
                let _ = fs::remove_file(&open.path);
                *slot = None;
            }
        }
    }

    /// Removes the oldest files of a kind until one of this length fits.
    fn make_room(&self, kind: Kind, len: u64) -> Result<(), JournalError> {
        let most = match kind {
            Kind::Proved => self.proved_bytes,
            Kind::Refused => self.refused_bytes,
        };
        let files = self.files(Some(kind))?;
        let mut sum = files.iter().fold(len, |sum, it| sum.saturating_add(it.len));
        for file in files {
            if sum <= most {
                break;
            }
            if fs::remove_file(self.folder.join(&file.name)).is_ok() {
                sum = sum.saturating_sub(file.len);
            }
        }
        Ok(())
    }
}

/// An existing file.
struct Found {
    name: String,
    /// When it was begun, as given in its name.
    begun: String,
    len: u64,
    changed: SystemTime,
}

/// A position in several files: an offset in each.
fn position(offsets: &BTreeMap<String, u64>) -> JournalPosition {
    let pieces = offsets.iter().filter(|(_, offset)| **offset > 0);
    let pieces: Vec<_> = pieces.map(|(name, at)| format!("{name}:{at}")).collect();
    JournalPosition::new(pieces.join(","))
}

fn offsets(position: &JournalPosition) -> BTreeMap<String, u64> {
    let pieces = position.as_str().split(',').filter_map(|piece| {
        let (name, at) = piece.rsplit_once(':')?;
        Some((name.to_owned(), at.parse().ok()?))
    });
    pieces.collect()
}

impl JournalSink for JournalFiles {
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError> {
        let text = |is_proved: bool| {
            let lines = lines.iter().filter(|line| line.authenticated == is_proved);
            let mut text = Vec::new();
            for line in lines {
                text.extend_from_slice(fit::fitted(line, LONGEST_LINE).as_bytes());
                text.push(b'\n');
            }
            text
        };
        let before = self
            .proved
            .as_ref()
            .map(|open| (open.path.clone(), open.len));
        let written = self.append(Kind::Proved, &text(true)).and_then(|()| {
            let refused = self.append(Kind::Refused, &text(false));
            if refused.is_err() {
                let now = self.proved.as_ref().map(|open| &open.path);
                let len = before
                    .filter(|(path, _)| Some(path) == now)
                    .map_or(0, |(_, len)| len);
                self.take_back(Kind::Proved, len);
            }
            refused
        });
        written.map_err(|error| {
            let folder = self.folder.display();
            JournalError::new(format!("{folder} cannot be written")).with_source(error)
        })
    }

    fn prune(&mut self, retained: &Retained) -> Result<bool, JournalError> {
        let now = retained.now.to_system_time();
        let now = now.unwrap_or(SystemTime::UNIX_EPOCH);
        for (kind, kept) in [
            (Kind::Proved, retained.proved),
            (Kind::Refused, retained.refused),
        ] {
            let slot = self.slot(kind);
            // The open file is also removed when its time comes.
            slot.take_if(|open| retained.now.saturating_since(open.begun) > kept.min(DAY));
            let own = slot.as_ref().map(|open| open.path.clone());
            for file in self.files(Some(kind))? {
                let path = self.folder.join(&file.name);
                let age = now.duration_since(file.changed).unwrap_or(Duration::ZERO);
                if age > kept && own.as_ref() != Some(&path) {
                    let _ = fs::remove_file(path);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
