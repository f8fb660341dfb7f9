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

/// What a shell makes of the line is what was signed.
#[cfg(unix)]
#[test]
fn a_curl_line_holds_every_byte_that_was_signed() {
    let folder = Folder::new();
    let body = b"{\"id\":\"evt_1\",\"a\":\"\xff\x00\x1b%s\\n'\"}";
    let file = folder.file("body", body);
    let url = ["--curl", "http://127.0.0.1:1/hooks"];
    let sign = ["sign", "stripe", "--body-file", &file];
    let line = webhook(sign.into_iter().chain(url)).with_secret().run();
    let line = line.says(0, "--data-binary").out.clone();
    assert!(!line.contains('\u{fffd}'), "{line}");
    // In place of curl: it prints the body that it is given.
    let curl = "curl() { for word; do case $before in --data-binary) \
                if [ \"$word\" = @- ]; then cat; else printf %s \"$word\"; fi;; esac; before=$word; done; }\n";

    let ran = Command::new("sh")
        .args(["-c", &format!("{curl}{line}")])
        .output()
        .unwrap();
    assert_eq!(ran.stdout, body, "{line}");

    // Without curl it is printed as it is, and in JSON as base64.
    let ran = Command::new(env!("CARGO_BIN_EXE_webhook"))
        .args(sign)
        .env("WEBHOOK_SECRET", SECRET)
        .output()
        .unwrap();
    let end = [&b"\n\n"[..], body, b"\n"].concat();
    assert!(ran.stdout.ends_with(&end), "{ran:?}");
    let json = webhook(sign.into_iter().chain(["--json"])).with_secret();
    let json = json.run().json();
    let spelled = json[0]["body_base64"].as_str().unwrap_or_default();
    // printf '{"id":"evt_1","a":"\377\000\033%%s\\n'"'"'"}' | base64
    assert_eq!(spelled, "eyJpZCI6ImV2dF8xIiwiYSI6Iv8AGyVzXG4nIn0=");
    assert!(json[0].get("body").is_none());
}
