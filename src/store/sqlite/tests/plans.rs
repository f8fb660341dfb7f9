//! The plans of SQLite for the statements.

use super::*;

/// The plan of a statement with parameters, as SQLite reports it.
async fn plan(conn: &mut SqliteConnection, sql: &str) -> String {
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
    let rows = rows.fetch_all(conn).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    lines.join("\n")
}

#[tokio::test]
async fn no_statement_goes_through_the_table() {
    let folder = Folder::new();
    let store = folder.store().await;
    for number in 0..100 {
        store.claim(&claim(&number.to_string())).await.unwrap();
    }
    let mut conn = folder.beside().await;
    for sql in statements::all() {
        let plan = plan(&mut conn, &sql).await;
        for line in plan
            .lines()
            .filter(|line| line.contains("tower_webhook_records"))
        {
            assert!(
                line.contains("SEARCH") && line.contains("USING"),
                "{sql}\n{plan}"
            );
        }
        assert!(plan.contains("tower_webhook_records"), "{sql}\n{plan}");
    }
}

#[cfg(feature = "page")]
#[tokio::test]
async fn no_view_of_the_journal_goes_through_the_table() {
    use crate::recorded::JournalSink as _;

    let folder = Folder::new();
    let table = super::journal::SqliteJournal::open(folder.file()).unwrap();
    let mut writing = table.clone();
    // The first write creates the table.
    std::thread::spawn(move || writing.write(&[]).unwrap())
        .join()
        .unwrap();
    let mut conn = folder.beside().await;
    for sql in super::journal::newest::ALL {
        let plan = plan(&mut conn, sql).await;
        assert!(
            plan.contains("SEARCH tower_webhook_journal USING"),
            "{sql}\n{plan}"
        );
        assert!(
            !plan.contains("SCAN tower_webhook_journal"),
            "{sql}\n{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}
