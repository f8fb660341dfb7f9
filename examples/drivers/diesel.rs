//! A driver for `diesel-async` with its pool of `deadpool`.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error, OptionalExtension as _, QueryResult};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
    TransactionManager,
};
use tower_webhook::runtime::Failure;
use tower_webhook::store::TxDriver;
use tower_webhook::{Event, Tx};

use crate::Payment;

/// The driver for a pool. Its connections count nested transactions: `transaction` on one makes a savepoint.
#[derive(Clone)]
pub struct Diesel(pub Pool<AsyncPgConnection>);

impl fmt::Debug for Diesel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diesel")
    }
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    answer: String,
}

impl TxDriver for Diesel {
    type Connection = Object<AsyncPgConnection>;
    type Error = Error;

    async fn connect(&self) -> QueryResult<Self::Connection> {
        let unable = |error: diesel_async::pooled_connection::deadpool::PoolError| {
            let kind = DatabaseErrorKind::UnableToSendCommand;
            Error::DatabaseError(kind, Box::new(error.to_string()))
        };
        self.0.get().await.map_err(unable)
    }

    async fn execute(connection: &mut Self::Connection, sql: &str) -> QueryResult<()> {
        connection.batch_execute(sql).await
    }

    async fn ask(connection: &mut Self::Connection, sql: &str) -> QueryResult<Option<String>> {
        let answer = sql_query(sql).get_result::<Answer>(connection).await;
        Ok(answer.optional()?.map(|found| found.answer))
    }

    async fn begin(connection: &mut Self::Connection, sql: &str) -> QueryResult<()> {
        AnsiTransactionManager::begin_transaction_sql(&mut **connection, sql).await
    }

    async fn commit(connection: &mut Self::Connection) -> QueryResult<()> {
        AnsiTransactionManager::commit_transaction(&mut **connection).await
    }

    async fn roll_back(connection: &mut Self::Connection) -> QueryResult<()> {
        AnsiTransactionManager::rollback_transaction(&mut **connection).await
    }

    fn close(connection: Self::Connection) {
        // Taken out of the pool and dropped.
        let _ = Object::take(connection);
    }

    fn sqlstate(_: &Error) -> Option<String> {
        // Diesel does not report this.
        None
    }
}

/// Credits each payment once: the row is committed with the record of its event, or not at all.
pub async fn on_payment(Event(payment): Event<Payment>, mut tx: Tx<Diesel>) -> Result<(), Failure> {
    let insert = sql_query("INSERT INTO payments (event, cents) VALUES ($1, $2)");
    let insert = insert
        .bind::<Text, _>(payment.id)
        .bind::<BigInt, _>(payment.data.cents);
    insert.execute(tx.connection().await?).await?;
    Ok(())
}
