//! Finds due entries, by route.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use tokio::time::Instant;

use crate::event::Name;
use crate::inbox::{Route, Take};
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::{Crowds, Due, LAST, LookAt, Part, Taking, Turn};
use crate::store::sql::micros;

use super::front::Front;
use super::rows::entry;
use super::statements::EntryStatements;

/// The knowledge from earlier scans.
#[derive(Default)]
pub(super) struct Looks {
    pub(super) front: Front,
    pub(super) crowds: Crowds,
}

/// The rows found for one route.
#[derive(Default)]
pub(super) struct OfRoute {
    pub(super) due: Vec<Due>,
    first: Option<i64>,
    /// The keys of rows that cannot be read.
    pub(super) unreadable: Vec<String>,
}

pub(super) struct Looked {
    /// One for each requested route.
    pub(super) of_routes: Vec<OfRoute>,
    /// Whether another scan continues after this one.
    pub(super) has_more: bool,
}

/// A scan of one route.
struct Look<'t> {
    route: &'t Route,
    /// The number of the route among the requested ones.
    number: usize,
    at: LookAt,
    /// Whether it starts from the beginning, whatever earlier scans have seen.
    is_full: bool,
    is_crowded: bool,
    behind: Turn,
    until: Turn,
    /// How many entries are wanted, until when entries taken before may use up the rate of their order keys,
    /// and until when it can be used up.
    bounds: (i64, i64, i64),
}

/// Records how long scans take, even if they are cancelled.
struct Watch<'l, 't> {
    crowds: &'l Crowds,
    looks: &'l [Look<'t>],
    began: Instant,
    is_over: bool,
}

impl Drop for Watch<'_, '_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.note(|_| false);
        }
    }
}

impl Watch<'_, '_> {
    fn end(mut self, found_all: impl Fn(&Look<'_>) -> bool) {
        self.note(found_all);
        self.is_over = true;
    }

    fn note(&self, found_all: impl Fn(&Look<'_>) -> bool) {
        let took = self.began.elapsed();
        for look in self.looks.iter().filter(|look| !look.is_crowded) {
            self.crowds.took(&look.at, took, found_all(look));
        }
    }
}

/// Scans for due entries, by route.
pub(super) async fn look(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    (known, part): (&Looks, Part),
    namespace: &Name,
    taking: &Taking<'_>,
) -> Result<Looked, Fault> {
    let (began, time) = (Instant::now(), micros(taking.now));
    let mut of_routes: Vec<_> = taking
        .take
        .routes
        .iter()
        .map(|_| OfRoute::default())
        .collect();
    let mut looks = looks(known, part, namespace, taking, began);
    if looks.is_empty() {
        return Ok(Looked {
            of_routes,
            has_more: false,
        });
    }
    for look in looks.iter_mut().filter(|look| look.is_crowded) {
        let window = known.crowds.window();
        look.until = bound(
            conn,
            statements,
            (namespace, taking.take),
            look,
            (time, window),
        )
        .await?;
    }
    let watch = Watch {
        crowds: &known.crowds,
        looks: &looks,
        began: Instant::now(),
        is_over: false,
    };
    for row in rows(conn, statements, namespace, taking, &looks).await? {
        let number: i64 = row.try_get(0)?;
        let number = usize::try_from(number)
            .ok()
            .and_then(|it| it.checked_sub(1));
        let Some(look) = number.and_then(|it| looks.get(it)) else {
            continue;
        };
        let Some(of_route) = of_routes.get_mut(look.number) else {
            continue;
        };
        of_route.first = row.try_get(1)?;
        let key: Option<String> = row.try_get(4)?;
        match key.map(|key| (due(namespace, look.route, &key, &row), key)) {
            Some((Some(due), _)) => of_route.due.push(due),
            Some((None, key)) => of_route.unreadable.push(key),
            None => {}
        }
    }
    let found_all = |look: &Look<'_>| {
        let found = of_routes
            .get(look.number)
            .map(|it| it.due.len().saturating_add(it.unreadable.len()));
        i64::try_from(found.unwrap_or(0)).is_ok_and(|found| found >= look.bounds.0)
    };
    watch.end(found_all);
    let now = Instant::now();
    let mut has_more = false;
    for look in &looks {
        let first = of_routes.get(look.number).and_then(|it| it.first);
        if look.is_full {
            known.front.looked(&look.at, began, now);
        }
        if part == Part::Front {
            known.front.seen(&look.at, first, time);
        }
        // If it was slow just now, it counts as crowded from the next scan on.
        has_more |=
            look.is_crowded && (known.crowds).looked(part, &look.at, look.until, found_all(look));
    }
    Ok(Looked {
        of_routes,
        has_more,
    })
}

/// Which scans to make for the requested routes.
fn looks<'t>(
    known: &Looks,
    part: Part,
    namespace: &Name,
    taking: &Taking<'t>,
    now: Instant,
) -> Vec<Look<'t>> {
    let mut looks = Vec::new();
    for (number, route) in taking.take.routes.iter().enumerate() {
        let bounds = taking.bounds(route);
        if bounds.0 <= 0 {
            // The rate is used up, and the route is not examined.
            continue;
        }
        let at = (namespace.clone(), route.clone(), taking.take.lone);
        let Some((behind, is_crowded)) = known.crowds.begin(part, &at) else {
            continue;
        };
        let (from, is_full) = known.front.from(&at, micros(taking.now), now);
        looks.push(Look {
            route,
            number,
            at,
            is_full: is_full && part == Part::Front,
            is_crowded,
            behind: behind.max((from, i64::MIN)),
            until: LAST,
            bounds,
        });
    }
    looks
}

/// Where a scan that goes through this many entries ends.
async fn bound(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    (namespace, take): (&Name, &Take),
    look: &Look<'_>,
    (time, window): (i64, i64),
) -> Result<Turn, Fault> {
    let sql = match take.lone {
        true => &statements.bound_lone,
        false => &statements.bound,
    };
    let query = sql
        .query()
        .bind(namespace.as_str())
        .bind(look.route.as_str())
        .bind(look.behind.0)
        .bind(look.behind.1)
        .bind(time)
        .bind(window);
    match query.fetch_optional(conn).await? {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => Ok(LAST),
    }
}

async fn rows(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    taking: &Taking<'_>,
    looks: &[Look<'_>],
) -> Result<Vec<PgRow>, Fault> {
    let sql = match taking.take.lone {
        true => &statements.due_lone,
        false => &statements.due,
    };
    let texts: Vec<_> = looks
        .iter()
        .map(|it| it.route.as_str().to_owned())
        .collect();
    let providers: Vec<_> = looks
        .iter()
        .map(|it| it.route.provider().as_str().to_owned())
        .collect();
    let each = |of: fn(&Look<'_>) -> i64| looks.iter().map(of).collect::<Vec<_>>();
    let query = sql
        .query()
        .bind(namespace.as_str())
        .bind(texts)
        .bind(providers)
        .bind(each(|it| it.behind.0))
        .bind(each(|it| it.bounds.0))
        .bind(each(|it| it.bounds.1))
        .bind(each(|it| it.bounds.2))
        .bind(micros(taking.now))
        .bind(each(|it| it.behind.1))
        .bind(each(|it| it.until.0))
        .bind(each(|it| it.until.1));
    Ok(query.fetch_all(conn).await?)
}

fn due(namespace: &Name, route: &Route, key: &str, row: &PgRow) -> Option<Due> {
    let (id, size): (i64, i64) = (row.try_get(2).ok()?, row.try_get(3).ok()?);
    let name: Option<Vec<u8>> = row.try_get(5).ok()?;
    let entry = entry(row, 6)?;
    Due::read(namespace, route, (id, size), (key, name.as_deref()), &entry)
}
