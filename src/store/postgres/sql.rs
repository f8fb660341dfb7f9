//! Statements, and whether the server keeps them prepared.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

use super::error::{Cause, Fault};

/// Whether statements are prepared under names, once for each connection; they are not unless asked for.
///
/// A name belongs to a process of the server. A pooler that gives each transaction another process makes names of no
/// use, and worse: under one name the next process may know a statement of somebody else. So each transaction first
/// says which process serves it, and with the first word of another one no name is used any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Preparing(Arc<AtomicBool>);

impl Preparing {
    pub(super) fn new(is_on: bool) -> Self {
        Self(Arc::new(AtomicBool::new(is_on)))
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Has a connection go on with this process of the server, if no statement of it is prepared in another one.
    pub(super) fn go_on(&self, first: &mut Option<i32>, pid: i32) -> Result<(), Fault> {
        let is_on = self.is_on();
        if is_on && *first.get_or_insert(pid) == pid || !is_on && first.is_none() {
            return Ok(());
        }
        self.stop();
        Err(Fault::new(
            Cause::Unprepared,
            "another process of the server answers than the one that knows the statements",
        ))
    }

    /// Ends it where this says that names do not hold.
    pub(super) fn heed(&self, fault: &Fault) {
        if fault.cause() == Cause::Unprepared {
            self.stop();
        }
    }

    fn stop(&self) {
        if self.0.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                target: "tower_webhook",
                "a pooler gives one connection to several processes of Postgres: statements are not prepared any more; \
                 leave `prepare_statements` out"
            );
        }
    }
}

/// A statement of constant text and of names without special characters.
#[derive(Debug)]
pub(super) struct Sql {
    text: String,
    preparing: Preparing,
}

impl Sql {
    pub(super) fn new(text: String, preparing: &Preparing) -> Self {
        let preparing = preparing.clone();
        Self { text, preparing }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_the_first_word_of_another_process_no_name_is_used_any_more() {
        let preparing = Preparing::new(true);
        let (mut one, mut other) = (None, None);
        assert_eq!(preparing.go_on(&mut one, 7), Ok(()));
        assert_eq!(preparing.go_on(&mut other, 8), Ok(()));
        assert_eq!(preparing.go_on(&mut one, 7), Ok(()));
        assert!(preparing.is_on());

        let error = preparing.go_on(&mut one, 8).unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert!(!preparing.is_on());
        // What is prepared there is not asked for any more, and without names any process will do.
        assert!(preparing.go_on(&mut other, 8).is_err());
        let mut new = None;
        assert_eq!(preparing.go_on(&mut new, 8), Ok(()));
        assert_eq!(preparing.go_on(&mut new, 9), Ok(()));
    }

    #[test]
    fn where_it_was_not_asked_for_any_process_will_do() {
        let (preparing, mut first) = (Preparing::default(), None);
        assert_eq!(preparing.go_on(&mut first, 7), Ok(()));
        assert_eq!(preparing.go_on(&mut first, 8), Ok(()));
    }
}
