//! Rows as statements bind them: one array for each column.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::store::sql::{Place, Row};

#[derive(Default)]
pub(super) struct Rows {
    namespaces: Vec<String>,
    keys: Vec<String>,
    names: Vec<Option<Vec<u8>>>,
    states: Vec<i16>,
    tokens: Vec<Vec<u8>>,
    attempts: Vec<i64>,
    fences: Vec<i64>,
    fingerprints: Vec<Option<Vec<u8>>>,
    kept_until: Vec<i64>,
    lease_ends: Vec<Option<i64>>,
    leases: Vec<Option<i64>>,
    corrected: Vec<bool>,
    statuses: Vec<Option<i32>>,
    content_types: Vec<Option<String>>,
    bodies: Vec<Option<Vec<u8>>>,
}

impl Rows {
    pub(super) fn push(&mut self, place: Place, row: Row) {
        self.namespaces.push(place.namespace.as_str().to_owned());
        self.keys.push(place.key);
        self.names.push(place.name.map(String::into_bytes));
        self.states.push(row.state);
        self.tokens.push(row.token);
        self.attempts.push(row.attempt);
        self.fences.push(row.fence);
        self.fingerprints.push(row.fingerprint);
        self.kept_until.push(row.kept_until);
        self.lease_ends.push(row.lease_ends);
        self.leases.push(row.lease);
        self.corrected.push(row.corrected);
        self.statuses.push(row.status);
        self.content_types.push(row.content_type);
        self.bodies.push(row.body.map(Vec::from));
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
            .bind(self.states)
            .bind(self.tokens)
            .bind(self.attempts)
            .bind(self.fences)
            .bind(self.fingerprints)
            .bind(self.kept_until)
            .bind(self.lease_ends)
            .bind(self.leases)
            .bind(self.corrected)
            .bind(self.statuses)
            .bind(self.content_types)
            .bind(self.bodies)
    }
}
