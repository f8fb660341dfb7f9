//! Where events are remembered.

use tower_webhook::store::RedisStore;
use tower_webhook::{MemoryStore, SharedStore};

use crate::settings::SettingError;

/// The store that `REDIS_URL` names, or one in memory, and some words on which it is and on what
/// its check found.
pub(crate) async fn open(redis_url: Option<&str>) -> Result<(SharedStore, String), SettingError> {
    let Some(url) = redis_url else {
        let words = "records are kept in memory: they are lost when this process ends";
        return Ok((SharedStore::new(MemoryStore::new()), words.to_owned()));
    };
    // For `rediss`; an error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = RedisStore::connect(url)
        .await
        .map_err(|error| SettingError::new("REDIS_URL", error))?;
    // Shows the hosts, and no password.
    let mut words = format!("records are kept in Redis: {store:?}");
    match store.check().await {
        Ok(report) => {
            for finding in report.findings() {
                words.push_str(&format!("\n  {finding}"));
            }
        }
        Err(error) => words.push_str(&format!("\n  not checked: {error}")),
    }
    Ok((SharedStore::new(store), words))
}
