//! A clock that a test can set while a program runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sets the clock of a program, through files in a folder that its creator removes.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    dir: PathBuf,
    /// The file with the offset in seconds.
    ahead: &'static str,
}

impl Clock {
    /// Compiles the preloaded library into this folder; the clock starts out correct.
    pub(crate) fn new(dir: PathBuf) -> Self {
        let source = dir.join("clock.c");
        fs::write(&source, include_str!("clock.c")).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]);
        compiler.arg(dir.join("clock.so")).arg(source);
        assert!(compiler.status().unwrap().success(), "cc makes a clock");
        Self::at(dir, "ahead")
    }

    /// A correct clock of this name, in a folder that already has the preloaded library.
    pub(crate) fn at(dir: PathBuf, ahead: &'static str) -> Self {
        let clock = Self { dir, ahead };
        clock.set(0);
        clock
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The environment variables for a program with this clock.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("LD_PRELOAD", self.dir.join("clock.so")),
            ("CLOCK_AHEAD", self.dir.join(self.ahead)),
        ]
    }

    /// Sets it to so many seconds ahead of the system's, or behind if negative.
    pub(crate) fn set(&self, ahead: i64) {
        // Atomically, as a program may read it at any time.
        let next = self.dir.join(format!("{}.next", self.ahead));
        fs::write(&next, ahead.to_string()).unwrap();
        fs::rename(next, self.dir.join(self.ahead)).unwrap();
    }
}
