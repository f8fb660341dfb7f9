//! Word that there may be something to take, from one process to another.
//!
//! It is a hint: who waits looks by himself too. Whoever accepts says so behind its commit, with `NOTIFY`, on a
//! connection that does nothing else: a commit with a word in it waits for those of all other applications. Who
//! waits listens on a session of its own (see [`listening`](super::listening)), and counts on that once it has heard
//! a word of its own that went another way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor as _};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::listening;
use crate::inbox::{Accepted, Moved};
use crate::store::error::StoreError;
use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::session::Sessions;
use crate::store::postgres::table::Tables;
use crate::store::sql::inbox::Answer;

/// Who has not heard a word for so long asks for one.
const QUIET: Duration = Duration::from_secs(60);
/// So long one's own word may take.
const PROOF_LIMIT: Duration = Duration::from_secs(5);
/// The pauses between two tries to listen, and between two to say a word.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// So long saying a word may take.
const WORD_LIMIT: Duration = Duration::from_secs(1);
/// How long nothing is said once something was: what comes meanwhile is one word.
const BREATH: Duration = Duration::from_millis(10);
/// How soon it is looked again where others had locked an order key.
const SOON: Duration = Duration::from_millis(10);
/// The longest wait of who cannot count on being told.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is told in this process, and to others.
pub(super) struct News {
    here: Notify,
    channel: String,
    /// Somebody waits.
    is_wanted: Notify,
    /// What was heard shows that others are heard.
    hears: AtomicBool,
    /// There is something to tell others.
    has_some: Notify,
}

impl News {
    pub(super) fn new(tables: &Tables) -> Self {
        let hash = Sha256::digest(tables.entries());
        let hash = data_encoding::HEXLOWER.encode(hash.first_chunk::<8>().unwrap_or(&[0; 8]));
        Self {
            here: Notify::new(),
            channel: format!("tower_webhook_{hash}"),
            is_wanted: Notify::new(),
            hears: AtomicBool::new(false),
            has_some: Notify::new(),
        }
    }

    /// Wakes whoever waits in this process.
    pub(super) fn tell(&self) {
        self.here.notify_waiters();
        // For who is about to wait.
        self.here.notify_one();
    }

    /// The same in a moment: what was locked is free then, or it is looked again.
    pub(super) fn tell_soon(self: &Arc<Self>) {
        let news = Arc::clone(self);
        tokio::spawn(async move {
            sleep(SOON).await;
            news.tell();
        });
    }

    /// Whether who waits is told of what others accept.
    #[cfg(test)]
    pub(super) fn hears(&self) -> bool {
        self.hears.load(Ordering::Acquire)
    }

    /// There is something to tell others.
    pub(super) fn note(&self) {
        self.has_some.notify_one();
    }

    /// Waits until there may be something to take.
    pub(super) async fn wait(&self, limit: Duration) {
        self.is_wanted.notify_one();
        let limit = match self.hears.load(Ordering::Acquire) {
            true => limit,
            false => limit.min(LOOK_EVERY),
        };
        let _ = timeout(limit, self.here.notified()).await;
    }

    /// Tells others what there is to tell, for as long as it lives. What comes within a breath is one word.
    pub(super) async fn speak(&self, sessions: &Sessions) {
        let (mut conn, mut pause) = (None, FIRST_PAUSE);
        loop {
            self.has_some.notified().await;
            let has_stood_idle = conn.is_some();
            let said = match self.say(conn.take(), sessions).await {
                // It may have been closed meanwhile.
                Err(_) if has_stood_idle => self.say(None, sessions).await,
                said => said,
            };
            match said {
                Ok(spoken) => {
                    conn = Some(spoken);
                    pause = FIRST_PAUSE;
                    sleep(BREATH).await;
                }
                Err(fault) => {
                    tracing::debug!(%fault, "workers of other processes are not told of new events");
                    sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LAST_PAUSE);
                    // It was not told.
                    self.note();
                }
            }
        }
    }

    /// Says it on this connection or on a new one, and hands that back.
    async fn say(
        &self,
        conn: Option<PgConnection>,
        sessions: &Sessions,
    ) -> Result<PgConnection, Fault> {
        let mut conn = match conn {
            Some(conn) => conn,
            None => sessions.connect().await?,
        };
        match timeout(WORD_LIMIT, self.notify(&mut conn)).await {
            Ok(said) => said.map(|()| conn),
            Err(_) => Err(Fault::slow()),
        }
    }

    /// In one message. A word that is lost in a crash was for who crashed too: nobody waits for the disk. Words
    /// are committed one at a time in all of a server: this one does not wait for long.
    async fn notify(&self, conn: &mut PgConnection) -> Result<(), Fault> {
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = {};
             SET LOCAL statement_timeout = 0; NOTIFY {}; COMMIT",
            (WORD_LIMIT / 2).as_millis(),
            self.channel
        );
        conn.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        Ok(())
    }

    /// Listens for as long as it lives, once somebody waits.
    pub(super) async fn listen(&self, sessions: &Sessions) {
        self.is_wanted.notified().await;
        let mut pause = FIRST_PAUSE;
        loop {
            let fault = match self.hear(sessions).await {
                Ok(never) => match never {},
                Err(fault) => fault,
            };
            if self.hears.swap(false, Ordering::AcqRel) {
                pause = FIRST_PAUSE;
            }
            tracing::debug!(%fault, "workers are not told of new events, and look for them");
            // Who waited on it looks by himself from now on.
            self.tell();
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LAST_PAUSE);
        }
    }

    async fn hear(&self, sessions: &Sessions) -> Result<std::convert::Infallible, Fault> {
        let mut listener = listening::listener(sessions).await?;
        listener.listen(&self.channel).await?;
        loop {
            let (limit, asked) = match self.hears.load(Ordering::Acquire) {
                true => (QUIET, false),
                false => (PROOF_LIMIT, true),
            };
            if asked {
                let mut conn = sessions.connect().await?;
                self.notify(&mut conn).await?;
                conn.close().await?;
            }
            match timeout(limit, listener.try_recv()).await {
                Ok(Ok(Some(_))) => {
                    self.hears.store(true, Ordering::Release);
                    self.tell();
                }
                Ok(Ok(None)) => return Err(Fault::new(Cause::Connection, "the connection broke")),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if asked => {
                    return Err(Fault::new(
                        Cause::Connection,
                        "nothing is heard on this connection",
                    ));
                }
                // Perhaps it has become deaf.
                Err(_) => self.hears.store(false, Ordering::Release),
            }
        }
    }
}

/// Whether what was told may be news to who waits.
pub(super) fn is_news(answer: &Result<Answer, StoreError>) -> bool {
    match answer {
        Ok(Answer::Accepted(accepted)) => {
            matches!(accepted, Accepted::Queued | Accepted::Revived)
        }
        Ok(Answer::Moved(moved)) => *moved == Moved::Done,
        Ok(Answer::Changed(changed)) => *changed,
        Ok(Answer::Freed) => true,
        Ok(Answer::Begun(_) | Answer::Held(_) | Answer::Taken(..)) | Err(_) => false,
    }
}
