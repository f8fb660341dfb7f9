//! Shared code of the stores on SQL databases.
//!
//! A command reads its row in a short transaction, applies the rules of the record, and writes the
//! result. Commands that arrive together share a transaction. Nothing here depends on a database:
//! rows are read, changes are returned.

mod batch;
mod deadline;
#[cfg(feature = "inbox")]
pub(super) mod inbox;
pub(super) mod journal;
mod order;
mod place;
pub(super) mod records;
mod row;
#[cfg(test)]
pub(super) mod tests;
mod wait;

pub(super) use self::batch::{Change, Found, Stored, decide};
pub(super) use self::deadline::checked as checked_deadline;
pub(super) use self::order::{Answer, Order, Placed};
pub(super) use self::place::Place;
pub(super) use self::records::{OpenCounts, Records};
#[cfg(feature = "postgres")]
pub(super) use self::row::from_micros;
pub(super) use self::row::{Row, micros};
pub(super) use self::wait::Waiting;

/// Undoes the transaction of a handler, whatever savepoints are open in it.
///
/// If the handler has left a transaction of `sqlx` open within it, `sqlx` would undo only that one. So the
/// whole is undone first, and `sqlx` ends an empty one: with one savepoint too many, it cannot, and the
/// connection is closed.
pub(super) const ROLL_BACK: &str = "ROLLBACK; BEGIN";
