//! A clock that a test sets while a program runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What sets the clock of a program, in a folder that whoever made it removes.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    dir: PathBuf,
    /// The file of the seconds.
    ahead: &'static str,
}

impl Clock {
    /// Compiles what is preloaded into this folder; the clock goes right.
    pub(crate) fn new(dir: PathBuf) -> Self {
        let source = dir.join("clock.c");
        fs::write(&source, include_str!("clock.c")).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]);
        compiler.arg(dir.join("clock.so")).arg(source);
        assert!(compiler.status().unwrap().success(), "cc makes a clock");
        Self::at(dir, "ahead")
    }

    /// A clock of this name that goes right, where the folder has what is preloaded.
    pub(crate) fn at(dir: PathBuf, ahead: &'static str) -> Self {
        let clock = Self { dir, ahead };
        clock.set(0);
        clock
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The environment of a program that has this clock.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("LD_PRELOAD", self.dir.join("clock.so")),
            ("CLOCK_AHEAD", self.dir.join(self.ahead)),
        ]
    }

    /// Sets it to so many seconds ahead of the system's, or behind.
    pub(crate) fn set(&self, ahead: i64) {
        // In one step, whenever a program reads it.
        let next = self.dir.join(format!("{}.next", self.ahead));
        fs::write(&next, ahead.to_string()).unwrap();
        fs::rename(next, self.dir.join(self.ahead)).unwrap();
    }
}
