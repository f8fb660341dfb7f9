//! Takes entries for a worker.

use std::collections::BTreeSet;
use std::time::Instant;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{LONE_FROM, Route, Take, Taken};
use crate::store::sql::inbox::{Crowds, Due, LAST, Limits, LookAt, Part, Taking, Turn, chosen};
use crate::store::sql::micros;
use crate::store::sqlite::error::Fault;

use super::looking::paused;
use super::order_keys;
use super::rates;
use super::statements::{COLUMNS, contents, entry, upsert};

/// The result of a take.
pub(super) struct Took {
    pub(super) taken: Vec<Taken>,
    pub(super) wrote: bool,
    /// Whether the next take finds more to skip or to take.
    pub(super) has_more: bool,
}

/// The index that finds entries, and the condition on them.
fn index(lone: bool) -> (&'static str, &'static str) {
    // Lone entries are few, and are queried while many others are due.
    match lone {
        true => ("tower_webhook_inbox_lone", "deaths >= 2"),
        false => ("tower_webhook_inbox_due", "deaths < 2"),
    }
}

fn select_due(lone: bool) -> String {
    let (index, kind) = index(lone);
    format!(
        "SELECT id, key, name, size, {COLUMNS} FROM tower_webhook_inbox AS entry INDEXED BY {index}
         WHERE namespace = ?1 AND route = ?2 AND due IS NOT NULL AND due <= ?3 AND {kind}
           AND (due, id) > (?7, ?8) AND (due, id) <= (?9, ?10)
           AND (order_key IS NULL OR NOT EXISTS (
               SELECT 1 FROM tower_webhook_inbox_order AS held
               WHERE held.namespace = ?1 AND held.route = ?2 AND held.order_key = entry.order_key
                 AND (held.holder <> entry.id OR (held.used_until > ?5 AND held.used_until <= ?6))))
         ORDER BY due, id LIMIT ?4"
    )
}

/// The entry this many places after this one, if a due one exists.
fn select_bound(lone: bool) -> String {
    let (index, kind) = index(lone);
    format!(
        "SELECT due, id FROM tower_webhook_inbox INDEXED BY {index}
         WHERE namespace = ?1 AND route = ?2 AND due IS NOT NULL AND due <= ?3 AND {kind}
           AND (due, id) > (?4, ?5)
         ORDER BY due, id LIMIT 1 OFFSET ?6"
    )
}

/// As in the statement and the index.
const _: () = assert!(LONE_FROM == 2);

/// How often at most a take continues after entries that it skips.
const MOST_ROUNDS: usize = 256;

/// Takes due entries in the open transaction.
pub(super) async fn take(
    conn: &mut SqliteConnection,
    (crowds, namespace): (&Crowds, &Name),
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
    let (mut wrote, mut has_more) = (false, false);
    // The file is locked during this: the rest is skipped by the next take.
    for _ in 0..MOST_ROUNDS {
        taking.skipped = false;
        for part in [Part::Front, Part::Behind] {
            if !taking.taken.is_empty() {
                break;
            }
            let look = (crowds, part, namespace);
            let once = take_once(conn, look, &routes, &mut taking).await?;
            wrote |= once.wrote;
            has_more = once.has_more;
        }
        if !taking.taken.is_empty() || !taking.skipped {
            break;
        }
    }
    for (provider, of, used_until) in taking.limits.used() {
        rates::note(conn, namespace, (provider, of), used_until).await?;
    }
    Ok(Took {
        has_more: taking.taken.is_empty() && (taking.skipped || has_more),
        taken: taking.taken,
        wrote,
    })
}

/// The result of one scan.
struct Once {
    wrote: bool,
    /// Whether another scan continues after it.
    has_more: bool,
}

/// Takes up to the requested number.
async fn take_once(
    conn: &mut SqliteConnection,
    (crowds, part, namespace): (&Crowds, Part, &Name),
    routes: &[&Route],
    taking: &mut Taking<'_>,
) -> Result<Once, Fault> {
    let mut of_routes = Vec::with_capacity(routes.len());
    let mut unreadable = Vec::new();
    let mut has_more = false;
    for route in routes {
        let at = (namespace.clone(), (*route).clone(), taking.take.lone);
        let (due, more) = look(conn, (crowds, part), &at, taking, &mut unreadable).await?;
        has_more |= more;
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
    Ok(Once { wrote, has_more })
}

/// The due entries of a route, and whether another scan continues after this one.
async fn look(
    conn: &mut SqliteConnection,
    (crowds, part): (&Crowds, Part),
    at: &LookAt,
    taking: &Taking<'_>,
    unreadable: &mut Vec<i64>,
) -> Result<(Vec<Due>, bool), Fault> {
    let (most, ..) = taking.bounds(&at.1);
    if most <= 0 {
        // The rate is used up, and the route is not examined.
        return Ok((Vec::new(), false));
    }
    let Some((behind, is_crowded)) = crowds.begin(part, at) else {
        return Ok((Vec::new(), false));
    };
    let mut until = LAST;
    if is_crowded {
        until = bound(conn, at, (behind, crowds.window()), taking.now).await?;
    }
    let began = Instant::now();
    let unread = unreadable.len();
    let due = due_of(conn, at, (behind, until), taking, unreadable).await?;
    let found = due
        .len()
        .saturating_add(unreadable.len().saturating_sub(unread));
    let found_all = i64::try_from(found).is_ok_and(|found| found >= most);
    if !is_crowded {
        crowds.took(at, began.elapsed(), found_all);
    }
    Ok((due, is_crowded && crowds.looked(part, at, until, found_all)))
}

/// Where a scan that goes through this many entries ends.
async fn bound(
    conn: &mut SqliteConnection,
    (namespace, route, lone): &LookAt,
    (behind, window): (Turn, i64),
    now: UnixTime,
) -> Result<Turn, Fault> {
    let row = sqlx::query(AssertSqlSafe(select_bound(*lone)))
        .bind(namespace.as_str().to_owned())
        .bind(route.as_str().to_owned())
        .bind(micros(now))
        .bind(behind.0)
        .bind(behind.1)
        .bind(window)
        .fetch_optional(conn)
        .await?;
    match row {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => Ok(LAST),
    }
}

async fn due_of(
    conn: &mut SqliteConnection,
    (namespace, route, lone): &LookAt,
    (behind, until): (Turn, Turn),
    taking: &Taking<'_>,
    unreadable: &mut Vec<i64>,
) -> Result<Vec<Due>, Fault> {
    let (most, free, used) = taking.bounds(route);
    let rows = sqlx::query(AssertSqlSafe(select_due(*lone)))
        .bind(namespace.as_str().to_owned())
        .bind(route.as_str().to_owned())
        .bind(micros(taking.now))
        .bind(most)
        .bind(free)
        .bind(used)
        .bind(behind.0)
        .bind(behind.1)
        .bind(until.0)
        .bind(until.1)
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

/// Takes a row that cannot be read out of the way: it becomes dead, and is otherwise unchanged.
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
    vec![
        select_due(false),
        select_due(true),
        select_bound(false),
        select_bound(true),
        SET_ASIDE.to_owned(),
    ]
}
