//! Checks what a server's settings put at risk.

use std::borrow::Cow;
use std::fmt;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _, raw_sql};

use super::error::Fault;
#[cfg(feature = "inbox")]
use crate::store::loss::of_entries;

/// The result of the start-up check: one finding for each setting that matters.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_webhook::store::{PostgresStore, PostgresVerdict};
///
/// let store = PostgresStore::connect("postgres://app@localhost/app").await?;
/// for finding in store.check().await?.findings() {
///     if finding.verdict() == PostgresVerdict::AtRisk {
///         println!("{finding}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresReport {
    findings: Vec<PostgresFinding>,
}

impl PostgresReport {
    /// The same report for an inbox, where lost entries had been acknowledged.
    #[cfg(feature = "inbox")]
    pub(super) fn of_inbox(mut self) -> Self {
        for finding in &mut self.findings {
            finding.risk = of_entries(&finding.risk).into();
        }
        self
    }

    /// The findings, one for each [`PostgresSetting`].
    pub fn findings(&self) -> &[PostgresFinding] {
        &self.findings
    }

    /// The worst of all verdicts; [`PostgresVerdict::Unknown`] is milder than
    /// [`PostgresVerdict::AtRisk`].
    pub fn worst(&self) -> PostgresVerdict {
        let verdicts = self.findings.iter().map(PostgresFinding::verdict);
        verdicts.max().unwrap_or(PostgresVerdict::Unknown)
    }

    /// Queries the settings in one message, inside or outside a transaction.
    pub(super) async fn of(conn: &mut PgConnection, tables: &[String]) -> Result<Self, Fault> {
        let tables: Vec<_> = tables
            .iter()
            .map(|table| format!("pg_catalog.to_regclass('{table}')"))
            .collect();
        let tables = tables.join(", ");
        let sql = format!(
            "SELECT pg_catalog.current_setting('fsync', true),
                    pg_catalog.current_setting('full_page_writes', true),
                    pg_catalog.current_setting('synchronous_commit', true),
                    pg_catalog.current_setting('synchronous_standby_names', true),
                    (SELECT pg_catalog.count(*)::text FROM pg_catalog.pg_stat_replication),
                    (SELECT pg_catalog.max(relpersistence::text) FROM pg_catalog.pg_class
                     WHERE oid OPERATOR(pg_catalog.=) ANY (ARRAY[{tables}]::pg_catalog.oid[]))"
        );
        let row = raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
        let text = |column: usize| row.try_get::<Option<String>, _>(column);
        Ok(Settings {
            fsync: text(0)?,
            full_page_writes: text(1)?,
            synchronous_commit: text(2)?,
            standbys: text(3)?,
            replicas: text(4)?,
            persistence: text(5)?,
        }
        .judge())
    }
}

impl fmt::Display for PostgresReport {
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

/// One setting and what it puts at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresFinding {
    setting: PostgresSetting,
    verdict: PostgresVerdict,
    found: String,
    risk: Cow<'static, str>,
}

impl PostgresFinding {
    /// The setting that the finding is about.
    pub fn setting(&self) -> PostgresSetting {
        self.setting
    }

    /// How good the setting is.
    pub fn verdict(&self) -> PostgresVerdict {
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

impl fmt::Display for PostgresFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            verdict,
            found,
            risk,
        } = self;
        write!(f, "{setting}: {verdict} ({found}): {risk}")
    }
}

/// A setting of Postgres that affects the safety of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostgresSetting {
    /// Which data survives a crash: `fsync`, `full_page_writes`, and whether the table is logged.
    Persistence,
    /// Which data is on the disk when a command is acknowledged: `synchronous_commit`.
    Commit,
    /// Which data survives a failover: replicas, `synchronous_standby_names`.
    Replication,
}

impl fmt::Display for PostgresSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Persistence => "persistence",
            Self::Commit => "commit",
            Self::Replication => "replication",
        })
    }
}

/// How good a setting is, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PostgresVerdict {
    /// Nothing is lost because of it.
    Sound,
    /// Data is lost in a rare case.
    Weak,
    /// The server hides it.
    Unknown,
    /// Records are lost in normal operation, and their events run again.
    AtRisk,
}

impl fmt::Display for PostgresVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::Weak => "weak",
            Self::Unknown => "unknown",
            Self::AtRisk => "at risk",
        })
    }
}

type Judgement = (PostgresVerdict, String, &'static str);

/// The settings that a server reports; hidden ones are absent.
#[derive(Debug, Clone, Default)]
struct Settings {
    fsync: Option<String>,
    full_page_writes: Option<String>,
    synchronous_commit: Option<String>,
    standbys: Option<String>,
    replicas: Option<String>,
    persistence: Option<String>,
}

impl Settings {
    fn judge(&self) -> PostgresReport {
        let judgements = [
            (PostgresSetting::Persistence, self.persistence()),
            (PostgresSetting::Commit, self.commit()),
            (PostgresSetting::Replication, self.replication()),
        ];
        let findings = judgements.map(|(setting, (verdict, found, risk))| PostgresFinding {
            setting,
            verdict,
            found,
            risk: risk.into(),
        });
        PostgresReport {
            findings: findings.into(),
        }
    }

    fn persistence(&self) -> Judgement {
        let said =
            |setting: &Option<String>| setting.clone().unwrap_or_else(|| "hidden".to_owned());
        let found = format!(
            "fsync {}, full_page_writes {}",
            said(&self.fsync),
            said(&self.full_page_writes)
        );
        if self.persistence.as_deref() == Some("u") {
            return (
                PostgresVerdict::AtRisk,
                "the table is UNLOGGED".to_owned(),
                "a crash of Postgres empties it, and redelivered events run again; ALTER TABLE … \
                 SET LOGGED",
            );
        }
        match (self.fsync.as_deref(), self.full_page_writes.as_deref()) {
            (Some("on"), Some("on")) => (
                PostgresVerdict::Sound,
                found,
                "what was committed survives a crash",
            ),
            (Some("off"), _) => (
                PostgresVerdict::AtRisk,
                found,
                "a crash of the machine can damage the whole database; set fsync to on",
            ),
            (_, Some("off")) => (
                PostgresVerdict::AtRisk,
                found,
                "a crash of the machine can damage pages that were being written; set \
                 full_page_writes to on, unless the file system writes pages as a whole",
            ),
            _ => (
                PostgresVerdict::Unknown,
                found,
                "unless fsync and full_page_writes are on, a crash of the machine can damage records",
            ),
        }
    }

    fn commit(&self) -> Judgement {
        match self.synchronous_commit.as_deref() {
            Some("off") => (
                PostgresVerdict::Weak,
                "synchronous_commit off".to_owned(),
                "a crash loses the last moments of what was acknowledged, and those events run \
                 again; set synchronous_commit to on for this role",
            ),
            // The standby may not have it on its disk, and a failover goes to the standby.
            Some("remote_write") if self.has_standbys() => (
                PostgresVerdict::Weak,
                "synchronous_commit remote_write".to_owned(),
                "a crash of this machine and of the standby's loses the last moments of what was \
                 acknowledged; set synchronous_commit to on for this role",
            ),
            Some(level) => (
                PostgresVerdict::Sound,
                format!("synchronous_commit {level}"),
                "what was acknowledged survives a crash",
            ),
            None => (
                PostgresVerdict::Unknown,
                "the server hides it".to_owned(),
                "unless synchronous_commit is on, a crash loses the last moments",
            ),
        }
    }

    fn has_standbys(&self) -> bool {
        self.standbys.as_ref().is_none_or(|names| !names.is_empty())
    }

    fn replication(&self) -> Judgement {
        let waits = !matches!(self.synchronous_commit.as_deref(), Some("off" | "local"));
        match (self.standbys.as_deref(), self.replicas.as_deref()) {
            (Some(standbys), _) if !standbys.is_empty() && waits => (
                PostgresVerdict::Sound,
                format!("synchronous_standby_names {standbys}"),
                "a failover to one of these loses nothing that was acknowledged",
            ),
            (_, Some("0")) => (
                PostgresVerdict::Weak,
                "no replica".to_owned(),
                "nothing is lost by a failover, as there is none; when this machine is lost, so is \
                 every record",
            ),
            (Some(_), Some(replicas)) => (
                PostgresVerdict::Weak,
                format!("{replicas} replicas, none that a commit waits for"),
                "a failover loses what had not reached a replica, and those events run again; set \
                 synchronous_standby_names",
            ),
            (_, _) => (
                PostgresVerdict::Unknown,
                "the server hides it".to_owned(),
                "a failover may lose what had not reached a replica",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings that a server reports if it is set up well and has no standby.
    fn alone() -> Settings {
        let own = |text: &str| Some(text.to_owned());
        Settings {
            fsync: own("on"),
            full_page_writes: own("on"),
            synchronous_commit: own("on"),
            standbys: own(""),
            replicas: own("0"),
            persistence: own("p"),
        }
    }

    #[test]
    fn each_setting_is_judged_by_what_it_loses() {
        use PostgresVerdict::{AtRisk, Sound, Unknown, Weak};
        type Change = fn(&mut Settings);
        let cases: [(Change, [PostgresVerdict; 3]); 12] = [
            (|_| {}, [Sound, Sound, Weak]),
            (|it| *it = Settings::default(), [Unknown; 3]),
            (|it| it.fsync = Some("off".into()), [AtRisk, Sound, Weak]),
            (
                |it| it.full_page_writes = Some("off".into()),
                [AtRisk, Sound, Weak],
            ),
            (
                |it| it.persistence = Some("u".into()),
                [AtRisk, Sound, Weak],
            ),
            (
                |it| it.synchronous_commit = Some("off".into()),
                [Sound, Weak, Weak],
            ),
            // Without a standby it acts like `on`.
            (
                |it| it.synchronous_commit = Some("remote_write".into()),
                [Sound, Sound, Weak],
            ),
            (
                |it| {
                    it.standbys = Some("a".into());
                    it.synchronous_commit = Some("remote_write".into());
                },
                [Sound, Weak, Sound],
            ),
            (|it| it.replicas = Some("2".into()), [Sound, Sound, Weak]),
            (|it| it.replicas = None, [Sound, Sound, Unknown]),
            (|it| it.standbys = Some("ANY 1 (a, b)".into()), [Sound; 3]),
            (
                |it| {
                    it.standbys = Some("a".into());
                    it.replicas = Some("1".into());
                    it.synchronous_commit = Some("local".into());
                },
                [Sound, Sound, Weak],
            ),
        ];
        for (change, expected) in cases {
            let mut settings = alone();
            change(&mut settings);
            let report = settings.judge();
            let verdicts: Vec<_> = report
                .findings()
                .iter()
                .map(PostgresFinding::verdict)
                .collect();
            assert_eq!(verdicts, expected, "{settings:?}");
            assert_eq!(report.worst(), *expected.iter().max().unwrap());
        }
    }

    #[test]
    fn a_finding_says_what_is_at_risk() {
        let mut settings = alone();
        settings.synchronous_commit = Some("off".to_owned());
        assert_eq!(
            settings.judge().to_string().lines().nth(1),
            Some(
                "commit: weak (synchronous_commit off): a crash loses the last moments of what was \
                 acknowledged, and those events run again; set synchronous_commit to on for this role"
            )
        );
    }

    #[cfg(feature = "inbox")]
    #[test]
    fn of_an_inbox_entries_are_lost_and_never_run() {
        let mut off = alone();
        off.synchronous_commit = Some("off".to_owned());
        for settings in [Settings::default(), off, alone()] {
            let report = settings.judge().of_inbox().to_string();
            let of_store = report.contains("record") || report.contains("again");
            assert!(!of_store, "{report}");
        }
    }
}
