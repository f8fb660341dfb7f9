//! The rights of a role on the tables.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _, raw_sql};

use super::error::{Cause, Fault};

/// The rights for tables whose rows are inserted, changed and deleted.
pub(super) const ALL: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE"];

/// The rights for tables that are only read.
#[cfg(feature = "inbox")]
pub(super) const READ: &[&str] = &["SELECT"];
/// The rights for tables whose rows are also locked and updated.
#[cfg(feature = "inbox")]
pub(super) const NOTE: &[&str] = &["SELECT", "UPDATE"];

/// Whether the role has these rights, itself or through a role whose rights it has. The names are those in
/// statements, and need no escape.
///
/// A right on some of the columns counts as one on the table: the first statement shows whether they are enough. A
/// role that may only read belongs to an operator: the missing rights are logged, and it may read.
pub(super) async fn check(
    conn: &mut PgConnection,
    rights: &[(String, &'static [&'static str])],
) -> Result<(), Fault> {
    let (mut lacks, mut grants) = (Vec::new(), Vec::new());
    let (mut may_read, mut may_write) = (true, false);
    let mut who = String::new();
    for (table, needed) in rights {
        let (role, found) = found(&mut *conn, table, needed).await?;
        let mut lacked = Vec::new();
        for (right, has) in needed.iter().zip(found) {
            match *right {
                "SELECT" => may_read &= has,
                _ => may_write |= has,
            }
            if !has {
                lacked.push(*right);
            }
        }
        if !lacked.is_empty() {
            let lacked = lacked.join(", ");
            lacks.push(format!("{lacked} in {table}"));
            grants.push(format!("GRANT {lacked} ON {table} TO {role}"));
        }
        who = role;
    }
    if lacks.is_empty() {
        return Ok(());
    }
    let (lacks, grants) = (lacks.join("; "), grants.join("; "));
    let told = format!("the role {who} may not {lacks}: run {grants}");
    if may_read && !may_write {
        tracing::warn!(target: "tower_webhook", "Postgres: {told}; until then it can but look");
        return Ok(());
    }
    Err(Fault::new(Cause::Refused, told))
}

/// The current role, and which of these rights it has on this table.
async fn found(
    conn: &mut PgConnection,
    table: &str,
    needed: &[&str],
) -> Result<(String, Vec<bool>), Fault> {
    let has = |right: &&str| match *right {
        "DELETE" => format!("has_table_privilege('{table}', 'DELETE')"),
        right => format!("has_any_column_privilege('{table}', '{right}')"),
    };
    let asked: Vec<_> = needed.iter().map(has).collect();
    let asked = asked.join(", ");
    // Without parameters, and thus in one message.
    let sql =
        format!("SELECT '\"' || replace(current_user::text, '\"', '\"\"') || '\"', ARRAY[{asked}]");
    let row = raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
