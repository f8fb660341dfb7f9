//! Notifications between processes that there may be something to take.
//!
//! They are hints: a waiting process also polls. A process that accepts notifies after its commit, with `NOTIFY`, on
//! a connection that does nothing else: a commit with a notification waits for those of all other applications. A
//! waiting process listens on a session of its own (see [`listening`](super::listening)), and relies on it once it
//! has received a notification that it sent itself on another connection.

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

/// After this long without a notification, a process sends itself one.
const QUIET: Duration = Duration::from_secs(60);
/// How long a process waits for its own notification.
const PROOF_LIMIT: Duration = Duration::from_secs(5);
/// The pauses between two tries to listen, and between two tries to notify.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// How long sending a notification may take.
const WORD_LIMIT: Duration = Duration::from_secs(1);
/// The pause after a notification: events that arrive during it share one.
const BREATH: Duration = Duration::from_millis(10);
/// How soon to scan again after others had locked an order key.
const SOON: Duration = Duration::from_millis(10);
/// The longest wait of a process that cannot rely on notifications.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The notifications within this process, and to others.
pub(super) struct News {
    here: Notify,
    channel: String,
    /// Signals that somebody waits.
    is_wanted: Notify,
    /// Whether this process has proof that it receives notifications.
    hears: AtomicBool,
    /// Signals that there is something to notify others of.
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

    /// Wakes all tasks that wait in this process.
    pub(super) fn tell(&self) {
        self.here.notify_waiters();
        // For a task that is about to wait.
        self.here.notify_one();
    }

    /// Wakes them shortly: locked keys are free by then, or are checked again.
    pub(super) fn tell_soon(self: &Arc<Self>) {
        let news = Arc::clone(self);
        tokio::spawn(async move {
            sleep(SOON).await;
            news.tell();
        });
    }

    /// Whether waiting tasks are notified of events that other processes accept.
    #[cfg(test)]
    pub(super) fn hears(&self) -> bool {
        self.hears.load(Ordering::Acquire)
    }

    /// Signals that there is something to notify others of.
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

    /// Notifies other processes for as long as it lives. Events within one pause share a notification.
    pub(super) async fn speak(&self, sessions: &Sessions) {
        let (mut conn, mut pause) = (None, FIRST_PAUSE);
        loop {
            self.has_some.notified().await;
            let has_stood_idle = conn.is_some();
            let said = match self.say(conn.take(), sessions).await {
                // It may have been closed in the meantime.
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
                    // The notification was not sent.
                    self.note();
                }
            }
        }
    }

    /// Notifies on this connection or on a new one, and returns the connection.
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

    /// In one message. A notification that is lost in a crash was for processes that crashed too, so it does
    /// not wait for the disk. The server commits notifications one at a time: this one does not wait for long.
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

    /// Listens for as long as it lives, once a task waits.
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
            // Tasks that waited for it poll from now on.
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
                // The connection may no longer receive anything.
                Err(_) => self.hears.store(false, Ordering::Release),
            }
        }
    }
}

/// Whether this answer may be news to waiting workers.
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
