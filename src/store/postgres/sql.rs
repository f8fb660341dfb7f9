//! Statements, and whether they are prepared.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

/// Whether each connection prepares statements under names, until a pooler is detected.
#[derive(Debug, Clone)]
pub(super) struct Preparing(Arc<AtomicU8>);

const NEVER: u8 = 0;
const ON_OWN_SESSIONS: u8 = 1;
const EVERYWHERE: u8 = 2;

impl Preparing {
    /// As requested; by default, only on sessions that are proven to be the connection's own.
    pub(super) fn new(asked: Option<bool>) -> Self {
        Self(Arc::new(AtomicU8::new(match asked {
            None => ON_OWN_SESSIONS,
            Some(true) => EVERYWHERE,
            Some(false) => NEVER,
        })))
    }

    pub(super) fn never() -> Self {
        Self::new(Some(false))
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NEVER
    }

    /// Whether a session must first be proven to be the connection's own.
    pub(super) fn wants_own_session(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ON_OWN_SESSIONS
    }

    /// Turns it off for good, and says whether it was on.
    pub(super) fn stop(&self) -> bool {
        self.0.swap(NEVER, Ordering::Relaxed) != NEVER
    }
}

/// A statement of constant text and of names without special characters.
#[derive(Debug)]
pub(super) struct Sql {
    text: String,
    preparing: Preparing,
}

impl Sql {
    /// A statement that only runs after [`open`](super::session::Sessions::open), and may be prepared.
    pub(super) fn new(text: String, preparing: &Preparing) -> Self {
        let preparing = preparing.clone();
        Self { text, preparing }
    }

    /// A statement that is never prepared.
    pub(super) fn unnamed(text: String) -> Self {
        Self::new(text, &Preparing::never())
    }

    pub(super) fn query(&self) -> Query<'_, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(self.text.as_str()));
        query.persistent(self.preparing.is_on())
    }
}

impl Deref for Sql {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}
