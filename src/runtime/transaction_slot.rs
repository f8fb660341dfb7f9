//! Passes a transaction between its handler and the runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::store::{OpenTransaction, TxError, TxErrorKind};

/// The place of a transaction between its handler and the runtime.
#[derive(Default)]
pub(crate) struct TransactionSlot {
    state: Mutex<State>,
    /// When the handler is cancelled, if it has not ended by then.
    until: OnceLock<Instant>,
    has_limit: Notify,
    is_overdue: AtomicBool,
}

#[derive(Default)]
enum State {
    #[default]
    Unused,
    /// The handler has it.
    Used,
    /// The handler has given it back.
    Returned(Box<dyn OpenTransaction>),
    /// The handler has ended: a transaction that returns now is dropped, and so rolled back.
    Closed,
}

/// A transaction that a handler has begun.
pub(super) enum Used {
    Returned(Box<dyn OpenTransaction>),
    /// The handler has ended, but a part of it still has the transaction.
    Kept,
}

impl TransactionSlot {
    /// Takes the right to begin the transaction of the run.
    pub(crate) fn take(&self) -> Result<(), TxError> {
        let mut state = self.state();
        if matches!(*state, State::Unused) {
            *state = State::Used;
            return Ok(());
        }
        Err(TxError::new(
            TxErrorKind::Used,
            "the run has one already, in another `Tx` of its handler, or is over",
        ))
    }

    /// The handler has begun a transaction, and must end by this time.
    pub(crate) fn limit(&self, until: Instant) {
        let _ = self.until.set(until);
        self.has_limit.notify_one();
    }

    /// Runs the handler, and cancels it if its transaction is open for too long.
    pub(super) async fn limited<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            ended = run => Some(ended),
            () = self.over() => {
                self.is_overdue.store(true, Ordering::Relaxed);
                None
            }
        }
    }

    /// Whether the handler was cancelled.
    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::Relaxed)
    }

    /// Waits until the limit of a transaction is over, if it has one.
    async fn over(&self) {
        loop {
            match self.until.get() {
                Some(until) => return sleep_until(*until).await,
                None => self.has_limit.notified().await,
            }
        }
    }

    /// No transaction was begun.
    pub(crate) fn put_back(&self) {
        let mut state = self.state();
        if matches!(*state, State::Used) {
            *state = State::Unused;
        }
    }

    /// The handler is finished with it.
    pub(crate) fn hand_in(&self, transaction: Box<dyn OpenTransaction>) {
        let mut state = self.state();
        if matches!(*state, State::Used) {
            *state = State::Returned(transaction);
        } else {
            drop(state);
            drop(transaction);
        }
    }

    /// The handler has ended.
    pub(super) fn close(&self) -> Option<Used> {
        match std::mem::replace(&mut *self.state(), State::Closed) {
            State::Unused | State::Closed => None,
            State::Used => Some(Used::Kept),
            State::Returned(transaction) => Some(Used::Returned(transaction)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code can panic half-way while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
