//! The state of order keys, in rows of their own.

use std::collections::{BTreeSet, HashMap};

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::store::sql::inbox::{OrderAt, OrderKeys, OrderRow};
use crate::store::sqlite::error::Fault;

use super::statements::{MOST_ROWS, repeated};

/// Reads the state of these order keys.
pub(super) async fn read(
    conn: &mut SqliteConnection,
    places: BTreeSet<OrderAt>,
) -> Result<OrderKeys, Fault> {
    let places: Vec<_> = places.into_iter().collect();
    let mut states = HashMap::with_capacity(places.len());
    for places in places.chunks(MOST_ROWS) {
        // Padded to a power of two by repeating the last place.
        let wanted = places.len().next_power_of_two();
        let mut query = sqlx::query(AssertSqlSafe(select(wanted)));
        let last = places.last().into_iter().cycle();
        for at in places.iter().chain(last).take(wanted) {
            query = query
                .bind(at.namespace.clone())
                .bind(at.route.clone())
                .bind(at.key.clone());
        }
        for row in query.fetch_all(&mut *conn).await? {
            let at = OrderAt {
                namespace: row.try_get(0)?,
                route: row.try_get(1)?,
                key: row.try_get(2)?,
            };
            let row = OrderRow {
                holder: row.try_get(3)?,
                applied: row.try_get(4)?,
                applied_until: row.try_get(5)?,
                used_until: row.try_get(6)?,
                kept_until: None,
            };
            states.insert(at, row.state());
        }
    }
    Ok(OrderKeys::of(states))
}

/// Writes changed keys, and removes those that need not be kept.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    order_keys: OrderKeys,
    now: UnixTime,
) -> Result<(), Fault> {
    for (at, row) in order_keys.changed(now) {
        let mut query = sqlx::query(if row.is_some() { UPSERT } else { DELETE })
            .bind(at.namespace)
            .bind(at.route)
            .bind(at.key);
        if let Some(row) = row {
            query = query
                .bind(row.holder)
                .bind(row.applied)
                .bind(row.applied_until)
                .bind(row.used_until)
                .bind(row.kept_until);
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

fn select(places: usize) -> String {
    format!(
        "SELECT namespace, route, order_key, holder, applied, applied_until, used_until
         FROM tower_webhook_inbox_order WHERE (namespace, route, order_key) IN (VALUES {})",
        repeated("(?, ?, ?)", places)
    )
}

const UPSERT: &str = "\
INSERT INTO tower_webhook_inbox_order (namespace, route, order_key, holder, applied, applied_until,
    used_until, kept_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, route, order_key) DO UPDATE SET holder = excluded.holder,
    applied = excluded.applied, applied_until = excluded.applied_until,
    used_until = excluded.used_until, kept_until = excluded.kept_until";

const DELETE: &str = "\
DELETE FROM tower_webhook_inbox_order WHERE namespace = ? AND route = ? AND order_key = ?";

const FREE: &str = "\
UPDATE tower_webhook_inbox_order
SET holder = NULL, kept_until = max(coalesce(applied_until, 0), coalesce(used_until, 0))
WHERE (namespace, route, order_key) =
    (SELECT namespace, route, order_key FROM tower_webhook_inbox WHERE id = ?1) AND holder = ?1";

/// Frees the order key that the row with this number holds, if it does.
pub(super) async fn free(conn: &mut SqliteConnection, id: i64) -> Result<(), Fault> {
    sqlx::query(FREE).bind(id).execute(conn).await?;
    Ok(())
}

/// Every statement that reads here.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    vec![select(1), DELETE.to_owned(), FREE.to_owned()]
}
