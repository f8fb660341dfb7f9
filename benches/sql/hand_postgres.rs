//! The same statements, hand-written, through a pool.

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Postgres, Row, Transaction};
use tower_webhook::store::Claim;

use crate::hand_sqlite::micros;

/// The columns of a record, its key, and an index to remove it later.
pub(crate) const TABLE: &str = "
CREATE TABLE by_hand (
    namespace text NOT NULL, key text NOT NULL, name bytea, state smallint NOT NULL, token bytea NOT NULL,
    attempt bigint NOT NULL, fence bigint NOT NULL, fingerprint bytea, kept_until bigint NOT NULL,
    lease_ends bigint, lease bigint, corrected boolean NOT NULL, status integer, content_type text,
    body bytea, PRIMARY KEY (namespace, key)
);
CREATE INDEX by_hand_end ON by_hand (kept_until);
";

const BEGIN: &str = "
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = 10000;
SET LOCAL lock_timeout = 5000";

const READ: &str = "
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, l.* FROM (SELECT 1) one LEFT JOIN (
    SELECT namespace, key, name, state, token, attempt, fence, fingerprint, kept_until, lease_ends, lease,
           corrected, status, content_type, body
    FROM by_hand WHERE namespace = 'default' AND key = $1 FOR UPDATE) l ON true";

const INSERT: &str = "
INSERT INTO by_hand (namespace, key, state, token, attempt, fence, fingerprint, kept_until, lease_ends,
                     lease, corrected) VALUES ('default', $1, 1, $2, 1, $3, $4, $5, $6, $7, false)
ON CONFLICT DO NOTHING";

const UPDATE: &str = "
UPDATE by_hand SET state = 2, kept_until = $1, lease_ends = NULL, lease = NULL, status = 200
WHERE namespace = 'default' AND key = $2";

#[derive(Clone)]
pub(crate) struct Hand(PgPool);

impl Hand {
    pub(crate) async fn new(url: &str, connections: u32) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        let options = options.statement_cache_capacity(0);
        let pool = PgPoolOptions::new().max_connections(connections);
        Self(pool.connect_with(options).await.unwrap())
    }

    /// Begins, and reads the row and the time under its lock.
    async fn begin(&self, claim: &Claim) -> (Transaction<'static, Postgres>, i64) {
        let mut tx = self.0.begin_with(BEGIN).await.unwrap();
        let read = sqlx::query(READ)
            .persistent(false)
            .bind(claim.key.encoded());
        let row = read.fetch_one(&mut *tx).await.unwrap();
        (tx, row.get(0))
    }

    pub(crate) async fn pair(&self, claim: &Claim) {
        self.claim(claim).await;
        let (mut tx, now) = self.begin(claim).await;
        let update = sqlx::query(UPDATE)
            .persistent(false)
            .bind(now + micros(claim.retention))
            .bind(claim.key.encoded());
        assert_eq!(update.execute(&mut *tx).await.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
    }

    /// The claim, followed by an effect and the completion in one transaction.
    pub(crate) async fn with_effect(&self, claim: &Claim, effect: &'static str) {
        self.claim(claim).await;
        let mut tx = self.0.begin_with(BEGIN).await.unwrap();
        let effect = sqlx::query(effect).bind(claim.key.encoded());
        effect.execute(&mut *tx).await.unwrap();
        let update = sqlx::query(UPDATE)
            .persistent(false)
            .bind(micros(claim.retention))
            .bind(claim.key.encoded());
        assert_eq!(update.execute(&mut *tx).await.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
    }

    async fn claim(&self, claim: &Claim) {
        let (mut tx, now) = self.begin(claim).await;
        let insert = sqlx::query(INSERT)
            .persistent(false)
            .bind(claim.key.encoded())
            .bind(claim.token.as_bytes().as_slice())
            .bind(now)
            .bind(claim.fingerprint.as_bytes().as_slice())
            .bind(now + micros(claim.retention))
            .bind(now + micros(claim.lease))
            .bind(micros(claim.lease));
        assert_eq!(insert.execute(&mut *tx).await.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
    }
}
