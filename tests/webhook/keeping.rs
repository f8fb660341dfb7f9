//! Records, entries, dead letters, journals.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::json;
use tower_webhook::journal::{Journal, JournalFiles};
use tower_webhook::{MemoryStore, RouterExt, Webhook, provider};

use super::program::{Folder, webhook};
use super::receiver::{in_memory, keys, serve, until, with_inbox, with_records};

#[tokio::test(flavor = "multi_thread")]
async fn records_are_looked_up_and_forgotten() {
    let folder = Folder::new();
    let file = folder.path("records.db");
    let url = with_records(&file).await;
    let send = || {
        webhook(["send", "blendfi", "--url", &url, "--id", "evt_1"])
            .with_secret()
            .run_beside()
    };
    send().await.says(0, "  200  ");
    let records = async |arguments: &[&str]| {
        let all = ["records", "--store", &file]
            .into_iter()
            .chain(arguments.iter().copied());
        webhook(all).run_beside().await
    };
    records(&["lookup", "blendfi", "evt_1"])
        .await
        .says(0, "blendfi:evt_1 done with 200, attempt 1, fence ");
    records(&["lookup", "blendfi:evt_1"])
        .await
        .says(0, "done with 200");
    records(&["lookup", "blendfi", "evt_2"])
        .await
        .says(1, "no record");
    records(&["counts"])
        .await
        .says(0, "claimed 0\nlapsed 0\nreleased 0\ndone 1\n");
    records(&["unfinished", "blendfi"]).await.says(0, "");
    let json = webhook(["--json", "records", "--store", &file, "counts"])
        .run_beside()
        .await;
    assert_eq!(
        json.json(),
        [json!({"claimed": 0, "lapsed": 0, "released": 0, "done": 1})]
    );
    records(&["forget", "blendfi", "evt_1"])
        .await
        .says(0, "forgotten");
    let again = send().await;
    assert!(
        !again.says(0, "  200  ").out.contains("replayed"),
        "{again:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_followed_through_the_inbox_to_the_dead_letters_and_back() {
    let folder = Folder::new();
    let file = folder.path("inbox.db");
    let receiver = with_inbox(&file, provider::blendfi(keys())).await;
    receiver.fails.store(true, Ordering::SeqCst);
    let say = async |arguments: &[&str]| {
        webhook(arguments.iter().copied())
            .env("WEBHOOK_STORE", &file)
            .with_secret()
            .run_beside()
            .await
    };
    for id in ["evt_1", "evt_2", "evt_3"] {
        say(&["send", "blendfi", "--url", &receiver.url, "--id", id])
            .await
            .says(0, "  200  ");
    }
    until(async || say(&["inbox", "counts"]).await.out.contains("dead 3")).await;
    say(&["show", "blendfi", "evt_1"])
        .await
        .says(
            0,
            "blendfi:evt_1 dead on route blendfi, attempts 1, since 20",
        )
        .says(0, "the ledger is closed");
    let dead = say(&["--json", "dead", "--reason", "ledger"]).await;
    assert_eq!(dead.json().len(), 3);
    // One worker has run them all.
    let workers: BTreeSet<_> = dead
        .json()
        .iter()
        .map(|it| it["worker"].to_string())
        .collect();
    assert_eq!(workers.len(), 1, "{workers:?}");
    assert_eq!(workers.first().unwrap().len(), "\"0ab0001f\"".len());
    // Whoever sees some of them only is told so.
    assert_eq!(dead.err, "");
    let first = say(&["dead", "--limit", "2"]).await;
    assert_eq!(first.out.lines().count(), 2);
    assert_eq!(
        first.err,
        "note: these are the first 2; there may be more: --limit\n"
    );
    say(&["dead", "--reason", "no such"]).await.says(0, "");
    let mistyped = say(&["dead", "--provider", "blendfy"]).await;
    assert_eq!(
        (mistyped.status, mistyped.err.as_str()),
        (0, "note: no entry of blendfy is here; is it spelled so?\n")
    );
    say(&["show", "blendfy", "evt_1"]).await.says(
        1,
        "neither an entry nor a record of blendfy:evt_1: it never arrived, or is forgotten; no event of blendfy is in the \
         inbox: is it spelled so?",
    );
    // By the sender's name in any form that the program knows.
    say(&["dead", "--provider", "BlendFi"])
        .await
        .says(0, "blendfi:evt_3 dead");
    receiver.fails.store(false, Ordering::SeqCst);
    say(&["redrive", "blendfi", "evt_1"]).await.says(0, "done");
    say(&["discard", "blendfi", "evt_2"]).await.says(0, "done");
    say(&["redrive", "--all"])
        .await
        .says(0, "done 1\novertaken 0\nchanged meanwhile 0\n");
    until(async || receiver.ran.lock().unwrap().len() == 2).await;
    until(async || say(&["inbox", "counts"]).await.out.contains("done 2")).await;
    say(&["inbox", "list", "discarded"])
        .await
        .says(0, "blendfi:evt_2 discarded");
    say(&["redrive", "blendfi", "evt_1"])
        .await
        .says(1, "it is done");
    // Whoever wants it run once more removes its entry; then the sender's next delivery is the first.
    let send = ["send", "blendfi", "--url", &receiver.url, "--id", "evt_1"];
    say(&send).await.says(0, "idempotent-replayed");
    say(&["inbox", "forget", "blendfi", "evt_1"])
        .await
        .says(0, "forgotten");
    say(&["inbox", "forget", "blendfi", "evt_1"])
        .await
        .says(1, "no entry");
    let again = say(&send).await;
    assert!(
        !again.says(0, "  200  ").out.contains("replayed"),
        "{again:?}"
    );
    until(async || receiver.ran.lock().unwrap().len() == 3).await;

    say(&["pause", "blendfi"]).await.says(0, "paused");
    say(&["pause", "blendfi"]).await.says(1, "it was so before");
    say(&["doctor"])
        .await
        .says(
            1,
            "ok       inbox: 0 queued, 0 waiting, 0 running, 0 lapsed, 0 dead\n",
        )
        .says(
            1,
            "at risk  inbox: blendfi is paused: its events wait for `webhook resume blendfi`",
        );
    say(&["inbox", "paused"]).await.says(0, "blendfi\n");
    say(&["send", "blendfi", "--url", &receiver.url, "--id", "evt_4"])
        .await
        .says(0, "  200  ");
    say(&["show", "blendfi", "evt_4"])
        .await
        .says(0, "blendfi:evt_4 queued");
    say(&["inbox", "rate", "blendfi", "100", "60"])
        .await
        .says(0, "set");
    say(&["inbox", "rates"])
        .await
        .says(0, "blendfi provider 100 in 60s");
    say(&["resume", "blendfi"]).await.says(0, "resumed");
    until(async || receiver.ran.lock().unwrap().len() == 4).await;
}

/// What the page of the inbox shows is understood, and done.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_inbox_s_page_are_commands() {
    const PAGE: &str = include_str!("../../docs/inbox.md");
    let folder = Folder::new();
    let file = folder.path("webhooks.db");
    let _receiver = with_inbox(&file, provider::blendfi(keys())).await;
    let shown: Vec<_> = PAGE
        .lines()
        .filter(|it| it.contains(" --store webhooks.db "))
        .collect();
    assert!(shown.len() >= 5, "{shown:?}");
    for command in shown {
        // Of these the reason alone is of several words.
        let (before, quoted) = command.split_once('\'').unwrap_or((command, ""));
        let (reason, behind) = quoted.split_once('\'').unwrap_or_default();
        let reason = (!reason.is_empty()).then_some(reason);
        let words = before
            .split_whitespace()
            .chain(reason)
            .chain(behind.split_whitespace());
        let words = words.map(|word| {
            if word == "webhooks.db" {
                file.as_str()
            } else {
                word
            }
        });
        let words: Vec<_> = words.skip(1).collect();
        webhook(words).run_beside().await.says(0, "");
    }
}

/// Lines as a journal writes them.
pub(super) fn journal() -> String {
    let body = r#"{"id":"evt_9","type":"x","created_at":"2026-05-04T13:00:00Z","data":{}}"#;
    let line = |id: &str, verdict: &str, authenticated: bool, more: serde_json::Value| {
        let mut line = json!({
            "v": 1, "id": id, "at": 1_777_899_600_000_000_u64, "provider": "blendfi", "verdict": verdict,
            "authenticated": authenticated, "status": 200, "micros": {"total": 2_500},
            "request": {"received_at": 1_777_899_600_000_000_u64, "method": "POST", "uri": "/in", "headers": [],
                "body": {"len": body.len(), "text": body}},
        });
        line.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        format!("{line}\n")
    };
    [
        line(
            "1",
            "failed",
            true,
            json!({"key": "blendfi:evt_9", "signed_by": ["2026-06"]}),
        ),
        line(
            "2",
            "refused",
            false,
            json!({"reason": "signature_mismatch", "status": 401}),
        ),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_watched_and_its_proved_deliveries_sent_again() {
    let folder = Folder::new();
    let file = folder.file("journal.jsonl", journal());
    let once = webhook(["watch", &file, "--once"]).run();
    once.says(
        0,
        "2026-05-04T13:00:00Z  blendfi      failed     200     2 ms  blendfi:evt_9",
    );
    once.says(0, "signature_mismatch");
    let trouble = webhook([
        "watch",
        &file,
        "--once",
        "--trouble",
        "--provider",
        "stripe",
    ])
    .run();
    assert_eq!(trouble.says(0, "").out, "");

    let url = format!("{}/webhooks/blendfi", in_memory().await);
    let arguments = ["replay", &file, "--provider", "blendfi", "--url", &url];
    let replay = || webhook(arguments).with_secret().run_beside();
    // Each event is sent once, however often it stands there.
    let twice = folder.file("twice.jsonl", journal().repeat(2));
    let anew = format!("{}/webhooks/blendfi", in_memory().await);
    webhook(["replay", &twice, "--provider", "blendfi", "--url", &anew])
        .with_secret()
        .run_beside()
        .await
        .says(0, "sent 1, left out 2 that were")
        .says(0, ", and 1 more deliveries of the same events\n");
    replay().await.says(
        0,
        "1 blendfi:evt_9  200\nsent 1, left out 1 that were refused, are not whole or are another sender's\n",
    );
    webhook([
        "replay",
        &file,
        "--provider",
        "blendfi",
        "--url",
        &url,
        "--verdict",
        "handled",
    ])
    .with_secret()
    .run_beside()
    .await
    .says(1, "sent 0, left out 0");

    // What another sender has proved is not signed anew as this one's.
    let of_stripe = journal().replace("blendfi", "stripe");
    let both = folder.file("both.jsonl", format!("{of_stripe}{}", journal()));
    webhook(["replay", &both, "--provider", "blendfi", "--url", &url])
        .with_secret()
        .run_beside()
        .await
        .says(
            0,
            "1 blendfi:evt_9  200  idempotent-replayed: true\nsent 1, left out 3 that were",
        );

    // A line that is written up to the middle of a character is no error.
    let half = folder.file(
        "half.jsonl",
        [journal().as_bytes(), b"{\"detail\":\"\xc3"].concat(),
    );
    webhook(["watch", &half, "--once"])
        .run()
        .says(0, "signature_mismatch");

    // What is added while it watches is shown at once.
    let mut watching = Command::new(env!("CARGO_BIN_EXE_webhook"))
        .args(["watch", &file, "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = watching.stdout.take().unwrap();
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        line
    });
    // It begins at the end of the file, whenever that is: lines are added until one is seen.
    until(async || {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap();
        file.write_all(journal().as_bytes()).unwrap();
        first.is_finished()
    })
    .await;
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(first.await.unwrap().contains("\"verdict\":"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_takes_down_is_watched_and_each_refusal_in_it_diagnosed() {
    let folder = Folder::new();
    let place = folder.path("journal");
    let journal = Journal::start(JournalFiles::open(&place).unwrap()).unwrap();
    let blendfi = Webhook::new(provider::blendfi(keys()))
        .store(MemoryStore::new())
        .journal(&journal)
        .build()
        .unwrap();
    let app = axum::Router::new().webhook("/webhooks/blendfi", blendfi, async || "done");
    let url = serve(app).await;
    let send = async |arguments: &[&str]| {
        let all = ["send", "blendfi", "--url", &url]
            .into_iter()
            .chain(arguments.iter().copied());
        webhook(all).with_secret().run_beside().await
    };
    send(&["--id", "evt_1"]).await.says(0, "  200  ");
    send(&["--id", "evt_2", "--tamper", "body"])
        .await
        .says(1, "  401  ");
    assert!(journal.flush(std::time::Duration::from_secs(60)).await);
    let watched = webhook(["watch", &place, "--once"]).run();
    watched
        .says(0, "handled    200")
        .says(0, "blendfi:evt_1")
        .says(0, "refused    401")
        .says(0, "signature_mismatch");
    let verified = webhook(["verify", &place, "--provider", "blendfi"])
        .with_secret()
        .run();
    verified
        .says(1, "authentic: signed by key \"1\"")
        .says(1, "cause: body_white_space: ");
    let doctor = webhook(["doctor", "--provider", "blendfi", "--journal", &place])
        .with_secret()
        .run();
    doctor.says(0, "key: \"1\" last matched at ");
}
