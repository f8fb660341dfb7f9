//! What was done, in its order, by any process: a file to which each line is added in one write.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// The effect: this sink checks nothing.
    Effect,
    /// The sink that is unique on the key took it.
    Unique,
    /// The sink that checks the fence took it, or refused it.
    FenceTook,
    FenceRefused,
    /// The handler was told that its lease is lost.
    Told,
    /// The store has recorded the event as done.
    Recorded,
    /// The process was killed, and is gone.
    Killed,
    /// The sender is about to send it; the fence is the time, as Redis has it.
    Asked,
    /// Redis has lost what was written of it before this time, which stands as fence.
    RedisLost,
    /// Redis has stood still past every lease until this time, which stands as fence.
    RedisSlept,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) what: What,
    pub(crate) key: String,
    pub(crate) fence: u64,
    pub(crate) pid: u32,
}

/// The time of this machine, and so of its Redis, as fences have it.
pub(crate) fn now() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join("journal");
        let file = (OpenOptions::new().create(true).append(true))
            .open(&path)
            .unwrap();
        Self { path, file }
    }

    /// Adds a line of this process.
    pub(crate) fn note(&self, what: What, key: &str, fence: u64) {
        self.add(&Line {
            what,
            key: key.to_owned(),
            fence,
            pid: std::process::id(),
        });
    }

    /// Adds that this process is gone.
    pub(crate) fn killed(&self, pid: u32) {
        self.add(&Line {
            what: What::Killed,
            key: String::new(),
            fence: 0,
            pid,
        });
    }

    fn add(&self, line: &Line) {
        let mut bytes = serde_json::to_vec(line).unwrap();
        bytes.push(b'\n');
        assert_eq!((&self.file).write(&bytes).unwrap(), bytes.len());
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        (text.lines())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The fences and processes of all lines that say this of this event.
    pub(crate) fn of(&self, what: What, key: &str) -> Vec<(u64, u32)> {
        (self.lines().into_iter())
            .filter(|line| line.what == what && line.key == key)
            .map(|line| (line.fence, line.pid))
            .collect()
    }
}
