//! The queries and notifications of handlers' transactions on the store's own connections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use crate::event::{EventKey, Name};
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::store::command::Held;
use crate::store::sql::{Place, Waiting};
use crate::store::token::Token;
use crate::store::transaction::{Finished, TxError, TxErrorKind};

use super::commands::Commands;
use super::database::Database;
use super::tx_statements::{Done, Found, TxStatements};

/// How often to check whether a commit without an answer was made, and for how much longer than a lease.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
const LOOK_SPARE: Duration = Duration::from_secs(5);

/// The rows of one namespace, to which transactions of handlers belong.
pub(super) struct TxRecords<C: Commands> {
    pub(super) database: Arc<Database<C>>,
    pub(super) statements: TxStatements,
    pub(super) namespace: Name,
    pub(super) waiting: Arc<Waiting>,
}

/// `TxRecords` with any kind of commands.
pub(super) trait Records: Send + Sync {
    fn statements(&self) -> &TxStatements;

    fn place(&self, key: &EventKey) -> Place;

    /// Terminates open transactions of the event, if that is allowed and the event is held with this token.
    fn end_others<'a>(&'a self, place: &'a Place, token: Token) -> BoxFuture<'a, ()>;

    /// Finds out the result of a commit without an answer.
    fn look_up<'a>(
        &'a self,
        place: &'a Place,
        token: Token,
        lease: Duration,
    ) -> BoxFuture<'a, Finished>;

    /// Wakes tasks that wait for the end of this event.
    fn tell(&self, place: &Place, done: Done);
}

/// The advisory lock that identifies a transaction of an event.
pub(super) fn lock_of(statements: &TxStatements, place: &Place) -> i64 {
    let mut hash = Sha256::new();
    for part in [statements.table(), place.namespace.as_str(), &place.key] {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let first: [u8; 8] = hash.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

impl<C: Commands> Records for TxRecords<C> {
    fn statements(&self) -> &TxStatements {
        &self.statements
    }

    fn place(&self, key: &EventKey) -> Place {
        Place::of(&self.namespace, key)
    }

    fn end_others<'a>(&'a self, place: &'a Place, token: Token) -> BoxFuture<'a, ()> {
        let (lock, at) = (lock_of(&self.statements, place), place.clone());
        let statements = self.statements.clone();
        Box::pin(async move {
            let ending = self.database.read(move |conn, _| {
                Box::pin(async move { statements.end_holders(conn, lock, &at, token).await })
            });
            if let Err(error) = ending.await {
                tracing::warn!(
                    target: "tower_webhook",
                    key = %place.key,
                    error = %Printable(Chain(&error)),
                    "an open transaction of the event cannot be ended; its locks stay until its statement \
                     and the idle limit are over"
                );
            }
        })
    }

    fn look_up<'a>(
        &'a self,
        place: &'a Place,
        token: Token,
        lease: Duration,
    ) -> BoxFuture<'a, Finished> {
        let looking = async move {
            loop {
                let (statements, at) = (self.statements.clone(), place.clone());
                let reading = self.database.read(move |conn, _| {
                    Box::pin(async move { statements.found(conn, &at, token).await })
                });
                match reading.await {
                    Ok(found) => return found,
                    // While the commit is in progress, its row is locked.
                    Err(_) => sleep(LOOK_PAUSE).await,
                }
            }
        };
        Box::pin(async move {
            match timeout(lease.saturating_add(LOOK_SPARE), looking).await {
                Ok(Found::Done) => Finished::Ended(Held::Held),
                Ok(Found::Held) => Finished::Failed(TxError::new(
                    TxErrorKind::Database,
                    "the connection broke at the commit, which was not made",
                )),
                Ok(Found::Lost) => Finished::Ended(Held::Fenced),
                Err(_) => Finished::Unknown,
            }
        })
    }

    fn tell(&self, place: &Place, done: Done) {
        self.waiting.hint(place);
        if done.is_awaited {
            self.database.commands().may_have_changed();
        }
    }
}
