//! Statements, and whether they are prepared.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

/// Whether statements are prepared under names, once for each connection: where it was asked for, until a pooler shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Preparing(Arc<AtomicBool>);

impl Preparing {
    pub(super) fn new(is_on: bool) -> Self {
        Self(Arc::new(AtomicBool::new(is_on)))
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends it for good, and says whether it was on.
    pub(super) fn stop(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
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
        Self::new(text, &Preparing::default())
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
