//! Makes connections: to one server, to the master that Sentinel names, to a cluster.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, RedisError, TlsCertificates, TlsMode, Value};
use tokio::time::timeout;

use crate::store::error::StoreErrorKind;

use super::address::{Address, Sentinel};
use super::connection::{Conn, RedisConnection};
use super::error::{Fault, RedisConnectError, RedisConnectErrorKind};
use super::keys::Layout;

/// How long each attempt to reach a server may take.
const CONNECT_LIMIT: Duration = Duration::from_millis(300);
/// The same with TLS, whose handshake takes several round trips and computation.
const TLS_CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How long the client waits for the answer of a cluster node before it asks another.
const RESPONSE_LIMIT: Duration = Duration::from_millis(500);
/// How long connecting may take in total: finding the master, greeting every node of a cluster.
const OVERALL_LIMIT: Duration = Duration::from_secs(3);
/// How often the client tries another cluster node before it gives up.
const CLUSTER_RETRIES: u32 = 2;

/// Certificates for TLS, in PEM.
#[derive(Clone, Default)]
pub(super) struct Certificates {
    pub(super) root: Option<Vec<u8>>,
    /// Certificate and key.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    pub(super) fn are_given(&self) -> bool {
        let Self { root, client } = self;
        root.is_some() || client.is_some()
    }

    fn tls(&self) -> TlsCertificates {
        let client = self.client.clone();
        TlsCertificates {
            client_tls: client.map(|(client_cert, client_key)| redis::ClientTlsConfig {
                client_cert,
                client_key,
            }),
            root_cert: self.root.clone(),
        }
    }
}

/// Makes connections to one address.
pub(super) struct Connector {
    /// `None` if only the code that made the connection knows it.
    address: Option<Address>,
    certificates: Certificates,
    client: Made,
    layout: Layout,
    /// Whether the number of partitions was already found to be right.
    partitions_known: AtomicBool,
}

enum Made {
    Single(Client),
    /// Its client is made anew each time: it keeps connections to Sentinels that may be gone.
    Sentinel(Sentinel),
    Cluster(Box<ClusterClient>),
    /// No other can be made: this connection reconnects by itself, or never.
    Given(Conn),
}

impl Connector {
    pub(super) fn new(
        address: Address,
        certificates: Certificates,
        deadline: Duration,
        layout: Layout,
    ) -> Result<Self, RedisConnectError> {
        let tls = address.is_tls();
        if tls && rustls::crypto::CryptoProvider::get_default().is_none() {
            // Otherwise the client would panic.
            return Err(RedisConnectError::new(
                RedisConnectErrorKind::Tls,
                "TLS needs a crypto provider, and none is installed: enable the feature `ring` of \
                 rustls and call rustls::crypto::ring::default_provider().install_default() \
                 when the process starts",
            ));
        }
        if certificates.are_given() && !tls {
            return Err(RedisConnectError::new(
                RedisConnectErrorKind::Tls,
                "certificates are given and the URL does not ask for TLS: begin it with rediss",
            ));
        }
        let refused = |error: RedisError| {
            let (kind, message) = if certificates.are_given() {
                (RedisConnectErrorKind::Tls, "a certificate cannot be read")
            } else {
                (RedisConnectErrorKind::Url, "the URL cannot be used")
            };
            RedisConnectError::new(kind, message).with_source(Fault::Redis(error))
        };
        let client = match &address {
            Address::Single(info) if certificates.are_given() => Made::Single(
                Client::build_with_tls(info.clone(), certificates.tls()).map_err(refused)?,
            ),
            Address::Single(info) => Made::Single(Client::open(info.clone()).map_err(refused)?),
            Address::Sentinel(sentinel) => {
                sentinel_client(sentinel, &certificates).map_err(refused)?;
                Made::Sentinel(sentinel.clone())
            }
            Address::Cluster(nodes) => {
                let mut builder = ClusterClientBuilder::new(nodes.clone())
                    .retries(CLUSTER_RETRIES)
                    .min_retry_wait(50)
                    .max_retry_wait(200)
                    .connection_timeout(connect_limit(tls))
                    .response_timeout(RESPONSE_LIMIT.min(deadline))
                    .overall_response_timeout(Some(OVERALL_LIMIT));
                if certificates.are_given() {
                    builder = builder.certs(certificates.tls());
                }
                Made::Cluster(Box::new(builder.build().map_err(refused)?))
            }
        };
        Ok(Self {
            address: Some(address),
            certificates,
            client,
            layout,
            partitions_known: AtomicBool::new(false),
        })
    }

    /// Returns the same connection each time.
    pub(super) fn to(connection: RedisConnection, layout: Layout) -> Self {
        Self {
            address: None,
            certificates: Certificates::default(),
            client: Made::Given(connection.0),
            layout,
            partitions_known: AtomicBool::new(false),
        }
    }

    /// A ready connection to a namespace whose number of partitions is known and right.
    pub(super) async fn connect(&self) -> Result<Conn, Fault> {
        let connecting = async {
            let mut conn = self.open().await?;
            let known = self.partitions_known.load(Ordering::Relaxed);
            let limit = if known { CONNECT_LIMIT } else { OVERALL_LIMIT };
            let fault = match timeout(limit, self.check_partitions(&mut conn)).await {
                Ok(Ok(())) => {
                    self.partitions_known.store(true, Ordering::Relaxed);
                    return Ok(conn);
                }
                Ok(Err(fault)) => fault,
                Err(_) => Fault::Slow(limit),
            };
            // In a cluster, the number is stored on one master: if that is down, callers that have
            // seen the number before must still reach the other masters. A refusal is different.
            if known && fault.kind() != StoreErrorKind::Refused {
                return Ok(conn);
            }
            Err(fault)
        };
        match timeout(OVERALL_LIMIT, connecting).await {
            Ok(result) => result,
            Err(_) => Err(Fault::Slow(OVERALL_LIMIT)),
        }
    }

    async fn open(&self) -> Result<Conn, Fault> {
        let tls = self.address.as_ref().is_some_and(Address::is_tls);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_limit(tls)))
            // Every call has its deadline, and every other use a limit of its own, so a second
            // timer for each would only add cost.
            .set_response_timeout(None);
        let client = match &self.client {
            Made::Single(client) => client.clone(),
            Made::Sentinel(sentinel) => {
                let mut client = sentinel_client(sentinel, &self.certificates)?;
                Box::pin(client.async_get_client()).await?
            }
            Made::Cluster(client) => {
                let conn = Box::pin(client.get_async_connection()).await?;
                return Ok(Conn::Cluster(conn));
            }
            Made::Given(conn) => return Ok(conn.clone()),
        };
        let conn = client.get_multiplexed_async_connection_with_config(&config);
        Ok(Conn::Single(Box::pin(conn).await?))
    }

    /// The stored number of partitions of the namespace, if any. Nothing is written.
    pub(super) async fn stored_partitions(&self) -> Result<Option<Vec<u8>>, Fault> {
        let asking = async {
            let mut conn = self.open().await?;
            self.ask_partitions(&mut conn).await
        };
        match timeout(OVERALL_LIMIT, asking).await {
            Ok(result) => result,
            Err(_) => Err(Fault::Slow(OVERALL_LIMIT)),
        }
    }

    async fn ask_partitions(&self, conn: &mut Conn) -> Result<Option<Vec<u8>>, Fault> {
        let mut get = redis::cmd("GET");
        get.arg(self.layout.partitions_key());
        Ok(match conn.ask(&get).await? {
            Value::BulkString(stored) => Some(stored),
            _ => None,
        })
    }

    /// Writes the number of partitions of a new namespace; otherwise accepts or refuses the stored one.
    async fn check_partitions(&self, conn: &mut Conn) -> Result<(), Fault> {
        let (key, partitions) = (self.layout.partitions_key(), self.layout.partitions());
        for _ in 0..2 {
            if let Some(stored) = self.ask_partitions(conn).await? {
                return partitions.settle(&stored);
            }
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(partitions.number()).arg("NX");
            conn.ask(&set).await?;
        }
        Err(super::scripts::strange())
    }
}

impl fmt::Display for Connector {
    /// Shows only the hosts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => fmt::Display::fmt(address, f),
            None => f.write_str("a connection of the process"),
        }
    }
}

fn connect_limit(tls: bool) -> Duration {
    if tls {
        TLS_CONNECT_LIMIT
    } else {
        CONNECT_LIMIT
    }
}

fn sentinel_client(
    sentinel: &Sentinel,
    certificates: &Certificates,
) -> Result<SentinelClient, RedisError> {
    let Sentinel {
        hosts,
        service,
        redis,
        sentinel,
        tls,
    } = sentinel;
    let mut builder =
        SentinelClientBuilder::new(hosts.clone(), service, SentinelServerType::Master)?
            .set_client_to_redis_db(redis.db())
            .set_client_to_redis_protocol(redis.protocol());
    if let Some(username) = redis.username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = redis.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(username) = sentinel.username() {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = sentinel.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if *tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        if certificates.are_given() {
            builder = builder
                .set_client_to_redis_certificates(certificates.tls())
                .set_client_to_sentinel_certificates(certificates.tls());
        }
    }
    builder.build()
}
