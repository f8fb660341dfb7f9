//! A server with the tables of a store or an inbox.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, raw_sql};
use tokio::time::timeout;

use crate::event::Name;
use crate::store::error::StoreError;

use super::check::PostgresReport;
use super::commands::Commands;
use super::database::Database;
use super::error::{Fault, PostgresConnectError, PostgresConnectErrorKind};
use super::table::Tables;
use super::transactions::AnyTxPool;
use super::{rights, schema};

/// How long bringing the tables up to date may take.
const MIGRATION_LIMIT: Duration = Duration::from_secs(30);

/// A server and the rows of one namespace.
pub(super) struct Server<C: Commands> {
    pub(super) database: Arc<Database<C>>,
    pub(super) tables: Arc<Tables>,
    pub(super) namespace: Name,
    pub(super) handlers: Option<Arc<dyn AnyTxPool>>,
}

impl<C: Commands> Clone for Server<C> {
    fn clone(&self) -> Self {
        self.namespace(self.namespace.clone())
    }
}

impl<C: Commands> Server<C> {
    /// The same server with another namespace.
    pub(super) fn namespace(&self, namespace: Name) -> Self {
        Self {
            database: Arc::clone(&self.database),
            tables: Arc::clone(&self.tables),
            namespace,
            handlers: self.handlers.clone(),
        }
    }

    /// Identifies the rows: the server, the tables and the namespace.
    pub(super) fn named(&self) -> String {
        let (server, tables, namespace) = (self.shown(), &self.tables, &self.namespace);
        format!("{server} {tables} {namespace}")
    }

    /// Shows host and database, but neither user nor password.
    pub(super) fn show(&self, kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            tables,
            namespace,
            handlers,
        } = self;
        f.debug_struct(kind)
            .field("postgres", &self.shown())
            .field("tables", &format_args!("{tables}"))
            .field("namespace", namespace)
            .field("deadline", &database.sessions().deadline())
            .field("commits", &database.commits())
            .field("has_transactions", &handlers.is_some())
            .finish()
    }

    /// Host and database, in a form without secrets.
    pub(super) fn shown(&self) -> String {
        self.database.sessions().shown()
    }

    /// Brings the tables up to date.
    pub(super) async fn migrate(&self) -> Result<(), PostgresConnectError> {
        let migrating = timeout(MIGRATION_LIMIT, self.migrated());
        let fault = match migrating.await.unwrap_or_else(|_| Err(Fault::slow())) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        let place = self.shown();
        Err(fault.fatal(&place).unwrap_or_else(|fault| {
            PostgresConnectError::new(
                PostgresConnectErrorKind::Unavailable,
                format!("{place}: the tables cannot be brought up to date now"),
            )
            .with_source(fault)
        }))
    }

    async fn migrated(&self) -> Result<(), Fault> {
        let tables = Arc::clone(&self.tables);
        let reading = self.database.reading(move |conn, _| {
            Box::pin(async move { schema::are_current(conn, C::PARTS, &tables).await })
        });
        if !reading.await? {
            let mut conn = self.database.sessions().connect().await?;
            schema::migrate(&mut conn, C::PARTS, &self.tables).await?;
        }
        if let Some(sql) = C::numbering(&self.tables) {
            self.number_on(sql).await;
        }
        Ok(())
    }

    /// Fixes the numbering. Most roles may not, and need not: later refusals then report the
    /// problem.
    async fn number_on(&self, sql: String) {
        let numbering = self.database.reading(move |conn, _| {
            Box::pin(async move {
                raw_sql(AssertSqlSafe(sql)).execute(conn).await?;
                Ok(())
            })
        });
        if let Err(fault) = numbering.await {
            tracing::debug!(%fault, "the numbers of rows cannot be seen to");
        }
    }

    /// Reports what the settings put at risk.
    pub(super) async fn check(&self) -> Result<PostgresReport, StoreError> {
        let tables = C::kept_in(&self.tables);
        let reading = self
            .database
            .read(move |conn, _| Box::pin(async move { PostgresReport::of(conn, &tables).await }));
        reading.await
    }

    /// Checks the tables and the role's rights, and reports what the settings put at risk.
    pub(super) async fn checked(&self) -> Result<PostgresReport, Fault> {
        let (tables, kept_in) = (Arc::clone(&self.tables), C::kept_in(&self.tables));
        let reading = self.database.reading(move |conn, _| {
            Box::pin(async move {
                schema::check(&mut *conn, C::PARTS, &tables).await?;
                rights::check(&mut *conn, &C::rights(&tables)).await?;
                PostgresReport::of(conn, &kept_in).await
            })
        });
        reading.await
    }
}
