//! What is printed to a terminal, and to nobody.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use tower_webhook::provider;

use super::keeping::journal;
use super::program::{Folder, webhook};
use super::receiver::{keys, until, with_inbox};

/// As in `webhook watch journal.jsonl | head -1`.
#[test]
fn who_watches_for_nobody_ends() {
    let folder = Folder::new();
    let file = folder.file("journal.jsonl", journal());
    let mut watching = Command::new(env!("CARGO_BIN_EXE_webhook"))
        .args(["watch", &file, "--from-start"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(watching.stdout.take());
    let begun = std::time::Instant::now();
    let ended = loop {
        if let Some(ended) = watching.try_wait().unwrap() {
            break ended;
        }
        if begun.elapsed() > std::time::Duration::from_secs(30) {
            watching.kill().unwrap();
            break watching.wait().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(ended.code(), Some(0), "it watches on");
}

/// What moves a terminal's cursor, or turns its text around, is spelled out; JSON holds it as it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_wrote_does_nothing_to_a_terminal() {
    const HOSTILE: &str = "evt_\u{1b}[2J\u{9b}31m\u{202e}x";
    let is_harmless = |text: &str| {
        let hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.chars().any(hidden), "{text:?}");
        assert!(text.contains(r"\u{9b}31m\u{202e}x"), "{text:?}");
    };
    let folder = Folder::new();
    let told = journal().replace("signature_mismatch", r"evt_\u001b[2J\u009b31m\u202ex");
    let file = folder.file("hostile.jsonl", told);
    is_harmless(&webhook(["watch", &file, "--once"]).run().out);
    let json = webhook(["watch", &file, "--once", "--json"]).run().json();
    assert_eq!(json[1]["reason"], HOSTILE);

    let file = folder.path("inbox.db");
    let receiver = with_inbox(&file, provider::blendfi(keys())).await;
    let body = "{\"id\":\"evt_1\",\"type\":\"x\",\"created_at\":\"2026-05-04T13:00:00Z\",\"data\":{\"a\":\"\u{9b}31m\u{202e}x\"}}";
    receiver.fails.store(true, Ordering::SeqCst);
    let send = ["send", "blendfi", "--url", &receiver.url, "--body", body];
    webhook(send)
        .with_secret()
        .run_beside()
        .await
        .says(0, "  200  ");
    let show = ["show", "blendfi", "evt_1", "--store", &file];
    until(async || webhook(show).run_beside().await.out.contains(" dead ")).await;
    is_harmless(&webhook(show).run_beside().await.out);

    let captured = folder.file("a.http", "POST /\u{9b}31m\u{202e}x HTTP/1.1\nX-A: b\n\n{}");
    let captured = webhook(["verify", &captured, "--provider", "stripe"]);
    is_harmless(&captured.with_secret().run().out);
}

#[test]
fn every_argument_has_help() {
    for command in [
        &["providers"][..],
        &["sign"],
        &["send"],
        &["records", "unfinished"],
        &["inbox", "list"],
        &["inbox", "rate"],
        &["dead"],
        &["pause"],
        &["resume"],
        &["redrive"],
        &["replay"],
        &["watch"],
        &["completions"],
        &["man"],
    ] {
        let ran = webhook(command.iter().copied().chain(["--help"])).run();
        let (_, listed) = ran
            .says(0, "Usage: webhook")
            .out
            .split_once("Arguments:")
            .unwrap_or_default();
        for line in ran.out.lines().chain(listed.lines()) {
            let text = line.trim_start();
            let is_one = text.starts_with(['<', '[', '-']);
            let alone = !text.contains("  ");
            assert!(!(is_one && alone), "{command:?}: {line:?} has no help");
        }
    }
    let send = webhook(["send", "--help"]).run();
    send.says(0, "whsec_test_for_development_only");
}
