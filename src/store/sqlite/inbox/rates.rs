//! Rates at which entries may be taken.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::event::Name;
use crate::inbox::{Rate, RateOf};
use crate::store::sql::inbox::RateRow;
use crate::store::sqlite::error::Fault;

const SELECT: &str = "\
SELECT provider, rate_of, entries, per, used_until FROM tower_webhook_inbox_rates WHERE namespace = ?
ORDER BY provider, rate_of";

const SET: &str = "\
INSERT INTO tower_webhook_inbox_rates (namespace, provider, rate_of, entries, per, used_until)
VALUES (?1, ?2, ?3, ?4, ?5, 0)
ON CONFLICT (namespace, provider, rate_of) DO UPDATE SET entries = ?4, per = ?5, used_until = 0
WHERE entries <> ?4 OR per <> ?5";

const LIFT: &str = "\
DELETE FROM tower_webhook_inbox_rates WHERE namespace = ? AND provider = ? AND rate_of = ?";

const USE: &str = "\
UPDATE tower_webhook_inbox_rates SET used_until = ?4
WHERE namespace = ?1 AND provider = ?2 AND rate_of = ?3";

/// The rates that are set, and their use.
pub(super) async fn all(
    conn: &mut SqliteConnection,
    namespace: &Name,
) -> Result<Vec<RateRow>, Fault> {
    let rows = sqlx::query(SELECT)
        .bind(namespace.as_str().to_owned())
        .fetch_all(conn)
        .await?;
    let rate = |row: SqliteRow| {
        Ok(RateRow {
            provider: row.try_get(0)?,
            of: row.try_get(1)?,
            entries: row.try_get(2)?,
            per: row.try_get(3)?,
            used_until: row.try_get(4)?,
        })
    };
    rows.into_iter().map(rate).collect()
}

/// Sets or removes a rate, and says whether that changed anything.
pub(super) async fn set(
    conn: &mut SqliteConnection,
    namespace: &Name,
    (provider, of): (&Name, RateOf),
    rate: Option<Rate>,
) -> Result<bool, Fault> {
    let mut query = sqlx::query(if rate.is_some() { SET } else { LIFT })
        .bind(namespace.as_str().to_owned())
        .bind(provider.as_str().to_owned())
        .bind(RateRow::number(of));
    if let Some(rate) = rate {
        let row = RateRow::new((provider, of), rate);
        query = query.bind(row.entries).bind(row.per);
    }
    Ok(query.execute(conn).await?.rows_affected() > 0)
}

/// Writes the use of rates.
pub(super) async fn note(
    conn: &mut SqliteConnection,
    namespace: &Name,
    (provider, of): (&Name, i64),
    used_until: i64,
) -> Result<(), Fault> {
    sqlx::query(USE)
        .bind(namespace.as_str().to_owned())
        .bind(provider.as_str().to_owned())
        .bind(of)
        .bind(used_until)
        .execute(conn)
        .await?;
    Ok(())
}

/// Every statement that reads here.
#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    [SELECT, LIFT, USE].map(str::to_owned).to_vec()
}
