//! Hand-written routes that store what arrives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::raw_sql;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{mpsc, oneshot};

use crate::code;
use crate::rates::PATIENCE;

const TABLE: &str =
    "CREATE TABLE by_hand (id TEXT PRIMARY KEY, due INTEGER NOT NULL, body BLOB NOT NULL)";
const INSERT: &str = "INSERT INTO by_hand VALUES (?, 0, ?) ON CONFLICT DO NOTHING";

#[derive(Deserialize)]
struct Event {
    id: String,
}

fn id(body: &[u8]) -> String {
    serde_json::from_slice::<Event>(body).unwrap().id
}

async fn open(path: &Path, connections: u32) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(60));
    let pool = SqlitePoolOptions::new().max_connections(connections);
    let pool = pool.connect_with(options).await.unwrap();
    raw_sql(TABLE).execute(&pool).await.unwrap();
    pool
}

/// Each event is an `INSERT` with its own commit.
pub(crate) async fn sqlite(path: &Path) -> Router {
    async fn store(State(pool): State<SqlitePool>, body: Bytes) -> StatusCode {
        let insert = sqlx::query(INSERT).bind(id(&body)).bind(body.to_vec());
        insert.execute(&pool).await.unwrap();
        StatusCode::OK
    }
    Router::new()
        .route("/hooks", post(store))
        .with_state(open(path, 4).await)
}

type Asked = (Bytes, oneshot::Sender<()>);

/// A task commits together whatever has arrived.
pub(crate) async fn sqlite_together(path: &Path) -> Router {
    async fn store(State(asked): State<mpsc::Sender<Asked>>, body: Bytes) -> StatusCode {
        let (reply, stored) = oneshot::channel();
        asked.send((body, reply)).await.unwrap();
        stored.await.unwrap();
        StatusCode::OK
    }
    let pool = open(path, 1).await;
    let (asked, mut asks) = mpsc::channel::<Asked>(1_024);
    tokio::spawn(async move {
        while let Some(first) = asks.recv().await {
            let mut gathered = vec![first];
            while gathered.len() < 256
                && let Ok(next) = asks.try_recv()
            {
                gathered.push(next);
            }
            let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
            for (body, _) in &gathered {
                let insert = sqlx::query(INSERT).bind(id(body)).bind(body.to_vec());
                insert.execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
            for (_, reply) in gathered {
                let _ = reply.send(());
            }
        }
    });
    Router::new().route("/hooks", post(store)).with_state(asked)
}

/// Each event is an `INSERT` with its own commit, over so many connections.
pub(crate) async fn postgres(url: &str, connections: u32) -> Router {
    async fn store(State(pool): State<PgPool>, body: Bytes) -> StatusCode {
        let insert = "INSERT INTO by_hand VALUES ($1, 0, $2) ON CONFLICT DO NOTHING";
        let insert = sqlx::query(insert).bind(id(&body)).bind(body.to_vec());
        insert.execute(&pool).await.unwrap();
        StatusCode::OK
    }
    let pool = PgPoolOptions::new().max_connections(connections);
    let pool = pool.acquire_timeout(Duration::from_secs(60));
    let pool = pool.connect(url).await.unwrap();
    let table = TABLE.replace("BLOB", "bytea");
    raw_sql(sqlx::AssertSqlSafe(table))
        .execute(&pool)
        .await
        .unwrap();
    Router::new().route("/hooks", post(store)).with_state(pool)
}

/// The arguments of the inbox's script, except the event.
#[derive(Clone)]
struct Scripted {
    conn: MultiplexedConnection,
    hash: Arc<str>,
    /// As the inbox stores it with each body, after its length.
    envelope: Arc<[u8]>,
}

/// Each event is one call of the script with which an inbox accepts it.
pub(crate) async fn redis(url: &str, envelope: &[u8]) -> Router {
    async fn store(State(mut scripted): State<Scripted>, body: Bytes) -> StatusCode {
        let name = format!("blendfi:{}", id(&body));
        // The number of partitions divides 256, so the last of four bytes decides.
        let partition = Sha256::digest(&name)[3];
        let key = |rest: &[&str]| format!("wh:default:{{{partition}}}:{}", rest.concat());
        let mut call = redis::cmd("EVALSHA");
        call.arg(&*scripted.hash).arg(4);
        call.arg(key(&["~i:", &name])).arg(key(&["~h:", &name]));
        call.arg(key(&["~q"])).arg(key(&[&name]));
        // A fingerprint, and whether other content counts as a duplicate.
        call.arg(&[7_u8; 16]).arg(1).arg(900_000_000);
        call.arg(b"\x00\x07blendfi\x00\x00\x00\x00").arg("blendfi");
        call.arg(scripted.envelope.len() - 4 + body.len());
        call.arg([&*scripted.envelope, &*body].concat());
        // The room, and no order.
        call.arg(3_907).arg("").arg("");
        let (code, _): (i64, i64) = call.query_async(&mut scripted.conn).await.unwrap();
        assert_eq!(code, 1, "it is queued");
        StatusCode::OK
    }
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let client = Client::open(url).unwrap();
    let conn = client.get_multiplexed_async_connection_with_config(&config);
    let mut conn = conn.await.unwrap();
    let script = Script::new(code::ACCEPT);
    script.load_async(&mut conn).await.unwrap();
    let length = u32::try_from(envelope.len()).unwrap();
    let scripted = Scripted {
        conn,
        hash: script.get_hash().into(),
        envelope: [&length.to_be_bytes()[..], envelope].concat().into(),
    };
    Router::new()
        .route("/hooks", post(store))
        .with_state(scripted)
}
