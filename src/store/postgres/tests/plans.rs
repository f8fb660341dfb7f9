//! The plans of Postgres for the statements.

use sqlx::Row as _;

use super::sql::Preparing;
use super::statements::Statements;
use super::table::Tables;
use super::*;

/// The plan of a statement with these parameters, on a table with enough rows to be significant.
pub(in crate::store::postgres) async fn plan(
    conn: &mut PgConnection,
    parameters: &str,
    sql: &str,
) -> String {
    let run = |sql: String| raw_sql(AssertSqlSafe(sql));
    run(format!("PREPARE statement AS {sql}"))
        .execute(&mut *conn)
        .await
        .unwrap();
    let rows = run(format!("EXPLAIN EXECUTE statement ({parameters})"));
    let rows = rows.fetch_all(&mut *conn).await.unwrap();
    run("DEALLOCATE statement".to_owned())
        .execute(conn)
        .await
        .unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    lines.join("\n")
}

#[tokio::test]
async fn no_statement_goes_through_the_table() {
    let (server, count) = Postgres::for_plans();
    let store = store(&server).await;
    server.ask(&format!(
        "INSERT INTO tower_webhook_records (namespace, key, state, token, attempt, fence, kept_until, corrected)
         SELECT 'default', 'acme:' || n, 2, '', 1, 1, 1800000000000000 + n, false
         FROM generate_series(1, {count}) n"
    ));
    server.ask("ANALYZE tower_webhook_records");
    let tables = Tables::default();
    let statements = Statements::new(&tables, &Preparing::never());
    let mut conn = beside(&server).await;
    let null = |kind: &str| format!("'{{NULL}}'::{kind}[]");
    let row = [
        "text", "text", "bytea", "smallint", "bytea", "bigint", "bigint", "bytea",
    ];
    let row = row.iter().chain(&[
        "bigint", "bigint", "bigint", "boolean", "integer", "text", "bytea",
    ]);
    let row: Vec<_> = row.map(|kind| null(kind)).collect();
    let row = row.join(", ");
    let mut all = statements.all();
    all.push((&row, statements.update()));
    for (parameters, sql) in all {
        // Also as planned without the settings of a transaction, and for any parameters.
        for settings in [
            "SET enable_seqscan = on",
            "SET enable_seqscan = off",
            "SET plan_cache_mode = force_generic_plan",
        ] {
            raw_sql("RESET plan_cache_mode")
                .execute(&mut conn)
                .await
                .unwrap();
            raw_sql(settings).execute(&mut conn).await.unwrap();
            let plan = plan(&mut conn, parameters, sql).await;
            assert!(!plan.contains("Seq Scan on"), "{sql}\n{plan}");
            assert!(plan.contains("tower_webhook_records"), "{sql}\n{plan}");
        }
    }
    assert_eq!(store.counts().await.unwrap().done, u64::from(count));
}

/// Makes a session plan this while there is one row, and run it once there are many.
pub(in crate::store::postgres) async fn planned_early(
    server: &Postgres,
    sql: &str,
    parameters: &str,
    rows: impl Fn(&str) -> String,
) {
    let mut conn = beside(server).await;
    let settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
    let carry_out = format!("EXECUTE early ({parameters})");
    server.ask(&rows("generate_series(0, 0)"));
    server.ask("ANALYZE");
    let prepare = format!("{settings}; PREPARE early AS {sql}; {carry_out}");
    let run = raw_sql(AssertSqlSafe(prepare));
    run.execute(&mut conn).await.unwrap();
    server.ask(&rows("generate_series(1, 2000)"));
    let run = raw_sql(AssertSqlSafe(format!("EXPLAIN {carry_out}")));
    let plan = run.fetch_all(&mut conn).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    // Finding the rows to remove must not scan the whole table.
    let goes_through = plan.windows(2).find(|lines| {
        lines[0].contains("Scan") && !lines[0].contains("CTE Scan") && !lines[1].contains("Cond:")
    });
    assert_eq!(goes_through, None, "{plan:#?}");
    let run = raw_sql(AssertSqlSafe(carry_out));
    run.execute(&mut conn).await.unwrap();
}

/// If the server expects few rows, it may run a subquery for expired rows once for each row of the table, and find
/// others each time.
#[tokio::test]
async fn a_look_removes_the_first_that_are_over_and_no_more_than_it_may() {
    let server = Postgres::start();
    let _store = store(&server).await;
    let statements = Statements::new(&Tables::default(), &Preparing::never());
    let rows = |some: &str| {
        format!(
            "INSERT INTO tower_webhook_records (namespace, key, state, token, attempt, fence, kept_until, corrected)
             SELECT 'default', 'acme:' || n, 2, '', 1, 1, n, false FROM {some} n"
        )
    };
    planned_early(&server, statements.prune(), "0, 9000, 10", rows).await;
    let left = server.ask("SELECT count(*), min(kept_until) FROM tower_webhook_records");
    assert_eq!(left, "1990|11");
}

#[tokio::test]
async fn a_look_removes_the_first_lines_that_are_over_and_no_more_than_it_may() {
    use super::journal::{PostgresJournal, prune};
    use crate::recorded::JournalSink as _;

    let server = Postgres::start();
    let mut table = PostgresJournal::new(server.url()).unwrap().migrate();
    std::thread::spawn(move || table.write(&[]).unwrap())
        .join()
        .unwrap();
    let rows = |some: &str| {
        format!(
            "INSERT INTO tower_webhook_journal (at, authenticated, id, provider, line)
             SELECT n, true, 'id', 'acme', '' FROM {some} n"
        )
    };
    planned_early(
        &server,
        &prune("public.tower_webhook_journal"),
        "true, 9000",
        rows,
    )
    .await;
    let left = server.ask("SELECT count(*), min(at) FROM tower_webhook_journal");
    assert_eq!(left, "1500|501");
}

#[cfg(feature = "page")]
#[tokio::test]
async fn no_view_of_the_journal_goes_through_the_table() {
    use super::journal::{PostgresJournal, newest::Statements};
    use crate::recorded::JournalSink as _;

    let (server, count) = Postgres::for_plans();
    let mut table = PostgresJournal::new(server.url()).unwrap().migrate();
    // The first write creates the table.
    std::thread::spawn(move || table.write(&[]).unwrap())
        .join()
        .unwrap();
    server.ask(&format!(
        "INSERT INTO tower_webhook_journal (at, authenticated, id, provider, key, line)
         SELECT n, n % 2 = 0, 'id', 'acme', 'acme:' || n, repeat('x', 500) FROM generate_series(1, {count}) n"
    ));
    let mut conn = beside(&server).await;
    // Before and after the server has statistics on the table; as for reads, without sequential scans.
    for prepared in ["SET enable_seqscan = off", "ANALYZE tower_webhook_journal"] {
        raw_sql(prepared).execute(&mut conn).await.unwrap();
        let statements = Statements::of("public.tower_webhook_journal");
        for (parameters, sql) in statements.all() {
            let plan = plan(&mut conn, parameters, sql).await;
            assert!(!plan.contains("Seq Scan on"), "{sql}\n{plan}");
            assert!(plan.contains("tower_webhook_journal"), "{sql}\n{plan}");
            if sql.contains("key = $1") {
                let is_by_key = plan.contains("journal_key") && !plan.contains("journal_pkey");
                assert!(is_by_key, "{prepared}: {sql}\n{plan}");
            }
        }
    }
}
