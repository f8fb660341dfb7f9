//! The plans of SQLite for the statements.

use sqlx::Row as _;

use super::*;

#[tokio::test]
async fn no_statement_goes_through_the_table() {
    let folder = Folder::new();
    let inbox = inbox(&folder).await;
    for number in 0..100 {
        let id = number.to_string();
        inbox.accept(&accept(&id, "a")).await.unwrap();
    }
    let mut conn = folder.beside().await;
    for sql in [
        take::all(),
        looking::all(),
        entry_commands::all(),
        order_keys::all(),
        held::all(),
        rates::statements(),
    ]
    .concat()
    {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let rows = rows.fetch_all(&mut conn).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let plan = lines.join("\n");
        for line in lines.iter().filter(|line| line.contains("SCAN")) {
            // Open entries are counted from covering indexes that hold nothing else.
            let is_counted = line.contains("COVERING INDEX") && sql.contains("count(*)");
            let is_step = line.contains("(subquery")
                || ["SCAN CONSTANT ROW", "SCAN looked"].contains(&line.as_str());
            assert!(is_counted || is_step, "{sql}\n{plan}");
        }
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}
