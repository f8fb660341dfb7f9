//! A file that this process writes to.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::clock::UnixTime;

#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) len: u64,
    pub(super) begun: UnixTime,
}

impl Open {
    /// A new file of this folder, whose name begins so.
    pub(super) fn begin(folder: &Path, prefix: &str) -> std::io::Result<Self> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let (begun, random) = (UnixTime::now(), u32::from_ne_bytes(random));
        let name = format!("{prefix}{:016x}-{random:08x}.jsonl", begun.as_micros());
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok(Self {
            file,
            path,
            len: 0,
            begun,
        })
    }

    /// Whether somebody has removed it, as another process does that makes room: nobody finds what is written to it
    /// then.
    pub(super) fn is_removed(&self) -> bool {
        #[cfg(unix)]
        let is_removed = (self.file.metadata())
            .is_ok_and(|about| std::os::unix::fs::MetadataExt::nlink(&about) == 0);
        #[cfg(not(unix))]
        let is_removed = matches!(self.path.try_exists(), Ok(false));
        is_removed
    }
}
