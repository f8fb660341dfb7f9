//! The settings of a store on Redis.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::timeout;

use crate::event::Name;
use crate::store::identity::StoreIdentity;

use super::RedisStore;
use super::address::Address;
use super::check::{RedisReport, RedisVerdict};
use super::connect::{Certificates, Connector};
use super::connection::RedisConnection;
use super::error::{RedisConnectError, RedisConnectErrorKind};
use super::gather::{Company, Gatherer};
use super::keys::Layout;
use super::link::Link;
use super::partitions::Partitions;
use super::scripts::EACH;

const DEFAULT_DEADLINE: Duration = Duration::from_millis(250);
/// A longer deadline could overflow a clock.
const LONGEST_DEADLINE: Duration = Duration::from_secs(86_400);
const MOST_PARTITIONS: u32 = 65_536;
#[cfg(feature = "inbox")]
pub(super) const MOST_OF_INBOX: u32 = 1_024;
/// How long the start waits for Redis before it continues without it.
const START_LIMIT: Duration = Duration::from_secs(5);

impl RedisStore {
    /// A store on this Redis, connected and checked; see [`RedisStoreBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A URL that cannot be used, TLS without a crypto provider, or a Redis that refuses the
    /// connection. A Redis that cannot be reached is no error: the store connects when it can.
    pub async fn connect(url: impl Into<String>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// A builder for a store on this Redis, to change its settings.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Target::Url(url.into()))
    }

    /// A builder for a store on a connection that the process already has, to change its settings.
    ///
    /// [`RedisConnection`] lists the accepted types, and how each behaves when Redis fails.
    ///
    /// ```no_run
    /// use tower_webhook::RedisStore;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::Client::open("redis://127.0.0.1")?;
    /// let conn = client.get_multiplexed_async_connection().await?;
    /// let store = RedisStore::from_connection(conn).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_connection(connection: impl Into<RedisConnection>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(Target::Given(connection.into()))
    }
}

/// The server that holds the records.
#[derive(Clone)]
enum Target {
    Url(String),
    Given(RedisConnection),
}

/// Settings of a [`RedisStore`]; see [`RedisStore::builder`].
#[derive(Clone)]
#[must_use]
pub struct RedisStoreBuilder {
    target: Target,
    namespace: Option<Name>,
    deadline: Duration,
    /// The number that the namespace already has, unless set.
    pub(super) partitions: Option<u32>,
    certificates: Certificates,
    refuse_at_risk: bool,
    keeps: Keeps,
}

/// What Redis stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Records,
    #[cfg(feature = "inbox")]
    Entries,
}

impl Keeps {
    fn most_partitions(self) -> u32 {
        match self {
            Self::Records => MOST_PARTITIONS,
            #[cfg(feature = "inbox")]
            Self::Entries => MOST_OF_INBOX,
        }
    }
}

impl RedisStoreBuilder {
    fn new(target: Target) -> Self {
        Self {
            target,
            namespace: None,
            deadline: DEFAULT_DEADLINE,
            partitions: None,
            certificates: Certificates::default(),
            refuse_at_risk: false,
            keeps: Keeps::Records,
        }
    }

    /// The same for an inbox, whose lost entries do not run again.
    #[cfg(feature = "inbox")]
    pub(super) fn holding_entries(mut self) -> Self {
        self.keeps = Keeps::Entries;
        self
    }

    /// Keeps the records apart from those of other namespaces of the same Redis; `default` unless
    /// set. For example, use one namespace each for sandbox and production.
    pub fn namespace(mut self, name: Name) -> Self {
        self.namespace = Some(name);
        self
    }

    /// How long any call may take, whatever Redis does; 250 ms unless set, at most a day. Scanning
    /// all records, as [`Store::counts`](crate::store::Store::counts) and
    /// [`Store::unfinished`](crate::store::Store::unfinished) do, takes two or three calls for each
    /// thousand keys.
    ///
    /// The layers above have a limit of their own, which is at most the sender's time limit for an
    /// answer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The number of hash tags over which the records of the namespace are spread, so that a
    /// cluster can distribute them: at most 65,536.
    ///
    /// The number is written to Redis when the namespace is first used, and does not change. Unless
    /// set, the number found there is used. A new namespace gets 256 in a cluster. On one server it
    /// gets 8, because an [inbox](crate::inbox::RedisInbox) in the same namespace scans each of them.
    /// Set it if one server is to become a cluster. A number that differs from the one found there is
    /// refused.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// The certificates, in PEM, that sign the server's, instead of those of the operating system.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.root = Some(pem.into());
        self
    }

    /// A certificate and its key, in PEM, that authenticate this client to Redis.
    ///
    /// ```no_run
    /// use tower_webhook::RedisStore;
    ///
    /// async fn store() -> Result<RedisStore, Box<dyn std::error::Error>> {
    ///     let store = RedisStore::builder("rediss://redis.internal")
    ///         .root_certificates(std::fs::read("ca.pem")?)
    ///         .client_certificate(std::fs::read("receiver.pem")?, std::fs::read("receiver.key")?);
    ///     Ok(store.connect().await?)
    /// }
    /// ```
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.certificates.client = Some((certificate.into(), key.into()));
        self
    }

    /// Makes [`connect`](Self::connect) fail if the start-up check finds records
    /// [at risk](RedisVerdict::AtRisk), or cannot be made.
    ///
    /// Records are at risk with a set or hidden `maxmemory` and a `maxmemory-policy` other than
    /// `noeviction`, and with `appendonly no`. Settings that are [weak](RedisVerdict::Weak) or
    /// [hidden](RedisVerdict::Unknown) are logged, and the store starts.
    pub fn refuse_at_risk(mut self) -> Self {
        self.refuse_at_risk = true;
        self
    }

    /// The store, without contacting Redis: the first call makes the connection.
    ///
    /// # Errors
    ///
    /// A setting that cannot be used; TLS without a crypto provider.
    pub fn build(self) -> Result<RedisStore, RedisConnectError> {
        let Self {
            target,
            namespace,
            deadline,
            partitions,
            certificates,
            refuse_at_risk: _,
            keeps,
        } = self;
        if deadline.is_zero() {
            return Err(setting("a deadline of 0 would let every call fail"));
        }
        if deadline > LONGEST_DEADLINE {
            return Err(setting("a deadline is at most a day"));
        }
        let most = keeps.most_partitions();
        if let Some(number) = partitions.filter(|number| !(1..=most).contains(number)) {
            return Err(setting(format!("{number} partitions are not 1 to {most}")));
        }
        let namespace = match namespace {
            Some(name) => name,
            None => Name::new("default").map_err(|error| setting(error.to_string()))?,
        };
        let layout = |in_slots| {
            let to_be_found = || Partitions::to_be_found(in_slots, most);
            Layout::new(
                namespace,
                partitions.map_or_else(to_be_found, Partitions::set),
            )
        };
        let mut servers = None;
        let makes_connections = matches!(target, Target::Url(_));
        let (in_slots, layout, connector) = match target {
            Target::Url(url) => {
                let address = Address::parse(&url)?;
                servers = Some(address.identity());
                let in_slots = matches!(address, Address::Cluster(_));
                let layout = layout(in_slots);
                let connector = Connector::new(address, certificates, deadline, layout.clone())?;
                (in_slots, layout, connector)
            }
            Target::Given(_) if certificates.are_given() => {
                return Err(setting(
                    "certificates are given for a connection that has been made already",
                ));
            }
            Target::Given(connection) => {
                let in_slots = connection.0.is_cluster();
                let layout = layout(in_slots);
                let connector = Connector::to(connection, layout.clone());
                (in_slots, layout, connector)
            }
        };
        let connector = Arc::new(connector);
        let link = || Arc::new(Link::new(Arc::clone(&connector), deadline));
        let first = link();
        let identity = match servers {
            Some(servers) => StoreIdentity::new(format!("redis {servers} {}", layout.namespace())),
            // The server behind a given connection is unknown.
            None => StoreIdentity::of_allocation("redis", Arc::as_ptr(&first)),
        };
        let in_slots_now = Arc::new(AtomicBool::new(in_slots));
        let gatherer = Gatherer::new(Arc::clone(&first), &EACH, Arc::clone(&in_slots_now));
        Ok(RedisStore {
            link: first,
            gatherer: Arc::new(gatherer),
            company: Company::Any,
            identity,
            renewing: makes_connections.then(link),
            clock: Arc::default(),
            layout,
            waiting: Arc::default(),
            in_slots: in_slots_now,
        })
    }

    /// The store, connected, with its settings checked and logged.
    ///
    /// Connect in the runtime that serves: it [drives the connection](RedisStore#runtimes).
    ///
    /// If Redis cannot be reached, it logs that and continues: a receiver that starts during an
    /// outage refuses deliveries with the not-now status until Redis is back.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and also if Redis refuses the connection, the namespace has
    /// another number of partitions, or [`refuse_at_risk`](Self::refuse_at_risk) applies.
    pub async fn connect(self) -> Result<RedisStore, RedisConnectError> {
        let (refuse_at_risk, keeps) = (self.refuse_at_risk, self.keeps);
        let store = self.build()?;
        let link = Arc::clone(&store.link);
        let starting = async {
            let mut conn = link.connected().await?;
            RedisReport::of(&mut conn).await
        };
        let problem: Box<dyn std::error::Error + Send + Sync> =
            match timeout(START_LIMIT, Box::pin(starting)).await {
                Ok(Ok(report)) => {
                    #[cfg(feature = "inbox")]
                    let report = match keeps {
                        Keeps::Records => report,
                        Keeps::Entries => report.of_inbox(),
                    };
                    log(&store, &report, keeps);
                    if refuse_at_risk && report.worst() == RedisVerdict::AtRisk {
                        let bad = |verdict| verdict == RedisVerdict::AtRisk;
                        let findings = report.findings().iter();
                        let lines: Vec<_> = findings
                            .filter(|finding| bad(finding.verdict()))
                            .map(ToString::to_string)
                            .collect();
                        return Err(RedisConnectError::new(
                            RedisConnectErrorKind::AtRisk,
                            lines.join("; "),
                        ));
                    }
                    return Ok(store);
                }
                Ok(Err(fault)) => {
                    if let Some(error) = fault.fatal() {
                        return Err(error);
                    }
                    fault.into()
                }
                Err(error) => error.into(),
            };
        if refuse_at_risk {
            return Err(RedisConnectError::new(
                RedisConnectErrorKind::AtRisk,
                format!("what is at risk cannot be checked: {problem}"),
            ));
        }
        tracing::warn!(
            redis = %store.link,
            %problem,
            "Redis cannot be reached; deliveries are refused until it is"
        );
        Ok(store)
    }
}

pub(super) fn setting(message: impl Into<String>) -> RedisConnectError {
    RedisConnectError::new(RedisConnectErrorKind::Setting, message)
}

fn log(store: &RedisStore, report: &RedisReport, keeps: Keeps) {
    let what = match keeps {
        Keeps::Records => "events are remembered in Redis",
        #[cfg(feature = "inbox")]
        Keeps::Entries => "events wait in Redis",
    };
    tracing::info!(redis = %store.link, namespace = %store.layout.namespace(), "{what}");
    for finding in report.findings() {
        match finding.verdict() {
            RedisVerdict::Sound => tracing::debug!("Redis: {finding}"),
            RedisVerdict::Weak => tracing::info!("Redis: {finding}"),
            #[cfg(feature = "inbox")]
            RedisVerdict::AtRisk if keeps == Keeps::Entries => tracing::error!(
                "Redis: {finding}. Of an inbox that is worse: events that were acknowledged are lost"
            ),
            RedisVerdict::Unknown | RedisVerdict::AtRisk => tracing::warn!("Redis: {finding}"),
        }
    }
}

impl fmt::Debug for RedisStoreBuilder {
    /// The URL may hold a password, and keys are secret, so neither is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target: _,
            namespace,
            deadline,
            partitions,
            certificates: _,
            refuse_at_risk,
            keeps: _,
        } = self;
        f.debug_struct("RedisStoreBuilder")
            .field("namespace", namespace)
            .field("deadline", deadline)
            .field("partitions", partitions)
            .field("refuse_at_risk", refuse_at_risk)
            .finish_non_exhaustive()
    }
}
