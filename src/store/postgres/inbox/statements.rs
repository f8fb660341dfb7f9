//! The statements that commands run, and how rows are bound and read.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::inbox::{Content, LONE_FROM};
use crate::store::postgres::error::Fault;
use crate::store::postgres::statements::{NOW, Told, all_of, last_time, unnamed};
use crate::store::postgres::table::Tables;
use crate::store::sql::inbox::{At, Changes, FoundRow, NewRow, Placed};

use super::rows::{ARRAYS, COLUMNS, EntryRows, PLACE, entry};
use super::schema::Names;

/// The statements on the tables of one inbox.
#[derive(Debug)]
pub(super) struct EntryStatements {
    read: String,
    insert: String,
    update: String,
    put: String,
    drop: String,
    remove: String,
    contents: String,
    pub(super) due: String,
    pub(super) due_lone: String,
    pub(super) set_aside: String,
    /// The table of order keys.
    pub(super) orders: String,
    pub(super) lock_orders: String,
    pub(super) try_orders: String,
    pub(super) read_orders: String,
    pub(super) put_orders: String,
    pub(super) drop_orders: String,
    pub(super) free_order: String,
    pub(super) rates: String,
    pub(super) lock_rates: String,
    pub(super) set_rate: String,
    pub(super) lift_rate: String,
    pub(super) use_rate: String,
    pub(super) pause: String,
    pub(super) resume: String,
    pub(super) paused: String,
    pub(super) one: String,
    pub(super) some: String,
    pub(super) some_dead: String,
    pub(super) count: String,
    pub(super) open: String,
    pub(super) prune: String,
}

/// As the statements and the indexes have it.
const _: () = assert!(LONE_FROM == 2);

impl EntryStatements {
    pub(super) fn new(tables: &Tables) -> Self {
        let Names {
            entries,
            contents,
            orders,
            paused,
            rates,
        } = &Names::of(tables);
        let set: Vec<_> = COLUMNS
            .split(", ")
            .map(|column| format!("{column} = u.{column}"))
            .collect();
        let set = set.join(", ");
        let places = "SELECT * FROM unnest($1::text[], $2::text[])";
        let order_places = "SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";
        let some = |only: &str| {
            format!(
                "SELECT {NOW}, l.* FROM (SELECT 1) one LEFT JOIN (
                     SELECT key, name, route, {COLUMNS} FROM {entries}
                     WHERE namespace = $1 AND key > $2 {only} ORDER BY key LIMIT $3) l ON true
                 ORDER BY l.key"
            )
        };
        Self {
            // Rows are locked in the order of their keys, as everywhere. The time is read above the locks.
            read: format!(
                "SELECT {NOW}, l.*, pg_backend_pid() FROM (SELECT 1) one LEFT JOIN (
                     SELECT namespace, key, id, route, size, {COLUMNS} FROM {entries}
                     WHERE (namespace, key) IN ({places})
                     ORDER BY namespace, key FOR UPDATE) l ON true"
            ),
            insert: format!(
                "WITH new AS (
                     INSERT INTO {entries} ({PLACE}, {COLUMNS})
                     SELECT * FROM {ARRAYS} AS u ({PLACE}, {COLUMNS}) ORDER BY namespace, key
                     ON CONFLICT (namespace, key) DO NOTHING RETURNING id, namespace, key),
                 held AS (
                     INSERT INTO {contents} (id, envelope, body)
                     SELECT new.id, u.envelope, u.body
                     FROM new JOIN unnest($1::text[], $2::text[], $23::bytea[], $24::bytea[])
                         AS u (namespace, key, envelope, body)
                         ON u.namespace = new.namespace AND u.key = new.key
                     WHERE u.body IS NOT NULL)
                 SELECT count(*) FROM new"
            ),
            update: format!(
                "UPDATE {entries} AS e SET size = u.size, {set} FROM {ARRAYS} AS u ({PLACE}, {COLUMNS})
                 WHERE e.namespace = u.namespace AND e.key = u.key"
            ),
            put: format!(
                "INSERT INTO {contents} AS c (id, envelope, body)
                 SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])
                 ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope, body = excluded.body"
            ),
            drop: format!("DELETE FROM {contents} WHERE id = ANY ($1::bigint[])"),
            remove: format!("DELETE FROM {entries} WHERE (namespace, key) IN ({places})"),
            contents: format!(
                "SELECT id, envelope, body FROM {contents} WHERE id = ANY ($1::bigint[])"
            ),
            due: due(&Names::of(tables), "deaths < 2"),
            due_lone: due(&Names::of(tables), "deaths >= 2"),
            set_aside: format!(
                "UPDATE {entries} SET state = 5, due = NULL, since = $3
                 WHERE namespace = $1 AND key = $2"
            ),
            orders: orders.clone(),
            lock_orders: "SELECT pg_advisory_xact_lock(l) FROM unnest($1::bigint[]) AS u (l)"
                .to_owned(),
            try_orders: "SELECT pg_try_advisory_xact_lock(l)
                 FROM unnest($1::bigint[]) WITH ORDINALITY AS u (l, n) ORDER BY n"
                .to_owned(),
            read_orders: format!(
                "SELECT namespace, route, order_key, holder, applied, applied_until, used_until
                 FROM {orders} WHERE (namespace, route, order_key) IN ({order_places})"
            ),
            put_orders: format!(
                "INSERT INTO {orders} AS o (namespace, route, order_key, holder, applied, applied_until,
                     used_until, kept_until)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[], $8::bigint[])
                 ON CONFLICT (namespace, route, order_key) DO UPDATE SET holder = excluded.holder,
                     applied = excluded.applied, applied_until = excluded.applied_until,
                     used_until = excluded.used_until, kept_until = excluded.kept_until"
            ),
            drop_orders: format!(
                "DELETE FROM {orders} WHERE (namespace, route, order_key) IN ({order_places})"
            ),
            free_order: format!(
                "UPDATE {orders} AS o SET holder = NULL,
                     kept_until = greatest(coalesce(applied_until, 0), coalesce(used_until, 0))
                 FROM {entries} AS e
                 WHERE e.namespace = $1 AND e.key = $2 AND o.namespace = e.namespace
                   AND o.route = e.route AND o.order_key = e.order_key AND o.holder = e.id"
            ),
            rates: rates_of(rates, ""),
            lock_rates: rates_of(rates, "FOR UPDATE"),
            set_rate: format!(
                "INSERT INTO {rates} AS r (namespace, provider, rate_of, entries, per, used_until)
                 VALUES ($1, $2, $3, $4, $5, 0)
                 ON CONFLICT (namespace, provider, rate_of) DO UPDATE SET entries = $4, per = $5
                     WHERE r.entries <> $4 OR r.per <> $5"
            ),
            lift_rate: format!(
                "DELETE FROM {rates} WHERE namespace = $1 AND provider = $2 AND rate_of = $3"
            ),
            use_rate: format!(
                "UPDATE {rates} SET used_until = $4
                 WHERE namespace = $1 AND provider = $2 AND rate_of = $3"
            ),
            pause: format!(
                "INSERT INTO {paused} (namespace, provider) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            ),
            resume: format!("DELETE FROM {paused} WHERE namespace = $1 AND provider = $2"),
            paused: format!("SELECT provider FROM {paused} WHERE namespace = $1 ORDER BY provider"),
            one: format!(
                "SELECT {NOW}, l.* FROM (SELECT 1) one LEFT JOIN (
                     SELECT key, name, route, {COLUMNS}, body FROM {entries}
                     LEFT JOIN {contents} AS c USING (id)
                     WHERE namespace = $1 AND key = $2) l ON true"
            ),
            some: some(""),
            some_dead: some("AND state = 5"),
            count: format!(
                "SELECT count(*) FILTER (WHERE state = 1 AND attempts = 0),
                        count(*) FILTER (WHERE state = 1 AND attempts > 0),
                        count(*) FILTER (WHERE state IN (2, 3) AND due > now),
                        count(*) FILTER (WHERE state IN (2, 3) AND due <= now),
                        count(*) FILTER (WHERE state = 4 AND kept_until > now),
                        count(*) FILTER (WHERE state = 5),
                        count(*) FILTER (WHERE state = 6 AND kept_until > now),
                        count(*) FILTER (WHERE state = 7 AND kept_until > now), max(key)
                 FROM (SELECT key, state, attempts, due, kept_until, $3::bigint AS now FROM {entries}
                       WHERE namespace = $1 AND key > $2 ORDER BY key LIMIT $4) AS part"
            ),
            open: format!(
                "SELECT (SELECT count(*) FROM (SELECT FROM {entries}
                             WHERE due IS NOT NULL AND deaths < 2 LIMIT $1) AS others)
                      + (SELECT count(*) FROM (SELECT FROM {entries}
                             WHERE due IS NOT NULL AND deaths >= 2 LIMIT $1) AS lone)
                      + (SELECT count(*) FROM (SELECT FROM {entries}
                             WHERE state = 5 LIMIT $1) AS dead)"
            ),
            // Of what is over only what was stale has content still.
            prune: format!(
                "WITH gone AS (
                     DELETE FROM {entries} WHERE (namespace, key) IN (
                         SELECT namespace, key FROM {entries}
                         WHERE kept_until IS NOT NULL AND kept_until >= $1 AND kept_until <= $2
                         ORDER BY kept_until LIMIT $3 FOR UPDATE SKIP LOCKED)
                     RETURNING id, kept_until),
                 contents AS (DELETE FROM {contents} AS c USING gone WHERE c.id = gone.id),
                 orders AS (
                     DELETE FROM {orders} WHERE (namespace, route, order_key) IN (
                         SELECT namespace, route, order_key FROM {orders}
                         WHERE kept_until IS NOT NULL AND kept_until >= $1 AND kept_until <= $2
                         ORDER BY kept_until LIMIT 4 * $3 FOR UPDATE SKIP LOCKED))
                 SELECT kept_until FROM gone"
            ),
        }
    }

    /// Each that reads, with parameters to plan it for.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<(&'static str, &str)> {
        let due = "'a', '{a,b}', '{a,b}', '{1,1}', '{1,1}', '{1,1}', 1";
        vec![
            ("'{a,b}', '{a,b}'", &self.read),
            ("'{1}'", &self.drop),
            ("'{a,b}', '{a,b}'", &self.remove),
            ("'{1,2}'", &self.contents),
            (due, &self.due),
            (due, &self.due_lone),
            ("'a', 'b', 1", &self.set_aside),
            ("'{a}', '{a}', '{a}'", &self.read_orders),
            ("'{a}', '{a}', '{a}'", &self.drop_orders),
            ("'a', 'b'", &self.free_order),
            ("'a', 'b'", &self.one),
            ("'a', 'b', 10", &self.some),
            ("'a', 'b', 10", &self.some_dead),
            ("'a', 'b', 10, 10", &self.count),
            ("10", &self.open),
            ("1, 2, 10", &self.prune),
        ]
    }

    #[cfg(test)]
    pub(super) fn update(&self) -> &str {
        &self.update
    }
}

/// What is due by route, as far as each has not more, and the first that is there of each.
///
/// Who takes an entry has it locked: it is passed over. What is said of a route is found out once.
fn due(names: &Names, kind: &str) -> String {
    let Names {
        entries,
        orders,
        paused,
        ..
    } = names;
    format!(
        "WITH r AS MATERIALIZED (
             SELECT u.*, (
                 SELECT f.due FROM {entries} AS f
                 WHERE f.namespace = $1 AND f.route = u.route AND f.due IS NOT NULL AND f.{kind}
                   AND f.due >= u.behind
                 ORDER BY f.due, f.id LIMIT 1) AS first,
                 EXISTS (SELECT FROM {paused} AS p
                     WHERE p.namespace = $1 AND p.provider = u.provider) AS is_paused
             FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
                 WITH ORDINALITY AS u (route, provider, behind, most, free, n))
         SELECT r.n, r.first, e.id, e.size, e.key, e.name, {COLUMNS}
         FROM r LEFT JOIN LATERAL (
             SELECT id, size, key, name, {COLUMNS} FROM {entries} AS i
             WHERE NOT r.is_paused AND i.namespace = $1 AND i.route = r.route AND i.due IS NOT NULL
               AND i.{kind} AND i.due >= r.behind AND i.due <= $7
               AND (i.order_key IS NULL OR NOT EXISTS (
                   SELECT FROM {orders} AS held
                   WHERE held.namespace = $1 AND held.route = r.route AND held.order_key = i.order_key
                     AND (held.holder <> i.id OR held.used_until > r.free)))
             ORDER BY i.due, i.id LIMIT r.most FOR UPDATE OF i SKIP LOCKED) AS e ON true
         ORDER BY r.n, e.due, e.id"
    )
}

fn rates_of(rates: &str, lock: &str) -> String {
    format!(
        "SELECT provider, rate_of::bigint, entries, per, used_until FROM {rates} WHERE namespace = $1
         ORDER BY provider, rate_of {lock}"
    )
}

/// What the server tells, and the rows that these commands are about, locked.
pub(super) async fn read(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    orders: &[&Placed],
) -> Result<(Told, HashMap<At, FoundRow>), Fault> {
    let places: BTreeSet<_> = (orders.iter())
        .filter_map(|placed| placed.place.as_ref())
        .map(|place| (place.namespace.as_str(), place.key.as_str()))
        .collect();
    let (namespaces, keys): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    let rows = unnamed(&statements.read).bind(namespaces).bind(keys);
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

/// Writes what was decided but for the order keys. `false` where another transaction has inserted a row
/// meanwhile: then this one is to be undone.
///
/// The numbers of new rows are below zero: they have others in the table.
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
        opened: _,
    } = changes;
    let (mut namespaces, mut keys, mut ids) = (vec![], vec![], dropped);
    for (id, place) in removed {
        ids.push(id);
        namespaces.push(place.namespace.as_str().to_owned());
        keys.push(place.key);
    }
    ids.retain(|id| *id > 0);
    if !ids.is_empty() {
        unnamed(&statements.drop)
            .bind(ids)
            .execute(&mut *conn)
            .await?;
    }
    if !keys.is_empty() {
        let count = keys.len();
        let query = unnamed(&statements.remove).bind(namespaces).bind(keys);
        all_of(count, query.execute(&mut *conn).await?.rows_affected())?;
    }
    let (new_contents, old_contents): (Vec<_>, Vec<_>) =
        contents.into_iter().partition(|(id, _)| *id < 0);
    let mut new_contents: HashMap<_, _> = new_contents.into_iter().collect();
    let (new, old): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.id < 0);
    update(conn, statements, old).await?;
    put(conn, statements, old_contents).await?;
    if new.is_empty() {
        return Ok(true);
    }
    let mut arrays = EntryRows::default();
    let (mut envelopes, mut bodies) = (Vec::new(), Vec::new());
    for row in new {
        let content = new_contents.remove(&row.id);
        let (envelope, body) = content.map(|it| (it.envelope, it.body)).unzip();
        envelopes.push(envelope.map(Vec::from));
        bodies.push(body.map(Vec::from));
        arrays.push(row);
    }
    let count = arrays.len();
    let query = arrays.bound_to(unnamed(&statements.insert));
    let query = query.bind(envelopes).bind(bodies);
    let inserted: i64 = query.fetch_one(conn).await?.try_get(0)?;
    Ok(usize::try_from(inserted).is_ok_and(|inserted| inserted == count))
}

/// Writes rows that are there, and locked.
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
    let query = arrays.bound_to(unnamed(&statements.update));
    all_of(count, query.execute(conn).await?.rows_affected())
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
    let (mut ids, mut envelopes, mut bodies) = (vec![], vec![], vec![]);
    for (id, Content { envelope, body, .. }) in contents {
        ids.push(id);
        envelopes.push(Vec::from(envelope));
        bodies.push(Vec::from(body));
    }
    let query = unnamed(&statements.put).bind(ids).bind(envelopes);
    let written = query.bind(bodies).execute(conn).await?.rows_affected();
    all_of(count, written)
}

/// The content of these rows, as far as it is there.
pub(super) async fn contents(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    ids: Vec<i64>,
) -> Result<HashMap<i64, Content>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = unnamed(&statements.contents).bind(ids);
    let mut found = HashMap::new();
    for row in rows.fetch_all(conn).await? {
        let (envelope, body): (Vec<u8>, Vec<u8>) = (row.try_get(1)?, row.try_get(2)?);
        let content = Content::new(Bytes::from(envelope), Bytes::from(body));
        found.insert(row.try_get(0)?, content);
    }
    Ok(found)
}
