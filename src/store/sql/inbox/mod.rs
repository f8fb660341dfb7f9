//! Shared code of the inboxes on SQL databases.
//!
//! As with records, a command reads its row, applies the rules, and writes the result: rows are read,
//! changes are returned.

mod batch;
mod crowds;
pub(in crate::store) mod entries;
mod order;
mod order_keys;
mod rates;
mod row;
mod taking;
#[cfg(test)]
pub(in crate::store) mod tests;

pub(in crate::store) use self::batch::{At, Changes, Found, FoundRow, NewRow, Placed, decide};
pub(in crate::store) use self::crowds::{Crowds, LAST, LookAt, Part, Turn};
pub(in crate::store) use self::entries::Entries;
pub(in crate::store) use self::order::{Answer, Order, mixed_up};
pub(in crate::store) use self::order_keys::{OrderAt, OrderKeys, OrderRow, held_order_key};
pub(in crate::store) use self::rates::{Limits, RateRow};
pub(in crate::store) use self::row::EntryRow;
pub(in crate::store) use self::taking::{Due, Taking, chosen};
