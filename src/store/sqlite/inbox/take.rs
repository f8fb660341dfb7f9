//! What a worker takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{
    Content, Entry, EntryState, FailedAttempt, LONE_FROM, Limit, RateOf, Route, Take, TakeOutcome,
    Taken, fair,
};
use crate::store::sql::{Place, micros};
use crate::store::sqlite::error::Fault;

use super::batch::NewRow;
use super::looking::paused;
use super::order_keys::{self, OrderAt, OrderKeys};
use super::rates;
use super::row::EntryRow;
use super::statements::{COLUMNS, contents, entry, upsert};

/// An entry that is due.
struct Due {
    id: i64,
    place: Place,
    route: Route,
    size: i64,
    key: EventKey,
    entry: Entry,
}

/// What a take came to.
#[derive(Default)]
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
                 AND (held.holder <> entry.id OR held.used_until > ?5)))
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
    let routes = take.routes.iter();
    let routes: Vec<_> = routes
        .filter(|it| !paused.contains(it.provider()))
        .collect();
    let mut limits = Limits::default();
    for (provider, of, limit) in rates::all(conn, namespace).await? {
        limits.0.insert((provider, of), limit);
    }
    let (mut took, used) = (Took::default(), limits.clone());
    loop {
        let skipped =
            take_once(conn, namespace, &routes, take, now, &mut limits, &mut took).await?;
        // Behind what was skipped there may be others.
        if !took.taken.is_empty() || !skipped {
            break;
        }
    }
    for ((provider, of), limit) in &limits.0 {
        if used.of(provider, *of) != Some(*limit) {
            rates::note(conn, namespace, (provider, *of), limit).await?;
        }
    }
    Ok(took)
}

/// The rates that are set, and what is used of them so far.
#[derive(Default, Clone)]
struct Limits(BTreeMap<(Name, RateOf), Limit>);

impl Limits {
    fn of(&self, provider: &Name, of: RateOf) -> Option<Limit> {
        self.0.get(&(provider.clone(), of)).copied()
    }
}

/// Takes up to as many as are asked for, and says whether some were skipped.
async fn take_once(
    conn: &mut SqliteConnection,
    namespace: &Name,
    routes: &[&Route],
    take: &Take,
    now: UnixTime,
    limits: &mut Limits,
    took: &mut Took,
) -> Result<bool, Fault> {
    let mut of_routes = Vec::with_capacity(routes.len());
    let mut unreadable = Vec::new();
    for route in routes {
        let due = due_of(conn, namespace, route, take, now, limits, &mut unreadable).await?;
        of_routes.push(due);
    }
    let size = |due: &Due| usize::try_from(due.size).unwrap_or(usize::MAX);
    let due = fair(of_routes, take.limit, take.max_bytes, size);
    let ids: Vec<_> = due.iter().map(|due| due.id).collect();
    let mut contents: HashMap<i64, Content> = contents(conn, &ids).await?.into_iter().collect();
    let places = due.iter().filter_map(|due| due.order_at(namespace));
    let mut keys = OrderKeys::read(conn, places.collect()).await?;
    let (mut rows, mut skipped) = (Vec::new(), !unreadable.is_empty());
    for due in due {
        let at = due.order_at(namespace);
        let order = at.as_ref().map(|at| keys.get(at));
        let mut all = limits.of(due.route.provider(), RateOf::Provider);
        let rate = limits.of(due.route.provider(), RateOf::EachOrderKey);
        let rate = rate.map(|limit| limit.rate);
        let mut of_key = order.as_ref().and_then(|order| order.limit(rate));
        let may_use = |limit: &Option<Limit>| limit.is_none_or(|limit| limit.lets(now));
        if !may_use(&all) || !may_use(&of_key) {
            continue;
        }
        let step = take.apply(&due.id, &due.entry, order.as_ref(), now);
        let (mut next, mut change) = (step.write, step.order);
        match (step.outcome, contents.remove(&due.id), &next) {
            (TakeOutcome::Taken, Some(content), Some(entry)) => {
                let (key, route) = (due.key.clone(), due.route.clone());
                took.taken
                    .push(Taken::new(key, route, entry.clone(), content));
                all.iter_mut()
                    .chain(&mut of_key)
                    .for_each(|it| it.take_one(now));
            }
            (TakeOutcome::Taken, ..) => {
                skipped = true;
                next = Some(without_content(&due.entry, now));
                change = due.entry.frees_when_dead();
            }
            (TakeOutcome::Stale | TakeOutcome::Buried, ..) => skipped = true,
            (TakeOutcome::NotNow, ..) => {}
        }
        if let Some(limit) = all {
            let of = (due.route.provider().clone(), RateOf::Provider);
            limits.0.insert(of, limit);
        }
        if let (Some(at), Some(mut order)) = (at, order.filter(|_| change.is_some())) {
            order.used_until = of_key.map(|limit| limit.used_until).or(order.used_until);
            keys.set(at.clone(), order);
            keys.change(Some(at), due.id, change, now);
        }
        rows.extend(next.map(|entry| due.row(&entry)));
    }
    took.wrote |= !rows.is_empty() || !unreadable.is_empty();
    upsert(conn, rows).await?;
    keys.write(conn, now).await?;
    for id in unreadable {
        set_aside(conn, id, now).await?;
    }
    Ok(skipped)
}

impl Due {
    fn order_at(&self, namespace: &Name) -> Option<OrderAt> {
        OrderAt::of(namespace, self.route.as_str(), &self.entry)
    }

    /// Its row, as this entry from now on.
    fn row(self, entry: &Entry) -> NewRow {
        NewRow {
            id: self.id,
            place: self.place,
            route: self.route.as_str().to_owned(),
            size: self.size,
            row: EntryRow::from(entry),
        }
    }
}

async fn due_of(
    conn: &mut SqliteConnection,
    namespace: &Name,
    route: &Route,
    take: &Take,
    now: UnixTime,
    limits: &Limits,
    unreadable: &mut Vec<i64>,
) -> Result<Vec<Due>, Fault> {
    let limit = limits.of(route.provider(), RateOf::Provider);
    let left = limit.map_or(usize::MAX, |limit| limit.left(now));
    let of_key = limits.of(route.provider(), RateOf::EachOrderKey);
    let free = of_key.map(|limit| micros(limit.rate.may_be_used_until(now)));
    let rows = sqlx::query(AssertSqlSafe(select_due(take.lone)))
        .bind(namespace.as_str().to_owned())
        .bind(route.as_str().to_owned())
        .bind(micros(now))
        .bind(i64::try_from(take.limit.min(left)).unwrap_or(i64::MAX))
        .bind(free.unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let id: i64 = row.try_get(0)?;
        let read = || {
            let key: String = row.try_get(1).ok()?;
            let name: Option<Vec<u8>> = row.try_get(2).ok()?;
            let event = Place::read(namespace, &key, name.as_deref())?;
            Some(Due {
                id,
                place: Place::of(namespace, &event),
                route: route.clone(),
                size: row.try_get(3).ok()?,
                entry: entry(&row, 4).ok()?.entry()?,
                key: event,
            })
        };
        match read() {
            Some(entry) => due.push(entry),
            None => unreadable.push(id),
        }
    }
    Ok(due)
}

/// An entry whose content is lost.
fn without_content(entry: &Entry, now: UnixTime) -> Entry {
    let failed = FailedAttempt::new(entry.attempts, now, "its content is lost");
    let history = entry.history.iter().cloned().chain([failed]).collect();
    Entry {
        state: EntryState::Dead {
            token: None,
            since: now,
        },
        history,
        ..entry.clone()
    }
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
