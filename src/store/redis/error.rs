//! What goes wrong with Redis, and what it means for whoever called.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::error::{StoreError, StoreErrorKind, connect_error};

/// A store on Redis that cannot be set up as asked.
///
/// Its text names the setting and the remedy, and never a password; no more does what caused it.
///
/// ```
/// use tower_webhook::store::{RedisConnectErrorKind, RedisStore};
///
/// let error = RedisStore::builder("mysql://root:secret@db/1").build().unwrap_err();
/// assert_eq!(error.kind(), RedisConnectErrorKind::Url);
/// assert!(!error.to_string().contains("secret"));
/// // As a `main` that returns it prints it.
/// assert_eq!(format!("{error:?}"), error.to_string());
/// ```
pub struct RedisConnectError {
    kind: RedisConnectErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

connect_error!(RedisConnectError, RedisConnectErrorKind, "redis store");

/// The kind of failure that a [`RedisConnectError`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedisConnectErrorKind {
    /// The URL cannot be read.
    Url,
    /// A setting beside the URL is out of its range.
    Setting,
    /// TLS is asked for, and no crypto provider is installed or a certificate cannot be read.
    Tls,
    /// The namespace was set up with another number of partitions.
    Partitions,
    /// Redis refuses the connection: wrong password, no permission, not a cluster.
    Refused,
    /// The start-up check found what the builder was told to refuse.
    AtRisk,
    /// Redis cannot be reached, and so what is there is not known: of [`join`](super::RedisStoreBuilder::join).
    Unreachable,
}

/// How many partitions a namespace is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Number(u32),
    /// One at least.
    AtMost(u32),
}

/// Why a call or a connection failed, before it becomes an error of the store.
#[derive(Clone)]
pub(super) enum Fault {
    Redis(RedisError),
    /// Setting up a connection took longer than this.
    Slow(Duration),
    /// The namespace has `stored` partitions, and others are wanted.
    Partitions {
        stored: String,
        wanted: Wanted,
    },
    /// An answer that no version of the scripts gives.
    Garbled(&'static str),
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The connection is no good: take another one, and ask again.
    Reconnect,
    /// The server cannot answer now: ask again on the same connection.
    AskAgain,
    /// No answer in time.
    GiveUp,
    /// Asking again changes nothing.
    Nothing,
}

impl Fault {
    pub(super) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Redis(error) => kind_of(error),
            Self::Slow(_) => StoreErrorKind::Unavailable,
            Self::Partitions { .. } => StoreErrorKind::Refused,
            Self::Garbled(_) => StoreErrorKind::Corrupt,
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Redis(error) => remedy_of(error),
            Self::Slow(_) => Remedy::Reconnect,
            Self::Partitions { .. } | Self::Garbled(_) => Remedy::Nothing,
        }
    }

    /// Whether the server has answered that it did nothing.
    pub(super) fn changed_nothing(&self) -> bool {
        match self {
            Self::Redis(error) => {
                matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
                    || error.is_connection_refusal()
            }
            Self::Slow(_) | Self::Partitions { .. } => true,
            Self::Garbled(_) => false,
        }
    }

    pub(super) fn is_no_script(&self) -> bool {
        matches!(self, Self::Redis(error)
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
    }

    /// Whether keys of one call are some on one server and some on another, as while their slot moves: the
    /// client of a cluster goes to and fro between the two, and gives up at either.
    pub(super) fn is_split_slot(&self) -> bool {
        matches!(self, Self::Redis(error) if matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::TryAgain | ServerErrorKind::Ask)
        ))
    }

    /// Whether the server knows the question and does not answer it, or does not know it.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Redis(error) if matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError)
        ))
    }

    /// As an error of the start, where trying again cannot help; `None` where it may.
    pub(super) fn fatal(&self) -> Option<RedisConnectError> {
        if self.kind() != StoreErrorKind::Refused {
            return None;
        }
        let error = match self {
            Self::Partitions { .. } => {
                RedisConnectError::new(RedisConnectErrorKind::Partitions, self.to_string())
            }
            Self::Redis(_) | Self::Slow(_) | Self::Garbled(_) => RedisConnectError::new(
                RedisConnectErrorKind::Refused,
                "Redis refuses the connection",
            )
            .with_source(self.clone()),
        };
        Some(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(error) => f.write_str(before_arguments(&error.to_string())),
            Self::Slow(limit) => write!(f, "no connection within {} ms", limit.as_millis()),
            Self::Partitions {
                stored,
                wanted: Wanted::Number(wanted),
            } => write!(
                f,
                "the namespace has {stored} partitions and this store was built with {wanted}: \
                 build it with {stored}, or take another namespace"
            ),
            Self::Partitions {
                stored,
                wanted: Wanted::AtMost(most),
            } => write!(
                f,
                "the namespace has {stored} partitions, which are not 1 to {most}: take another namespace"
            ),
            Self::Garbled(what) => f.write_str(what),
        }
    }
}

impl fmt::Debug for Fault {
    /// As it is shown: what lies beneath may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// There is no source: the client's error has the server's text in full.
impl Error for Fault {}

/// The text of an error, without the arguments that a server repeats which does not know a command.
/// Those of `HELLO` and `AUTH` are user and password.
fn before_arguments(text: &str) -> &str {
    match text.split_once("args beginning") {
        Some((before, _)) => {
            let before = before.trim_end();
            before.strip_suffix(", with").unwrap_or(before)
        }
        None => text,
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind()).with_source(fault)
    }
}

/// The code at the head of an error answer, also where Redis 6 wraps it.
fn code(error: &RedisError) -> &str {
    let known = |text: &str| {
        ["OOM", "READONLY", "LOADING"].into_iter().find(|code| {
            text.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| word == *code)
        })
    };
    match error.code() {
        Some("ERR") => match error.detail() {
            // It has no code of its own.
            Some(text) if text.starts_with("max number of clients") => "MAXCLIENTS",
            text => text.and_then(known).unwrap_or("ERR"),
        },
        Some(code) => code,
        None => "",
    }
}

fn kind_of(error: &RedisError) -> StoreErrorKind {
    if error.is_timeout() {
        return StoreErrorKind::TimedOut;
    }
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => match code(error) {
            "OOM" => StoreErrorKind::Full,
            "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED"
            | "ASK" | "NOREPLICAS" | "BUSY" | "UNKILLABLE" | "MAXCLIENTS" => {
                StoreErrorKind::Unavailable
            }
            "WRONGTYPE" => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Refused,
        },
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::RESP3NotSupported => StoreErrorKind::Refused,
        ErrorKind::UnexpectedReturnType => StoreErrorKind::Corrupt,
        // With `Parse` among them: a reply that was cut off half-way.
        _ => StoreErrorKind::Unavailable,
    }
}

fn remedy_of(error: &RedisError) -> Remedy {
    match kind_of(error) {
        StoreErrorKind::TimedOut => Remedy::GiveUp,
        StoreErrorKind::Unavailable => match code(error) {
            "LOADING" | "TRYAGAIN" | "CLUSTERDOWN" | "NOREPLICAS" | "BUSY" | "UNKILLABLE"
            | "MOVED" | "ASK" => Remedy::AskAgain,
            // Another master, or none yet, or no connection at all.
            _ => Remedy::Reconnect,
        },
        _ => match code(error) {
            // A password that was changed holds for new connections.
            "NOAUTH" | "WRONGPASS" => Remedy::Reconnect,
            _ => Remedy::Nothing,
        },
    }
}

/// Whether a call was refused since its keys are of several slots.
pub(super) fn spans_slots(error: &StoreError) -> bool {
    let fault = error.source().and_then(|source| source.downcast_ref());
    matches!(fault, Some(Fault::Redis(error))
        if error.kind() == ErrorKind::Server(ServerErrorKind::CrossSlot))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(error: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{error}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn too_many_clients_is_what_passes() {
        for answer in [
            "ERR max number of clients reached",
            "ERR max number of clients + cluster connections reached",
        ] {
            let fault = Fault::from(answered(answer));
            assert_eq!(fault.kind(), StoreErrorKind::Unavailable, "{answer}");
            assert_eq!(fault.remedy(), Remedy::Reconnect, "{answer}");
            assert!(fault.fatal().is_none(), "{answer}");
        }
    }

    #[test]
    fn what_a_server_repeats_of_a_command_is_not_shown() {
        for answer in [
            "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'app' 'geheim' ",
            "unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `app`, `geheim`, ",
        ] {
            let error = answered(&format!("ERR {answer}"));
            let of_cluster = RedisError::from((
                ErrorKind::Io,
                "Failed to create initial connections",
                error.to_string(),
            ));
            for error in [error, of_cluster] {
                let fault = Fault::from(error);
                let shown = fault.to_string();
                assert!(shown.contains("unknown command"), "{shown}");
                assert!(
                    !shown.contains("app") && !shown.contains("geheim"),
                    "{shown}"
                );
                assert_eq!(format!("{fault:?}"), shown);
            }
        }
    }
}
