//! Two sinks that close the windows of the ledger, in files that processes share. What one of them
//! does is one step: it is done or not done when its process is killed.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Sinks {
    unique: PathBuf,
    fenced: PathBuf,
}

impl Sinks {
    pub(crate) fn open(folder: &Path) -> Self {
        let (unique, fenced) = (folder.join("unique"), folder.join("fenced"));
        fs::create_dir_all(&unique).unwrap();
        fs::create_dir_all(&fenced).unwrap();
        Self { unique, fenced }
    }

    /// Takes each key once.
    pub(crate) fn take_unique(&self, key: &str) -> bool {
        let file = self.unique.join(key);
        match OpenOptions::new().write(true).create_new(true).open(file) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn unique_keys(&self) -> usize {
        fs::read_dir(&self.unique).unwrap().count()
    }

    /// Takes a key with a fence that is not below the highest one it has seen.
    ///
    /// Each version of a key is a link that names its fence: it is made whole, and not if another
    /// one was faster.
    pub(crate) fn take_fenced(&self, key: &str, fence: u64) -> bool {
        loop {
            let seen = self.fences(key);
            if seen.last().is_some_and(|highest| *highest > fence) {
                return false;
            }
            match symlink(fence.to_string(), self.version(key, seen.len())) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The fences that it took, in their order.
    pub(crate) fn fences(&self, key: &str) -> Vec<u64> {
        let read = |number| fs::read_link(self.version(key, number)).ok();
        (0..)
            .map_while(read)
            .map(|fence| fence.to_str().unwrap().parse().unwrap())
            .collect()
    }

    fn version(&self, key: &str, number: usize) -> PathBuf {
        self.fenced.join(format!("{key}.{number}"))
    }
}
