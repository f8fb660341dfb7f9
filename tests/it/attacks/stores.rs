//! What a stranger's text may do to the records of others.

use tower_webhook::{Store, Webhook};

use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;

/// Each is an id, as JSON.
fn ids() -> Vec<String> {
    let mut ids: Vec<_> = [
        "*",
        "?",
        "[a-z]*",
        "evt_1",
        "evt_1*",
        "a}b{c",
        "{0}",
        "}:blendfi:evt_1",
        "wh:default:partitions",
        "wh:default:{0}:blendfi:evt_1",
        "%~evt_1",
        "%257Eevt_1",
        "~evt_1",
        r"\r\nFLUSHALL\r\n",
        r"*1\r\n$8\r\nFLUSHALL\r\n",
        r"\u0000",
        r"\u0000\u0000",
        r"evt_1\u0000",
        r"\ud83d\ude00",
        " ",
        "'; DROP TABLE tower_webhook_records; --",
        "'||(SELECT token FROM tower_webhook_records)||'",
        "$1",
        "?1",
        "_______",
        "default",
        "NULL",
        r"\\x00",
        r"\\",
        "return redis.call('FLUSHALL')",
        "../../etc/passwd",
    ]
    .map(str::to_owned)
    .into();
    // Two that differ in their last character only, longer than what stands in a name.
    ids.extend(["x", "y"].map(|last| "l".repeat(1_023) + last));
    ids
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn ids_that_are_patterns_commands_or_names_of_records_are_ids() {
    let redis = crate::redis_support::Server::start();
    let builder = tower_webhook::RedisStore::builder(redis.url());
    let builder = builder.deadline(std::time::Duration::from_secs(10));
    are_ids(builder.connect().await.unwrap()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn ids_that_are_statements_or_pieces_of_them_are_ids_in_postgres() {
    let server = crate::sql_support::Postgres::start();
    let builder = tower_webhook::PostgresStore::builder(server.url()).migrate();
    let builder = builder.deadline(std::time::Duration::from_secs(10));
    are_ids(builder.connect().await.unwrap()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn ids_that_are_statements_or_pieces_of_them_are_ids_in_a_file() {
    let folder = std::env::temp_dir().join(format!("webhook-ids-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let builder = tower_webhook::SqliteStore::builder(folder.join("webhooks.db"));
    let builder = builder.deadline(std::time::Duration::from_secs(10));
    are_ids(builder.connect().await.unwrap()).await;
    std::fs::remove_dir_all(folder).unwrap();
}

async fn are_ids(store: impl Store + Clone) {
    let runs = Stage::new();
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .store(store.clone())
        .clock(clock());
    let server = Preset::BlendFi.serve(&webhook, runs.counter()).await;
    let delivery = |id: &str| {
        Preset::BlendFi.deliver(format!(
            r#"{{"id":"{id}","type":"t","created_at":"2026-05-04T13:00:00Z","data":{{}}}}"#
        ))
    };
    let ids = ids();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(delivery(id).send(server.address).await.status, 204, "{id}");
        assert_eq!(runs.runs(), number + 1, "{id}");
    }
    for id in &ids {
        assert!(
            delivery(id).send(server.address).await.is_replayed(),
            "{id}"
        );
    }
    let done = u64::try_from(ids.len()).unwrap();
    assert_eq!(store.counts().await.unwrap().done, done);
    // Forgetting one forgets that one.
    for (id, left) in ids.iter().zip((0..done).rev()) {
        let id: String = serde_json::from_str(&format!("\"{id}\"")).unwrap();
        let provider = Preset::BlendFi.key(1).provider().clone();
        let key = tower_webhook::EventKey::new(provider, [&id]).unwrap();
        assert!(store.forget(&key).await.unwrap(), "{id:?}");
        assert_eq!(store.counts().await.unwrap().done, left, "{id:?}");
    }
}
