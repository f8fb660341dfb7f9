//! Entries as statements bind and read them.

use sqlx::Postgres;
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use crate::store::sql::inbox::{EntryRow, NewRow};

/// The columns of an entry, in the order in which they are bound and read.
pub(super) const COLUMNS: &str = "state, due, token, lease, attempts, deaths, fence, fingerprint, \
     corrected, accepted_at, revived_at, since, kept_until, history, order_key, version, order_flags";

/// Rows as columns, each of them an array: their places and the [`COLUMNS`].
pub(super) const ARRAYS: &str = "unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], \
     $6::smallint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::integer[], $11::integer[], \
     $12::bigint[], $13::bytea[], $14::boolean[], $15::bigint[], $16::bigint[], $17::bigint[], \
     $18::bigint[], $19::bytea[], $20::text[], $21::bigint[], $22::smallint[])";
pub(super) const PLACE: &str = "namespace, key, name, route, size";

#[derive(Default)]
pub(super) struct EntryRows {
    namespaces: Vec<String>,
    keys: Vec<String>,
    names: Vec<Option<Vec<u8>>>,
    routes: Vec<String>,
    sizes: Vec<i64>,
    states: Vec<i16>,
    dues: Vec<Option<i64>>,
    tokens: Vec<Option<Vec<u8>>>,
    leases: Vec<Option<i64>>,
    attempts: Vec<i32>,
    deaths: Vec<i32>,
    fences: Vec<i64>,
    fingerprints: Vec<Vec<u8>>,
    corrected: Vec<bool>,
    accepted_at: Vec<i64>,
    revived_at: Vec<Option<i64>>,
    since: Vec<Option<i64>>,
    kept_until: Vec<Option<i64>>,
    histories: Vec<Option<Vec<u8>>>,
    order_keys: Vec<Option<String>>,
    versions: Vec<Option<i64>>,
    order_flags: Vec<Option<i16>>,
}

impl EntryRows {
    pub(super) fn push(&mut self, new: NewRow) {
        let NewRow {
            id: _,
            place,
            route,
            size,
            row,
        } = new;
        self.namespaces.push(place.namespace.as_str().to_owned());
        self.keys.push(place.key);
        self.names.push(place.name.map(String::into_bytes));
        self.routes.push(route);
        self.sizes.push(size);
        self.states
            .push(i16::try_from(row.state).unwrap_or(i16::MAX));
        self.dues.push(row.due);
        self.tokens.push(row.token);
        self.leases.push(row.lease);
        self.attempts
            .push(i32::try_from(row.attempts).unwrap_or(i32::MAX));
        self.deaths
            .push(i32::try_from(row.deaths).unwrap_or(i32::MAX));
        self.fences.push(row.fence);
        self.fingerprints.push(row.fingerprint);
        self.corrected.push(row.corrected);
        self.accepted_at.push(row.accepted_at);
        self.revived_at.push(row.revived_at);
        self.since.push(row.since);
        self.kept_until.push(row.kept_until);
        self.histories.push(row.history.map(String::into_bytes));
        self.order_keys.push(row.order_key);
        self.versions.push(row.version);
        let flags = row.order_flags;
        self.order_flags
            .push(flags.map(|flags| i16::try_from(flags).unwrap_or(0)));
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Binds the columns to the parameters of a statement, from the first one on.
    pub(super) fn bound_to(
        self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Query<'_, Postgres, PgArguments> {
        query
            .bind(self.namespaces)
            .bind(self.keys)
            .bind(self.names)
            .bind(self.routes)
            .bind(self.sizes)
            .bind(self.states)
            .bind(self.dues)
            .bind(self.tokens)
            .bind(self.leases)
            .bind(self.attempts)
            .bind(self.deaths)
            .bind(self.fences)
            .bind(self.fingerprints)
            .bind(self.corrected)
            .bind(self.accepted_at)
            .bind(self.revived_at)
            .bind(self.since)
            .bind(self.kept_until)
            .bind(self.histories)
            .bind(self.order_keys)
            .bind(self.versions)
            .bind(self.order_flags)
    }

    /// Binds only what differs between newly accepted rows.
    pub(super) fn bound_as_accepted(
        self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Query<'_, Postgres, PgArguments> {
        query
            .bind(self.namespaces)
            .bind(self.keys)
            .bind(self.names)
            .bind(self.routes)
            .bind(self.sizes)
            .bind(self.fingerprints)
            .bind(self.order_keys)
            .bind(self.versions)
            .bind(self.order_flags)
            .bind(self.dues)
    }
}

/// The columns of an entry, from this one on; `None` if they hold values that no version of this crate
/// has written.
pub(super) fn entry(row: &PgRow, from: usize) -> Option<EntryRow> {
    let at = |column: usize| from.saturating_add(column);
    let history: Option<Vec<u8>> = row.try_get(at(13)).ok()?;
    Some(EntryRow {
        state: row.try_get::<i16, _>(at(0)).ok()?.into(),
        due: row.try_get(at(1)).ok()?,
        token: row.try_get(at(2)).ok()?,
        lease: row.try_get(at(3)).ok()?,
        attempts: row.try_get::<i32, _>(at(4)).ok()?.into(),
        deaths: row.try_get::<i32, _>(at(5)).ok()?.into(),
        fence: row.try_get(at(6)).ok()?,
        fingerprint: row.try_get(at(7)).ok()?,
        corrected: row.try_get(at(8)).ok()?,
        accepted_at: row.try_get(at(9)).ok()?,
        revived_at: row.try_get(at(10)).ok()?,
        since: row.try_get(at(11)).ok()?,
        kept_until: row.try_get(at(12)).ok()?,
        history: match history {
            Some(text) => Some(String::from_utf8(text).ok()?),
            None => None,
        },
        order_key: row.try_get(at(14)).ok()?,
        version: row.try_get(at(15)).ok()?,
        order_flags: row.try_get::<Option<i16>, _>(at(16)).ok()?.map(i64::from),
    })
}
