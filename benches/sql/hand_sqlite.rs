//! A hand-written table in SQLite, and a task that commits together whatever has arrived.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, raw_sql};
use tokio::sync::{mpsc, oneshot};
use tower_webhook::store::Claim;

/// The columns of a record, its key, and an index to remove it later.
pub(crate) const TABLE: &str = "
CREATE TABLE by_hand (
    namespace TEXT NOT NULL, key TEXT NOT NULL, name BLOB, state INTEGER NOT NULL, token BLOB NOT NULL,
    attempt INTEGER NOT NULL, fence INTEGER NOT NULL, fingerprint BLOB, kept_until INTEGER NOT NULL,
    lease_ends INTEGER, lease INTEGER, corrected INTEGER NOT NULL, status INTEGER, content_type TEXT,
    body BLOB, PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX by_hand_end ON by_hand (kept_until);
";

const INSERT: &str = "
INSERT INTO by_hand (namespace, key, state, token, attempt, fence, fingerprint, kept_until, lease_ends,
                     lease, corrected) VALUES ('default', ?, 1, ?, 1, ?, ?, ?, ?, ?, 0)";

const UPDATE: &str = "
UPDATE by_hand SET state = 2, kept_until = ?, lease_ends = NULL, lease = NULL, status = 200
WHERE namespace = 'default' AND key = ? AND token = ?";

enum Step {
    Insert(Claim),
    Update(Claim),
}

#[derive(Clone)]
pub(crate) struct Hand(mpsc::Sender<(Step, oneshot::Sender<()>)>);

pub(crate) async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await
        .unwrap()
}

impl Hand {
    pub(crate) async fn new(path: &Path) -> Self {
        let mut conn = open(path).await;
        raw_sql(TABLE).execute(&mut conn).await.unwrap();
        let (sender, mut steps) = mpsc::channel::<(Step, oneshot::Sender<()>)>(1_024);
        // In its own thread, like the store.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                while let Some(first) = steps.recv().await {
                    let mut gathered = vec![first];
                    while gathered.len() < 256
                        && let Ok(next) = steps.try_recv()
                    {
                        gathered.push(next);
                    }
                    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.unwrap();
                    for (step, _) in &gathered {
                        carry_out(&mut tx, step).await;
                    }
                    tx.commit().await.unwrap();
                    for (_, reply) in gathered {
                        let _ = reply.send(());
                    }
                }
            });
        });
        Self(sender)
    }

    async fn run(&self, step: Step) {
        let (reply, done) = oneshot::channel();
        let _ = self.0.send((step, reply)).await;
        done.await.unwrap();
    }

    pub(crate) async fn pair(&self, claim: &Claim) {
        self.run(Step::Insert(claim.clone())).await;
        self.run(Step::Update(claim.clone())).await;
    }
}

pub(crate) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap()
}

pub(crate) fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    micros(now.unwrap())
}

async fn carry_out(conn: &mut SqliteConnection, step: &Step) {
    let done = match step {
        Step::Insert(claim) => {
            sqlx::query(INSERT)
                .bind(claim.key.encoded())
                .bind(claim.token.as_bytes().to_vec())
                .bind(now())
                .bind(claim.fingerprint.as_bytes().to_vec())
                .bind(now() + micros(claim.retention))
                .bind(now() + micros(claim.lease))
                .bind(micros(claim.lease))
                .execute(conn)
                .await
        }
        Step::Update(claim) => {
            sqlx::query(UPDATE)
                .bind(now() + micros(claim.retention))
                .bind(claim.key.encoded())
                .bind(claim.token.as_bytes().to_vec())
                .execute(conn)
                .await
        }
    };
    assert_eq!(done.unwrap().rows_affected(), 1);
}
