//! Statements, and whether they are prepared.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

/// Whether statements are prepared under names, once for each connection, until a pooler shows.
#[derive(Debug, Clone)]
pub(super) struct Preparing(Arc<AtomicU8>);

const NEVER: u8 = 0;
const ON_OWN_SESSIONS: u8 = 1;
const EVERYWHERE: u8 = 2;

impl Preparing {
    /// As it was asked for: on sessions that are shown to be one's own, if nobody has said anything.
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

    /// Whether a session has to show first that it is one's own.
    pub(super) fn wants_own_session(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ON_OWN_SESSIONS
    }

    /// Ends it for good, and says whether it was on.
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
    /// One that runs behind [`open`](super::session::Sessions::open) alone, where it is prepared if that is on.
    pub(super) fn new(text: String, preparing: &Preparing) -> Self {
        let preparing = preparing.clone();
        Self { text, preparing }
    }

    /// One that is never prepared.
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
