//! Transactions of handlers with another driver than `sqlx`.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::store::command::Complete;
use crate::store::sql::Place;

use super::transactions::Connections;
use super::tx_statements::{Completed, READ_ONLY, TxStatements};

/// Opens transactions for handlers that take a [`Tx`](crate::Tx), with a PostgreSQL driver that the process uses
/// anyway, such as `tokio-postgres` or `diesel-async`.
///
/// A handler takes `Tx<Driver>`, and gets a `Driver::Connection` from it. The documentation of [`Tx`](crate::Tx) on
/// Postgres applies here: the driver only carries statements, and the same statements decide. `examples/drivers` of
/// the repository has two, of some fifty lines each. Pass one to a store or an inbox with
/// [`transactions_by`](super::PostgresStoreBuilder::transactions_by).
///
/// All statements that are passed to it are complete: they have no parameters, and contain untrusted text only as
/// hexadecimal digits.
///
/// ```
/// use std::io;
/// use tower_webhook::PostgresStore;
/// use tower_webhook::store::TxDriver;
///
/// /// A driver that never has a connection: a handler gets an error from it.
/// struct Unplugged;
///
/// impl TxDriver for Unplugged {
///     type Connection = ();
///     type Error = io::Error;
///
///     async fn connect(&self) -> Result<(), io::Error> {
///         Err(io::ErrorKind::NotConnected.into())
///     }
///
///     async fn execute(_: &mut (), _sql: &str) -> Result<(), io::Error> {
///         Ok(())
///     }
///
///     async fn ask(_: &mut (), _sql: &str) -> Result<Option<String>, io::Error> {
///         Ok(None)
///     }
///
///     fn close(_: ()) {}
///
///     fn sqlstate(_: &io::Error) -> Option<String> {
///         None
///     }
/// }
///
/// // At most 4 transactions of handlers at once.
/// let builder = PostgresStore::builder("postgres://app@db.example/app").transactions_by(Unplugged, 4);
/// # drop(builder);
/// ```
pub trait TxDriver: Send + Sync + 'static {
    /// The connection for a handler's statements. Dropping it returns it to its source.
    type Connection: Send + 'static;

    /// The error of the driver.
    type Error: Error + Send + Sync + 'static;

    /// Returns an exclusive connection without a transaction: to the database of the store, with a role that may
    /// write its tables.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Runs statements in one message, as in the [simple query
    /// protocol](https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY). Their
    /// results are ignored.
    fn execute(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Runs one statement, whose result has one column of type `text` named `answer`. Returns the value in its
    /// first row; `None` if there is no row.
    fn ask(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Begins the transaction with these statements, in one message, for drivers that count them.
    fn begin(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        Self::execute(connection, sql)
    }

    /// Commits it.
    fn commit(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        Self::execute(connection, "COMMIT")
    }

    /// Rolls it back.
    fn roll_back(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        Self::execute(connection, "ROLLBACK")
    }

    /// Closes a connection that may still be in a transaction, or wait for an answer: it must not go back into a
    /// pool.
    fn close(connection: Self::Connection);

    /// The SQLSTATE of an error that the server has returned; `None` if the server returned none, or the driver
    /// does not expose it. After an error without one at a commit, the result is looked up.
    fn sqlstate(error: &Self::Error) -> Option<String>;
}

/// A user's driver, shared.
pub(super) struct Driver<D>(Arc<D>);

impl<D: TxDriver> Driver<D> {
    pub(super) fn new(driver: D) -> Self {
        Self(Arc::new(driver))
    }
}

/// A connection of a driver that is closed unless its transaction was ended.
pub(super) struct Guarded<D: TxDriver>(Option<D::Connection>);

impl<D: TxDriver> Guarded<D> {
    /// Releases the connection, which is no longer in a transaction.
    fn let_go(&mut self) {
        self.0 = None;
    }
}

impl<D: TxDriver> Drop for Guarded<D> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            D::close(connection);
        }
    }
}

impl<D: TxDriver> Connections for Driver<D> {
    type Connection = D::Connection;
    type Open = Guarded<D>;
    type Error = D::Error;

    fn begin(&self, sql: String) -> BoxFuture<'static, Result<Guarded<D>, D::Error>> {
        let driver = Arc::clone(&self.0);
        Box::pin(async move {
            let mut open = Guarded(Some(driver.connect().await?));
            if let Some(connection) = &mut open.0 {
                D::begin(connection, &sql).await?;
            }
            Ok(open)
        })
    }

    fn connection(open: &mut Guarded<D>) -> Option<&mut D::Connection> {
        open.0.as_mut()
    }

    async fn lock(open: &mut Guarded<D>, lock: i64) -> Result<bool, D::Error> {
        let Some(connection) = &mut open.0 else {
            return Ok(false);
        };
        let answer = D::ask(connection, &TxStatements::lock_text(lock)).await?;
        Ok(answer.as_deref() == Some("true"))
    }

    async fn complete(
        open: &mut Guarded<D>,
        statements: &TxStatements,
        place: &Place,
        complete: &Complete,
    ) -> Result<Completed, D::Error> {
        let Some(connection) = &mut open.0 else {
            return Ok(Completed::Lost);
        };
        let refused = match D::ask(connection, &statements.complete_text(place, complete)).await {
            Ok(Some(answer)) => return Ok(Completed::told(&answer)),
            Ok(None) => None,
            Err(error) => match D::sqlstate(&error).as_deref() {
                Some("25P02") => return Ok(Completed::went_on()),
                Some(READ_ONLY) => Some(error),
                _ => return Err(error),
            },
        };
        match D::ask(connection, &TxStatements::mark_text()).await {
            Ok(mark) => Ok(Completed::why(mark.as_deref(), complete.token)),
            // After an error because it is read-only, the transaction accepts no statement.
            Err(error) => Err(refused.unwrap_or(error)),
        }
    }

    async fn roll_back(mut open: Guarded<D>) {
        if let Some(connection) = &mut open.0
            && D::roll_back(connection).await.is_ok()
        {
            open.let_go();
        }
    }

    fn commit(mut open: Guarded<D>, _is_nested: bool) -> BoxFuture<'static, Result<(), D::Error>> {
        Box::pin(async move {
            if let Some(connection) = &mut open.0 {
                D::commit(connection).await?;
            }
            open.let_go();
            Ok(())
        })
    }

    fn is_busy(_: &D::Error) -> bool {
        false
    }

    fn is_unanswered(error: &D::Error) -> bool {
        // A server that shuts down may have committed before.
        D::sqlstate(error).is_none_or(|code| code.starts_with("57") || code.starts_with("08"))
    }
}
