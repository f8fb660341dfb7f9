//! Rates at which entries may be taken, and paused providers.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::event::Name;
use crate::inbox::{Rate, RateOf};
use crate::store::postgres::error::Fault;
use crate::store::postgres::sql::Sql;
use crate::store::sql::inbox::RateRow;

use super::statements::EntryStatements;

/// The rates that are set and their use, by a statement that locks them or not.
pub(super) async fn all(
    conn: &mut PgConnection,
    sql: &Sql,
    namespace: &Name,
) -> Result<Vec<RateRow>, Fault> {
    let rows = sql.query().bind(namespace.as_str());
    let mut rates = Vec::new();
    for row in rows.fetch_all(conn).await? {
        rates.push(RateRow {
            provider: row.try_get(0)?,
            of: row.try_get(1)?,
            entries: row.try_get(2)?,
            per: row.try_get(3)?,
            used_until: row.try_get(4)?,
        });
    }
    Ok(rates)
}

/// Sets or removes a rate, and says whether that changed anything.
pub(super) async fn set(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    (provider, of): (&Name, RateOf),
    rate: Option<Rate>,
) -> Result<bool, Fault> {
    let sql = match rate {
        Some(_) => &statements.set_rate,
        None => &statements.lift_rate,
    };
    let mut query = sql
        .query()
        .bind(namespace.as_str())
        .bind(provider.as_str())
        .bind(number(RateRow::number(of)));
    if let Some(rate) = rate {
        let row = RateRow::new((provider, of), rate);
        query = query.bind(row.entries).bind(row.per);
    }
    Ok(query.execute(conn).await?.rows_affected() > 0)
}

/// Writes the use of rates.
pub(super) async fn note(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    (provider, of): (&Name, i64),
    used_until: i64,
) -> Result<(), Fault> {
    statements
        .use_rate
        .query()
        .bind(namespace.as_str())
        .bind(provider.as_str())
        .bind(number(of))
        .bind(used_until)
        .execute(conn)
        .await?;
    Ok(())
}

fn number(of: i64) -> i16 {
    i16::try_from(of).unwrap_or_default()
}

/// Pauses or resumes the taking of a provider's entries, and says whether that changed anything.
pub(super) async fn set_paused(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    provider: &Name,
    paused: bool,
) -> Result<bool, Fault> {
    let sql = match paused {
        true => &statements.pause,
        false => &statements.resume,
    };
    let query = sql.query().bind(namespace.as_str()).bind(provider.as_str());
    Ok(query.execute(conn).await?.rows_affected() > 0)
}
