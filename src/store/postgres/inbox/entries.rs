//! Reads, locks and writes entries and their contents.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};

use crate::inbox::Content;
use crate::store::postgres::error::Fault;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::statements::all_of;
use crate::store::postgres::told::{Told, last_time, told};
use crate::store::sql::inbox::{At, Changes, FoundRow, NewRow};

use super::pieces::Pieces;
use super::rows::{EntryRows, entry};
use super::statements::EntryStatements;

/// The server's report and the rows at these places, by a statement that locks them or not.
pub(super) async fn read(
    conn: &mut PgConnection,
    sql: &Sql,
    places: &BTreeSet<At>,
) -> Result<(Told, HashMap<At, FoundRow>), Fault> {
    if places.is_empty() {
        return Ok((told(conn).await?, HashMap::new()));
    }
    let (namespaces, keys): (Vec<_>, Vec<_>) = places.iter().cloned().unzip();
    let rows = sql.query().bind(namespaces).bind(keys);
    let rows = rows.fetch_all(conn).await?;
    let mut found = HashMap::with_capacity(rows.len());
    let mut pid = 0;
    for row in &rows {
        let (namespace, key): (Option<String>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        pid = row.try_get(23)?;
        if let Some(at) = namespace.zip(key) {
            let found_row = FoundRow {
                id: row.try_get(3)?,
                route: row.try_get(4)?,
                size: row.try_get(5)?,
                entry: entry(row, 6).and_then(|row| row.entry()),
            };
            found.insert(at, found_row);
        }
    }
    let time = last_time(&rows)?;
    Ok((Told { time, pid }, found))
}

/// Writes what was decided, except for order keys. `false` if another transaction has inserted a row in
/// the meantime: then this one must be undone.
///
/// The numbers of new rows are below zero; the table gives them others.
pub(super) async fn write(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    changes: Changes,
) -> Result<bool, Fault> {
    let Changes {
        removed,
        rows,
        contents,
        dropped,
        order_keys: _,
        freed,
        opened: _,
    } = changes;
    let (mut namespaces, mut keys, mut ids) = (vec![], vec![], dropped);
    for (id, place) in removed {
        if freed.contains(&id) {
            free(&mut *conn, statements, place.namespace.as_str(), &place.key).await?;
        }
        ids.push(id);
        namespaces.push(place.namespace.as_str().to_owned());
        keys.push(place.key);
    }
    ids.retain(|id| *id > 0);
    if !ids.is_empty() {
        statements
            .drop
            .query()
            .bind(ids)
            .execute(&mut *conn)
            .await?;
    }
    if !keys.is_empty() {
        let count = keys.len();
        let query = statements.remove.query().bind(namespaces).bind(keys);
        all_of(count, query.execute(&mut *conn).await?.rows_affected())?;
    }
    let (new_contents, old_contents): (Vec<_>, Vec<_>) =
        contents.into_iter().partition(|(id, _)| *id < 0);
    let mut new_contents: HashMap<_, _> = new_contents.into_iter().collect();
    let (mut new, old): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.id < 0);
    due_in_their_order(&mut new);
    update(conn, statements, old).await?;
    put(conn, statements, old_contents).await?;
    if new.is_empty() {
        return Ok(true);
    }
    let mut arrays = EntryRows::default();
    let mut contents = Contents::default();
    for row in new {
        contents.push(new_contents.remove(&row.id));
        arrays.push(row);
    }
    let count = arrays.len();
    let query = contents.bound_to(arrays.bound_to(statements.insert.query()));
    let inserted: i64 = query.fetch_one(conn).await?.try_get(0)?;
    Ok(usize::try_from(inserted).is_ok_and(|inserted| inserted == count))
}

/// Writes rows of newly accepted events, with their contents, unless there is an entry or a record of the event.
/// Returns the places written.
pub(super) async fn accept(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    (mut rows, contents): (Vec<NewRow>, Vec<(i64, Content)>),
    now: i64,
) -> Result<HashSet<At>, Fault> {
    due_in_their_order(&mut rows);
    // In one order everywhere, so that two transactions never deadlock.
    let place = |row: &NewRow| (row.place.namespace.clone(), row.place.key.clone());
    rows.sort_by_cached_key(place);
    let mut new_contents: HashMap<_, _> = contents.into_iter().collect();
    let (mut arrays, mut contents) = (EntryRows::default(), Contents::default());
    for row in rows {
        contents.push(new_contents.remove(&row.id));
        arrays.push(row);
    }
    let query = arrays
        .bound_as_accepted(statements.accept.query())
        .bind(now);
    let rows = contents.bound_to(query).fetch_all(conn).await?;
    let places = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    places.collect()
}

/// Rows get their numbers in the order of their keys. Among events that arrived together, each is due a
/// microsecond after the one before it, so that they run in the order of arrival.
fn due_in_their_order(new: &mut [NewRow]) {
    for (behind, NewRow { row, .. }) in (0_i64..).zip(new) {
        row.due = row.due.map(|due| due.saturating_add(behind));
    }
}

/// Writes existing rows that are locked.
pub(super) async fn update(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    rows: Vec<NewRow>,
) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut arrays = EntryRows::default();
    rows.into_iter().for_each(|row| arrays.push(row));
    let count = arrays.len();
    let query = arrays.bound_to(statements.update.query());
    all_of(count, query.execute(conn).await?.rows_affected())
}

/// Contents as columns, each of them an array.
#[derive(Default)]
struct Contents {
    envelopes: Vec<Option<Vec<u8>>>,
    bodies: Vec<Option<Vec<u8>>>,
    heads: Vec<Option<Vec<u8>>>,
    rests: Vec<Option<Vec<u8>>>,
}

impl Contents {
    fn push(&mut self, content: Option<Content>) {
        let (envelope, body) = content.map(|it| (it.envelope, it.body)).unzip();
        let Pieces { body, head, rest } = body
            .map(|body| Pieces::of(Vec::from(body)))
            .unwrap_or_default();
        self.envelopes.push(envelope.map(Vec::from));
        self.bodies.push(body);
        self.heads.push(head);
        self.rests.push(rest);
    }

    fn bound_to(self, query: Query<'_, Postgres, PgArguments>) -> Query<'_, Postgres, PgArguments> {
        query
            .bind(self.envelopes)
            .bind(self.bodies)
            .bind(self.heads)
            .bind(self.rests)
    }
}

/// Frees the order key that this row holds, if it does.
pub(super) async fn free(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &str,
    key: &str,
) -> Result<(), Fault> {
    let query = statements.free_order.query().bind(namespace).bind(key);
    query.execute(conn).await?;
    Ok(())
}

async fn put(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    contents: Vec<(i64, Content)>,
) -> Result<(), Fault> {
    if contents.is_empty() {
        return Ok(());
    }
    let count = contents.len();
    let (mut ids, mut columns) = (vec![], Contents::default());
    for (id, content) in contents {
        ids.push(id);
        columns.push(Some(content));
    }
    let query = columns.bound_to(statements.put.query().bind(ids));
    let written = query.execute(conn).await?.rows_affected();
    all_of(count, written)
}
