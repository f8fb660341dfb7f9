//! Stores of namespaces that are there, for whoever looks into what receivers keep.

use super::RedisStore;
use super::builder::RedisStoreBuilder;
use super::error::{RedisConnectError, RedisConnectErrorKind};

impl RedisStoreBuilder {
    /// The store of a namespace that is in use, with the partitions that it has; `None` where no store or inbox has
    /// used it yet.
    ///
    /// [`connect`](Self::connect) makes a namespace that is not there, with a number of partitions that stays. This
    /// makes nothing, and needs no number: it is for programs that look into what receivers keep.
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
    /// As [`connect`](Self::connect); [`Partitions`](RedisConnectErrorKind::Partitions) too where another number is
    /// [set](Self::partitions) than the namespace has; and a Redis that cannot be reached
    /// ([`Unreachable`](RedisConnectErrorKind::Unreachable)).
    pub async fn join(mut self) -> Result<Option<RedisStore>, RedisConnectError> {
        let Some(stored) = self.stored_partitions().await? else {
            return Ok(None);
        };
        self.partitions.get_or_insert(stored);
        self.connect().await.map(Some)
    }

    /// How many partitions the namespace has, if it is there.
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
