//! Handlers with a [`Tx`](tower_webhook::Tx) of the driver that a process already uses. Each driver needs a
//! [`TxDriver`](tower_webhook::store::TxDriver), which is in its own file with a handler that uses it.

pub mod deadpool;
pub mod diesel;

/// A payment.
#[derive(Debug, serde::Deserialize)]
pub struct Payment {
    /// The id of its event.
    pub id: String,
    /// The amount.
    pub data: Paid,
}

/// An amount.
#[derive(Debug, serde::Deserialize)]
pub struct Paid {
    /// In cents.
    pub cents: i64,
}
