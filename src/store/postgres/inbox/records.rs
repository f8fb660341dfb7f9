//! Looks events up in a store in the same tables: one that was handled inline is a duplicate.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;

use crate::store::postgres::error::Fault;
use crate::store::postgres::statements::{place_of, stored};
use crate::store::sql::{Found, Place};

use super::statements::EntryStatements;

/// The records at these places.
pub(super) async fn read<'a>(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    places: impl Iterator<Item = &'a Place>,
) -> Result<Found, Fault> {
    let places: BTreeSet<_> = places
        .map(|place| (place.namespace.as_str(), place.key.as_str()))
        .collect();
    let mut found = Found::new();
    if places.is_empty() {
        return Ok(found);
    }
    let (namespaces, keys): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    let rows = statements.records.query().bind(namespaces).bind(keys);
    for row in rows.fetch_all(conn).await? {
        if let Some(at) = place_of(&row)? {
            found.insert(at, stored(&row));
        }
    }
    Ok(found)
}
