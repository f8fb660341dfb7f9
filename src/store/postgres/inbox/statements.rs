//! The statements that commands run.

use crate::inbox::LONE_FROM;
use crate::store::postgres::sql::{Preparing, Sql};
use crate::store::postgres::statements::COLUMNS as RECORD;
use crate::store::postgres::table::Tables;
use crate::store::postgres::told::NOW;

use super::contents::Contents;
use super::pieces::WHOLE;
use super::rows::{ARRAYS, COLUMNS, PLACE};
use super::schema::Names;

/// The statements on the tables of one inbox.
#[derive(Debug)]
pub(super) struct EntryStatements {
    pub(super) read: Sql,
    pub(super) lock: Sql,
    pub(super) accept: Sql,
    pub(super) insert: Sql,
    pub(super) update: Sql,
    pub(super) done: Sql,
    pub(super) put: Sql,
    pub(super) drop: Sql,
    pub(super) remove: Sql,
    pub(super) contents: Contents,
    /// Reads the records of a store in the same tables.
    pub(super) records: Sql,
    pub(super) due: Sql,
    pub(super) due_lone: Sql,
    pub(super) bound: Sql,
    pub(super) bound_lone: Sql,
    pub(super) set_aside: Sql,
    /// The table of order keys.
    pub(super) orders: String,
    pub(super) lock_orders: Sql,
    pub(super) try_orders: Sql,
    pub(super) queues: Sql,
    pub(super) read_orders: Sql,
    pub(super) put_orders: Sql,
    pub(super) drop_orders: Sql,
    pub(super) free_order: Sql,
    /// Running entries and retries are due later; a dead entry holds its key only on request.
    pub(super) held: Sql,
    pub(super) rates: Sql,
    pub(super) lock_rates: Sql,
    pub(super) set_rate: Sql,
    pub(super) lift_rate: Sql,
    pub(super) use_rate: Sql,
    pub(super) pause: Sql,
    pub(super) resume: Sql,
    pub(super) paused: Sql,
    pub(super) one: Sql,
    pub(super) some: Sql,
    pub(super) some_dead: Sql,
    pub(super) count: Sql,
    pub(super) open: Sql,
    pub(super) prune: Sql,
}

/// As in the statements and the indexes.
const _: () = assert!(LONE_FROM == 2);

impl EntryStatements {
    pub(super) fn new(tables: &Tables, preparing: &Preparing) -> Self {
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
        let read = |lock: &str| {
            format!(
                "SELECT {NOW}, l.*, pg_backend_pid() FROM (SELECT 1) one LEFT JOIN (
                     SELECT namespace, key, id, route, size, {COLUMNS} FROM {entries}
                     WHERE (namespace, key) IN ({places})
                     ORDER BY namespace, key {lock}) l ON true"
            )
        };
        let some = |only: &str| {
            format!(
                "SELECT {NOW}, l.* FROM (SELECT 1) one LEFT JOIN (
                     SELECT key, name, route, {COLUMNS} FROM {entries}
                     WHERE namespace = $1 AND key > $2 {only} ORDER BY key LIMIT $3) l ON true
                 ORDER BY l.key"
            )
        };
        let sql = |text: String| Sql::new(text, preparing);
        Self {
            // Rows are locked in the order of their keys, as everywhere. The time is read outside the
            // locking subquery.
            read: sql(read("")),
            lock: sql(read("FOR UPDATE")),
            accept: sql(accept(&Names::of(tables), &tables.records())),
            insert: sql(format!(
                "WITH new AS (
                     INSERT INTO {entries} ({PLACE}, {COLUMNS})
                     SELECT * FROM {ARRAYS} AS u ({PLACE}, {COLUMNS}) ORDER BY namespace, key
                     ON CONFLICT (namespace, key) DO NOTHING RETURNING id, namespace, key),
                 held AS (
                     INSERT INTO {contents} (id, envelope, body, head, rest)
                     SELECT new.id, u.envelope, u.body, u.head, u.rest
                     FROM new JOIN unnest($1::text[], $2::text[], $23::bytea[], $24::bytea[],
                         $25::bytea[], $26::bytea[]) AS u (namespace, key, envelope, body, head, rest)
                         ON u.namespace = new.namespace AND u.key = new.key
                     WHERE u.envelope IS NOT NULL)
                 SELECT count(*) FROM new"
            )),
            update: sql(format!(
                "UPDATE {entries} AS e SET size = u.size, {set} FROM {ARRAYS} AS u ({PLACE}, {COLUMNS})
                 WHERE e.namespace = u.namespace AND e.key = u.key"
            )),
            // An entry with an order key frees it, and has more to write.
            done: sql(format!(
                "WITH done AS (
                     UPDATE {entries} AS e SET state = 4, due = NULL, lease = NULL, kept_until = u.kept_until
                     FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[])
                         AS u (namespace, key, token, kept_until)
                     WHERE e.namespace = u.namespace AND e.key = u.key AND e.state IN (2, 3)
                       AND e.token = u.token AND e.order_key IS NULL
                     RETURNING e.id, e.namespace, e.key),
                 dropped AS (DELETE FROM {contents} AS c USING done WHERE c.id = done.id)
                 SELECT namespace, key FROM done"
            )),
            put: sql(format!(
                "INSERT INTO {contents} AS c (id, envelope, body, head, rest)
                 SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
                 ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope, body = excluded.body,
                     head = excluded.head, rest = excluded.rest"
            )),
            drop: sql(format!("DELETE FROM {contents} WHERE id = ANY ($1::bigint[])")),
            remove: sql(format!("DELETE FROM {entries} WHERE (namespace, key) IN ({places})")),
            contents: Contents::new(sql(format!(
                "SELECT id, envelope, {WHOLE} FROM {contents} WHERE id = ANY ($1::bigint[])"
            ))),
            records: sql(format!(
                "SELECT 0::bigint, {RECORD} FROM {} WHERE (namespace, key) IN ({places})",
                tables.records()
            )),
            due: sql(due(&Names::of(tables), "deaths < 2")),
            due_lone: sql(due(&Names::of(tables), "deaths >= 2")),
            bound: sql(bound(&Names::of(tables), "deaths < 2")),
            bound_lone: sql(bound(&Names::of(tables), "deaths >= 2")),
            set_aside: sql(format!(
                "UPDATE {entries} SET state = 5, due = NULL, since = $3
                 WHERE namespace = $1 AND key = $2"
            )),
            orders: orders.clone(),
            lock_orders: sql("SELECT pg_advisory_xact_lock(l) FROM unnest($1::bigint[]) AS u (l)"
                .to_owned()),
            try_orders: sql("SELECT pg_try_advisory_xact_lock(l)
                 FROM unnest($1::bigint[]) WITH ORDINALITY AS u (l, n) ORDER BY n"
                .to_owned()),
            queues: sql(format!(
                "SELECT ARRAY (
                     SELECT e.id FROM {entries} AS e
                     WHERE e.namespace = u.namespace AND e.route = u.route
                       AND e.order_key = u.order_key AND e.due IS NOT NULL AND e.order_key IS NOT NULL
                     ORDER BY e.due, e.id LIMIT u.most)
                 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY
                     AS u (namespace, route, order_key, most, n) ORDER BY u.n"
            )),
            read_orders: sql(format!(
                "SELECT namespace, route, order_key, holder, applied, applied_until, used_until
                 FROM {orders} WHERE (namespace, route, order_key) IN ({order_places})"
            )),
            put_orders: sql(format!(
                "INSERT INTO {orders} AS o (namespace, route, order_key, holder, applied, applied_until,
                     used_until, kept_until)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[], $8::bigint[])
                 ON CONFLICT (namespace, route, order_key) DO UPDATE SET holder = excluded.holder,
                     applied = excluded.applied, applied_until = excluded.applied_until,
                     used_until = excluded.used_until, kept_until = excluded.kept_until"
            )),
            drop_orders: sql(format!(
                "DELETE FROM {orders} WHERE (namespace, route, order_key) IN ({order_places})"
            )),
            free_order: sql(format!(
                "UPDATE {orders} AS o SET holder = NULL,
                     kept_until = greatest(coalesce(applied_until, 0), coalesce(used_until, 0))
                 FROM {entries} AS e
                 WHERE e.namespace = $1 AND e.key = $2 AND o.namespace = e.namespace
                   AND o.route = e.route AND o.order_key = e.order_key AND o.holder = e.id"
            )),
            held: Sql::unnamed(format!(
                "SELECT looked.key, looked.name, looked.order_key FROM (
                     (SELECT id, key, name, order_key FROM {entries}
                      WHERE namespace = $1 AND route = $2 AND due IS NOT NULL AND deaths < 2
                        AND due > (extract(epoch FROM now()) * 1000000)::bigint
                      ORDER BY due, id LIMIT 2000)
                     UNION ALL
                     (SELECT id, key, name, order_key FROM {entries}
                      WHERE namespace = $1 AND state = 5 AND route = $2 ORDER BY key LIMIT 2000)) AS looked
                 JOIN {orders} AS held ON held.namespace = $1 AND held.route = $2
                     AND held.order_key = looked.order_key AND held.holder = looked.id
                 LIMIT $3"
            )),
            rates: Sql::unnamed(rates_of(rates, "")),
            lock_rates: sql(rates_of(rates, "FOR UPDATE")),
            set_rate: sql(format!(
                "INSERT INTO {rates} AS r (namespace, provider, rate_of, entries, per, used_until)
                 VALUES ($1, $2, $3, $4, $5, 0)
                 ON CONFLICT (namespace, provider, rate_of) DO UPDATE SET entries = $4, per = $5,
                     used_until = 0
                     WHERE r.entries <> $4 OR r.per <> $5"
            )),
            lift_rate: sql(format!(
                "DELETE FROM {rates} WHERE namespace = $1 AND provider = $2 AND rate_of = $3"
            )),
            use_rate: sql(format!(
                "UPDATE {rates} SET used_until = $4
                 WHERE namespace = $1 AND provider = $2 AND rate_of = $3"
            )),
            pause: sql(format!(
                "INSERT INTO {paused} (namespace, provider) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            )),
            resume: sql(format!("DELETE FROM {paused} WHERE namespace = $1 AND provider = $2")),
            paused: Sql::unnamed(format!("SELECT provider FROM {paused} WHERE namespace = $1 ORDER BY provider")),
            one: Sql::unnamed(format!(
                "SELECT {NOW}, l.* FROM (SELECT 1) one LEFT JOIN (
                     SELECT key, name, route, {COLUMNS}, {WHOLE} AS body FROM {entries}
                     LEFT JOIN {contents} AS c USING (id)
                     WHERE namespace = $1 AND key = $2) l ON true"
            )),
            some: Sql::unnamed(some("")),
            some_dead: Sql::unnamed(some("AND state = 5")),
            count: Sql::unnamed(format!(
                "SELECT count(*) FILTER (WHERE state = 1 AND attempts = 0),
                        count(*) FILTER (WHERE state = 1 AND attempts > 0),
                        count(*) FILTER (WHERE state IN (2, 3) AND due > now),
                        count(*) FILTER (WHERE state IN (2, 3) AND due <= now),
                        count(*) FILTER (WHERE state = 4 AND kept_until > now),
                        count(*) FILTER (WHERE state = 5),
                        count(*) FILTER (WHERE state = 6 AND kept_until > now),
                        count(*) FILTER (WHERE state = 7 AND kept_until > now),
                        count(*) FILTER (WHERE state = 8 AND kept_until > now), max(key)
                 FROM (SELECT key, state, attempts, due, kept_until, $3::bigint AS now FROM {entries}
                       WHERE namespace = $1 AND key > $2 ORDER BY key LIMIT $4) AS part"
            )),
            open: Sql::unnamed(format!(
                "SELECT (SELECT count(*) FROM (SELECT FROM {entries}
                             WHERE due IS NOT NULL AND deaths < 2 LIMIT $1) AS others)
                      + (SELECT count(*) FROM (SELECT FROM {entries}
                             WHERE due IS NOT NULL AND deaths >= 2 LIMIT $1) AS lone)
                      + (SELECT count(*) FROM (SELECT FROM {entries}
                             WHERE state = 5 LIMIT $1) AS dead)"
            )),
            // Of entries that are over, only stale ones still have content. If a dump was restored without its
            // sequences, the content under the number of another may belong to a new entry. As with records, rows are
            // looked up once and removed in place.
            prune: sql(format!(
                "WITH gone AS (
                     DELETE FROM {entries} WHERE ctid = ANY (ARRAY(
                         SELECT ctid FROM {entries}
                         WHERE kept_until IS NOT NULL AND kept_until >= $1 AND kept_until <= $2
                         ORDER BY kept_until LIMIT $3 FOR UPDATE SKIP LOCKED))
                         AND kept_until >= $1 AND kept_until <= $2
                     RETURNING id, state, kept_until),
                 contents AS (
                     DELETE FROM {contents}
                     WHERE id = ANY (ARRAY(SELECT id FROM gone WHERE state = 7))),
                 orders AS (
                     DELETE FROM {orders} WHERE ctid = ANY (ARRAY(
                         SELECT ctid FROM {orders}
                         WHERE kept_until IS NOT NULL AND kept_until >= $1 AND kept_until <= $2
                         ORDER BY kept_until LIMIT 4 * $3 FOR UPDATE SKIP LOCKED))
                         AND kept_until >= $1 AND kept_until <= $2)
                 SELECT kept_until FROM gone"
            )),
        }
    }

    /// Each reading statement, with parameters to plan it for.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<(&'static str, &str)> {
        let due = "'a', '{a,b}', '{a,b}', '{1,1}', '{1,1}', '{1,1}', '{1,1}', 1, '{1,1}', '{1,1}', '{1,1}'";
        let bound = "'a', 'b', 1, 1, 1, 10";
        vec![
            ("'{a,b}', '{a,b}'", &self.read),
            ("'{a,b}', '{a,b}'", &self.lock),
            ("'{a,b}', '{a,b}', '{a,b}', '{1,1}'", &self.done),
            ("'{1}'", &self.drop),
            ("'{a,b}', '{a,b}'", &self.remove),
            ("'{1,2}'", &self.contents.sql),
            ("'{a,b}', '{a,b}'", &self.records),
            (due, &self.due),
            (due, &self.due_lone),
            (bound, &self.bound),
            (bound, &self.bound_lone),
            ("'a', 'b', 1", &self.set_aside),
            ("'{a}', '{a}', '{a}', '{1}'", &self.queues),
            ("'{a}', '{a}', '{a}'", &self.read_orders),
            ("'{a}', '{a}', '{a}'", &self.drop_orders),
            ("'a', 'b'", &self.free_order),
            ("'a', 'b', 10", &self.held),
            ("'a', 'b'", &self.one),
            ("'a', 'b', 10", &self.some),
            ("'a', 'b', 10", &self.some_dead),
            ("'a', 'b', 10, 10", &self.count),
            ("10", &self.open),
            ("1, 2, 10", &self.prune),
        ]
    }
}

/// Due entries by route, up to the limit of each route, and the first existing entry of each.
///
/// Entries that another worker has locked to take them are skipped. Facts about a route are read
/// once.
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
             FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                 $9::bigint[], $10::bigint[], $11::bigint[]) WITH ORDINALITY
                 AS u (route, provider, behind, most, free, used, behind_id, until, until_id, n))
         SELECT r.n, r.first, e.id, e.size, e.key, e.name, {COLUMNS}
         FROM r LEFT JOIN LATERAL (
             SELECT id, size, key, name, {COLUMNS} FROM {entries} AS i
             WHERE NOT r.is_paused AND i.namespace = $1 AND i.route = r.route AND i.due IS NOT NULL
               AND i.{kind} AND (i.due, i.id) > (r.behind, r.behind_id)
               AND (i.due, i.id) <= (r.until, r.until_id) AND i.due <= $8
               AND (i.order_key IS NULL OR NOT EXISTS (
                   SELECT FROM {orders} AS held
                   WHERE held.namespace = $1 AND held.route = r.route AND held.order_key = i.order_key
                     AND (held.holder <> i.id OR (held.used_until > r.free AND held.used_until <= r.used))))
             ORDER BY i.due, i.id LIMIT r.most FOR UPDATE OF i SKIP LOCKED) AS e ON true
         ORDER BY r.n, e.due, e.id"
    )
}

/// The entry this many places after this one, if a due one exists.
fn bound(Names { entries, .. }: &Names, kind: &str) -> String {
    format!(
        "SELECT due, id FROM {entries} WHERE namespace = $1 AND route = $2 AND due IS NOT NULL AND {kind}
           AND (due, id) > ($3, $4) AND due <= $5 ORDER BY due, id OFFSET $6 LIMIT 1"
    )
}

/// Inserts events that nobody knows yet, and returns them. They arrive in the order of their keys, and their
/// common values are written here.
fn accept(names: &Names, records: &str) -> String {
    let Names {
        entries, contents, ..
    } = names;
    format!(
        "WITH new AS (
             INSERT INTO {entries} (namespace, key, name, route, size, fingerprint, order_key, version,
                 order_flags, due, state, accepted_at, attempts, deaths, fence, corrected)
             SELECT u.*, 1, $11, 0, 0, 0, false
             FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::bytea[],
                 $7::text[], $8::bigint[], $9::smallint[], $10::bigint[])
                 AS u (namespace, key, name, route, size, fingerprint, order_key, version, order_flags, due)
             WHERE (SELECT true FROM {records} AS r WHERE r.namespace = u.namespace AND r.key = u.key) IS NULL
             ON CONFLICT (namespace, key) DO NOTHING RETURNING id, namespace, key),
         held AS (
             INSERT INTO {contents} (id, envelope, body, head, rest)
             SELECT new.id, u.envelope, u.body, u.head, u.rest
             FROM new JOIN unnest($1::text[], $2::text[], $12::bytea[], $13::bytea[], $14::bytea[],
                 $15::bytea[]) AS u (namespace, key, envelope, body, head, rest)
                 ON u.namespace = new.namespace AND u.key = new.key)
         SELECT namespace, key FROM new"
    )
}

fn rates_of(rates: &str, lock: &str) -> String {
    format!(
        "SELECT provider, rate_of::bigint, entries, per, used_until FROM {rates} WHERE namespace = $1
         ORDER BY provider, rate_of {lock}"
    )
}
