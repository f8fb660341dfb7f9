//! The space of a finished record, compared with a hand-written table with the same columns.

use sqlx::{Row, raw_sql};
use tower_webhook::{PostgresStore, SqliteStore};

use crate::common::measured::{Bound, Table};
use crate::pairs::{CONNECTIONS, PATIENCE, folder, pair, rate};
use crate::sql_support::Postgres;
use crate::{hand_postgres, hand_sqlite};

const RECORDS: u32 = 20_000;

pub(crate) async fn print() {
    let table = Table::new("sql", "Bytes of a finished record");
    let required = Bound::AtMost(1.2);
    let put = |row: &str, hand: f64, store: f64| {
        table.put(row, "by hand", "bytes", hand);
        table.put(row, "store", "bytes", store);
        table.require(row, "ratio", "", store / hand, required);
    };
    let (hand, store) = sqlite().await;
    put("SQLite", hand, store);
    let (hand, store) = postgres().await;
    put("Postgres", hand, store);
}

async fn sqlite() -> (f64, f64) {
    let folder = folder("bench-bytes");
    let (by_hand, by_store) = (folder.join("hand.db"), folder.join("store.db"));
    {
        let hand = hand_sqlite::Hand::new(&by_hand).await;
        let rate = rate(0..RECORDS, |claim| {
            let hand = hand.clone();
            async move { hand.pair(&claim).await }
        });
        rate.await;
        let store = SqliteStore::builder(&by_store).deadline(PATIENCE);
        let store = store.connect().await.unwrap();
        let rate = crate::pairs::rate(0..RECORDS, |claim| {
            let store = store.clone();
            async move { pair(&store, &claim).await }
        });
        rate.await;
    }
    let mut sizes = Vec::new();
    for path in [by_hand, by_store] {
        let mut conn = hand_sqlite::open(&path).await;
        let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let size: i64 = raw_sql(sql).fetch_one(&mut conn).await.unwrap().get(0);
        sizes.push(per_record(&size.to_string()));
    }
    let _ = std::fs::remove_dir_all(folder);
    (sizes[0], sizes[1])
}

fn per_record(bytes: &str) -> f64 {
    bytes.parse::<f64>().unwrap() / f64::from(RECORDS)
}

async fn postgres() -> (f64, f64) {
    let server = Postgres::start();
    server.ask(hand_postgres::TABLE);
    let hand = hand_postgres::Hand::new(&server.url(), CONNECTIONS).await;
    let store = PostgresStore::builder(server.url())
        .deadline(PATIENCE)
        .connections(CONNECTIONS);
    let store = store.migrate().connect().await.unwrap();
    rate(0..RECORDS, |claim| {
        let hand = hand.clone();
        async move { hand.pair(&claim).await }
    })
    .await;
    rate(0..RECORDS, |claim| {
        let store = store.clone();
        async move { pair(&store, &claim).await }
    })
    .await;
    // Without the dead rows of updates, for both alike.
    for table in ["by_hand", "tower_webhook_records"] {
        server.ask(&format!("VACUUM FULL {table}"));
    }
    let size =
        |table: &str| per_record(&server.ask(&format!("SELECT pg_total_relation_size('{table}')")));
    (size("by_hand"), size("tower_webhook_records"))
}
