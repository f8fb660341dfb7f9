//! What is sent out of a journal again.

use serde_json::json;
use tower_webhook::journal::{Journal, SqliteJournal};
use tower_webhook::{MemoryStore, RouterExt, Webhook, provider};

use super::program::{Folder, webhook};
use super::receiver::{keys, serve};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_out_of_a_journal_is_the_same_event_of_the_same_sender() {
    let body = r#"{"type":"paid"}"#;
    let line = |id: &str, provider: &str, header: &str| {
        let line = json!({
            "v": 1, "id": id, "at": 1_777_899_600_000_000_u64, "provider": provider, "verdict": "failed",
            "authenticated": true, "proof": {"signature": {"keys": ["a"], "id": "msg_7"}},
            "request": {"received_at": 1_777_899_600_000_000_u64, "method": "POST", "uri": "/in",
                "headers": [["webhook-id", "msg_7"], ["webhook-signature", "v1,old"], ["x-kind", header],
                    ["authorization", "[REDACTED]"], ["content-length", "99"], ["host", "a.example"]],
                "body": {"len": body.len(), "text": body}},
        });
        format!("{line}\n")
    };
    let lines = [line("1", "acme", "ours"), line("2", "github", "theirs")];
    let folder = Folder::new();
    let file = folder.file("journal.jsonl", lines.concat());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let take = move |headers: axum::http::HeaderMap| {
        sender.send(headers).unwrap();
        async {}
    };
    let url = serve(axum::Router::new().fallback(take)).await;
    let provider = ["--provider", "standard-webhooks", "--url", &url];
    webhook(["replay", &file].into_iter().chain(provider))
        .env("WEBHOOK_SECRET", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
        .run_beside()
        .await
        .says(
            0,
            "sent 1, left out 1 that were refused, are not whole or are another sender's",
        );
    let headers = receiver.recv().await.unwrap();
    assert_eq!(headers["webhook-id"], "msg_7");
    assert_eq!(headers["x-kind"], "ours");
    assert!(headers["webhook-signature"] != "v1,old");
    assert!(headers["host"] != "a.example" && headers.get("authorization").is_none());
    assert!(receiver.try_recv().is_err());
}

/// The journal at this place is watched, verified and sent again.
async fn is_read_by_the_program(place: &str, journal: Journal) {
    let blendfi = Webhook::new(provider::blendfi(keys())).store(MemoryStore::new());
    let blendfi = blendfi.journal(&journal).build().unwrap();
    let app = axum::Router::new().webhook("/webhooks/blendfi", blendfi, async || "done");
    let url = serve(app).await;
    let send = async |arguments: &[&str]| {
        let sent = ["send", "blendfi", "--url", &url].into_iter();
        let sent = webhook(sent.chain(arguments.iter().copied()));
        sent.with_secret().run_beside().await
    };
    send(&["--id", "evt_1"]).await.says(0, "  200  ");
    send(&["--id", "evt_2", "--tamper", "body"])
        .await
        .says(1, "  401  ");
    assert!(journal.flush(std::time::Duration::from_secs(60)).await);
    webhook(["watch", place, "--once"])
        .run()
        .says(0, "handled    200")
        .says(0, "refused    401");
    webhook(["verify", place, "--provider", "blendfi"])
        .with_secret()
        .run()
        .says(1, "authentic: signed by key \"1\"");
    // The forged one is left out; the other one is a duplicate.
    let hook = format!("{url}/webhooks/blendfi");
    webhook(["replay", place, "--provider", "blendfi", "--url", &hook])
        .with_secret()
        .run_beside()
        .await
        .says(0, "blendfi:evt_1  200  idempotent-replayed: true")
        .says(0, "sent 1, left out 1 ")
        .says(0, "1 of 1 were done before: nothing ran for them.");
    assert!(journal.flush(std::time::Duration::from_secs(60)).await);
    webhook(["watch", place, "--once"])
        .run()
        .says(0, "duplicate  200");
    webhook(["doctor", "--provider", "blendfi", "--journal", place])
        .with_secret()
        .run()
        .says(0, "key: \"1\" last matched at ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_a_table_is_watched_verified_and_sent_again_as_one_in_files_is() {
    let folder = Folder::new();
    let place = folder.path("journal.db");
    let journal = Journal::start(SqliteJournal::open(&place).unwrap()).unwrap();
    is_read_by_the_program(&place, journal).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_postgres_is_read_by_the_program_too() {
    use super::sql_support::Postgres;
    use tower_webhook::journal::PostgresJournal;
    let server = Postgres::start();
    let place = server.url();
    let absent = webhook(["watch", &place, "--once"]).run();
    assert_ne!(absent.status, 0, "there is no table yet: {absent:?}");
    assert!(absent.err.contains("cannot be read: "), "{absent:?}");
    assert!(absent.err.contains("does not exist"), "{absent:?}");
    let table = PostgresJournal::new(&place).unwrap().migrate();
    is_read_by_the_program(&place, Journal::start(table).unwrap()).await;
    // A server that is gone is no empty journal.
    drop(server);
    let gone = webhook(["watch", &place, "--once"]).run();
    assert!(gone.status > 1 && gone.out.is_empty(), "{gone:?}");
}
