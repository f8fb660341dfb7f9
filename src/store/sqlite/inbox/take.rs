//! What a worker takes.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{LONE_FROM, Route, Take, Taken};
use crate::store::sql::inbox::{Due, Limits, Taking, chosen};
use crate::store::sql::micros;
use crate::store::sqlite::error::Fault;

use super::looking::paused;
use super::order_keys;
use super::rates;
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
        "SELECT id, key, name, size, {COLUMNS} FROM tower_webhook_inbox AS entry INDEXED BY {index}
         WHERE namespace = ?1 AND route = ?2 AND due IS NOT NULL AND due <= ?3 AND {kind}
           AND (order_key IS NULL OR NOT EXISTS (
               SELECT 1 FROM tower_webhook_inbox_order AS held
               WHERE held.namespace = ?1 AND held.route = ?2 AND held.order_key = entry.order_key
                 AND (held.holder <> entry.id OR (held.used_until > ?5 AND held.used_until <= ?6))))
         ORDER BY due, id LIMIT ?4"
    )
}

/// As the statement and the index have it.
const _: () = assert!(LONE_FROM == 2);

/// So often at most a take goes on behind what it has skipped.
const MOST_ROUNDS: usize = 256;

/// Takes what is due, in the transaction that is open.
pub(super) async fn take(
    conn: &mut SqliteConnection,
    namespace: &Name,
    take: &Take,
    now: UnixTime,
) -> Result<Took, Fault> {
    let paused: BTreeSet<Name> = paused(conn, namespace).await?.into_iter().collect();
    let routes = take.routes.iter();
    let routes: Vec<_> = routes
        .filter(|it| !paused.contains(it.provider()))
        .collect();
    let limits = Limits::of_rows(rates::all(conn, namespace).await?);
    let mut taking = Taking::new(take, now, limits);
    let mut wrote = false;
    // The file is locked meanwhile: what is left is skipped by the next one.
    for _ in 0..MOST_ROUNDS {
        taking.skipped = false;
        wrote |= take_once(conn, namespace, &routes, &mut taking).await?;
        if !taking.taken.is_empty() || !taking.skipped {
            break;
        }
    }
    for (provider, of, used_until) in taking.limits.used() {
        rates::note(conn, namespace, (provider, of), used_until).await?;
    }
    Ok(Took {
        taken: taking.taken,
        wrote,
    })
}

/// Takes up to as many as are asked for, and says whether it has written anything.
async fn take_once(
    conn: &mut SqliteConnection,
    namespace: &Name,
    routes: &[&Route],
    taking: &mut Taking<'_>,
) -> Result<bool, Fault> {
    let mut of_routes = Vec::with_capacity(routes.len());
    let mut unreadable = Vec::new();
    for route in routes {
        let due = due_of(conn, namespace, route, taking, &mut unreadable).await?;
        of_routes.push(due);
    }
    taking.skipped |= !unreadable.is_empty();
    let due = chosen(of_routes, taking.take);
    let ids: Vec<_> = due.iter().map(|due| due.id).collect();
    let contents = contents(conn, &ids).await?.into_iter().collect();
    let places = due.iter().filter_map(Due::order_at);
    let mut order_keys = order_keys::read(conn, places.collect()).await?;
    let rows = taking.take(due, contents, &mut order_keys);
    let wrote = !rows.is_empty() || !unreadable.is_empty();
    upsert(conn, rows).await?;
    order_keys::write(conn, order_keys, taking.now).await?;
    for id in unreadable {
        set_aside(conn, id, taking.now).await?;
    }
    Ok(wrote)
}

async fn due_of(
    conn: &mut SqliteConnection,
    namespace: &Name,
    route: &Route,
    taking: &Taking<'_>,
    unreadable: &mut Vec<i64>,
) -> Result<Vec<Due>, Fault> {
    let (most, free, used) = taking.bounds(route);
    let rows = sqlx::query(AssertSqlSafe(select_due(taking.take.lone)))
        .bind(namespace.as_str().to_owned())
        .bind(route.as_str().to_owned())
        .bind(micros(taking.now))
        .bind(most)
        .bind(free)
        .bind(used)
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
    order_keys::free(conn, id).await?;
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
