//! Finds the events that hold an order key.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{HeldOrderKey, Route};
use crate::store::sql::inbox::held_order_key;
use crate::store::sql::micros;
use crate::store::sqlite::error::Fault;

/// Running entries and retries are due later; a dead entry holds its key only on request.
const HELD: &str = "\
SELECT looked.key, looked.name, looked.order_key FROM (
    SELECT * FROM (
        SELECT id, key, name, order_key FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_due
        WHERE namespace = ?1 AND route = ?2 AND due IS NOT NULL AND due > ?3
        ORDER BY due, id LIMIT 2000)
    UNION ALL
    SELECT * FROM (
        SELECT id, key, name, order_key FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_dead
        WHERE namespace = ?1 AND state = 5 AND route = ?2 ORDER BY key LIMIT 2000)) AS looked
CROSS JOIN tower_webhook_inbox_order AS held
    ON held.namespace = ?1 AND held.route = ?2 AND held.order_key = looked.order_key
WHERE held.holder = looked.id LIMIT ?4";

/// Up to this many, out of some thousand entries.
pub(super) async fn held(
    conn: &mut SqliteConnection,
    namespace: &Name,
    route: &Route,
    limit: usize,
    now: UnixTime,
) -> Result<Vec<HeldOrderKey>, Fault> {
    let rows = sqlx::query(HELD)
        .bind(namespace.as_str().to_owned())
        .bind(route.as_str().to_owned())
        .bind(micros(now))
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

/// Every statement that reads here.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    vec![HELD.to_owned()]
}
