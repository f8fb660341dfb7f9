//! Claims on Postgres beside few records and beside many.

use tower_webhook::PostgresStore;
use tower_webhook::store::Store;

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::pairs::{CONNECTIONS, PATIENCE, rate};
use crate::sql_support::Postgres;

const FEW: u32 = 10_000;
const CLAIMS: u32 = 2_000;

pub(crate) async fn print(rounds: usize, records: u32) {
    let server = Postgres::with(&["max_wal_size=1GB"]);
    let mut stores = Vec::new();
    for (prefix, count) in [("few_", FEW), ("many_", records)] {
        let store = PostgresStore::builder(server.url())
            .deadline(PATIENCE)
            .table_prefix(prefix);
        let store = store
            .connections(CONNECTIONS)
            .migrate()
            .connect()
            .await
            .unwrap();
        server.ask(&format!(
            "INSERT INTO {prefix}records (namespace, key, state, token, attempt, fence, fingerprint,
                                          kept_until, corrected, status)
             SELECT 'default', 'blendfi:evt_' || md5(n::text), 2, decode(md5(n::text), 'hex'), 1, 1,
                    decode(md5(n::text), 'hex'), 4000000000000000 + n, false, 200
             FROM generate_series(1, {count}) n"
        ));
        server.ask(&format!("VACUUM ANALYZE {prefix}records"));
        stores.push(store);
    }
    let mut rates = Vec::new();
    for round in 0..=u32::try_from(rounds).unwrap() {
        let mut both = Vec::new();
        for store in &stores {
            let numbers = round * CLAIMS..(round + 1) * CLAIMS;
            let rate = rate(numbers, |claim| {
                let store = store.clone();
                async move {
                    store.claim(&claim).await.unwrap();
                }
            });
            both.push(rate.await);
        }
        if round > 0 {
            rates.push((both[0], both[1]));
        }
    }
    let medians = Medians::of(rates);
    let table = Table::new("sql", "Claims in Postgres beside few records and many");
    let row = format!("{records} records beside {FEW}");
    table.put(&row, "few", "claims/s", medians.first);
    table.put(&row, "many", "claims/s", medians.second);
    table.require(&row, "ratio", "", medians, Bound::AtLeast(0.8));
}
