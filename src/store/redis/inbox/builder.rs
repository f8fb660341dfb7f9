use std::time::Duration;

use crate::event::Name;
use crate::store::redis::builder::{MOST_OF_INBOX, RedisStoreBuilder};
use crate::store::redis::error::RedisConnectError;

use super::RedisInbox;

const DEFAULT_CAPACITY: u64 = 1_000_000;
const DEFAULT_DEADLINE: Duration = Duration::from_secs(1);

/// Settings of a [`RedisInbox`]; see [`RedisInbox::builder`].
///
/// ```no_run
/// use tower_webhook::Name;
/// use tower_webhook::inbox::RedisInbox;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = RedisInbox::builder("redis-cluster://r1:6379,r2:6379")
///     .namespace(Name::new("sandbox")?)
///     .partitions(32)
///     .capacity(100_000)
///     .refuse_at_risk()
///     .connect()
///     .await?;
/// # drop(inbox);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct RedisInboxBuilder {
    store: RedisStoreBuilder,
    capacity: u64,
}

impl RedisInboxBuilder {
    pub(super) fn new(store: RedisStoreBuilder) -> Self {
        Self {
            store: store.deadline(DEFAULT_DEADLINE).holding_entries(),
            capacity: DEFAULT_CAPACITY,
        }
    }

    fn map(self, set: impl FnOnce(RedisStoreBuilder) -> RedisStoreBuilder) -> Self {
        Self {
            store: set(self.store),
            ..self
        }
    }

    /// Keeps the entries apart from those of other namespaces of the same Redis; `default` unless set.
    pub fn namespace(self, name: Name) -> Self {
        self.map(|store| store.namespace(name))
    }

    /// How long any call to Redis may take; 1 s unless set, at most a day. Lists and counts make several.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.map(|store| store.deadline(deadline))
    }

    /// The number of hash tags over which the entries of the namespace are spread, so that a cluster can
    /// distribute them: at most 1,024.
    ///
    /// The number is written to Redis when the namespace is first used, and does not change; every inbox and every
    /// [`RedisStore`](crate::RedisStore) of the namespace uses it. Unless set, the number found there is used; a new
    /// namespace gets 256 in a cluster, and 8 on one server. A number that differs from the one found there is
    /// refused.
    ///
    /// A worker scans all of them for due entries, in a cluster with one call for each. So some ten for each master
    /// are a good number for a namespace that holds only an inbox. If one server is to become a cluster, set the
    /// number for that cluster.
    pub fn partitions(self, partitions: u32) -> Self {
        self.map(|store| store.partitions(partitions))
    }

    /// How many entries that are not done or discarded the namespace holds; a million unless set.
    ///
    /// Beyond that, new events get the not-now status. Each partition holds its share, rounded up.
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self
    }

    /// As [`RedisStoreBuilder::root_certificates`](crate::store::RedisStoreBuilder::root_certificates).
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        self.map(|store| store.root_certificates(pem))
    }

    /// As [`RedisStoreBuilder::client_certificate`](crate::store::RedisStoreBuilder::client_certificate).
    pub fn client_certificate(
        self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.map(|store| store.client_certificate(certificate, key))
    }

    /// As [`RedisStoreBuilder::refuse_at_risk`](crate::store::RedisStoreBuilder::refuse_at_risk). Set it in
    /// production: accepted events of an inbox exist nowhere else.
    pub fn refuse_at_risk(self) -> Self {
        self.map(RedisStoreBuilder::refuse_at_risk)
    }

    /// The inbox, without contacting Redis: the first call makes the connection.
    ///
    /// # Errors
    ///
    /// A setting that cannot be used; TLS without a crypto provider.
    pub fn build(self) -> Result<RedisInbox, RedisConnectError> {
        Ok(RedisInbox::on(self.store.build()?, self.capacity))
    }

    /// The inbox, connected, with the settings of Redis checked and logged.
    ///
    /// If Redis cannot be reached, it logs that and continues, as
    /// [`RedisStoreBuilder::connect`](crate::store::RedisStoreBuilder::connect) does.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and also if Redis refuses the connection, the namespace has
    /// another number of partitions, or [`refuse_at_risk`](Self::refuse_at_risk) applies.
    pub async fn connect(self) -> Result<RedisInbox, RedisConnectError> {
        Ok(RedisInbox::on(self.store.connect().await?, self.capacity))
    }

    /// The inbox of a namespace that is in use, with its number of partitions; `None` if no store or inbox has used
    /// it yet, or it has more partitions than an inbox supports. Nothing is created; see
    /// [`RedisStoreBuilder::join`](crate::store::RedisStoreBuilder::join).
    ///
    /// # Errors
    ///
    /// As [`RedisStoreBuilder::join`](crate::store::RedisStoreBuilder::join).
    pub async fn join(mut self) -> Result<Option<RedisInbox>, RedisConnectError> {
        let Some(stored) = self.store.stored_partitions().await? else {
            return Ok(None);
        };
        if stored > MOST_OF_INBOX {
            return Ok(None);
        }
        self.store.partitions.get_or_insert(stored);
        self.connect().await.map(Some)
    }
}
