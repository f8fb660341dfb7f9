//! Claims with few records and with many, in Postgres on a disk and in a SQLite file.

use std::sync::Arc;
use std::time::Instant;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use sqlx::raw_sql;
use tower_webhook::store::{Claim, Store};
use tower_webhook::{EventKey, Name, PostgresStore, SqliteStore};

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::pairs::{CONNECTIONS, PATIENCE, folder, rate};
use crate::sql_support::Postgres;
use crate::{event, hand_sqlite};

const FEW: u32 = 10_000;
const CLAIMS: u32 = 2_000;

/// Measures, and returns whether each of them meets its bound.
pub(crate) async fn print(rounds: usize, records: u32) -> bool {
    let postgres = postgres(rounds, records).await;
    postgres & sqlite(rounds, records).await
}

async fn postgres(rounds: usize, records: u32) -> bool {
    let server = Postgres::on_disk(&["max_wal_size=1GB"]);
    let mut stores = Vec::new();
    for (prefix, count) in [("few_", FEW), ("many_", records)] {
        let begun = Instant::now();
        let store = PostgresStore::builder(server.url())
            .deadline(PATIENCE)
            .table_prefix(prefix);
        let store = store
            .connections(CONNECTIONS)
            .migrate()
            .connect()
            .await
            .unwrap();
        // In key order, which is spread evenly, so each index grows at its end.
        server.ask(&format!(
            "INSERT INTO {prefix}records (namespace, key, state, token, attempt, fence, fingerprint,
                                          kept_until, corrected, status)
             SELECT 'default', 'blendfi:evt_' || lpad(to_hex(n::bigint * 4294967296 / {count}), 8, '0')
                        || right(md5(n::text), 24),
                    2, decode(md5(n::text), 'hex'), 1, 1,
                    decode(md5(n::text), 'hex'), 4000000000000000 + n, false, 200
             FROM generate_series(0, {count} - 1) n"
        ));
        server.ask(&format!("VACUUM ANALYZE {prefix}records"));
        let size = server.ask(&format!("SELECT pg_total_relation_size('{prefix}records')"));
        made("Postgres", count, &size, begun);
        stores.push(store);
    }
    server.ask("CHECKPOINT");
    compare("Postgres", rounds, records, &stores).await
}

async fn sqlite(rounds: usize, records: u32) -> bool {
    let folder = folder("bench-growth");
    let mut stores = Vec::new();
    for (name, count) in [("few.db", FEW), ("many.db", records)] {
        let (begun, path) = (Instant::now(), folder.join(name));
        let builder = || SqliteStore::builder(&path).deadline(PATIENCE);
        // Creates the tables.
        drop(builder().connect().await.unwrap());
        let mut conn = hand_sqlite::open(&path).await;
        let run = |sql: String| raw_sql(sqlx::AssertSqlSafe(sql));
        run("PRAGMA synchronous = OFF; PRAGMA busy_timeout = 60000".to_owned())
            .execute(&mut conn)
            .await
            .unwrap();
        for part in event::portions(count) {
            let (first, end) = (part.start, part.end);
            let filled = run(format!(
                "WITH RECURSIVE number (n) AS (
                     SELECT {first} UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {end})
                 INSERT INTO tower_webhook_records (namespace, key, state, token, attempt, fence, fingerprint,
                                                    kept_until, corrected, status)
                 SELECT 'default', 'blendfi:evt_' || printf('%08x', n * 4294967296 / {count})
                            || lower(hex(randomblob(12))),
                        2, randomblob(16), 1, 1, randomblob(16), 4000000000000000 + n, 0, 200
                 FROM number"
            ));
            filled.execute(&mut conn).await.unwrap();
        }
        run("PRAGMA wal_checkpoint(TRUNCATE)".to_owned())
            .execute(&mut conn)
            .await
            .unwrap();
        drop(conn);
        let size = std::fs::metadata(&path).unwrap().len();
        made("SQLite", count, &size.to_string(), begun);
        stores.push(builder().connect().await.unwrap());
    }
    let holds = compare("SQLite", rounds, records, &stores).await;
    drop(stores);
    let _ = std::fs::remove_dir_all(folder);
    holds
}

fn made(database: &str, count: u32, bytes: &str, begun: Instant) {
    let seconds = begun.elapsed().as_secs();
    println!("{database}: {count} records, {bytes} bytes, made in {seconds} s");
}

/// The store with few records and the one with many take turns.
async fn compare<S: Store + Clone>(
    database: &str,
    rounds: usize,
    records: u32,
    stores: &[S],
) -> bool {
    let table = Table::new(
        "sql",
        &format!("Claims in {database} beside few records and many"),
    );
    let mut holds = true;
    let mut round = 0;
    let kinds: [(&str, Chosen); 2] = [
        ("in the order of their keys", Claim::clone),
        ("anywhere among them", anywhere),
    ];
    for (keys, own) in kinds {
        let mut rates = Vec::new();
        // The first round is a warm-up.
        for counts in (0..=rounds).map(|turn| turn > 0) {
            let mut both = Vec::new();
            for store in stores {
                let numbers = round * CLAIMS..(round + 1) * CLAIMS;
                let rate = rate(numbers, |claim: Arc<Claim>| {
                    let (store, claim) = (store.clone(), own(&claim));
                    async move {
                        store.claim(&claim).await.unwrap();
                    }
                });
                both.push(rate.await);
            }
            round += 1;
            if counts {
                rates.push((both[0], both[1]));
            }
        }
        let medians = Medians::of(rates);
        let row = format!("{records} records beside {FEW}, {keys}");
        table.put(&row, "few", "claims/s", medians.first);
        table.put(&row, "many", "claims/s", medians.second);
        holds &= table.require(&row, "ratio", "", medians, Bound::AtLeast(0.8));
    }
    holds
}

/// Selects the claim to make instead of the one in sequence.
type Chosen = fn(&Claim) -> Claim;

/// With a key at an unpredictable place, like that of a sender with random ids.
fn anywhere(claim: &Claim) -> Claim {
    let hash = HEXLOWER.encode(&Sha256::digest(claim.key.encoded()));
    let id = format!("evt_{}", hash.get(..32).unwrap());
    let mut claim = claim.clone();
    claim.key = EventKey::new(Name::new("blendfi").unwrap(), [id]).unwrap();
    claim
}
