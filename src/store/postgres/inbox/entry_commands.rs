//! The commands of an inbox, as its workers carry them out.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::inbox::{Accepted, Moved};
use crate::store::error::StoreError;
use crate::store::postgres::commands::{CarriedOut, Commands, ServerTime};
use crate::store::postgres::error::Fault;
use crate::store::postgres::schema::{Part, RECORDS};
use crate::store::postgres::session::Sessions;
use crate::store::postgres::statements::{Statements, read_places};
use crate::store::postgres::table::Tables;
use crate::store::sql::inbox::{Answer, Found, Order, OrderAt, Placed, decide, mixed_up};
use crate::store::sql::{Place, Stored};

use super::front::Front;
use super::news::News;
use super::room::{Reserved, Room};
use super::schema::INBOX;
use super::statements::EntryStatements;
use super::{looking, order_keys, rates, statements, take};

pub(super) struct EntryCommands {
    pub(super) statements: EntryStatements,
    records: Statements,
    room: Arc<Room>,
    pub(super) front: Front,
    pub(super) news: Arc<News>,
}

/// What to note of a transaction.
pub(super) struct Effect {
    /// By how much there are more entries now that are not over.
    opened: i64,
    /// Whether there may be something to take that was not there before.
    is_news: bool,
    _reserved: Reserved,
}

impl EntryCommands {
    pub(super) fn new(tables: &Tables, capacity: u64) -> Self {
        Self {
            statements: EntryStatements::new(tables),
            records: Statements::new(tables),
            room: Arc::new(Room::new(capacity)),
            front: Front::default(),
            news: Arc::new(News::new(tables)),
        }
    }

    async fn count(&self, conn: &mut PgConnection) -> Result<(), Fault> {
        let open = looking::open(conn, &self.statements, self.room.capacity()).await?;
        self.room.counted(open, Instant::now());
        Ok(())
    }

    /// What there is of the entries that these commands are about.
    async fn find(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placed],
        found: &mut Found,
    ) -> Result<(), Fault> {
        let at = |place: &Place| (place.namespace.as_str().to_owned(), place.key.clone());
        let orders = placed.iter().filter_map(|placed| {
            let place = placed
                .place
                .as_ref()
                .filter(|_| changes_order(&placed.order))?;
            let row = found.rows.get(&at(place))?;
            OrderAt::of(&place.namespace, &row.route, row.entry.as_ref()?)
        });
        let orders = orders.collect();
        found.order_keys = order_keys::lock(&mut *conn, &self.statements, orders).await?;
        // Only what is not known here may be known to a store beside it.
        let places = placed.iter().filter_map(|placed| match &placed.order {
            Order::Accept(_) => placed.place.as_ref(),
            _ => None,
        });
        let unknown = places.filter(|place| !found.rows.contains_key(&at(place)));
        for (at, stored) in read_places(conn, &self.records, unknown).await? {
            if let Stored::Record(record) = stored {
                found.records.insert(at, record);
            }
        }
        Ok(())
    }

    /// What a command about no entry comes to, and whether it has written anything.
    async fn beside_entries(
        &self,
        conn: &mut PgConnection,
        placed: &Placed,
        now: UnixTime,
    ) -> Result<(Result<Answer, StoreError>, bool), Fault> {
        let (statements, namespace) = (&self.statements, &placed.namespace);
        let changed = match &placed.order {
            Order::Take(command) => {
                let taking = take::take(conn, statements, &self.front, namespace, command, now);
                let took = taking.await?;
                return Ok((Ok(Answer::Taken(took.taken)), took.wrote));
            }
            Order::SetPaused(provider, paused) => {
                rates::set_paused(conn, statements, namespace, provider, *paused).await?
            }
            Order::SetRate(provider, of, rate) => {
                rates::set(conn, statements, namespace, (provider, *of), *rate).await?
            }
            _ => return Ok((mixed_up(), false)),
        };
        Ok((Ok(Answer::Changed(changed)), changed))
    }
}

/// Whether it may change what is kept of the order key of its entry, or asks for it.
fn changes_order(order: &Order) -> bool {
    !matches!(order, Order::Begin(_) | Order::Extend(_))
}

/// Whether what was told may be news to who waits.
fn is_news(answer: &Result<Answer, StoreError>) -> bool {
    match answer {
        Ok(Answer::Accepted(accepted)) => {
            matches!(accepted, Accepted::Queued | Accepted::Revived)
        }
        Ok(Answer::Moved(moved)) => *moved == Moved::Done,
        Ok(Answer::Changed(changed)) => *changed,
        Ok(Answer::Freed) => true,
        Ok(Answer::Begun(_) | Answer::Held(_) | Answer::Taken(_)) | Err(_) => false,
    }
}

impl Commands for EntryCommands {
    type Order = Placed;
    type Answer = Answer;
    type Effect = Effect;

    const THREAD: &'static str = "webhook-inbox";
    const ROWS: &'static str = "entries";
    const STARTED: &'static str = "events wait in Postgres";
    /// The records' tables too: what was handled inline is no new event.
    const PARTS: &'static [Part] = &[RECORDS, INBOX];

    fn kept_in(tables: &Tables) -> Vec<String> {
        vec![tables.entries(), tables.contents()]
    }

    fn place(placed: &Placed) -> Option<&Place> {
        placed.place.as_ref()
    }

    /// A second look cannot say what was there; and what a take without an answer has taken is another one's
    /// after its lease.
    fn may_be_repeated(placed: &Placed) -> bool {
        !matches!(
            placed.order,
            Order::Forget(_) | Order::Take(_) | Order::SetPaused(..) | Order::SetRate(..)
        )
    }

    async fn carry_out(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placed],
        time: &ServerTime,
    ) -> Result<Option<CarriedOut<Self>>, Fault> {
        let (told, rows) = statements::read(&mut *conn, &self.statements, placed).await?;
        let now = time.of(told.time);
        let accepts = placed
            .iter()
            .filter(|it| matches!(it.order, Order::Accept(_)));
        let accepts = accepts.count();
        if accepts > 0 && self.room.is_unknown() {
            self.count(&mut *conn).await?;
        }
        let reserved = self.room.reserve(accepts);
        let mut found = Found {
            rows,
            next_id: i64::MIN,
            room: reserved.places,
            ..Found::default()
        };
        self.find(&mut *conn, placed, &mut found).await?;
        let (decided, mut changes) = decide(placed, &mut found, now);
        let opened = changes.opened;
        let mut wrote = !changes.is_empty();
        let order_keys = std::mem::take(&mut changes.order_keys);
        if !statements::write(&mut *conn, &self.statements, changes).await? {
            return Ok(None);
        }
        order_keys::write(&mut *conn, &self.statements, order_keys, now).await?;
        let mut answers = Vec::with_capacity(placed.len());
        for (placed, answer) in placed.iter().zip(decided) {
            answers.push(match answer {
                Some(answer) => answer,
                None => {
                    let (answer, changed) = self.beside_entries(&mut *conn, placed, now).await?;
                    wrote |= changed;
                    answer
                }
            });
        }
        Ok(Some(CarriedOut {
            wrote,
            effect: Effect {
                opened,
                is_news: answers.iter().any(is_news),
                _reserved: reserved,
            },
            answers,
            pid: told.pid,
        }))
    }

    fn committed(&self, effect: Effect) {
        self.room.opened(effect.opened);
        if effect.is_news {
            self.news.note();
        }
    }

    async fn afterwards(&self, conn: &mut PgConnection, sessions: &Sessions) -> Result<(), Fault> {
        self.news.say(&mut *conn).await?;
        if self.room.is_due(Instant::now()) {
            let mut tx = sessions.begin(conn, false).await?;
            self.count(&mut tx).await?;
            tx.rollback().await?;
        }
        Ok(())
    }

    fn beside(&self, sessions: Sessions) -> BoxFuture<'static, ()> {
        let news = Arc::clone(&self.news);
        Box::pin(async move { news.listen(&sessions).await })
    }

    fn prune(&self) -> &str {
        &self.statements.prune
    }
}
