//! Transactions of handlers on a pool of `sqlx`.

use std::error::Error;
use std::fmt;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction, raw_sql};

use crate::store::command::Complete;
use crate::store::sql::{Place, ROLL_BACK};

use super::error::{Cause, Fault};
use super::transactions::Connections;
use super::tx_statements::{Completed, TxStatements};

impl Connections for PgPool {
    type Connection = PgConnection;
    type Open = Transaction<'static, Postgres>;
    type Error = PoolFault;

    fn begin(&self, sql: String) -> BoxFuture<'static, Result<Self::Open, PoolFault>> {
        let pool = self.clone();
        Box::pin(async move {
            pool.begin_with(AssertSqlSafe(sql))
                .await
                .map_err(PoolFault::of)
        })
    }

    fn connection(open: &mut Self::Open) -> Option<&mut PgConnection> {
        Some(open)
    }

    async fn lock(open: &mut Self::Open, lock: i64) -> Result<bool, PoolFault> {
        Ok(TxStatements::lock(open, lock).await?)
    }

    async fn complete(
        open: &mut Self::Open,
        statements: &TxStatements,
        place: &Place,
        complete: &Complete,
    ) -> Result<Completed, PoolFault> {
        Ok(statements.complete(open, place, complete).await?)
    }

    async fn roll_back(mut open: Self::Open) {
        if raw_sql(ROLL_BACK).execute(&mut *open).await.is_ok() {
            // If this fails, the connection is closed.
            let _ = open.rollback().await;
        }
    }

    fn commit(open: Self::Open, is_nested: bool) -> BoxFuture<'static, Result<(), PoolFault>> {
        Box::pin(async move {
            let committed = match is_nested {
                false => open.commit().await,
                true => commit_all(open).await,
            };
            committed.map_err(PoolFault::of)
        })
    }

    fn is_busy(error: &PoolFault) -> bool {
        error.is_busy
    }

    fn is_unanswered(error: &PoolFault) -> bool {
        matches!(error.fault.cause(), Cause::Connection | Cause::Away)
    }
}

/// An error on a pool.
#[derive(Debug)]
pub(super) struct PoolFault {
    fault: Fault,
    /// Whether no connection was free.
    is_busy: bool,
}

impl PoolFault {
    fn of(error: sqlx::Error) -> Self {
        Self {
            is_busy: matches!(error, sqlx::Error::PoolTimedOut),
            fault: error.into(),
        }
    }
}

impl From<Fault> for PoolFault {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            is_busy: false,
        }
    }
}

impl fmt::Display for PoolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl Error for PoolFault {}

/// Commits whatever savepoints exist: if the handler has forgotten one, `sqlx` would release it and not
/// commit.
async fn commit_all(mut tx: Transaction<'static, Postgres>) -> Result<(), sqlx::Error> {
    raw_sql("COMMIT").execute(&mut *tx).await?;
    // So that `sqlx` counts none either. The server has no transaction any more, and logs that.
    let _ = tx.rollback().await;
    Ok(())
}
