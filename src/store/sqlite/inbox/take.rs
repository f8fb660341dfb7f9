//! What a worker takes.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{LONE_FROM, Route, Take, Taken};
use crate::store::sql::inbox::{Due, chosen, taken};
use crate::store::sql::micros;
use crate::store::sqlite::error::Fault;

use super::looking::paused;
use super::statements::{COLUMNS, contents, entry, upsert};

/// What a take came to.
pub(super) struct Took {
    pub(super) taken: Vec<Taken>,
    pub(super) wrote: bool,
}

fn select_due(lone: bool) -> String {
    // The lone ones are few, and asked for while many others are due.
    let (index, kind) = match lone {
        true => ("tower_webhook_inbox_lone", "deaths >= 2"),
        false => ("tower_webhook_inbox_due", "deaths < 2"),
    };
    format!(
        "SELECT id, key, name, size, {COLUMNS} FROM tower_webhook_inbox INDEXED BY {index}
         WHERE namespace = ?1 AND route = ?2 AND due IS NOT NULL AND due <= ?3 AND {kind}
         ORDER BY due, id LIMIT ?4"
    )
}

/// As the statement and the index have it.
const _: () = assert!(LONE_FROM == 2);

/// Takes what is due, in the transaction that is open.
pub(super) async fn take(
    conn: &mut SqliteConnection,
    namespace: &Name,
    take: &Take,
    now: UnixTime,
) -> Result<Took, Fault> {
    let paused: BTreeSet<Name> = paused(conn, namespace).await?.into_iter().collect();
    let mut routes = Vec::with_capacity(take.routes.len());
    let mut unreadable = Vec::new();
    for route in &take.routes {
        if !paused.contains(route.provider()) {
            routes.push(due_of(conn, namespace, route, take, now, &mut unreadable).await?);
        }
    }
    let due = chosen(routes, take);
    let ids: Vec<_> = due.iter().map(|due| due.id).collect();
    let contents = contents(conn, &ids).await?.into_iter().collect();
    let (taken, rows) = taken(due, contents, take, now);
    let wrote = !rows.is_empty() || !unreadable.is_empty();
    upsert(conn, rows).await?;
    for id in unreadable {
        set_aside(conn, id, now).await?;
    }
    Ok(Took { taken, wrote })
}

async fn due_of(
    conn: &mut SqliteConnection,
    namespace: &Name,
    route: &Route,
    take: &Take,
    now: UnixTime,
    unreadable: &mut Vec<i64>,
) -> Result<Vec<Due>, Fault> {
    let rows = sqlx::query(AssertSqlSafe(select_due(take.lone)))
        .bind(namespace.as_str().to_owned())
        .bind(route.as_str().to_owned())
        .bind(micros(now))
        .bind(i64::try_from(take.limit).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let id: i64 = row.try_get(0)?;
        let read = || {
            let (key, name): (String, Option<Vec<u8>>) =
                (row.try_get(1).ok()?, row.try_get(2).ok()?);
            let (size, entry) = (row.try_get(3).ok()?, entry(&row, 4).ok()?);
            Due::read(
                namespace,
                route,
                (id, size),
                (&key, name.as_deref()),
                &entry,
            )
        };
        match read() {
            Some(entry) => due.push(entry),
            None => unreadable.push(id),
        }
    }
    Ok(due)
}

/// Takes a row that cannot be read out of the way: it is dead, and stays as it is but for that.
async fn set_aside(conn: &mut SqliteConnection, id: i64, now: UnixTime) -> Result<(), Fault> {
    tracing::error!(id, "an entry of the inbox cannot be read, and is dead");
    sqlx::query(SET_ASIDE)
        .bind(id)
        .bind(micros(now))
        .execute(conn)
        .await?;
    Ok(())
}

const SET_ASIDE: &str =
    "UPDATE tower_webhook_inbox SET state = 5, due = NULL, since = ?2 WHERE id = ?1";

/// Every statement that reads here.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    vec![select_due(false), select_due(true), SET_ASIDE.to_owned()]
}
