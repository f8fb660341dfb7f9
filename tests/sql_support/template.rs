//! The initial data folder of every test server: made once per build, and copied.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{as_nobody, folder, program};

/// Copies it there, with the same owner. `initdb` takes longer than most tests that need a server.
pub(super) fn copy_to(place: &Path) {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let template = path();
        if !template.is_dir() {
            make(&template);
        }
        template
    });
    copy(template, place);
}

/// Next to the build output, by version of Postgres.
fn path() -> PathBuf {
    let version = Command::new(program("initdb"))
        .arg("--version")
        .output()
        .unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let number = version.split(' ').nth(2).unwrap().trim();
    let own = std::env::current_exe().unwrap();
    let built = own.ancestors().nth(2).unwrap();
    built.join(format!("postgres-{number}"))
}

/// Makes it elsewhere first: several tests may do this at once, and none must see a partial one.
fn make(template: &Path) {
    let dir = folder();
    let made = as_nobody(&program("initdb"))
        .current_dir(&dir)
        .args(["-D", "data", "-A", "trust", "-U", "app", "-E", "UTF8"])
        .args(["--no-locale", "-N", "--wal-segsize", "1"])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let own = template.with_extension(std::process::id().to_string());
    copy(&dir.join("data"), &own);
    let _ = fs::remove_dir_all(dir);
    if fs::rename(&own, template).is_err() {
        // Another test was faster.
        let _ = fs::remove_dir_all(own);
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-Rp").args([from, to]).status();
    assert!(copied.unwrap().success(), "{} is copied", from.display());
}
