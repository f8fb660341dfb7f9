//! What is kept of order keys, in rows of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::{Name, Version};
use crate::inbox::{Entry, OrderChange, OrderState};
use crate::store::sql::{from_micros, micros};
use crate::store::sqlite::error::Fault;

use super::statements::{MOST_ROWS, repeated};

/// An order key of a route of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OrderAt {
    namespace: String,
    route: String,
    key: String,
}

impl OrderAt {
    /// Where the order key of this entry is, if it has one.
    pub(super) fn of(namespace: &Name, route: &str, entry: &Entry) -> Option<Self> {
        let order = entry.order.as_ref()?;
        Some(Self {
            namespace: namespace.as_str().to_owned(),
            route: route.to_owned(),
            key: order.key.as_str().to_owned(),
        })
    }
}

/// What is kept of some order keys, and which of it is to be written. The holder is the number of a row.
#[derive(Debug, Default)]
pub(super) struct OrderKeys {
    states: HashMap<OrderAt, OrderState<i64>>,
    changed: BTreeMap<OrderAt, OrderState<i64>>,
}

impl OrderKeys {
    pub(super) fn get(&self, at: &OrderAt) -> OrderState<i64> {
        let state = self.changed.get(at).or_else(|| self.states.get(at));
        state.cloned().unwrap_or_default()
    }

    pub(super) fn set(&mut self, at: OrderAt, state: OrderState<i64>) {
        self.changed.insert(at, state);
    }

    /// Does what a command on the row with this number came to.
    pub(super) fn change(
        &mut self,
        at: Option<OrderAt>,
        id: i64,
        change: Option<OrderChange>,
        now: UnixTime,
    ) {
        if let (Some(at), Some(change)) = (at, change) {
            let (before, state) = (self.get(&at), self.get(&at).after(id, change, now));
            if state != before {
                self.set(at, state);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// Reads what is kept of these.
    pub(super) async fn read(
        conn: &mut SqliteConnection,
        places: BTreeSet<OrderAt>,
    ) -> Result<Self, Fault> {
        let places: Vec<_> = places.into_iter().collect();
        let mut states = HashMap::with_capacity(places.len());
        for places in places.chunks(MOST_ROWS) {
            // Filled up to a power of two with the last one again.
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
                states.insert(at, state(&row)?);
            }
        }
        Ok(Self {
            states,
            changed: BTreeMap::new(),
        })
    }

    /// Writes what was changed. What need not be kept is removed.
    pub(super) async fn write(
        self,
        conn: &mut SqliteConnection,
        now: UnixTime,
    ) -> Result<(), Fault> {
        for (at, state) in self.changed {
            let end = state.kept_until();
            let is_over = end.is_some_and(|end| end <= now);
            let mut query = sqlx::query(if is_over { DELETE } else { UPSERT })
                .bind(at.namespace)
                .bind(at.route)
                .bind(at.key);
            if !is_over {
                let OrderState {
                    holder,
                    applied,
                    used_until,
                    ..
                } = state;
                query = query
                    .bind(holder)
                    .bind(applied.map(|(version, _)| version.number()))
                    .bind(applied.map(|(_, until)| micros(until)))
                    .bind(used_until.map(micros))
                    .bind(end.map(micros));
            }
            query.execute(&mut *conn).await?;
        }
        Ok(())
    }
}

fn select(places: usize) -> String {
    format!(
        "SELECT namespace, route, order_key, holder, applied, applied_until, used_until
         FROM tower_webhook_inbox_order WHERE (namespace, route, order_key) IN (VALUES {})",
        repeated("(?, ?, ?)", places)
    )
}

fn state(row: &SqliteRow) -> Result<OrderState<i64>, sqlx::Error> {
    let mut state = OrderState::default();
    state.holder = row.try_get(3)?;
    let (version, until): (Option<i64>, Option<i64>) = (row.try_get(4)?, row.try_get(5)?);
    let until = until.and_then(from_micros);
    state.applied = version.map(Version::new).zip(until);
    let used: Option<i64> = row.try_get(6)?;
    state.used_until = used.and_then(from_micros);
    Ok(state)
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
