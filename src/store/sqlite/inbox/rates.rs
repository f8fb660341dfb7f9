//! How often entries may be taken.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Limit, Rate, RateOf};
use crate::store::sql::{from_micros, micros};
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

/// Never changed: rows that were written before are read by it.
fn number(of: RateOf) -> i64 {
    match of {
        RateOf::Provider => 1,
        RateOf::EachOrderKey => 2,
    }
}

/// The rates that are set, and what was used of them.
pub(super) async fn all(
    conn: &mut SqliteConnection,
    namespace: &Name,
) -> Result<Vec<(Name, RateOf, Limit)>, Fault> {
    let rows = sqlx::query(SELECT)
        .bind(namespace.as_str().to_owned())
        .fetch_all(conn)
        .await?;
    let mut rates = Vec::with_capacity(rows.len());
    for row in rows {
        let (provider, of): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (entries, per): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        let of = [RateOf::Provider, RateOf::EachOrderKey]
            .into_iter()
            .find(|known| number(*known) == of);
        let read = || {
            let per = Duration::from_micros(u64::try_from(per).ok()?);
            let rate = Rate::new(u32::try_from(entries).ok()?, per).ok()?;
            Some((Name::new(provider).ok()?, of?, rate))
        };
        // What a later version has set is for workers of that version.
        if let Some((provider, of, rate)) = read() {
            let used_until = from_micros(row.try_get(4)?).unwrap_or(UnixTime::EPOCH);
            rates.push((provider, of, Limit::new(rate, used_until)));
        }
    }
    Ok(rates)
}

/// Sets or lifts a rate, and says whether that changed anything.
pub(super) async fn set(
    conn: &mut SqliteConnection,
    namespace: &Name,
    (provider, of): (&Name, RateOf),
    rate: Option<Rate>,
) -> Result<bool, Fault> {
    let mut query = sqlx::query(if rate.is_some() { SET } else { LIFT })
        .bind(namespace.as_str().to_owned())
        .bind(provider.as_str().to_owned())
        .bind(number(of));
    if let Some(rate) = rate {
        let per = i64::try_from(rate.per().as_micros()).unwrap_or(i64::MAX);
        query = query.bind(i64::from(rate.entries())).bind(per);
    }
    Ok(query.execute(conn).await?.rows_affected() > 0)
}

/// Writes down what was used.
pub(super) async fn note(
    conn: &mut SqliteConnection,
    namespace: &Name,
    (provider, of): (&Name, RateOf),
    limit: &Limit,
) -> Result<(), Fault> {
    sqlx::query(USE)
        .bind(namespace.as_str().to_owned())
        .bind(provider.as_str().to_owned())
        .bind(number(of))
        .bind(micros(limit.used_until))
        .execute(conn)
        .await?;
    Ok(())
}

/// Every statement that reads here.
#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    [SELECT, LIFT, USE].map(str::to_owned).to_vec()
}
