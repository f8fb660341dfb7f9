//! A driver for `tokio-postgres` with a pool of `deadpool-postgres`.

use deadpool_postgres::{Object, Pool, PoolError};
use tokio_postgres::SimpleQueryMessage;
use tower_webhook::runtime::Failure;
use tower_webhook::store::TxDriver;
use tower_webhook::{Event, Tx};

use crate::Payment;

/// The driver for a pool.
#[derive(Debug, Clone)]
pub struct Deadpool(pub Pool);

impl TxDriver for Deadpool {
    type Connection = Object;
    type Error = PoolError;

    async fn connect(&self) -> Result<Object, PoolError> {
        self.0.get().await
    }

    async fn execute(connection: &mut Object, sql: &str) -> Result<(), PoolError> {
        Ok(connection.batch_execute(sql).await?)
    }

    async fn ask(connection: &mut Object, sql: &str) -> Result<Option<String>, PoolError> {
        let answer = connection.simple_query(sql).await?;
        let text = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get("answer"),
            _ => None,
        });
        Ok(text.map(str::to_owned))
    }

    fn close(connection: Object) {
        // Taken out of the pool and dropped.
        let _ = Object::take(connection);
    }

    fn sqlstate(error: &PoolError) -> Option<String> {
        match error {
            PoolError::Backend(error) => Some(error.code()?.code().to_owned()),
            _ => None,
        }
    }
}

/// Credits each payment once: the row is committed with the record of its event, or not at all.
///
/// To undo a part of the transaction, use `SAVEPOINT` and `ROLLBACK TO`: `Client::transaction`
/// would begin and commit the whole.
pub async fn on_payment(
    Event(payment): Event<Payment>,
    mut tx: Tx<Deadpool>,
) -> Result<(), Failure> {
    let connection = tx.connection().await?;
    let sql = "INSERT INTO payments (event, cents) VALUES ($1, $2)";
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&payment.id, &payment.data.cents];
    connection.execute(sql, &values).await?;
    Ok(())
}
