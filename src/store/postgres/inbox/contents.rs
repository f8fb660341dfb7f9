//! Reads the contents of entries for a worker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sqlx::postgres::PgConnection;
use sqlx::{Executor as _, Row as _, raw_sql};

use crate::inbox::Content;
use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::sql::Sql;

/// How contents are read.
///
/// A content on a damaged page fails the statement, and the transaction with it. From then on, each content is
/// read separately, after a savepoint, until none is damaged: that takes a round trip for each.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) sql: Sql,
    one_by_one: AtomicBool,
}

impl Contents {
    pub(super) fn new(sql: Sql) -> Self {
        Self {
            sql,
            one_by_one: AtomicBool::new(false),
        }
    }

    /// Whether they are read one by one.
    pub(super) fn care(&self) -> bool {
        self.one_by_one.load(Ordering::Relaxed)
    }

    /// Whether a caller that met this fault, and read with less care, may succeed next time.
    pub(super) fn takes_more(&self, care: bool, fault: &Fault) -> bool {
        fault.cause() == Cause::Corrupt && !care && self.care()
    }

    /// The contents of these rows, as far as they can be read.
    pub(super) async fn of(
        &self,
        conn: &mut PgConnection,
        ids: Vec<i64>,
    ) -> Result<HashMap<i64, Content>, Fault> {
        let mut found = HashMap::new();
        if ids.is_empty() {
            return Ok(found);
        }
        if !self.care() {
            let read = self.read(conn, ids, &mut found).await;
            if read.as_ref().is_err_and(|it| it.cause() == Cause::Corrupt) {
                self.one_by_one.store(true, Ordering::Relaxed);
            }
            return read.map(|()| found);
        }
        let mut is_damaged = false;
        conn.execute(raw_sql("SAVEPOINT content")).await?;
        for id in ids {
            match self.read(&mut *conn, vec![id], &mut found).await {
                Ok(()) => {}
                Err(fault) if fault.cause() == Cause::Corrupt => {
                    tracing::error!(id, %fault, "the content of an entry cannot be read");
                    is_damaged = true;
                }
                Err(fault) => return Err(fault),
            }
            // Rows locked before stay locked.
            conn.execute(raw_sql("ROLLBACK TO SAVEPOINT content"))
                .await?;
        }
        self.one_by_one.store(is_damaged, Ordering::Relaxed);
        Ok(found)
    }

    async fn read(
        &self,
        conn: &mut PgConnection,
        ids: Vec<i64>,
        found: &mut HashMap<i64, Content>,
    ) -> Result<(), Fault> {
        let query = self.sql.query().bind(ids);
        for row in query.fetch_all(conn).await? {
            // An incomplete content counts as none.
            let (envelope, body): (Option<Vec<u8>>, Option<Vec<u8>>) =
                (row.try_get(1)?, row.try_get(2)?);
            if let Some((envelope, body)) = envelope.zip(body) {
                let content = Content::new(Bytes::from(envelope), Bytes::from(body));
                found.insert(row.try_get(0)?, content);
            }
        }
        Ok(())
    }
}
