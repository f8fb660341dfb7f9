//! Reads from the table.

use std::sync::Arc;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::store::error::StoreError;
use crate::store::sql::{Answer, Found, OpenCounts, Place, Placed, Records, Row, Stored, Waiting};

use super::{PostgresStore, statements, told};

impl Records for PostgresStore {
    fn namespace_name(&self) -> &Name {
        &self.server.namespace
    }

    fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    async fn write(
        &self,
        orders: Vec<Placed>,
    ) -> Result<Vec<Result<Answer, StoreError>>, StoreError> {
        self.server.database.write(orders).await
    }

    async fn stored(&self, place: Place) -> Result<(UnixTime, Option<Stored>), StoreError> {
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(
                async move { statements::one(conn, &shared.commands.statements, &place).await },
            )
        });
        let (told, stored) = reading.await?;
        Ok((self.server.database.time(told), stored))
    }

    async fn stored_many(&self, places: Vec<Place>) -> Result<(UnixTime, Found), StoreError> {
        let reading = self.server.database.read(move |conn, shared| {
            let statements = &shared.commands.statements;
            Box::pin(async move { statements::many(conn, statements, &places).await })
        });
        let (told, found) = reading.await?;
        Ok((self.server.database.time(told), found))
    }

    async fn time(&self) -> Result<UnixTime, StoreError> {
        let reading = self
            .server
            .database
            .read(|conn, _| Box::pin(told::told(conn)));
        Ok(self.server.database.time(reading.await?.time))
    }

    async fn unfinished_in(
        &self,
        range: (String, String),
        now: UnixTime,
        limit: i64,
    ) -> Result<Vec<(EventKey, Row)>, StoreError> {
        let namespace = self.server.namespace.clone();
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                let statements = &shared.commands.statements;
                statements::unfinished(conn, statements, &namespace, range, now, limit).await
            })
        });
        reading.await
    }

    async fn count_open(&self, behind: String, now: UnixTime) -> Result<OpenCounts, StoreError> {
        let namespace = self.server.namespace.clone();
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                statements::count_open(conn, &shared.commands.statements, &namespace, behind, now)
                    .await
            })
        });
        reading.await
    }

    async fn count_done(&self, after: i64) -> Result<(i64, Option<i64>), StoreError> {
        let namespace = self.server.namespace.clone();
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                statements::count_done(conn, &shared.commands.statements, &namespace, after).await
            })
        });
        reading.await
    }
}
