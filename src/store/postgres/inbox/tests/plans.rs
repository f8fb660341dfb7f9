//! The plans of Postgres for the statements.

use sqlx::raw_sql;

use super::*;
use crate::store::postgres::inbox::statements::EntryStatements;
use crate::store::postgres::sql::Preparing;
use crate::store::postgres::table::Tables;
use crate::store::postgres::tests::plans::{plan, planned_early};

#[tokio::test]
async fn no_statement_goes_through_a_table() {
    let (server, count) = Postgres::for_plans();
    let inbox = inbox(&server).await;
    server.ask(&format!(
        "INSERT INTO tower_webhook_inbox (namespace, key, route, state, due, kept_until, attempts, deaths,
             fence, fingerprint, corrected, accepted_at, size, order_key)
         SELECT 'default', 'acme:' || n, 'acme', CASE WHEN n % 4 = 0 THEN 1 ELSE 4 END,
             CASE WHEN n % 4 = 0 THEN n END, CASE WHEN n % 4 > 0 THEN 1900000000000000 + n END, 0,
             CASE WHEN n % 1000 = 0 THEN 2 ELSE 0 END, 1, '0123456789abcdef', false, 1, 1,
             CASE WHEN n % 8 = 0 THEN 'order-' || n END
         FROM generate_series(1, {count}) n"
    ));
    server.ask(
        "INSERT INTO tower_webhook_inbox_content (id, envelope, body)
         SELECT id, '', '' FROM tower_webhook_inbox WHERE due IS NOT NULL",
    );
    server.ask(&format!(
        "INSERT INTO tower_webhook_inbox_order (namespace, route, order_key, kept_until)
         SELECT 'default', 'acme', 'order-' || n, n FROM generate_series(1, {count} / 2) n"
    ));
    server.ask("ANALYZE");
    let statements = EntryStatements::new(&Tables::default(), &Preparing::never());
    let mut conn = beside(&server).await;
    let null = |kind: &str| format!("'{{NULL}}'::{kind}[]");
    let row = [
        "text", "text", "bytea", "text", "bigint", "smallint", "bigint", "bytea", "bigint",
        "integer", "integer", "bigint", "bytea", "boolean", "bigint", "bigint", "bigint", "bigint",
        "bytea", "text", "bigint", "smallint",
    ];
    let row: Vec<_> = row.map(null).into();
    let row = row.join(", ");
    let mut all = statements.all();
    all.push((&row, &statements.update));
    for (parameters, sql) in all {
        // Also as planned without the settings of a transaction, and for any parameters.
        for settings in [
            "SET enable_seqscan = on",
            "SET enable_seqscan = off",
            "SET plan_cache_mode = force_generic_plan",
        ] {
            // Of a few open entries, any may be the first.
            if sql == &*statements.open && settings.ends_with("on") {
                continue;
            }
            raw_sql("RESET plan_cache_mode")
                .execute(&mut conn)
                .await
                .unwrap();
            raw_sql(settings).execute(&mut conn).await.unwrap();
            let plan = plan(&mut conn, parameters, sql).await;
            for line in plan.lines().filter(|line| line.contains("Seq Scan on")) {
                // It holds a few rows, or none here, and has tests of its own.
                let is_small = ["paused", "records"].iter().any(|it| line.contains(it));
                assert!(is_small, "{sql}\n{plan}");
            }
            assert!(plan.contains("tower_webhook_"), "{sql}\n{plan}");
        }
    }
    let counts = inbox.counts().await.unwrap();
    let (queued, count) = (u64::from(count / 4), u64::from(count));
    assert_eq!((counts.queued, counts.done), (queued, count - queued));
    assert_eq!(inbox.take(&take(3)).await.unwrap().len(), 3);
}

/// As with records.
#[tokio::test]
async fn a_look_removes_the_first_that_are_over_and_no_more_than_it_may() {
    let server = Postgres::start();
    let _inbox = inbox(&server).await;
    let statements = EntryStatements::new(&Tables::default(), &Preparing::never());
    // Each is stale, and still has its content.
    let rows = |some: &str| {
        format!(
            "WITH kept AS (
                 INSERT INTO tower_webhook_inbox (namespace, key, route, state, kept_until, attempts, deaths, fence,
                     fingerprint, corrected, accepted_at, size)
                 SELECT 'default', 'acme:' || n, 'acme', 7, n, 0, 0, 1, '0123456789abcdef', false, 1, 1 FROM {some} n
                 RETURNING id)
             INSERT INTO tower_webhook_inbox_content (id, envelope, body) SELECT id, '', '' FROM kept;
             INSERT INTO tower_webhook_inbox_order (namespace, route, order_key, kept_until)
             SELECT 'default', 'acme', 'order-' || n, n FROM {some} n"
        )
    };
    planned_early(&server, &statements.prune, "0, 9000, 10", rows).await;
    let left = |table| {
        server.ask(&format!(
            "SELECT count(*), min(kept_until) FROM tower_webhook_{table}"
        ))
    };
    assert_eq!(left("inbox"), "1990|11");
    let contents = server.ask(
        "SELECT count(*), count(i.id) FROM tower_webhook_inbox_content LEFT JOIN tower_webhook_inbox AS i USING (id)",
    );
    assert_eq!(contents, "1990|1990", "each that is left has its own");
    assert_eq!(left("inbox_order"), "1960|41");
}
