//! Connections, and the transaction that each command runs in.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

#[cfg(feature = "inbox")]
use sqlx::postgres::PgPoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor as _, Postgres, Transaction, raw_sql,
};
use tokio::time::timeout;

use super::error::{Cause, Fault};
use super::idle::Idle;
use super::link::{Link, MARK, Plans, marked, new_mark};
use super::sql::Preparing;
use super::told::{Told, tell, told_by};

/// How to connect, and how each transaction begins.
#[derive(Clone)]
pub(super) struct Sessions {
    origin: Origin,
    /// The server, in a form without secrets.
    shown: String,
    deadline: Duration,
    begin: String,
    open: String,
    /// The same for a link that prepares statements, and for one that plans them anew.
    open_prepared: String,
    open_anew: String,
    begin_patient: String,
    pub(super) preparing: Preparing,
    /// How many links exist.
    pub(super) linked: Arc<AtomicUsize>,
    pub(super) idle: Arc<Idle>,
}

/// The source of the connect options.
#[derive(Clone)]
pub(super) enum Origin {
    Url(Box<PgConnectOptions>),
    /// The pool's current options: a password may be a token that expires, and is replaced there.
    Pool(PgPool),
}

impl Origin {
    fn options(&self) -> PgConnectOptions {
        match self {
            Self::Url(options) => options.as_ref().clone(),
            Self::Pool(pool) => pool.connect_options().as_ref().clone(),
        }
    }
}

/// Devices that silently drop idle connections, such as a NAT, do so after a minute at the earliest.
pub(super) const ASKED_WHEN_IDLE: Duration = Duration::from_secs(30);

/// More than the number of statements.
const PREPARED: usize = 128;

/// The longest wait of a command for one record at a time: longer waits would hold up the others.
const LOCK_LIMIT: Duration = Duration::from_millis(20);

impl Sessions {
    pub(super) fn new(origin: Origin, deadline: Duration, preparing: Preparing) -> Self {
        let begin_brief = begin(deadline, LOCK_LIMIT.min(deadline / 2));
        // Commands name their rows, so one plan is good for all of them.
        let one_plan = "SET LOCAL plan_cache_mode = force_generic_plan";
        let marked = marked(&tell());
        Self {
            open: format!("{begin_brief}; {}", tell()),
            open_prepared: format!("{begin_brief}; {one_plan}; {marked}"),
            open_anew: format!("{begin_brief}; DISCARD PLANS; {one_plan}; {marked}"),
            begin: begin_brief,
            begin_patient: begin(deadline, deadline / 2),
            shown: shown(&origin.options()),
            origin,
            deadline,
            preparing,
            linked: Arc::default(),
            idle: Arc::new(Idle::new(ASKED_WHEN_IDLE)),
        }
    }

    /// The current connect options.
    fn options(&self) -> PgConnectOptions {
        let prepared = if self.preparing.is_on() { PREPARED } else { 0 };
        let options = (self.origin.options())
            .statement_cache_capacity(prepared)
            // PgBouncer refuses this parameter.
            .extra_float_digits(None)
            .disable_statement_logging();
        match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("tower-webhook"),
        }
    }

    /// The server, in a form without secrets.
    pub(super) fn shown(&self) -> String {
        self.shown.clone()
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Opens a connection, within the deadline.
    pub(super) async fn connect(&self) -> Result<PgConnection, Fault> {
        let connecting = async { Ok(self.options().connect().await?) };
        self.in_time(connecting).await
    }

    /// Opens a connection for one command after another, within the deadline.
    pub(super) async fn link(&self) -> Result<Link, Fault> {
        let linking = async {
            if self.preparing.wants_own_session() {
                return self.link_own().await;
            }
            let conn = self.options().connect().await?;
            match self.preparing.is_on() {
                true => Link::prepares(conn).await,
                false => Ok(Link::new(conn)),
            }
        };
        let link = self.in_time(linking).await?;
        Ok(link.counted(&self.linked))
    }

    /// Opens a connection that prepares statements if its session is its own: it requests a mark as it connects. A
    /// pooler already has its sessions, or starts them itself, and refuses or ignores such a setting.
    async fn link_own(&self) -> Result<Link, Fault> {
        let mark = new_mark()?;
        let options = self.options();
        let marked = options.clone().options([(MARK, &mark)]);
        let link = match marked.connect().await {
            Ok(conn) => Link::prepares_if_own(conn, mark).await?,
            Err(error) if may_be_of_the_mark(&error) => Link::new(options.connect().await?),
            Err(error) => return Err(error.into()),
        };
        if !link.has_names() && self.preparing.stop() {
            tracing::info!(
                target: "tower_webhook",
                postgres = %self.shown(),
                "a pooler stands before Postgres: no statement is prepared"
            );
        }
        Ok(link)
    }

    async fn in_time<T>(
        &self,
        connecting: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let connected = timeout(self.deadline, connecting).await;
        connected.unwrap_or_else(|_| {
            Err(Fault::new(
                Cause::Connection,
                format!("no connection within {} ms", self.deadline.as_millis()),
            ))
        })
    }

    /// Stops preparing statements if this fault says that their names are not reliable.
    pub(super) fn heed(&self, fault: &Fault) {
        if fault.cause() == Cause::Unprepared && self.preparing.stop() {
            tracing::warn!(
                target: "tower_webhook",
                postgres = %self.shown(),
                "what was prepared is not there any more, or is another client's, as behind a pooler: statements \
                 are prepared no more; say `prepare_statements(false)`"
            );
        }
    }

    /// A pool of one connection, for what `sqlx` offers only on pools. It begins with this setting.
    #[cfg(feature = "inbox")]
    pub(super) fn one(&self, setting: (&str, &str)) -> PgPool {
        let one = PgPoolOptions::new().max_connections(1);
        let one = one.acquire_timeout(self.deadline);
        one.connect_lazy_with(self.options().options([setting]))
    }

    /// Begins a transaction, as an impatient `begin` does, and returns the server's report.
    pub(super) async fn open<'c>(&self, link: &'c mut Link) -> Result<(Open<'c>, Told), Fault> {
        let sql = match link.plans() {
            Plans::None => &self.open,
            Plans::Kept => &self.open_prepared,
            Plans::Anew => &self.open_anew,
        };
        let rows = raw_sql(AssertSqlSafe(sql.clone()));
        let rows = rows.fetch_all(&mut link.conn).await?;
        if let Err(fault) = link.goes_on(&rows) {
            // It is somebody else's session: no transaction may stay open there.
            let _ = link.conn.execute(raw_sql("ROLLBACK")).await;
            return Err(fault);
        }
        Ok((Open(&mut link.conn), told_by(&rows)?))
    }

    /// Begins a transaction. A patient one waits for locks for half of the deadline, an impatient one for
    /// some milliseconds.
    pub(super) async fn begin<'c>(
        &self,
        conn: &'c mut PgConnection,
        is_patient: bool,
    ) -> Result<Transaction<'c, Postgres>, Fault> {
        let sql = if is_patient {
            &self.begin_patient
        } else {
            &self.begin
        };
        Ok(conn.begin_with(AssertSqlSafe(sql.clone())).await?)
    }
}

/// An open transaction. If it is dropped before its end, its connection cannot be used any more.
pub(super) struct Open<'c>(&'c mut PgConnection);

impl Open<'_> {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        self.0
    }

    pub(super) async fn commit(self) -> Result<(), Fault> {
        self.0.execute(raw_sql("COMMIT")).await?;
        Ok(())
    }

    pub(super) async fn rollback(self) -> Result<(), Fault> {
        self.0.execute(raw_sql("ROLLBACK")).await?;
        Ok(())
    }
}

fn shown(options: &PgConnectOptions) -> String {
    let host = options
        .get_socket()
        .map(|socket| socket.display().to_string());
    let host = host.unwrap_or_else(|| options.get_host().to_owned());
    let database = options
        .get_database()
        .unwrap_or_else(|| options.get_username());
    format!("{host}:{}/{database}", options.get_port())
}

/// Whether the error may be a refusal of the mark. Codes for a server that is busy or away, or for an unknown client,
/// have other causes, and would appear again.
fn may_be_of_the_mark(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(told) = error else {
        return false;
    };
    let code = told.code().unwrap_or_default();
    !["28", "3D", "53", "55", "57", "58"].contains(&code.get(..2).unwrap_or_default())
}

/// In one message. It overrides settings of the role or the database, and they are restored at the end
/// of the transaction: behind PgBouncer, other clients use the session too.
fn begin(deadline: Duration, lock: Duration) -> String {
    let millis = |span: Duration| span.as_millis().max(1);
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
         SET LOCAL statement_timeout = {};
         SET LOCAL lock_timeout = {};
         SET LOCAL idle_in_transaction_session_timeout = {};
         SET LOCAL search_path = pg_catalog, pg_temp;
         SET LOCAL enable_seqscan = off",
        millis(deadline),
        millis(lock),
        millis(deadline.saturating_mul(2)),
    )
}
