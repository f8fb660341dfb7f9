//! The commands of an inbox, as its workers carry them out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::inbox::{EntryCommand as _, Redrive};
use crate::store::error::StoreError;
use crate::store::postgres::commands::{CarriedOut, Commands, Opening, ServerTime};
use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::schema::{Part, RECORDS};
use crate::store::postgres::session::Sessions;
use crate::store::postgres::sql::{Preparing, Sql};
use crate::store::postgres::table::Tables;
use crate::store::postgres::told::Told;
use crate::store::sql::inbox::{
    Answer, At, Found, FoundRow, Order, OrderAt, Placed, decide, mixed_up,
};
use crate::store::sql::{Place, Stored};

use super::accepting::{self, at, is_accept};
use super::due::Looks;
use super::news::{News, is_news};
use super::room::{Reserved, Room};
use super::schema::{self, INBOX, Names};
use super::so_far::SoFar;
use super::statements::EntryStatements;
use super::{ending, entries, looking, order_keys, rates, records, take};

pub(super) struct EntryCommands {
    pub(super) statements: EntryStatements,
    room: Arc<Room>,
    /// How long a take may continue after entries that it skips.
    longest_take: Duration,
    pub(super) looks: Looks,
    pub(super) news: Arc<News>,
}

/// What to note after a transaction.
pub(super) struct Effect {
    /// By how much the number of unfinished entries has grown.
    opened: i64,
    /// Whether there may be something new to take.
    is_news: bool,
    _reserved: Reserved,
}

/// The results of commands that were carried out one after the other.
struct Each {
    answers: Vec<Result<Answer, StoreError>>,
    wrote: bool,
    /// By how much the number of unfinished entries has grown.
    opened: i64,
}

impl EntryCommands {
    pub(super) fn new(
        tables: &Tables,
        preparing: &Preparing,
        (capacity, deadline): (u64, Duration),
    ) -> Self {
        Self {
            statements: EntryStatements::new(tables, preparing),
            room: Arc::new(Room::new(capacity)),
            longest_take: deadline / 3,
            looks: Looks::default(),
            news: Arc::new(News::new(tables)),
        }
    }

    async fn count(&self, conn: &mut PgConnection) -> Result<(), Fault> {
        let open = looking::open(conn, &self.statements, self.room.capacity()).await?;
        self.room.counted(open, Instant::now());
        Ok(())
    }

    /// The entries that these commands concern, locked if they may be changed; and the places of those
    /// that are not locked.
    ///
    /// Most accepted events are new or duplicates, so accepting rarely waits for the lock of a take.
    async fn rows(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placed],
        time: &ServerTime,
    ) -> Result<(Told, HashMap<At, FoundRow>, BTreeSet<At>), Fault> {
        let (mut locked, mut accepted) = (BTreeSet::new(), BTreeSet::new());
        for (at, order) in placed
            .iter()
            .filter_map(|it| Some((at(it.place.as_ref()?), &it.order)))
        {
            match order {
                Order::Accept(_) => accepted.insert(at),
                _ => locked.insert(at),
            };
        }
        let accepted = &accepted - &locked;
        let (sql, places) = match accepted.is_empty() {
            true => (&self.statements.lock, &locked),
            false => (&self.statements.read, &accepted),
        };
        let (mut told, mut rows) = entries::read(&mut *conn, sql, places).await?;
        let mut unlocked = accepted.clone();
        let mut to_lock = match accepted.is_empty() {
            true => BTreeSet::new(),
            false => locked,
        };
        loop {
            let now = time.of(told.time);
            for placed in placed {
                if let (Order::Accept(accept), Some(place)) = (&placed.order, &placed.place) {
                    let at = at(place);
                    let changes = |row: &FoundRow| {
                        let entry = row.entry.as_ref();
                        entry.is_none_or(|entry| accept.apply(Some(entry), now).write.is_some())
                    };
                    if rows.get(&at).is_some_and(changes) && unlocked.remove(&at) {
                        to_lock.insert(at);
                    }
                }
            }
            if to_lock.is_empty() {
                return Ok((told, rows, unlocked));
            }
            let (later, found) = entries::read(&mut *conn, &self.statements.lock, &to_lock).await?;
            to_lock.iter().for_each(|at| drop(rows.remove(at)));
            rows.extend(found);
            (told, to_lock) = (later, BTreeSet::new());
        }
    }

    /// The other state that these commands need.
    async fn find(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placed],
        unlocked: &BTreeSet<At>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let orders = placed.iter().filter_map(|placed| {
            let place = placed.place.as_ref()?;
            let row = found.rows.get(&at(place))?;
            let changes = changes_order(&placed.order) && !unlocked.contains(&at(place));
            let entry = row.entry.as_ref().filter(|_| changes)?;
            OrderAt::of(&place.namespace, &row.route, entry)
        });
        let orders = orders.collect();
        found.order_keys = order_keys::lock(&mut *conn, &self.statements, orders).await?;
        // Only an event that is unknown here may be known to a store in the same tables.
        let places = placed.iter().filter_map(|placed| match &placed.order {
            Order::Accept(_) => placed.place.as_ref(),
            _ => None,
        });
        let unknown = places.filter(|place| {
            let entry = found.rows.get(&at(place)).map(|row| row.entry.as_ref());
            entry.is_none_or(|entry| entry.is_some_and(|entry| !entry.is_open()))
        });
        for (at, stored) in records::read(conn, &self.statements, unknown).await? {
            if let Stored::Record(record) = stored {
                found.records.insert(at, record);
            }
        }
        Ok(())
    }

    /// Carries commands out, whatever is known of their entries. `None` if another transaction has inserted
    /// one, or contents must be read with more care: then everything must be undone and repeated.
    async fn each(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placed],
        time: &ServerTime,
        room: u64,
    ) -> Result<Option<Each>, Fault> {
        let sent = std::time::Instant::now();
        let (told, rows, unlocked) = self.rows(&mut *conn, placed, time).await?;
        let now = time.answered(sent, told.time);
        let mut found = Found {
            rows,
            next_id: i64::MIN,
            room,
            ..Found::default()
        };
        self.find(&mut *conn, placed, &unlocked, &mut found).await?;
        let (decided, mut changes) = decide(placed, &mut found, now);
        let opened = changes.opened;
        let mut wrote = !changes.is_empty();
        let order_keys = std::mem::take(&mut changes.order_keys);
        if !entries::write(&mut *conn, &self.statements, changes).await? {
            return Ok(None);
        }
        order_keys::write(&mut *conn, &self.statements, order_keys, now).await?;
        let mut answers = Vec::with_capacity(placed.len());
        for (placed, answer) in placed.iter().zip(decided) {
            answers.push(match answer {
                Some(answer) => answer,
                None => {
                    let care = self.statements.contents.care();
                    let done = self.beside_entries(&mut *conn, placed, now).await;
                    if matches!(&done, Err(fault) if self.statements.contents.takes_more(care, fault)) {
                        return Ok(None);
                    }
                    let (answer, changed) = done?;
                    wrote |= changed;
                    answer
                }
            });
        }
        Ok(Some(Each {
            answers,
            wrote,
            opened,
        }))
    }

    /// The result of a command that concerns no entry, and whether it wrote anything.
    async fn beside_entries(
        &self,
        conn: &mut PgConnection,
        placed: &Placed,
        now: UnixTime,
    ) -> Result<(Result<Answer, StoreError>, bool), Fault> {
        let (statements, namespace) = (&self.statements, &placed.namespace);
        let changed = match &placed.order {
            Order::Take(command) => {
                let at = (now, self.longest_take);
                let taking = take::take(conn, statements, &self.looks, namespace, command, at);
                let took = taking.await?;
                if took.passed_by && !took.has_more {
                    self.news.tell_soon();
                }
                let answer = Answer::Taken(took.taken, took.has_more);
                return Ok((Ok(answer), took.wrote));
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

/// Whether it may change the state of its entry's order key, or reads it.
fn changes_order(order: &Order) -> bool {
    !matches!(order, Order::Begin(_) | Order::Extend(_))
}

impl Commands for EntryCommands {
    type Order = Placed;
    type Answer = Answer;
    type Effect = Effect;

    const THREAD: &'static str = "webhook-inbox";
    const ROWS: &'static str = "entries";
    const STARTED: &'static str = "events wait in Postgres";
    /// The records' tables too: an event that was handled inline is not new.
    const PARTS: &'static [Part] = &[RECORDS, INBOX];

    fn kept_in(tables: &Tables) -> Vec<String> {
        vec![tables.entries(), tables.contents()]
    }

    fn rights(tables: &Tables) -> Vec<(String, &'static [&'static str])> {
        Names::of(tables).rights(tables.records())
    }

    fn numbering(tables: &Tables) -> Option<String> {
        Some(schema::number_on(&Names::of(tables)))
    }

    fn place(placed: &Placed) -> Option<&Place> {
        placed.place.as_ref()
    }

    fn size(placed: &Placed) -> usize {
        match &placed.order {
            Order::Accept(accept) => accept.content.size(),
            _ => 0,
        }
    }

    /// Accepts and finishes: each shared transaction saves the cost of one.
    fn gathers(placed: &Placed) -> bool {
        matches!(placed.order, Order::Accept(_) | Order::Finish(_))
    }

    /// A second try of these cannot tell what was there before the first. Entries of a take without an
    /// answer go to another worker after its lease.
    fn may_be_repeated(placed: &Placed) -> bool {
        !matches!(
            &placed.order,
            Order::Redrive(Redrive { token: None, .. })
                | Order::Discard(_)
                | Order::Forget(_)
                | Order::ForgetEnded(_)
                | Order::Take(_)
                | Order::SetPaused(..)
                | Order::SetRate(..)
        )
    }

    async fn carry_out(
        &self,
        conn: &mut PgConnection,
        placed: &[&Placed],
        time: &ServerTime,
        opening: &Opening,
    ) -> Result<Option<CarriedOut<Self>>, Fault> {
        let accepts = placed.iter().filter(|it| is_accept(it)).count();
        if accepts > 0 && self.room.is_unknown() {
            let counted = self.count(&mut *conn).await;
            // If counting takes too long, it will next time too: no events are refused because of that.
            if counted.as_ref().is_err_and(|it| it.cause() == Cause::Slow) {
                self.room.assume_room();
            }
            counted?;
        }
        let reserved = self.room.reserve(accepts);
        let now = time.answered(opening.sent, opening.told.time);
        let (statements, mut so_far) = (&self.statements, SoFar::nothing_of(placed));
        accepting::new_ones(
            &mut *conn,
            statements,
            placed,
            now,
            reserved.places,
            &mut so_far,
        )
        .await?;
        let room = reserved.places.saturating_sub(so_far.opened.unsigned_abs());
        ending::end(&mut *conn, statements, placed, now, &mut so_far).await?;
        let rest = so_far.rest(placed);
        if !rest.is_empty() {
            let Some(done) = self.each(&mut *conn, &rest, time, room).await? else {
                return Ok(None);
            };
            so_far.wrote |= done.wrote;
            so_far.opened = so_far.opened.saturating_add(done.opened);
            so_far.fill(done.answers);
        }
        let (wrote, opened) = (so_far.wrote, so_far.opened);
        let answers = so_far.into_answers();
        Ok(Some(CarriedOut {
            wrote,
            effect: Effect {
                opened,
                is_news: answers.iter().any(is_news),
                _reserved: reserved,
            },
            answers,
            pid: opening.told.pid,
        }))
    }

    fn committed(&self, effect: Effect) {
        self.room.opened(effect.opened);
        if effect.is_news {
            self.news.note();
        }
    }

    fn may_have_changed(&self) {
        self.news.tell();
        self.news.note();
    }

    async fn afterwards(&self, conn: &mut PgConnection, sessions: &Sessions) -> Result<(), Fault> {
        if self.room.is_due(Instant::now()) {
            let mut tx = sessions.begin(conn, false).await?;
            let counted = self.count(&mut tx).await;
            tx.rollback().await?;
            if let Err(fault) = counted {
                // Events accepted by this process since then are added to the earlier count.
                tracing::warn!(%fault, "how full the inbox is cannot be counted");
            }
        }
        Ok(())
    }

    fn beside(&self, sessions: Sessions) -> BoxFuture<'static, ()> {
        let news = Arc::clone(&self.news);
        Box::pin(async move {
            tokio::join!(news.listen(&sessions), news.speak(&sessions));
        })
    }

    fn prune(&self) -> &Sql {
        &self.statements.prune
    }
}
