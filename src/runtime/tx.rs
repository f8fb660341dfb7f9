//! The transaction that a handler takes.

use std::fmt;
use std::sync::Arc;

use super::context::RunContext;
use super::delivery::Delivery;
use super::failure::Failure;
use super::handler::{FromRun, Run};
use crate::store::{Begin, Opened, Ticket, Transactions, TxError, TxErrorKind};

use self::sealed::Sealed;

/// The transaction that completes an event: a handler's writes in it and the record of the event
/// are committed together, or neither is.
///
/// It is an argument of an [`EventHandler`](super::EventHandler), in workers too, and an extractor for axum, if
/// the webhook's store or inbox has a pool of this database. The first call of [`connection`](Self::connection)
/// begins it; a handler that never calls that costs no transaction.
///
/// # When it is committed
///
/// When the handler has succeeded. Its last statement marks the event as done. If another receiver has the event
/// by then, or its lease is over, that statement changes nothing: everything is undone, with the reason
/// `lease_lost`. An error, a panic, a [`Permanent`](super::Permanent) and a handler that is dropped undo it too;
/// the event is then recorded as given back, or as done for good. A commit that fails is a failure of the
/// handler. If the reply to a commit is lost, its outcome is looked up.
///
/// The handler must not commit it or roll it back, neither by SQL nor by the connection: the event
/// is then given back with the reason `transaction_broken`. The same happens if the handler
/// continues after a statement that failed, or keeps its `Tx` longer than it runs. A part of it can
/// be undone: `begin` on the connection makes a savepoint.
///
/// # On Postgres
///
/// It runs at `READ COMMITTED`. If it is idle for as long as a lease between two statements, the
/// server ends it. If a holder froze with its transaction open, the receiver that takes its event
/// over ends it, if both have the same role.
///
/// # On SQLite
///
/// One is open at a time, and nothing else writes during it; the store's own commands run between two of them. It
/// may be open for a second unless [set](crate::store::SqliteStoreBuilder::transaction_limit). After that, its
/// statement is interrupted, the handler is cancelled where it awaits, and everything is undone.
///
/// ```no_run
/// # #[cfg(feature = "postgres")]
/// # mod example {
/// use serde::Deserialize;
/// use sqlx::Postgres;
/// use tower_webhook::runtime::Failure;
/// use tower_webhook::{Event, Tx};
///
/// #[derive(Deserialize)]
/// struct Paid {
///     account: i64,
///     cents: i64,
/// }
///
/// async fn on_paid(Event(paid): Event<Paid>, mut tx: Tx<Postgres>) -> Result<(), Failure> {
///     sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2")
///         .bind(paid.cents)
///         .bind(paid.account)
///         .execute(tx.connection().await?)
///         .await?;
///     Ok(())
/// }
/// # }
/// ```
pub struct Tx<D: TxDatabase> {
    context: Arc<RunContext>,
    source: Arc<dyn Begin<D::Connection>>,
    opened: Option<Box<dyn Opened<D::Connection>>>,
}

/// A database whose transactions a [`Tx`] can be: those of `sqlx` that there is a store for, and
/// each `TxDriver` of PostgreSQL.
pub trait TxDatabase: Sealed + 'static {
    /// The type that statements run on.
    type Connection: Send + 'static;
}

#[cfg(feature = "postgres")]
impl TxDatabase for sqlx::Postgres {
    type Connection = sqlx::PgConnection;
}

#[cfg(feature = "postgres")]
impl<D: crate::store::TxDriver> TxDatabase for D {
    type Connection = D::Connection;
}

#[cfg(feature = "sqlite")]
impl TxDatabase for sqlx::Sqlite {
    type Connection = sqlx::SqliteConnection;
}

mod sealed {
    pub trait Sealed {}

    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}

    #[cfg(feature = "postgres")]
    impl<D: crate::store::TxDriver> Sealed for D {}

    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}

impl<D: TxDatabase> Tx<D> {
    /// A transaction for the run of this delivery, not begun yet.
    pub(crate) fn of(delivery: &Delivery) -> Result<Self, TxError> {
        let context = delivery.context();
        let transactions = context.state.transactions.as_ref();
        let source = transactions.and_then(Transactions::source);
        let source = source.ok_or_else(|| {
            TxError::new(
                TxErrorKind::NoTransactions,
                "the webhook's store or inbox was given no pool of this database: make it by \
                 `PostgresStore::on_pool(pool)`, `PostgresInbox::on_pool(pool)` or `SqliteStore::on_pool(&pool)`, or \
                 give it a driver by `transactions_by(…)`",
            )
        })?;
        Ok(Self {
            context: Arc::clone(context),
            source,
            opened: None,
        })
    }

    /// The connection of the transaction. The first call begins it.
    ///
    /// # Errors
    ///
    /// Nothing was claimed for the run, the handler has begun another `Tx`, the lease is lost, no
    /// connection is free within its time, or the database refuses.
    pub async fn connection(&mut self) -> Result<&mut D::Connection, TxError> {
        if self.opened.is_none() {
            let opened = begin(&self.context, &*self.source).await?;
            self.opened = Some(opened);
        }
        let connection = self.opened.as_mut().and_then(|opened| opened.connection());
        connection.ok_or_else(|| TxError::new(TxErrorKind::Used, "it is not begun"))
    }
}

/// Begins the transaction of a run.
async fn begin<C>(
    context: &RunContext,
    source: &dyn Begin<C>,
) -> Result<Box<dyn Opened<C>>, TxError> {
    let claimed = context.claimed.get().ok_or_else(|| {
        TxError::new(
            TxErrorKind::NoClaim,
            "nothing was claimed for this run, so there is no record to commit with it",
        )
    })?;
    context.transaction.take()?;
    let mut taken = Taken {
        context,
        has_begun: false,
    };
    let ticket = Ticket {
        key: context.event.identity.key.clone(),
        token: claimed.token,
        attempt: claimed.grant.attempt,
        lease: context.state.terms.lease,
    };
    tracing::trace!(
        target: "tower_webhook",
        key = %ticket.key.escaped(),
        attempt = ticket.attempt,
        "a handler begins its transaction"
    );
    let opened = tokio::select! {
        biased;
        () = claimed.lease.lost() => Err(TxError::new(
            TxErrorKind::LeaseLost,
            "the lease of the event was lost before it could begin",
        )),
        opened = source.begin(ticket) => opened,
    };
    if let Ok(opened) = &opened {
        taken.has_begun = true;
        if let Some(until) = opened.until() {
            context.transaction.limit(until);
        }
    }
    opened
}

impl<D: TxDatabase> Drop for Tx<D> {
    /// The run decides the outcome.
    fn drop(&mut self) {
        if let Some(opened) = self.opened.take() {
            self.context.transaction.hand_in(opened);
        }
    }
}

/// The right to begin a transaction; returned unless one is begun.
struct Taken<'a> {
    context: &'a RunContext,
    has_begun: bool,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.has_begun {
            self.context.transaction.put_back();
        }
    }
}

impl<D: TxDatabase, S> FromRun<S> for Tx<D> {
    fn from_run(run: &Run<'_, S>) -> Result<Self, Failure> {
        Ok(Self::of(run.delivery())?)
    }
}

impl<D: TxDatabase> fmt::Debug for Tx<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("key", &self.context.event.identity.key)
            .field("is_begun", &self.opened.is_some())
            .finish()
    }
}
