//! Handlers with a [`Tx`](tower_webhook::Tx) by the driver that a process has anyway: what each needs is a
//! [`TxDriver`](tower_webhook::store::TxDriver), and stands in a file of its own with a handler that uses it.

pub mod deadpool;
pub mod diesel;

/// What has been paid.
#[derive(Debug, serde::Deserialize)]
pub struct Payment {
    /// Which event it is.
    pub id: String,
    /// How much.
    pub data: Paid,
}

/// An amount.
#[derive(Debug, serde::Deserialize)]
pub struct Paid {
    /// In hundredths.
    pub cents: i64,
}
