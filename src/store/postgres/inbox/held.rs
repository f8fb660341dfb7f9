//! Finds the events that hold an order key.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::event::Name;
use crate::inbox::{HeldOrderKey, Route};
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::held_order_key;

use super::statements::EntryStatements;

/// Up to this many, out of some thousand entries.
pub(super) async fn held(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    route: &Route,
    limit: usize,
) -> Result<Vec<HeldOrderKey>, Fault> {
    let rows = statements
        .held
        .query()
        .bind(namespace.as_str())
        .bind(route.as_str())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let (key, name, order): (String, Option<Vec<u8>>, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        found.extend(held_order_key(namespace, &key, name.as_deref(), &order));
    }
    Ok(found)
}
