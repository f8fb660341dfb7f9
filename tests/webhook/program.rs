//! Runs the program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const SECRET: &str = "whsec_test_9f8e7d6c5b4a";

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The values of `--json`, one a line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}")))
            .collect()
    }

    /// It ended so, and printed this.
    #[track_caller]
    pub(crate) fn says(&self, status: i32, text: &str) -> &Self {
        assert!(
            self.status == status && self.out.contains(text),
            "not {status} with {text:?}: {self:#?}"
        );
        self
    }
}

/// A call that is to be made.
pub(crate) struct Webhook(Command, Vec<u8>);

/// `webhook` with these arguments, and no settings of whoever runs the test.
pub(crate) fn webhook<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Webhook {
    let mut command = Command::new(env!("CARGO_BIN_EXE_webhook"));
    for variable in ["WEBHOOK_SECRET", "WEBHOOK_TOKEN", "WEBHOOK_STORE"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    Webhook(command, Vec::new())
}

impl Webhook {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// With the secret of these tests.
    pub(crate) fn with_secret(self) -> Self {
        self.env("WEBHOOK_SECRET", SECRET)
    }

    pub(crate) fn stdin(mut self, text: impl AsRef<[u8]>) -> Self {
        self.1 = text.as_ref().to_vec();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ran {
        let pipes = self
            .0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        // Where nobody reads it, that is no failure.
        let _ = child.stdin.take().unwrap().write_all(&self.1);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran {
            status: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The same beside a receiver of this runtime.
    pub(crate) async fn run_beside(self) -> Ran {
        tokio::task::spawn_blocking(move || self.run())
            .await
            .unwrap()
    }
}

/// A folder of a test's own, which goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("webhook-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A file with this text.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(Path::new(&path), text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
