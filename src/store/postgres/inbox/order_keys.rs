//! The state of order keys, in rows of their own.
//!
//! A key may have no row. So a transaction that changes a key holds an advisory lock on it until it ends.
//! Commands wait for that lock after locking their entries, while a take skips the key.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use sha2::{Digest, Sha256};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::clock::UnixTime;
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::{OrderAt, OrderKeys, OrderRow};

use super::statements::EntryStatements;

/// The advisory lock of an order key, distinct from those of other tables of the database.
pub(super) fn lock_of(statements: &EntryStatements, at: &OrderAt) -> i64 {
    let mut hash = Sha256::new();
    for part in [&statements.orders, &at.namespace, &at.route, &at.key] {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let first: [u8; 8] = hash.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// Locks these keys and reads their state.
pub(super) async fn lock(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    places: BTreeSet<OrderAt>,
) -> Result<OrderKeys, Fault> {
    if places.is_empty() {
        return Ok(OrderKeys::default());
    }
    // In one order everywhere, so that two transactions never deadlock.
    let locks: BTreeSet<_> = places.iter().map(|at| lock_of(statements, at)).collect();
    let locks: Vec<_> = locks.into_iter().collect();
    statements
        .lock_orders
        .query()
        .bind(locks)
        .execute(&mut *conn)
        .await?;
    read(conn, statements, places.into_iter()).await
}

/// The first entries of order keys, in the order in which they are due.
pub(super) type Queues = HashMap<OrderAt, VecDeque<i64>>;

/// Locks those of these keys that nobody else has locked, and reads their state and this many of the first
/// entries of each.
///
/// A transaction that has locked an entry may not have locked its key yet, and a later entry would overtake
/// it. So the first entries are read under the lock.
pub(super) async fn try_lock(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    places: BTreeMap<OrderAt, i64>,
) -> Result<(OrderKeys, Queues), Fault> {
    if places.is_empty() {
        return Ok((OrderKeys::default(), Queues::new()));
    }
    let locks: Vec<_> = places.keys().map(|at| lock_of(statements, at)).collect();
    let rows = statements.try_orders.query().bind(locks);
    let rows = rows.fetch_all(&mut *conn).await?;
    let (mut locked, mut wanted, mut most) = (vec![], Places::default(), vec![]);
    for ((at, count), row) in places.into_iter().zip(rows) {
        if row.try_get(0)? {
            wanted.push(at.clone());
            most.push(count);
            locked.push(at);
        }
    }
    let order_keys = read(&mut *conn, statements, locked.iter().cloned()).await?;
    let query = statements
        .queues
        .query()
        .bind(wanted.namespaces)
        .bind(wanted.routes)
        .bind(wanted.keys)
        .bind(most);
    let mut queues = Queues::new();
    for (at, row) in locked.into_iter().zip(query.fetch_all(conn).await?) {
        let ids: Vec<i64> = row.try_get(0)?;
        queues.insert(at, ids.into());
    }
    Ok((order_keys, queues))
}

async fn read(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    places: impl Iterator<Item = OrderAt>,
) -> Result<OrderKeys, Fault> {
    let mut wanted = Places::default();
    places.for_each(|at| wanted.push(at));
    let query = statements
        .read_orders
        .query()
        .bind(wanted.namespaces)
        .bind(wanted.routes)
        .bind(wanted.keys);
    let mut states = HashMap::new();
    for row in query.fetch_all(conn).await? {
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
    Ok(OrderKeys::of(states))
}

/// Writes changed keys, and removes those that need not be kept.
pub(super) async fn write(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    order_keys: OrderKeys,
    now: UnixTime,
) -> Result<(), Fault> {
    let (mut kept, mut gone) = (Places::default(), Places::default());
    let (mut holders, mut applied, mut until) = (vec![], vec![], vec![]);
    let (mut used, mut ends) = (vec![], vec![]);
    for (at, row) in order_keys.changed(now) {
        let Some(row) = row else {
            gone.push(at);
            continue;
        };
        kept.push(at);
        holders.push(row.holder);
        applied.push(row.applied);
        until.push(row.applied_until);
        used.push(row.used_until);
        ends.push(row.kept_until);
    }
    if !kept.keys.is_empty() {
        statements
            .put_orders
            .query()
            .bind(kept.namespaces)
            .bind(kept.routes)
            .bind(kept.keys)
            .bind(holders)
            .bind(applied)
            .bind(until)
            .bind(used)
            .bind(ends)
            .execute(&mut *conn)
            .await?;
    }
    if !gone.keys.is_empty() {
        statements
            .drop_orders
            .query()
            .bind(gone.namespaces)
            .bind(gone.routes)
            .bind(gone.keys)
            .execute(conn)
            .await?;
    }
    Ok(())
}

#[derive(Default)]
struct Places {
    namespaces: Vec<String>,
    routes: Vec<String>,
    keys: Vec<String>,
}

impl Places {
    fn push(&mut self, at: OrderAt) {
        self.namespaces.push(at.namespace);
        self.routes.push(at.route);
        self.keys.push(at.key);
    }
}
