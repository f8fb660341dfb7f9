//! Outputs that cannot be written, and inputs that are read once.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use tower_webhook::inbox::SqliteInbox;

use super::program::{Folder, SECRET, webhook};

/// As of a disk that is full.
#[cfg(target_os = "linux")]
fn full() -> Stdio {
    let device = OpenOptions::new().write(true).open("/dev/full").unwrap();
    device.into()
}

#[cfg(target_os = "linux")]
fn to_full(arguments: &[&str]) -> (Option<i32>, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_webhook"))
        .args(arguments)
        .env("WEBHOOK_SECRET", SECRET)
        .stdout(full())
        .output()
        .unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_printed_is_told_by_the_status() {
    for arguments in [
        &["providers"][..],
        &["providers", "stripe"],
        &["providers", "--json"],
        &["sign", "stripe", "--body", "{}"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
    ] {
        let (status, err) = to_full(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {err}");
        assert!(
            err.contains("webhook: the output cannot be written: "),
            "{arguments:?}: {err}"
        );
    }
}

/// As in `webhook providers | head -1`.
#[test]
fn an_output_that_nobody_reads_any_longer_is_no_failure() {
    for arguments in [
        &["providers"][..],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Command::new(env!("CARGO_BIN_EXE_webhook"))
            .args(arguments)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stderr, b"", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_cannot_be_written_ends_nothing() {
    let folder = Folder::new();
    let file = folder.path("inbox.db");
    drop(SqliteInbox::connect(&file).await.unwrap());
    let ran = Command::new(env!("CARGO_BIN_EXE_webhook"))
        .args(["pause", "nosuch", "--store", &file])
        .stderr(full())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
}

#[test]
fn the_standard_input_is_read_for_one_option_alone() {
    let twice = |words: &[&'static str], input: &str| {
        let words = words.iter().copied();
        let ran = webhook(words.chain(["--secret-file", "-"])).stdin(input);
        let ran = ran.run();
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(
            ran.err.contains("the standard input was read already, by"),
            "{ran:?}"
        );
    };
    twice(&["sign", "stripe", "--body-file", "-"], SECRET);
    twice(&["send", "stripe", "--body-file", "-"], SECRET);
    let captured = "POST /in HTTP/1.1\nStripe-Signature: t=1,v1=00\n\n{}";
    twice(&["verify", "-", "--provider", "stripe"], captured);
}
