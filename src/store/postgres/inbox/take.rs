//! What a worker takes.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Route, Take, Taken};
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::{Due, Limits, Taking, chosen};
use crate::store::sql::micros;

use super::entries::{contents, free, update};
use super::front::Front;
use super::rows::entry;
use super::statements::EntryStatements;
use super::{order_keys, rates};

/// What a take came to.
pub(super) struct Took {
    pub(super) taken: Vec<Taken>,
    pub(super) wrote: bool,
    /// Whether the next one finds more to skip, or to take.
    pub(super) has_more: bool,
    /// Whether nothing was taken, and order keys were locked by others. They may have taken nothing either, for what
    /// comes first was locked here, and tell nobody.
    pub(super) passed_by: bool,
}

/// Takes what is due, in the transaction that is open. It waits for nobody who takes entries too.
///
/// Behind what it has skipped it goes on for this long: beyond the deadline all of it would be undone, and skipped
/// again.
pub(super) async fn take(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    front: &Front,
    namespace: &Name,
    take: &Take,
    (now, longest): (UnixTime, Duration),
) -> Result<Took, Fault> {
    let limits = rates::all(conn, &statements.lock_rates, namespace).await?;
    let mut taking = Taking::new(take, now, Limits::of_rows(limits));
    let (mut wrote, mut passed_by, until) = (false, false, Instant::now() + longest);
    loop {
        taking.skipped = false;
        let once = take_once(conn, statements, front, namespace, &mut taking).await?;
        wrote |= once.wrote;
        passed_by |= once.passed_by;
        if !taking.taken.is_empty() || !taking.skipped || Instant::now() >= until {
            break;
        }
    }
    for (provider, of, used_until) in taking.limits.used() {
        rates::note(conn, statements, namespace, (provider, of), used_until).await?;
    }
    Ok(Took {
        has_more: taking.taken.is_empty() && taking.skipped,
        passed_by: taking.taken.is_empty() && passed_by,
        taken: taking.taken,
        wrote,
    })
}

/// What there is of one route.
#[derive(Default)]
struct OfRoute {
    due: Vec<Due>,
    first: Option<i64>,
    /// The keys of rows that cannot be read.
    unreadable: Vec<String>,
}

/// What one look came to.
struct Once {
    wrote: bool,
    /// Whether it went by an order key that somebody had locked.
    passed_by: bool,
}

/// Takes up to as many as are asked for.
async fn take_once(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    front: &Front,
    namespace: &Name,
    taking: &mut Taking<'_>,
) -> Result<Once, Fault> {
    let mut unreadable = Vec::new();
    let mut of_routes = Vec::new();
    for of_route in look(conn, statements, front, namespace, taking).await? {
        of_routes.push(of_route.due);
        unreadable.extend(of_route.unreadable);
    }
    taking.skipped |= !unreadable.is_empty();
    let due = chosen(of_routes, taking.take);
    let mut places = BTreeMap::new();
    for at in due.iter().filter_map(Due::order_at) {
        *places.entry(at).or_insert(0_i64) += 1;
    }
    let (mut order_keys, mut queues) = order_keys::try_lock(conn, statements, places).await?;
    let passed_by = due
        .iter()
        .filter_map(Due::order_at)
        .any(|at| !queues.contains_key(&at));
    let comes_first = |due: &Due| {
        due.order_at().is_none_or(|at| {
            // Of a key that somebody is at one entry is being taken, or comes to its end.
            let Some(queue) = queues.get_mut(&at) else {
                return false;
            };
            order_keys.get(&at).holder.is_some() || queue.pop_front() == Some(due.id)
        })
    };
    let due: Vec<_> = due.into_iter().filter(comes_first).collect();
    let ids = due.iter().map(|due| due.id).collect();
    let contents = contents(conn, statements, ids).await?;
    let rows = taking.take(due, contents, &mut order_keys);
    let wrote = !rows.is_empty() || !unreadable.is_empty();
    update(conn, statements, rows).await?;
    order_keys::write(conn, statements, order_keys, taking.now).await?;
    for key in unreadable {
        set_aside(conn, statements, namespace, &key, taking.now).await?;
    }
    Ok(Once { wrote, passed_by })
}

/// Looks for what is due, by route.
async fn look(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    front: &Front,
    namespace: &Name,
    taking: &Taking<'_>,
) -> Result<Vec<OfRoute>, Fault> {
    let Take { routes, lone, .. } = taking.take;
    let (began, time) = (Instant::now(), micros(taking.now));
    let (mut texts, mut providers, mut behind) = (vec![], vec![], vec![]);
    let (mut most, mut free, mut used, mut looks) = (vec![], vec![], vec![], vec![]);
    for route in routes {
        let at = (namespace.clone(), route.clone(), *lone);
        let (from, is_full) = front.from(&at, time, began);
        let bounds = taking.bounds(route);
        texts.push(route.as_str().to_owned());
        providers.push(route.provider().as_str().to_owned());
        behind.push(from);
        most.push(bounds.0);
        free.push(bounds.1);
        used.push(bounds.2);
        looks.push((at, is_full));
    }
    let sql = match lone {
        true => &statements.due_lone,
        false => &statements.due,
    };
    let query = sql
        .query()
        .bind(namespace.as_str())
        .bind(texts)
        .bind(providers)
        .bind(behind)
        .bind(most)
        .bind(free)
        .bind(used)
        .bind(time);
    let mut of_routes: Vec<_> = routes.iter().map(|_| OfRoute::default()).collect();
    for row in query.fetch_all(conn).await? {
        let number: i64 = row.try_get(0)?;
        let number = usize::try_from(number)
            .ok()
            .and_then(|it| it.checked_sub(1));
        let of_route = number.and_then(|it| Some((of_routes.get_mut(it)?, routes.get(it)?)));
        let Some((of_route, route)) = of_route else {
            continue;
        };
        of_route.first = row.try_get(1)?;
        let key: Option<String> = row.try_get(4)?;
        match key.map(|key| (due(namespace, route, &key, &row), key)) {
            Some((Some(due), _)) => of_route.due.push(due),
            Some((None, key)) => of_route.unreadable.push(key),
            None => {}
        }
    }
    let now = Instant::now();
    for ((at, is_full), of_route) in looks.iter().zip(&of_routes) {
        if *is_full {
            front.looked(at, began, now);
        }
        front.seen(at, of_route.first, time);
    }
    Ok(of_routes)
}

fn due(namespace: &Name, route: &Route, key: &str, row: &PgRow) -> Option<Due> {
    let (id, size): (i64, i64) = (row.try_get(2).ok()?, row.try_get(3).ok()?);
    let name: Option<Vec<u8>> = row.try_get(5).ok()?;
    let entry = entry(row, 6)?;
    Due::read(namespace, route, (id, size), (key, name.as_deref()), &entry)
}

/// Takes a row that cannot be read out of the way: it is dead, and stays as it is but for that.
async fn set_aside(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    key: &str,
    now: UnixTime,
) -> Result<(), Fault> {
    tracing::error!(key, "an entry of the inbox cannot be read, and is dead");
    free(&mut *conn, statements, namespace.as_str(), key).await?;
    statements
        .set_aside
        .query()
        .bind(namespace.as_str())
        .bind(key)
        .bind(micros(now))
        .execute(conn)
        .await?;
    Ok(())
}
