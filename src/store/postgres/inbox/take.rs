//! Takes entries for a worker.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Take, Taken};
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::{Due, Limits, Part, Taking, chosen};
use crate::store::sql::micros;

use super::due::{Looks, look};
use super::entries::{free, update};
use super::statements::EntryStatements;
use super::{order_keys, rates};

/// The result of a take.
pub(super) struct Took {
    pub(super) taken: Vec<Taken>,
    pub(super) wrote: bool,
    /// Whether the next take finds more to skip or to take.
    pub(super) has_more: bool,
    /// Whether nothing was taken, and others had locked order keys. They may also have taken nothing, because this
    /// take had locked the first entries, and then notify nobody.
    pub(super) passed_by: bool,
}

/// Takes due entries in the open transaction. It does not wait for other takes.
///
/// It continues after skipped entries for this long: beyond the deadline, all of it would be undone, and skipped
/// again.
pub(super) async fn take(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    looks: &Looks,
    namespace: &Name,
    take: &Take,
    (now, longest): (UnixTime, Duration),
) -> Result<Took, Fault> {
    let limits = rates::all(conn, &statements.lock_rates, namespace).await?;
    let mut taking = Taking::new(take, now, Limits::of_rows(limits));
    let (mut wrote, mut passed_by, until) = (false, false, Instant::now() + longest);
    let mut has_more;
    loop {
        taking.skipped = false;
        has_more = false;
        for part in [Part::Front, Part::Behind] {
            if !taking.taken.is_empty() {
                break;
            }
            let once = take_once(conn, statements, (looks, part), namespace, &mut taking).await?;
            wrote |= once.wrote;
            passed_by |= once.passed_by;
            has_more = once.has_more;
        }
        if !taking.taken.is_empty() || !taking.skipped || Instant::now() >= until {
            break;
        }
    }
    for (provider, of, used_until) in taking.limits.used() {
        rates::note(conn, statements, namespace, (provider, of), used_until).await?;
    }
    Ok(Took {
        has_more: taking.taken.is_empty() && (taking.skipped || has_more),
        passed_by: taking.taken.is_empty() && passed_by,
        taken: taking.taken,
        wrote,
    })
}

/// The result of one scan.
struct Once {
    wrote: bool,
    /// Whether another scan continues after it.
    has_more: bool,
    /// Whether it skipped an order key that somebody had locked.
    passed_by: bool,
}

/// Takes up to the requested number.
async fn take_once(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    look_at: (&Looks, Part),
    namespace: &Name,
    taking: &mut Taking<'_>,
) -> Result<Once, Fault> {
    let mut unreadable = Vec::new();
    let mut of_routes = Vec::new();
    let looked = look(conn, statements, look_at, namespace, taking).await?;
    for of_route in looked.of_routes {
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
            // If the key is locked, one of its entries is being taken, or comes to its end.
            let Some(queue) = queues.get_mut(&at) else {
                return false;
            };
            order_keys.get(&at).holder.is_some() || queue.pop_front() == Some(due.id)
        })
    };
    let due: Vec<_> = due.into_iter().filter(comes_first).collect();
    let ids = due.iter().map(|due| due.id).collect();
    let contents = statements.contents.of(conn, ids).await?;
    let rows = taking.take(due, contents, &mut order_keys);
    let wrote = !rows.is_empty() || !unreadable.is_empty();
    update(conn, statements, rows).await?;
    order_keys::write(conn, statements, order_keys, taking.now).await?;
    for key in unreadable {
        set_aside(conn, statements, namespace, &key, taking.now).await?;
    }
    Ok(Once {
        wrote,
        has_more: looked.has_more,
        passed_by,
    })
}

/// Takes a row that cannot be read out of the way: it becomes dead, and is otherwise unchanged.
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
