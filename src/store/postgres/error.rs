//! What goes wrong with Postgres, and what it means for whoever called.

use std::error::Error;
use std::fmt;

use crate::store::error::{StoreError, StoreErrorKind, connect_error};

/// A store on Postgres that cannot be set up as asked.
///
/// Its text names the setting and the remedy, and never a password.
///
/// ```
/// use tower_webhook::store::{PostgresConnectErrorKind, PostgresStore};
///
/// let error = PostgresStore::builder("mysql://root:secret@db/1").build().unwrap_err();
/// assert_eq!(error.kind(), PostgresConnectErrorKind::Url);
/// assert!(!error.to_string().contains("secret"));
/// // As a `main` that returns it prints it.
/// assert_eq!(format!("{error:?}"), error.to_string());
/// ```
pub struct PostgresConnectError {
    kind: PostgresConnectErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

connect_error!(
    PostgresConnectError,
    PostgresConnectErrorKind,
    "postgres store"
);

/// The kind of failure that a [`PostgresConnectError`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostgresConnectErrorKind {
    /// The URL cannot be read.
    Url,
    /// A setting beside the URL is out of its range.
    Setting,
    /// TLS is asked for and cannot be had.
    Tls,
    /// Postgres refuses the connection or a statement: wrong password, no such database, no permission.
    Refused,
    /// The tables are not there.
    NoSchema,
    /// A later version of this crate has set the tables up, and this one cannot work with them.
    NewerSchema,
    /// The start-up check found what the builder was told to refuse.
    AtRisk,
    /// Postgres cannot be reached, and was needed.
    Unavailable,
}

/// Why a command failed, before it becomes an error of the store. Several commands may share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    cause: Cause,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// There is no connection, or it broke.
    Connection,
    /// The server takes no connections, or ends them.
    Away,
    /// It has undone the transaction, so that another one can go on.
    Undone,
    /// What the statement was planned for has changed.
    Changed,
    /// The server does not know the statement by its name, or knows another one.
    Unprepared,
    /// Another transaction holds the record for longer than a command waits.
    Locked,
    /// A limit of time was met.
    Slow,
    Full,
    /// The server says that a record or its file is damaged.
    Corrupt,
    NoSchema,
    NewerSchema,
    Tls,
    /// The statement or its data is not taken.
    Refused,
}

impl Fault {
    pub(super) fn new(cause: Cause, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cause, text }
    }

    pub(super) fn ended() -> Self {
        Self::new(Cause::Connection, "the thread of the store has ended")
    }

    pub(super) fn slow() -> Self {
        Self::new(Cause::Slow, "no answer in time")
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the same may work a moment later, on a connection that is good.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self.cause,
            Cause::Connection | Cause::Away | Cause::Undone | Cause::Changed | Cause::Unprepared
        )
    }

    /// Whether each command of a batch would meet it, one by one too.
    pub(super) fn meets_all(&self) -> bool {
        match self.cause {
            Cause::Undone
            | Cause::Locked
            | Cause::Slow
            | Cause::Full
            | Cause::Corrupt
            | Cause::Refused => false,
            Cause::Connection
            | Cause::Away
            | Cause::Changed
            | Cause::Unprepared
            | Cause::NoSchema
            | Cause::NewerSchema
            | Cause::Tls => true,
        }
    }

    pub(super) fn kind(&self) -> StoreErrorKind {
        match self.cause {
            Cause::Connection
            | Cause::Away
            | Cause::Undone
            | Cause::Changed
            | Cause::Unprepared
            | Cause::Locked => StoreErrorKind::Unavailable,
            Cause::Slow => StoreErrorKind::TimedOut,
            Cause::Full => StoreErrorKind::Full,
            Cause::Corrupt => StoreErrorKind::Corrupt,
            Cause::NoSchema | Cause::NewerSchema | Cause::Tls | Cause::Refused => {
                StoreErrorKind::Refused
            }
        }
    }

    /// The same, where an earlier attempt may have been carried out: then nothing is promised.
    pub(super) fn unsure(mut self) -> Self {
        if self.cause == Cause::Full {
            self.cause = Cause::Away;
        }
        self
    }

    /// As an error of the start at this host and database, where trying again cannot help; else the fault.
    pub(super) fn fatal(self, place: &str) -> Result<PostgresConnectError, Self> {
        use PostgresConnectErrorKind as Kind;
        let (kind, message) = match self.cause {
            Cause::NoSchema => (
                Kind::NoSchema,
                "the tables are not there; bring them up to date with `migrate`, or run the SQL of \
                 `migration_sql`",
            ),
            Cause::NewerSchema => {
                let text = format!("{place}: {self}");
                return Ok(PostgresConnectError::new(Kind::NewerSchema, text));
            }
            Cause::Tls => (
                Kind::Tls,
                "TLS is asked for and cannot be had; it needs the feature `postgres-tls`, and a \
                 certificate of the server that is trusted",
            ),
            Cause::Refused | Cause::Corrupt | Cause::Unprepared => (Kind::Refused, "refused"),
            _ => return Err(self),
        };
        let error = PostgresConnectError::new(kind, format!("{place}: {message}"));
        Ok(error.with_source(self))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Fault {}

impl From<sqlx::Error> for Fault {
    /// The text of the server, in whatever language it speaks, is shown; the code alone decides.
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(told) => {
                let code = told.code().unwrap_or_default();
                let text = format!("Postgres: {} (SQLSTATE {code})", told.message());
                Self::new(cause_of(&code), text)
            }
            sqlx::Error::Tls(_) => Self::new(Cause::Tls, error.to_string()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::new(Cause::Corrupt, error.to_string())
            }
            sqlx::Error::Configuration(_) | sqlx::Error::Encode(_) => {
                Self::new(Cause::Refused, error.to_string())
            }
            // With `Protocol` among them: an answer that was cut off half-way.
            _ => Self::new(Cause::Connection, error.to_string()),
        }
    }
}

/// By <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn cause_of(code: &str) -> Cause {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Cause::Undone,
        // feature_not_supported: "cached plan must not change result type"; or a standby
        "0A000" => Cause::Changed,
        // invalid_sql_statement_name, duplicate_prepared_statement
        "26000" | "42P05" => Cause::Unprepared,
        // lock_not_available
        "55P03" => Cause::Locked,
        // query_canceled
        "57014" => Cause::Slow,
        // disk_full
        "53100" => Cause::Full,
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Cause::Corrupt,
        // undefined_table, invalid_schema_name
        "42P01" | "3F000" => Cause::NoSchema,
        // read_only_sql_transaction: a master that has become a standby; limits of a transaction;
        // statement_completion_unknown
        "25006" | "25P03" | "25P04" | "40003" => Cause::Away,
        _ => match code.get(..2) {
            // Connection exceptions; insufficient resources; operator intervention; system errors
            Some("08" | "53" | "57" | "58") => Cause::Away,
            _ => Cause::Refused,
        },
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind()).with_source(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_alone_tells_what_to_do() {
        use StoreErrorKind::{Corrupt, Full, Refused, TimedOut, Unavailable};
        for (code, kind, may_pass) in [
            ("40001", Unavailable, true),
            ("40P01", Unavailable, true),
            ("0A000", Unavailable, true),
            ("26000", Unavailable, true),
            ("42P05", Unavailable, true),
            ("55P03", Unavailable, false),
            ("57014", TimedOut, false),
            ("57P01", Unavailable, true),
            ("57P03", Unavailable, true),
            ("53300", Unavailable, true),
            ("08006", Unavailable, true),
            ("25006", Unavailable, true),
            ("40003", Unavailable, true),
            ("53100", Full, false),
            ("XX001", Corrupt, false),
            ("42P01", Refused, false),
            ("42501", Refused, false),
            ("28P01", Refused, false),
            ("22001", Refused, false),
            ("", Refused, false),
        ] {
            let fault = Fault::new(cause_of(code), code);
            assert_eq!((fault.kind(), fault.may_pass()), (kind, may_pass), "{code}");
        }
        assert_eq!(
            cause_of("40003"),
            Cause::Away,
            "a commit may have been made"
        );
        let full = Fault::new(Cause::Full, "").unsure();
        assert_eq!(
            full.kind(),
            Unavailable,
            "an earlier attempt may have been carried out"
        );
    }
}
