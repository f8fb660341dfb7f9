//! Connections to Redis, including those that the process has made itself.

use std::fmt;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, Pipeline, RedisError, Value};

use super::error::Fault;

/// A connection for [`RedisStore::from_connection`](super::RedisStore::from_connection).
///
/// It is made with `From`, from a type of version 1 of the crate `redis`; the types of other major
/// versions are different types.
///
/// | made from | when Redis fails |
/// | --- | --- |
/// | [`MultiplexedConnection`] | it never reconnects: once it breaks, every call of the store is an error, and every delivery gets the not-now status until the process restarts |
/// | `redis::aio::ConnectionManager`, with the feature `redis-connection-manager` | it reconnects by itself, to the same address |
/// | [`ClusterConnection`] | it finds the nodes by itself |
///
/// The store cannot replace a connection that it did not make: not after a failover, nor if the
/// connection has gone silent or a password was changed. With a URL it can, so build a store with a
/// URL unless there is a reason not to.
///
/// The store's own [deadline](super::RedisStoreBuilder::deadline) applies here too, and so does a shorter limit of
/// the connection. By default, `redis` gives a multiplexed connection and a manager 500 ms for each answer: if the
/// store's deadline is longer, `AsyncConnectionConfig::set_response_timeout(None)` leaves it to the store. Blocking
/// commands of other users of the same connection would delay the store.
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

/// A connection that many callers share.
#[derive(Clone)]
pub(super) enum Conn {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
    #[cfg(feature = "redis-connection-manager")]
    Managed(redis::aio::ConnectionManager),
}

/// One of the servers that hold the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Only,
    At { host: String, port: u16 },
}

impl Conn {
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    pub(super) async fn ask(&mut self, cmd: &Cmd) -> Result<Value, Fault> {
        let value = match self {
            Self::Single(conn) => cmd.query_async(conn).await?,
            Self::Cluster(conn) => cmd.query_async(conn).await?,
            #[cfg(feature = "redis-connection-manager")]
            Self::Managed(conn) => cmd.query_async(conn).await?,
        };
        Ok(value)
    }

    /// Queries one server, regardless of keys.
    pub(super) async fn ask_node(&mut self, node: &Node, cmd: &Cmd) -> Result<Value, Fault> {
        let value = match (self, node) {
            (Self::Cluster(conn), Node::At { host, port }) => {
                let route = SingleNodeRoutingInfo::ByAddress {
                    host: host.clone(),
                    port: *port,
                };
                let routing = RoutingInfo::SingleNode(route);
                conn.route_command(cmd.clone(), routing)
                    .await?
                    .extract_error()?
            }
            (conn, _) => conn.ask(cmd).await?,
        };
        Ok(value)
    }

    /// Sends several commands to one server at once. If a command meets a value of another type, its
    /// answer is [`Value::Nil`], so the value counts as absent.
    pub(super) async fn ask_many(
        &mut self,
        node: &Node,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Value>, Fault> {
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        let values = match (self, node) {
            (Self::Cluster(conn), Node::At { host, port }) => {
                let route = SingleNodeRoutingInfo::ByAddress {
                    host: host.clone(),
                    port: *port,
                };
                conn.route_pipeline(pipeline, 0, count, route).await?
            }
            (Self::Single(conn), _) => conn.send_packed_commands(&pipeline, 0, count).await?,
            #[cfg(feature = "redis-connection-manager")]
            (Self::Managed(conn), _) => conn.send_packed_commands(&pipeline, 0, count).await?,
            (Self::Cluster(_), Node::Only) => return Err(super::scripts::strange()),
        };
        let values = values.into_iter().map(|value| match value {
            Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Value::Nil),
            value => value.extract_error(),
        });
        Ok(values.collect::<Result<_, _>>()?)
    }

    /// The masters.
    pub(super) async fn nodes(&mut self) -> Result<Vec<Node>, Fault> {
        let Self::Cluster(conn) = self else {
            return Ok(vec![Node::Only]);
        };
        let routing = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let value = conn.route_command(redis::cmd("PING"), routing).await?;
        let Value::Map(answers) = value else {
            return Err(super::scripts::strange());
        };
        answers
            .into_iter()
            .map(|(address, _)| {
                let address: String = redis::from_redis_value(address).map_err(RedisError::from)?;
                let (host, port) = address
                    .rsplit_once(':')
                    .ok_or_else(super::scripts::strange)?;
                let port = port.parse().map_err(|_| super::scripts::strange())?;
                let host = host.to_owned();
                Ok(Node::At { host, port })
            })
            .collect()
    }
}
