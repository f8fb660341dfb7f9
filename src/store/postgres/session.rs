//! A connection, and the transaction that each command runs in.

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

/// How to connect, and what each transaction begins with.
#[derive(Clone)]
pub(super) struct Sessions {
    origin: Origin,
    /// The server, as it may be shown.
    shown: String,
    deadline: Duration,
    begin: String,
    open: String,
    /// The same for a link that prepares statements, and where it plans them anew.
    open_prepared: String,
    open_anew: String,
    begin_patient: String,
    pub(super) preparing: Preparing,
    /// How many links there are.
    pub(super) linked: Arc<AtomicUsize>,
    pub(super) idle: Arc<Idle>,
}

/// Who says how to connect.
#[derive(Clone)]
pub(super) enum Origin {
    Url(Box<PgConnectOptions>),
    /// What this one has now: a password may be a token that expires, and is replaced there.
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

/// What forgets idle connections without a word, such as a NAT, does so after a minute at the earliest.
pub(super) const ASKED_WHEN_IDLE: Duration = Duration::from_secs(30);

/// More than there are statements.
const PREPARED: usize = 128;

/// A command waits no longer than this for one record at a time: it would hold up the others.
const LOCK_LIMIT: Duration = Duration::from_millis(20);

impl Sessions {
    pub(super) fn new(origin: Origin, deadline: Duration, preparing: Preparing) -> Self {
        let begin_brief = begin(deadline, LOCK_LIMIT.min(deadline / 2));
        // Commands name their rows: one plan is good for all of them.
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

    /// How to connect now.
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

    /// The server, as it may be shown.
    pub(super) fn shown(&self) -> String {
        self.shown.clone()
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// A connection, within the deadline.
    pub(super) async fn connect(&self) -> Result<PgConnection, Fault> {
        let connecting = async { Ok(self.options().connect().await?) };
        self.in_time(connecting).await
    }

    /// A connection for one command after the other, within the deadline.
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

    /// A connection that prepares if its session is its own: it asks for a mark as it connects. A pooler has its sessions
    /// already, or begins them by itself, and refuses such a setting or passes it by.
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

    /// Prepares statements no more where this says that their names do not hold.
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

    /// A pool of one connection, for what `sqlx` makes on pools alone. Its session begins with this setting.
    #[cfg(feature = "inbox")]
    pub(super) fn one(&self, setting: (&str, &str)) -> PgPool {
        let one = PgPoolOptions::new().max_connections(1);
        let one = one.acquire_timeout(self.deadline);
        one.connect_lazy_with(self.options().options([setting]))
    }

    /// Begins a transaction, as `begin` does one that is not patient, and says what the server tells of itself.
    pub(super) async fn open<'c>(&self, link: &'c mut Link) -> Result<(Open<'c>, Told), Fault> {
        let sql = match link.plans() {
            Plans::None => &self.open,
            Plans::Kept => &self.open_prepared,
            Plans::Anew => &self.open_anew,
        };
        let rows = raw_sql(AssertSqlSafe(sql.clone()));
        let rows = rows.fetch_all(&mut link.conn).await?;
        if let Err(fault) = link.goes_on(&rows) {
            // It is somebody else's session: no transaction is left open there.
            let _ = link.conn.execute(raw_sql("ROLLBACK")).await;
            return Err(fault);
        }
        Ok((Open(&mut link.conn), told_by(&rows)?))
    }

    /// Begins a transaction. A patient one waits for locks for half of the deadline, another one for some
    /// milliseconds.
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

/// A transaction that is open. Where it is dropped before its end, its connection is of no use any more.
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

/// Whether it may be the mark that is refused. What says that the server is busy, away or does not know whoever connects
/// has to do with something else, and would be said again.
fn may_be_of_the_mark(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(told) = error else {
        return false;
    };
    let code = told.code().unwrap_or_default();
    !["28", "3D", "53", "55", "57", "58"].contains(&code.get(..2).unwrap_or_default())
}

/// In one message. What the role or the database sets otherwise counts no more, and with the end of the
/// transaction all is as it was: behind PgBouncer the session belongs to others too.
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
