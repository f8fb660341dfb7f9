//! The statements that this crate runs in a handler's transaction.
//!
//! They run on the user's connection with its settings, so each name is qualified with its schema.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use crate::store::command::{Complete, ContentType, StoredResponse};
use crate::store::sql::Place;
use crate::store::token::Token;
use crate::store::transaction::Ticket;

use super::error::Fault;
use super::table::Tables;
use super::tx_text::{as_text, bytes, text, whole};

/// The setting that marks the transaction: it ends with it, and no other transaction has it.
const MARK: &str = "tower_webhook.tx";
/// read_only_sql_transaction
pub(super) const READ_ONLY: &str = "25006";
/// The clock of the server, in microseconds. It is read again for a row that was just unlocked.
const NOW: &str = "(extract(epoch FROM pg_catalog.clock_timestamp()) \
                   OPERATOR(pg_catalog.*) 1000000)::bigint";

/// The end of a retention that begins now.
fn kept_until() -> String {
    format!(
        "CASE WHEN $9 OPERATOR(pg_catalog.<) (9223372036854775807 OPERATOR(pg_catalog.-) {NOW})
             THEN {NOW} OPERATOR(pg_catalog.+) $9 ELSE 9223372036854775807 END"
    )
}

/// Whether a row is held with this token and fence, in the transaction that was begun.
fn is_held() -> String {
    format!(
        "namespace OPERATOR(pg_catalog.=) $1 AND key OPERATOR(pg_catalog.=) $2
             AND token OPERATOR(pg_catalog.=) $3 AND fence OPERATOR(pg_catalog.=) $4
             AND pg_catalog.current_setting('{MARK}', true) OPERATOR(pg_catalog.=) $10"
    )
}

/// After a savepoint, the row has the savepoint's number instead of the transaction's.
const IS_NESTED: &str =
    "xmin OPERATOR(pg_catalog.<>) pg_catalog.pg_current_xact_id()::pg_catalog.xid";

#[derive(Debug, Clone)]
pub(super) struct TxStatements {
    table: String,
    complete: String,
    /// The same with its answer as one text.
    complete_text: String,
    end_holders: String,
    found: String,
}

/// The result of marking the event as done.
pub(super) enum Completed {
    /// It is marked.
    Done(Done),
    /// Another receiver has the event, or the lease is over.
    Lost,
    /// The transaction is not the one that was begun.
    Broken(&'static str),
}

impl Completed {
    /// Parses the answer to a [`TxStatements::complete_text`].
    pub(super) fn told(answer: &str) -> Self {
        let (is_nested, is_awaited) = answer.split_once(',').unwrap_or_default();
        Self::Done(Done {
            is_nested: is_nested == "t",
            is_awaited: is_awaited == "t",
        })
    }

    /// Why nothing was marked, judged by the mark that the transaction has.
    pub(super) fn why(found: Option<&str>, token: Token) -> Self {
        match found.is_some_and(|found| found == mark(token)) {
            true => Self::Lost,
            false => Self::Broken(
                "the handler has ended its transaction itself: the event was not marked as done",
            ),
        }
    }

    /// The transaction accepts no more statements.
    pub(super) fn went_on() -> Self {
        Self::Broken("a statement of the handler failed and it went on: nothing was committed")
    }
}

/// How an event was marked as done.
#[derive(Clone, Copy)]
pub(super) struct Done {
    /// Whether there may be a savepoint that was not released.
    pub(super) is_nested: bool,
    /// Whether another event may have waited for it.
    pub(super) is_awaited: bool,
}

/// The state of an event whose commit had no answer.
pub(super) enum Found {
    Done,
    /// This receiver still holds it: the commit was not made.
    Held,
    /// Another receiver has it.
    Lost,
}

impl TxStatements {
    /// For the records of a store.
    pub(super) fn of_records(tables: &Tables) -> Self {
        let records = tables.records();
        let (kept_until, is_held) = (kept_until(), is_held());
        let complete = |answer: &str| {
            format!(
            "UPDATE {records} SET state = 2, lease_ends = NULL, lease = NULL, corrected = false,
                 fingerprint = $5, status = $6, content_type = $7, body = $8, kept_until = {kept_until}
             WHERE {is_held} AND state OPERATOR(pg_catalog.=) 1::smallint
               AND lease_ends OPERATOR(pg_catalog.>) {NOW}
             RETURNING {answer}"
        )
        };
        let plain = complete(&format!("{IS_NESTED}, false"));
        let text = complete(&as_text(IS_NESTED, "false"));
        Self::on(
            records,
            (plain, text),
            ("state = 1", "lease_ends"),
            "state = 2",
        )
    }

    /// For the entries of an inbox. A handler's answer is not stored in an entry.
    ///
    /// An entry that is held also holds its order key, so nobody else changes the key in the
    /// meantime.
    #[cfg(feature = "inbox")]
    pub(super) fn of_entries(tables: &Tables) -> Self {
        let (entries, contents, orders) = (tables.entries(), tables.contents(), tables.orders());
        let (kept_until, is_held) = (kept_until(), is_held());
        let known = format!("o.applied_until OPERATOR(pg_catalog.>) {NOW}");
        let until = "greatest(o.applied_until, CASE WHEN done.version IS NOT NULL THEN done.kept_until END)";
        let complete = |answer: &str| {
            format!(
            "WITH done AS (
                 UPDATE {entries} SET state = 4, due = NULL, lease = NULL, kept_until = {kept_until}
                 WHERE {is_held} AND state OPERATOR(pg_catalog.=) 3::smallint
                   AND due OPERATOR(pg_catalog.>) {NOW}
                 RETURNING id, kept_until, namespace, route, order_key, version, {IS_NESTED} AS is_nested),
             gone AS (
                 DELETE FROM {contents} AS c USING done WHERE c.id OPERATOR(pg_catalog.=) done.id),
             freed AS (
                 UPDATE {orders} AS o SET holder = NULL,
                     applied = CASE WHEN done.version IS NULL THEN o.applied
                         ELSE greatest(CASE WHEN {known} THEN o.applied END, done.version) END,
                     applied_until = {until},
                     kept_until = coalesce(greatest({until}, o.used_until), 0)
                 FROM done
                 WHERE o.namespace OPERATOR(pg_catalog.=) done.namespace
                   AND o.route OPERATOR(pg_catalog.=) done.route
                   AND o.order_key OPERATOR(pg_catalog.=) done.order_key
                   AND o.holder OPERATOR(pg_catalog.=) done.id)
             SELECT {answer} FROM done"
        )
        };
        let plain = complete("is_nested, order_key IS NOT NULL");
        let text = complete(&as_text("is_nested", "order_key IS NOT NULL"));
        Self::on(entries, (plain, text), ("state = 3", "due"), "state = 4")
    }

    fn on(
        table: String,
        (complete, complete_text): (String, String),
        (is_held, held_until): (&str, &str),
        is_done: &str,
    ) -> Self {
        Self {
            complete,
            complete_text,
            // `pg_locks` splits the lock's number into two halves.
            end_holders: format!(
                "SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks AS l
                 JOIN pg_database AS d ON d.oid = l.database
                 WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
                   AND l.objsubid = 1 AND l.classid::bigint = ($1 >> 32) & 4294967295
                   AND l.objid::bigint = $1 & 4294967295 AND l.pid <> pg_backend_pid()
                   AND EXISTS (SELECT FROM {table} WHERE namespace = $2 AND key = $3
                       AND token = $4 AND {is_held} AND {held_until} > {NOW})"
            ),
            found: format!(
                "SELECT {is_done} AND token = $3, {is_held} AND token = $3 FROM {table}
                 WHERE namespace = $1 AND key = $2 FOR UPDATE"
            ),
            table,
        }
    }

    /// The table, as it is written in a statement.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// One message: the mark, the idle limit, and the lock by which a successor finds this session.
    ///
    /// `BEGIN` comes last: if anything before it fails, no transaction stays open, and it
    /// [includes](https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT)
    /// the statements before it.
    pub(super) fn begin(&self, ticket: &Ticket, lock: i64) -> String {
        format!(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
             SET LOCAL idle_in_transaction_session_timeout = {};
             SET LOCAL {MARK} = '{}';
             SELECT pg_catalog.pg_try_advisory_xact_lock({lock});
             BEGIN",
            ticket
                .lease
                .as_millis()
                .clamp(1, i32::MAX.unsigned_abs().into()),
            mark(ticket.token),
        )
    }

    /// Takes the lock, unless another session has it; without parameters.
    pub(super) fn lock_text(lock: i64) -> String {
        format!("SELECT pg_catalog.pg_try_advisory_xact_lock({lock})::pg_catalog.text AS answer")
    }

    /// The mark of the transaction, if it has one.
    pub(super) fn mark_text() -> String {
        format!("SELECT pg_catalog.concat(pg_catalog.current_setting('{MARK}', true)) AS answer")
    }

    /// Marks the event as done if it is held; without parameters. Text appears only as hexadecimal digits.
    pub(super) fn complete_text(&self, place: &Place, complete: &Complete) -> String {
        let StoredResponse {
            status,
            body,
            content_type,
        } = &complete.response;
        let content_type = content_type.as_ref().map(ContentType::as_str);
        let values = [
            text(place.namespace.as_str()),
            text(&place.key),
            bytes(complete.token.as_bytes()),
            format!(
                "{}::bigint",
                i64::from_be_bytes(complete.fence.to_be_bytes())
            ),
            bytes(complete.fingerprint.as_bytes()),
            status.to_string(),
            content_type.map_or_else(|| "NULL::pg_catalog.text".to_owned(), text),
            body.as_deref()
                .map_or_else(|| "NULL::pg_catalog.bytea".to_owned(), bytes),
            format!("{}::bigint", micros(complete.retention)),
            text(&mark(complete.token)),
        ];
        whole(&self.complete_text, &values)
    }

    /// Takes the lock, unless another session has it.
    pub(super) async fn lock(conn: &mut PgConnection, lock: i64) -> Result<bool, Fault> {
        let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock($1)";
        let row = unnamed(sql).bind(lock).fetch_one(conn).await?;
        Ok(row.try_get(0)?)
    }

    /// Marks the event as done if it is held, in the transaction that was begun.
    pub(super) async fn complete(
        &self,
        conn: &mut PgConnection,
        place: &Place,
        complete: &Complete,
    ) -> Result<Completed, Fault> {
        let StoredResponse {
            status,
            body,
            content_type,
        } = &complete.response;
        let done = unnamed(&self.complete)
            .bind(place.namespace.as_str())
            .bind(place.key.as_str())
            .bind(complete.token.as_bytes().as_slice())
            .bind(i64::from_be_bytes(complete.fence.to_be_bytes()))
            .bind(complete.fingerprint.as_bytes().as_slice())
            .bind(i32::from(*status))
            .bind(content_type.as_ref().map(ContentType::as_str))
            .bind(body.as_deref())
            .bind(micros(complete.retention))
            .bind(mark(complete.token))
            .fetch_optional(&mut *conn)
            .await;
        match done {
            Ok(Some(done)) => Ok(Completed::Done(Done {
                is_nested: done.try_get(0)?,
                is_awaited: done.try_get(1)?,
            })),
            Ok(None) => Self::why(conn, complete.token).await,
            // in_failed_sql_transaction
            Err(error) if is(&error, "25P02") => Ok(Completed::went_on()),
            // read_only_sql_transaction: the transaction was not begun read-only. If its handler has made it so, no
            // statement is accepted after this error.
            Err(error) if is(&error, READ_ONLY) => match Self::why(conn, complete.token).await {
                Ok(why) => Ok(why),
                Err(_) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Why nothing was marked.
    async fn why(conn: &mut PgConnection, token: Token) -> Result<Completed, Fault> {
        let row = unnamed(&Self::mark_text()).fetch_one(conn).await?;
        let found: Option<String> = row.try_get(0)?;
        Ok(Completed::why(found.as_deref(), token))
    }

    /// Terminates the sessions that have this lock, if the event is held with this token.
    pub(super) async fn end_holders(
        &self,
        conn: &mut PgConnection,
        lock: i64,
        place: &Place,
        token: Token,
    ) -> Result<i64, Fault> {
        let row = unnamed(&self.end_holders)
            .bind(lock)
            .bind(place.namespace.as_str())
            .bind(place.key.as_str())
            .bind(token.as_bytes().as_slice())
            .fetch_one(conn)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The state of the event, once the transaction that has locked it is over.
    pub(super) async fn found(
        &self,
        conn: &mut PgConnection,
        place: &Place,
        token: Token,
    ) -> Result<Found, Fault> {
        let row = unnamed(&self.found)
            .bind(place.namespace.as_str())
            .bind(place.key.as_str())
            .bind(token.as_bytes().as_slice())
            .fetch_optional(conn)
            .await?;
        let Some(row) = row else {
            return Ok(Found::Lost);
        };
        // A missing token belongs to nobody.
        let so = |column: usize| row.try_get::<Option<bool>, _>(column);
        Ok(match (so(0)?, so(1)?) {
            (Some(true), _) => Found::Done,
            (_, Some(true)) => Found::Held,
            _ => Found::Lost,
        })
    }
}

fn unnamed(sql: &str) -> Query<'_, Postgres, PgArguments> {
    // The text consists of constants and names without special characters.
    sqlx::query(AssertSqlSafe(sql)).persistent(false)
}

fn mark(token: Token) -> String {
    data_encoding::HEXLOWER.encode(token.as_bytes())
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn is(error: &sqlx::Error, code: &str) -> bool {
    let told = error.as_database_error().and_then(DatabaseError::code);
    told.is_some_and(|told| told == code)
}
