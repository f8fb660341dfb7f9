//! The tables of an inbox.

use crate::store::postgres::rights::{ALL, NOTE, READ};
use crate::store::postgres::schema::Part;
use crate::store::postgres::table::Tables;

pub(super) const INBOX: Part = Part {
    name: "inbox",
    version: 2,
    works_from: 1,
    steps: &[step_1, step_2],
};

/// The names of the tables, as statements use them.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) entries: String,
    pub(super) contents: String,
    pub(super) orders: String,
    pub(super) paused: String,
    pub(super) rates: String,
}

impl Names {
    pub(super) fn of(tables: &Tables) -> Self {
        Self {
            entries: tables.entries(),
            contents: tables.contents(),
            orders: tables.orders(),
            paused: tables.named("inbox_paused"),
            rates: tables.named("inbox_rates"),
        }
    }

    /// The rights that a role needs: for rates and pauses, those of a worker. Setting them needs more.
    pub(super) fn rights(self, records: String) -> Vec<(String, &'static [&'static str])> {
        vec![
            (records, READ),
            (self.entries, ALL),
            (self.contents, ALL),
            (self.orders, ALL),
            (self.paused, READ),
            (self.rates, NOTE),
        ]
    }
}

/// Makes new entries get numbers above those of existing contents, if they would not.
pub(super) fn number_on(names: &Names) -> String {
    let Names {
        entries, contents, ..
    } = names;
    format!(
        "SELECT setval(numbers.of_entries, contents.highest)
         FROM (SELECT pg_get_serial_sequence('{entries}', 'id')::regclass AS of_entries) AS numbers,
             (SELECT max(id) AS highest FROM {contents}) AS contents
         WHERE contents.highest > coalesce(pg_sequence_last_value(numbers.of_entries), 0)"
    )
}

/// From version 1 to 2.
///
/// Postgres cuts a long value into pieces. A body whose last piece is small is stored in two columns: its
/// whole pieces, and the rest, which stays in the row; `body` is then null. A worker that knows only version
/// 1 fails to read that, and with it all entries of the same take. So it takes nothing while such an entry is
/// among the first that are due: it loses nothing, and continues when a newer worker has taken that entry.
fn step_2(tables: &Tables) -> String {
    let contents = Names::of(tables).contents;
    format!(
        "ALTER TABLE {contents} ADD COLUMN IF NOT EXISTS head bytea, ADD COLUMN IF NOT EXISTS rest bytea,
    ALTER COLUMN body DROP NOT NULL, ALTER COLUMN rest SET STORAGE MAIN"
    )
}

/// From nothing to version 1.
///
/// The content of an entry is separate from it: an entry is written at each of its steps, and a large body once. The
/// first index finds due entries, the second due entries whose workers died repeatedly, the third those of one order
/// key, the fourth dead letters, and the last entries that are over. The holder of an order key is the number of an
/// entry; without a holder, the row of the key stays until `kept_until`. A rate is for a provider (1), or for each of
/// its order keys (2). These tables change all the time, so they are vacuumed early.
fn step_1(tables: &Tables) -> String {
    let Names {
        entries,
        contents,
        orders,
        paused,
        rates,
    } = Names::of(tables);
    let index = |what| tables.index(what);
    let [due, lone, dead, end] = ["inbox_due", "inbox_lone", "inbox_dead", "inbox_end"].map(index);
    let (ordered, order_end) = (index("inbox_ordered"), index("inbox_order_end"));
    format!(
        "CREATE TABLE IF NOT EXISTS {entries} (
    id bigint GENERATED ALWAYS AS IDENTITY,
    due bigint,
    lease bigint,
    fence bigint NOT NULL,
    accepted_at bigint NOT NULL,
    revived_at bigint,
    since bigint,
    kept_until bigint,
    size bigint NOT NULL,
    version bigint,
    attempts integer NOT NULL,
    deaths integer NOT NULL,
    state smallint NOT NULL,
    order_flags smallint,
    corrected boolean NOT NULL,
    namespace text COLLATE \"C\" NOT NULL,
    key text COLLATE \"C\" NOT NULL,
    route text COLLATE \"C\" NOT NULL,
    token bytea,
    fingerprint bytea NOT NULL,
    name bytea,
    order_key text COLLATE \"C\",
    history bytea,
    PRIMARY KEY (namespace, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX IF NOT EXISTS {due} ON {entries} (namespace, route, due, id)
    WHERE due IS NOT NULL AND deaths < 2;
CREATE INDEX IF NOT EXISTS {lone} ON {entries} (namespace, route, due, id)
    WHERE due IS NOT NULL AND deaths >= 2;
CREATE INDEX IF NOT EXISTS {ordered} ON {entries} (namespace, route, order_key, due, id)
    WHERE due IS NOT NULL AND order_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS {dead} ON {entries} (namespace, key) WHERE state = 5;
CREATE INDEX IF NOT EXISTS {end} ON {entries} (kept_until) WHERE kept_until IS NOT NULL;
CREATE TABLE IF NOT EXISTS {contents} (
    id bigint PRIMARY KEY,
    envelope bytea NOT NULL,
    body bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE IF NOT EXISTS {orders} (
    holder bigint,
    applied bigint,
    applied_until bigint,
    used_until bigint,
    kept_until bigint,
    namespace text COLLATE \"C\" NOT NULL,
    route text COLLATE \"C\" NOT NULL,
    order_key text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (namespace, route, order_key)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX IF NOT EXISTS {order_end} ON {orders} (kept_until) WHERE kept_until IS NOT NULL;
CREATE TABLE IF NOT EXISTS {paused} (
    namespace text COLLATE \"C\" NOT NULL,
    provider text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (namespace, provider)
);
CREATE TABLE IF NOT EXISTS {rates} (
    entries bigint NOT NULL,
    per bigint NOT NULL,
    used_until bigint NOT NULL,
    rate_of smallint NOT NULL,
    namespace text COLLATE \"C\" NOT NULL,
    provider text COLLATE \"C\" NOT NULL,
    PRIMARY KEY (namespace, provider, rate_of)
)"
    )
}
