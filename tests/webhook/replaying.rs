//! What is sent out of a journal again.

use serde_json::json;

use super::program::{Folder, webhook};
use super::receiver::serve;

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
