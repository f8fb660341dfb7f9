//! The transaction of a handler, in which its event is also completed.
//!
//! The code that runs the handler knows no database: it receives an open transaction and either finishes it
//! together with the record or rolls it back.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::event::EventKey;

use super::command::{Complete, Held};
use super::token::Token;

/// The store's support for handlers that take a [`Tx`](crate::Tx); see
/// [`Store::transactions`](super::Store::transactions).
///
/// Only the stores of this crate make one. A store that wraps another one returns that of the inner store.
#[derive(Clone)]
pub struct Transactions(Arc<dyn Any + Send + Sync>);

impl Transactions {
    pub(crate) fn of<C: 'static>(source: impl Begin<C> + 'static) -> Self {
        let source: Arc<dyn Begin<C>> = Arc::new(source);
        Self(Arc::new(source))
    }

    /// The source of transactions, if they run on connections of this kind.
    pub(crate) fn source<C: 'static>(&self) -> Option<Arc<dyn Begin<C>>> {
        self.0.downcast_ref().cloned()
    }
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").finish_non_exhaustive()
    }
}

/// The claim that a transaction belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) key: EventKey,
    pub(crate) token: Token,
    pub(crate) attempt: u32,
    pub(crate) lease: Duration,
}

/// Begins transactions on connections of one kind.
pub(crate) trait Begin<C>: Send + Sync {
    fn begin(&self, ticket: Ticket) -> BoxFuture<'_, Result<Box<dyn Opened<C>>, TxError>>;
}

/// A transaction that a handler can use.
pub(crate) trait Opened<C>: OpenTransaction {
    /// The connection for the handler's statements; always there while the transaction is open.
    fn connection(&mut self) -> Option<&mut C>;

    /// When an unfinished handler is ended, because others wait for the transaction.
    fn until(&self) -> Option<Instant> {
        None
    }
}

/// A transaction that is open.
pub(crate) trait OpenTransaction: Send {
    /// Marks the event as done in the transaction, and commits both.
    ///
    /// It takes as long as the database does. If the answer is lost, it takes until the result is known
    /// or the lease is over.
    fn finish(self: Box<Self>, complete: Complete) -> BoxFuture<'static, Finished>;

    /// Undoes what the handler did.
    fn roll_back(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What became of a transaction that was to be committed.
#[derive(Debug)]
pub(crate) enum Finished {
    /// Effect and record are written, or neither is because another receiver has the event now.
    Ended(Held),
    /// Neither is written, and the event is still this receiver's.
    Failed(TxError),
    /// The handler has ended the transaction itself, or continued after a statement that failed.
    Broken(&'static str),
    /// Both are written or neither is, and it is unknown which.
    Unknown,
}

/// Why a handler has no transaction, or why it was not committed.
///
/// ```
/// use tower_webhook::runtime::{Failure, FailureKind};
/// use tower_webhook::{TxError, TxErrorKind};
///
/// /// As an error of a handler, it leads to another try.
/// fn failure(error: TxError) -> Failure {
///     if error.kind() == TxErrorKind::NoTransactions {
///         eprintln!("give the store the pool: {error}");
///     }
///     error.into()
/// }
/// ```
#[derive(Debug)]
pub struct TxError {
    kind: TxErrorKind,
    message: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of failure of a [`TxError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TxErrorKind {
    /// The webhook's store was given no pool of this database.
    NoTransactions,
    /// Nothing was claimed for this run: the store could not be reached, or the event is a question that
    /// is answered each time.
    NoClaim,
    /// The run has a transaction already, in another `Tx` of the handler.
    Used,
    /// No connection was free in time.
    Busy,
    /// The event was lost to another receiver.
    LeaseLost,
    /// The database has refused, or cannot be reached.
    Database,
}

impl TxError {
    pub(crate) fn new(kind: TxErrorKind, message: &'static str) -> Self {
        Self {
            kind,
            message,
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> TxErrorKind {
        self.kind
    }
}

impl fmt::Display for TxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no transaction: {}", self.message)
    }
}

impl Error for TxError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}
