//! Opens stores of existing namespaces, for programs that inspect the data of receivers.

use super::RedisStore;
use super::builder::RedisStoreBuilder;
use super::error::{RedisConnectError, RedisConnectErrorKind};

impl RedisStoreBuilder {
    /// The store of a namespace that is in use, with its number of partitions; `None` if no store or inbox has used
    /// it yet.
    ///
    /// [`connect`](Self::connect) creates a namespace that does not exist, with a fixed number of partitions. This
    /// creates nothing, and needs no number: it is for programs that inspect the data of receivers.
    ///
    /// ```no_run
    /// use tower_webhook::RedisStore;
    /// use tower_webhook::store::Store;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some(store) = RedisStore::builder("redis://127.0.0.1").join().await? {
    ///     println!("{:?}", store.counts().await?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and also [`Partitions`](RedisConnectErrorKind::Partitions) if the number that
    /// is [set](Self::partitions) differs from the namespace's, and
    /// [`Unreachable`](RedisConnectErrorKind::Unreachable) if Redis cannot be reached.
    pub async fn join(mut self) -> Result<Option<RedisStore>, RedisConnectError> {
        let Some(stored) = self.stored_partitions().await? else {
            return Ok(None);
        };
        self.partitions.get_or_insert(stored);
        self.connect().await.map(Some)
    }

    /// The namespace's number of partitions, if it exists.
    pub(super) async fn stored_partitions(&self) -> Result<Option<u32>, RedisConnectError> {
        let asking = self.clone().build()?;
        let found = Box::pin(asking.link.stored_partitions()).await;
        let Some(stored) = found.map_err(|fault| {
            fault.fatal().unwrap_or_else(|| {
                RedisConnectError::new(
                    RedisConnectErrorKind::Unreachable,
                    "Redis cannot be reached",
                )
                .with_source(fault)
            })
        })?
        else {
            return Ok(None);
        };
        let number = str::from_utf8(&stored).ok().and_then(|it| it.parse().ok());
        let garbled = || {
            let what = "what the namespace says of its partitions is no number";
            RedisConnectError::new(RedisConnectErrorKind::Partitions, what)
        };
        number.map(Some).ok_or_else(garbled)
    }
}
