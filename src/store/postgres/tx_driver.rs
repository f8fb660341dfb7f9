//! Transactions of handlers by another driver than `sqlx`.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::store::command::Complete;
use crate::store::sql::Place;

use super::transactions::Connections;
use super::tx_statements::{Completed, READ_ONLY, TxStatements};

/// Opens transactions for handlers that take a [`Tx`](crate::Tx), by a driver of PostgreSQL that the process has
/// anyway, such as `tokio-postgres` or `diesel-async`.
///
/// A handler takes `Tx<Driver>`, and has a `Driver::Connection` of it. What is said of [`Tx`](crate::Tx) on Postgres
/// holds here: the driver only carries statements, and the same ones decide. `examples/drivers` of the repository
/// has two, of some fifty lines each. A store or an inbox is given one by
/// [`transactions_by`](super::PostgresStoreBuilder::transactions_by).
///
/// All statements that are passed to it are whole: they have no parameters, and hold text of strangers as
/// hexadecimal digits alone.
///
/// ```
/// use std::io;
/// use tower_webhook::PostgresStore;
/// use tower_webhook::store::TxDriver;
///
/// /// A driver that never has a connection: what a handler gets of it is an error.
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
/// // 4 transactions of handlers at once at most.
/// let builder = PostgresStore::builder("postgres://app@db.example/app").transactions_by(Unplugged, 4);
/// # drop(builder);
/// ```
pub trait TxDriver: Send + Sync + 'static {
    /// What the statements of a handler run on. Dropped, it goes back to where it came from.
    type Connection: Send + 'static;

    /// What goes wrong.
    type Error: Error + Send + Sync + 'static;

    /// A connection that nobody else has, in no transaction: to the database that the store is in, by a role that
    /// may write its tables.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Runs statements in one message, as the
    /// [simple query protocol](https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY)
    /// does. What they answer is passed over.
    fn execute(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Runs one statement, which answers with one column of type `text` named `answer`. Gives what stands in its
    /// first row; `None` where there is no row.
    fn ask(
        connection: &mut Self::Connection,
        sql: &str,
    ) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Begins the transaction by these statements, in one message. For a driver that counts its transactions.
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

    /// Closes a connection that may be in a transaction still, or wait for an answer: it must not go back into a
    /// pool.
    fn close(connection: Self::Connection);

    /// The SQLSTATE of an error that the server has answered with; `None` where it has not, and where the driver
    /// does not tell. An error without one at a commit is looked up.
    fn sqlstate(error: &Self::Error) -> Option<String>;
}

/// A driver of a user's, shared.
pub(super) struct Driver<D>(Arc<D>);

impl<D: TxDriver> Driver<D> {
    pub(super) fn new(driver: D) -> Self {
        Self(Arc::new(driver))
    }
}

/// A connection of a driver that is closed unless its transaction was ended.
pub(super) struct Guarded<D: TxDriver>(Option<D::Connection>);

impl<D: TxDriver> Guarded<D> {
    /// It is in no transaction any more.
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
            // Behind the refusal of a transaction that reads only no statement is taken.
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
        // A server that goes down may have committed before.
        D::sqlstate(error).is_none_or(|code| code.starts_with("57") || code.starts_with("08"))
    }
}
