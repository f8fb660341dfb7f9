//! The place of the records, from environment variables.

use std::error::Error;

use tower_webhook::SqliteStore;
use tower_webhook::inbox::{SharedInbox, SqliteInbox};
use tower_webhook::store::SharedStore;

use super::catch_up::KeptIn;

/// The name of the place, and the place.
pub(crate) async fn from_env() -> Result<(&'static str, KeptIn), Box<dyn Error>> {
    let queued = std::env::var("MODE").is_ok_and(|mode| mode == "inbox");
    #[cfg(feature = "redis")]
    if let Ok(url) = std::env::var("REDIS_URL") {
        use tower_webhook::RedisStore;
        use tower_webhook::inbox::RedisInbox;
        let kept_in = match queued {
            true => KeptIn::Inbox(SharedInbox::new(RedisInbox::connect(url).await?)),
            false => KeptIn::Store(SharedStore::new(RedisStore::connect(url).await?)),
        };
        return Ok(("Redis", kept_in));
    }
    #[cfg(feature = "postgres")]
    if let Ok(url) = std::env::var("DATABASE_URL") {
        use tower_webhook::PostgresStore;
        use tower_webhook::inbox::PostgresInbox;
        let kept_in = match queued {
            true => KeptIn::Inbox(SharedInbox::new(
                PostgresInbox::builder(url).migrate().connect().await?,
            )),
            false => KeptIn::Store(SharedStore::new(
                PostgresStore::builder(url).migrate().connect().await?,
            )),
        };
        return Ok(("Postgres", kept_in));
    }
    let path = std::env::var("SQLITE_PATH").unwrap_or_else(|_| {
        let name = format!("reconcile-{}.db", std::process::id());
        std::env::temp_dir().join(name).display().to_string()
    });
    let kept_in = match queued {
        true => KeptIn::Inbox(SharedInbox::new(SqliteInbox::connect(&path).await?)),
        false => KeptIn::Store(SharedStore::new(SqliteStore::connect(&path).await?)),
    };
    Ok(("SQLite", kept_in))
}
