//! Checks what a server's settings put at risk.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use redis::{Cmd, Value};

use super::connection::{Conn, Node};
use super::error::Fault;

/// The result of the start-up check: one finding for each setting of each server that matters.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_webhook::store::{RedisStore, RedisVerdict};
///
/// let store = RedisStore::connect("redis://127.0.0.1").await?;
/// for finding in store.check().await?.findings() {
///     if finding.verdict() == RedisVerdict::AtRisk {
///         println!("{finding}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisReport {
    pub(super) findings: Vec<RedisFinding>,
}

impl RedisReport {
    /// The findings, server by server.
    pub fn findings(&self) -> &[RedisFinding] {
        &self.findings
    }

    /// The worst of all verdicts; [`RedisVerdict::Unknown`] is milder than
    /// [`RedisVerdict::AtRisk`].
    pub fn worst(&self) -> RedisVerdict {
        let verdicts = self.findings.iter().map(RedisFinding::verdict);
        verdicts.max().unwrap_or(RedisVerdict::Unknown)
    }

    pub(super) async fn of(conn: &mut Conn) -> Result<Self, Fault> {
        let mut findings = Vec::new();
        for node in conn.nodes().await? {
            let server = match &node {
                Node::Only => None,
                Node::At { host, port } => Some(format!("{host}:{port}")),
            };
            let settings = Settings::read(conn, &node).await?;
            findings.extend(Self::of_server(server.as_deref(), &settings).findings);
        }
        Ok(Self { findings })
    }

    pub(super) fn of_server(server: Option<&str>, settings: &Settings) -> Self {
        let finding = |(setting, (verdict, found, risk)): (_, Judgement)| RedisFinding {
            server: server.map(str::to_owned),
            setting,
            verdict,
            found,
            risk: risk.into(),
        };
        Self {
            findings: settings.judge().map(finding).into(),
        }
    }
}

impl fmt::Display for RedisReport {
    /// A line for each finding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, finding) in self.findings.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(finding, f)?;
        }
        Ok(())
    }
}

/// One setting of one server and what it puts at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFinding {
    server: Option<String>,
    setting: RedisSetting,
    verdict: RedisVerdict,
    found: String,
    pub(super) risk: Cow<'static, str>,
}

impl RedisFinding {
    /// The server of a cluster that the finding is about.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The setting that the finding is about.
    pub fn setting(&self) -> RedisSetting {
        self.setting
    }

    /// How good the setting is.
    pub fn verdict(&self) -> RedisVerdict {
        self.verdict
    }

    /// The value that the server reports.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The consequence of that value.
    pub fn risk(&self) -> &str {
        &self.risk
    }
}

impl fmt::Display for RedisFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            setting,
            verdict,
            found,
            risk,
        } = self;
        if let Some(server) = server {
            write!(f, "{server}: ")?;
        }
        write!(f, "{setting}: {verdict} ({found}): {risk}")
    }
}

/// A setting of Redis that affects the safety of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedisSetting {
    /// Which data is dropped when memory runs short: `maxmemory`, `maxmemory-policy`.
    Eviction,
    /// Which data survives a restart: `appendonly`, `appendfsync`, `save`.
    Persistence,
    /// Which data survives a failover: replicas, `min-replicas-to-write`, and whether that setting
    /// applies to scripts, as it does [from Redis 7.0
    /// on](https://github.com/redis/redis/pull/10160).
    Replication,
}

impl fmt::Display for RedisSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eviction => "eviction",
            Self::Persistence => "persistence",
            Self::Replication => "replication",
        })
    }
}

/// How good a setting is, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RedisVerdict {
    /// Nothing is lost because of it.
    Sound,
    /// Data is lost in a rare case.
    Weak,
    /// The server hides it.
    Unknown,
    /// Records are lost in normal operation, and their events run again.
    AtRisk,
}

impl fmt::Display for RedisVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::Weak => "weak",
            Self::Unknown => "unknown",
            Self::AtRisk => "at risk",
        })
    }
}

type Judgement = (RedisVerdict, String, &'static str);

/// The settings that a server reports; hidden ones are absent.
#[derive(Debug, Default)]
pub(super) struct Settings(HashMap<String, String>);

const READ: [&str; 6] = [
    "maxmemory",
    "maxmemory-policy",
    "appendonly",
    "appendfsync",
    "save",
    "min-replicas-to-write",
];

impl Settings {
    async fn read(conn: &mut Conn, node: &Node) -> Result<Self, Fault> {
        let mut settings = Self::default();
        if let Some(info) = allowed(conn.ask_node(node, &redis::cmd("INFO")).await)? {
            settings.take_info(info);
        }
        for name in READ {
            let mut get: Cmd = redis::cmd("CONFIG");
            get.arg("GET").arg(name);
            // A query that is forbidden once is always forbidden.
            let Some(pairs) = allowed(conn.ask_node(node, &get).await)? else {
                break;
            };
            settings.take_config(pairs);
        }
        Ok(settings)
    }

    /// Takes values from the answer to `INFO`; any other answer adds nothing.
    pub(super) fn take_info(&mut self, info: Value) {
        let info: String = redis::from_redis_value(info).unwrap_or_default();
        self.0.extend(info.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            // The name that `CONFIG` uses.
            let name = match name {
                "maxmemory_policy" => "maxmemory-policy",
                "aof_enabled" => "appendonly",
                name => name,
            };
            let value = match (name, value.trim()) {
                ("appendonly", "1") => "yes",
                ("appendonly", "0") => "no",
                (_, value) => value,
            };
            Some((name.to_owned(), value.to_owned()))
        }));
    }

    /// Takes values from the answer to `CONFIG GET`; any other answer adds nothing.
    pub(super) fn take_config(&mut self, pairs: Value) {
        let pairs: HashMap<String, String> = redis::from_redis_value(pairs).unwrap_or_default();
        self.0.extend(pairs);
    }

    /// The verdict on each setting.
    fn judge(&self) -> [(RedisSetting, Judgement); 3] {
        [
            (RedisSetting::Eviction, self.eviction()),
            (RedisSetting::Persistence, self.persistence()),
            (RedisSetting::Replication, self.replication()),
        ]
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number; any other value counts as unknown.
    fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The major version of Redis, or of the Redis that Valkey is compatible with.
    fn major_version(&self) -> Option<u64> {
        let (major, _) = self.get("redis_version")?.split_once('.')?;
        major.parse().ok()
    }

    fn eviction(&self) -> Judgement {
        let found =
            |policy: &str, limit: &str| format!("maxmemory-policy {policy}, maxmemory {limit}");
        match (self.get("maxmemory-policy"), self.get("maxmemory")) {
            (Some("noeviction"), limit) => (
                RedisVerdict::Sound,
                found("noeviction", limit.unwrap_or("unknown")),
                "when memory runs out, new events are refused and none is forgotten",
            ),
            (Some(policy), Some("0")) => (
                RedisVerdict::Weak,
                found(policy, "0"),
                "nothing is evicted as long as maxmemory is not set; set maxmemory-policy to \
                 noeviction before it is",
            ),
            (Some(policy), limit) => (
                RedisVerdict::AtRisk,
                found(policy, limit.unwrap_or("unknown")),
                "when memory runs short, records are dropped and their events run again; set \
                 maxmemory-policy to noeviction",
            ),
            (None, _) => (
                RedisVerdict::Unknown,
                "the server hides it".to_owned(),
                "unless maxmemory-policy is noeviction, records are dropped when memory runs \
                 short, and their events run again",
            ),
        }
    }

    fn persistence(&self) -> Judgement {
        let fsync = self.get("appendfsync");
        match (self.get("appendonly"), fsync, self.get("save")) {
            (Some("yes"), Some("always"), _) => (
                RedisVerdict::Sound,
                "appendonly yes, appendfsync always".to_owned(),
                "what was acknowledged survives a crash",
            ),
            (Some("yes"), fsync, _) => (
                RedisVerdict::Weak,
                format!("appendonly yes, appendfsync {}", fsync.unwrap_or("unknown")),
                "a crash of the machine loses about the last second, and those events run again; \
                 appendfsync always closes that",
            ),
            (Some("no"), _, Some("")) => (
                RedisVerdict::AtRisk,
                "appendonly no, no snapshots".to_owned(),
                "a restart loses every record, and redelivered events run again; set appendonly \
                 to yes",
            ),
            (Some("no"), _, save) => (
                RedisVerdict::AtRisk,
                format!("appendonly no, save {}", save.unwrap_or("unknown")),
                "a crash loses all since the last snapshot, and those events run again; set \
                 appendonly to yes",
            ),
            (_, _, _) => (
                RedisVerdict::Unknown,
                "the server hides it".to_owned(),
                "unless appendonly is yes, a restart loses records, and those events run again",
            ),
        }
    }

    fn replication(&self) -> Judgement {
        let replicas = self.count("connected_slaves");
        let least = self.count("min-replicas-to-write");
        match (replicas, least) {
            (Some(0), _) => (
                RedisVerdict::Weak,
                "no replica".to_owned(),
                "nothing is lost by a failover, as there is none; when this machine is lost, so is \
                 every record",
            ),
            (Some(replicas), Some(0)) => (
                RedisVerdict::Weak,
                format!("{replicas} replicas, min-replicas-to-write 0"),
                "a failover loses what had not reached a replica, and a master that was cut off \
                 goes on taking claims; set min-replicas-to-write to 1 or more",
            ),
            (Some(replicas), Some(least)) => {
                let found = |version: &str| {
                    format!("{replicas} replicas, min-replicas-to-write {least}{version}")
                };
                match self.major_version() {
                    Some(7..) => (
                        RedisVerdict::Sound,
                        found(""),
                        "a failover loses no more than the last moment",
                    ),
                    Some(_) => (
                        RedisVerdict::Weak,
                        found(&format!(
                            ", Redis {}",
                            self.get("redis_version").unwrap_or_default()
                        )),
                        "before Redis 7.0 min-replicas-to-write does not bind scripts: a failover \
                         loses what had not reached a replica, and a master that was cut off goes \
                         on taking claims; take Redis 7.0 or later",
                    ),
                    None => (
                        RedisVerdict::Unknown,
                        found(", Redis of a version that is hidden"),
                        "before Redis 7.0 min-replicas-to-write does not bind scripts, and a \
                         master that was cut off goes on taking claims; they are lost",
                    ),
                }
            }
            (Some(replicas), None) => (
                RedisVerdict::Unknown,
                format!("{replicas} replicas, min-replicas-to-write is hidden"),
                "unless min-replicas-to-write is 1 or more, a master that was cut off goes on \
                 taking claims, and they are lost",
            ),
            (None, _) => (
                RedisVerdict::Unknown,
                "the server hides it".to_owned(),
                "a failover may lose what had not reached a replica",
            ),
        }
    }
}

/// The answer, or `None` if the server does not allow the query.
fn allowed(answer: Result<Value, Fault>) -> Result<Option<Value>, Fault> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is_denied() => Ok(None),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings(pairs.iter().map(own).collect())
    }

    #[test]
    fn each_setting_is_judged_by_what_it_loses() {
        use RedisVerdict::{AtRisk, Sound, Unknown, Weak};
        for (pairs, expected) in [
            (&[][..], [Unknown, Unknown, Unknown]),
            (
                &[("maxmemory-policy", "noeviction"), ("appendonly", "no")],
                [Sound, AtRisk, Unknown],
            ),
            (
                &[
                    ("maxmemory-policy", "volatile-lru"),
                    ("maxmemory", "0"),
                    ("appendonly", "yes"),
                    ("appendfsync", "everysec"),
                    ("connected_slaves", "0"),
                ],
                [Weak, Weak, Weak],
            ),
            (
                &[
                    ("maxmemory-policy", "allkeys-lru"),
                    ("maxmemory", "1000"),
                    ("appendonly", "yes"),
                    ("appendfsync", "always"),
                    ("connected_slaves", "2"),
                    ("min-replicas-to-write", "1"),
                    ("redis_version", "7.0.15"),
                ],
                [AtRisk, Sound, Sound],
            ),
            (
                &[
                    ("connected_slaves", "2"),
                    ("min-replicas-to-write", "1"),
                    ("redis_version", "6.2.14"),
                ],
                [Unknown, Unknown, Weak],
            ),
            (
                &[
                    ("connected_slaves", "2"),
                    ("min-replicas-to-write", "1"),
                    ("redis_version", "255.255.255"),
                ],
                [Unknown, Unknown, Sound],
            ),
            (
                &[("connected_slaves", "2"), ("min-replicas-to-write", "1")],
                [Unknown, Unknown, Unknown],
            ),
            (
                &[
                    ("appendonly", "no"),
                    ("save", ""),
                    ("connected_slaves", "1"),
                    ("min-replicas-to-write", "0"),
                ],
                [Unknown, AtRisk, Weak],
            ),
            // A value that is no number counts as unknown.
            (
                &[("connected_slaves", "one"), ("min-replicas-to-write", "1")],
                [Unknown, Unknown, Unknown],
            ),
            (
                &[("connected_slaves", "1"), ("min-replicas-to-write", "")],
                [Unknown, Unknown, Unknown],
            ),
        ] {
            let settings = settings(pairs);
            let judged = [
                settings.eviction().0,
                settings.persistence().0,
                settings.replication().0,
            ];
            assert_eq!(judged, expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_finding_says_what_is_at_risk() {
        let (verdict, found, risk) = settings(&[("appendonly", "no"), ("save", "")]).persistence();
        let finding = RedisFinding {
            server: Some("a:1".to_owned()),
            setting: RedisSetting::Persistence,
            verdict,
            found,
            risk: risk.into(),
        };
        assert_eq!(
            finding.to_string(),
            "a:1: persistence: at risk (appendonly no, no snapshots): a restart loses every \
             record, and redelivered events run again; set appendonly to yes"
        );
    }

    #[cfg(feature = "inbox")]
    #[test]
    fn of_an_inbox_entries_are_lost_and_never_run() {
        for found in [
            vec![],
            vec![("appendonly", "no"), ("save", "")],
            vec![
                ("appendonly", "no"),
                ("save", "60 1"),
                ("connected_slaves", "0"),
            ],
            vec![
                ("maxmemory", "1000"),
                ("maxmemory-policy", "allkeys-lru"),
                ("appendonly", "yes"),
            ],
        ] {
            let report = RedisReport::of_server(None, &settings(&found))
                .of_inbox()
                .to_string();
            let of_store = report.contains("record") || report.contains("again");
            assert!(!of_store, "{report}");
        }
        let report = RedisReport::of_server(None, &settings(&[("appendonly", "no"), ("save", "")]));
        let text = report.of_inbox().to_string();
        let expected =
            "a restart loses every entry, and their events never run; set appendonly to yes";
        assert!(text.contains(expected), "{text}");
    }
}
