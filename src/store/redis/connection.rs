//! Connections that the process has made itself.

use std::fmt;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;

use super::connect::Conn;

/// A connection for [`RedisStore::from_connection`](super::RedisStore::from_connection).
///
/// It is made of a type of the crate `redis` in version 1, by `From`; those of another major version
/// are other types.
///
/// | made of | when Redis fails |
/// | --- | --- |
/// | [`MultiplexedConnection`] | it never comes back: once it breaks, every call of the store is an error, and every delivery gets the not-now status until the process starts anew |
/// | `redis::aio::ConnectionManager`, with the feature `redis-connection-manager` | it reconnects by itself, to the same address |
/// | [`ClusterConnection`] | it finds the nodes by itself |
///
/// The store cannot replace a connection that it did not make: not after a failover, nor where
/// one has fallen silent or a password was changed. With a URL it can, so that is what a store
/// should be built with unless there is a reason not to.
///
/// The store's own [deadline](super::RedisStoreBuilder::deadline) binds here too; a shorter limit of
/// the connection goes on to hold. Unless set otherwise, `redis` gives a multiplexed connection and
/// a manager 500 ms for each answer: where the store's deadline is longer,
/// `AsyncConnectionConfig::set_response_timeout(None)` leaves it to the store. Blocking commands of others on the same connection would keep
/// the store waiting.
#[derive(Clone)]
pub struct RedisConnection(pub(super) Conn);

impl From<MultiplexedConnection> for RedisConnection {
    fn from(connection: MultiplexedConnection) -> Self {
        Self(Conn::Single(connection))
    }
}

impl From<ClusterConnection> for RedisConnection {
    fn from(connection: ClusterConnection) -> Self {
        Self(Conn::Cluster(connection))
    }
}

#[cfg(feature = "redis-connection-manager")]
impl From<redis::aio::ConnectionManager> for RedisConnection {
    fn from(connection: redis::aio::ConnectionManager) -> Self {
        Self(Conn::Managed(connection))
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisConnection")
    }
}
