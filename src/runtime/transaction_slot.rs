//! Where the transaction of a handler is while it runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::{OpenTransaction, TxError, TxErrorKind};

/// Where a transaction is between its handler and the runtime.
#[derive(Default)]
pub(crate) struct TransactionSlot(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Unused,
    /// The handler has it.
    Used,
    /// The handler has given it back.
    Returned(Box<dyn OpenTransaction>),
    /// The handler has ended: what comes back now is dropped, and so rolled back.
    Closed,
}

/// A transaction that a handler has begun.
pub(super) enum Used {
    Returned(Box<dyn OpenTransaction>),
    /// The handler has ended and something of it has the transaction still.
    Kept,
}

impl TransactionSlot {
    /// The right to begin the transaction of the run.
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

    /// None was begun.
    pub(crate) fn put_back(&self) {
        let mut state = self.state();
        if matches!(*state, State::Used) {
            *state = State::Unused;
        }
    }

    /// The handler does nothing more in it.
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
        // Nothing can fail half-way while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
