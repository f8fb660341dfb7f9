//! The commands of an inbox, as its writer carries them out.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::store::sql::Stored;
use crate::store::sql::inbox::{Answer, Crowds, Found, Order, OrderAt, Placed, decide, mixed_up};
use crate::store::sqlite::error::Fault;
use crate::store::sqlite::schema::{RECORDS, migrate};
use crate::store::sqlite::statements as records;
use crate::store::sqlite::writer::{CarriedOut, Commands};

use super::schema::INBOX;
use super::{looking, order_keys, rates, statements, take};

/// How often at most entries are counted: other processes may have filled the inbox, or made room.
const COUNT_EVERY: Duration = Duration::from_secs(10);
const COUNT_FULL_EVERY: Duration = Duration::from_secs(1);

pub(super) struct EntryCommands {
    capacity: u64,
    /// How many unfinished entries there are, as far as this process knows.
    open: u64,
    counted: Instant,
    crowds: Crowds,
}

impl EntryCommands {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            open: 0,
            counted: Instant::now(),
            crowds: Crowds::default(),
        }
    }

    async fn count(&mut self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        self.open = looking::open(conn).await?;
        self.counted = Instant::now();
        Ok(())
    }
}

impl Commands for EntryCommands {
    type Order = Placed;
    type Answer = Answer;
    /// By how much the number of unfinished entries has grown.
    type Effect = i64;

    const THREAD: &'static str = "webhook-inbox";
    const ROWS: &'static str = "entries";
    const IS_OVER: &'static str = IS_OVER;
    const PRUNE: &'static [&'static str] = &[PRUNE_CONTENT, PRUNE, PRUNE_ORDER];

    async fn set_up(&mut self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        // The records' tables too: an event that was handled inline is not new.
        migrate(conn, &RECORDS).await?;
        migrate(conn, &INBOX).await?;
        self.count(conn).await
    }

    async fn prepare(&mut self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        let every = match self.open >= self.capacity {
            true => COUNT_FULL_EVERY,
            false => COUNT_EVERY,
        };
        if self.counted.elapsed() >= every {
            self.count(conn).await?;
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        conn: &mut SqliteConnection,
        placed: &[&Placed],
        now: UnixTime,
    ) -> Result<CarriedOut<Self>, Fault> {
        let room = self.capacity.saturating_sub(self.open);
        let mut found = find(conn, placed, room).await?;
        let (decided, mut changes) = decide(placed, &mut found, now);
        let effect = changes.opened;
        let mut wrote = !changes.is_empty();
        let order_keys = std::mem::take(&mut changes.order_keys);
        for id in std::mem::take(&mut changes.freed) {
            order_keys::free(conn, id).await?;
        }
        statements::write(conn, changes).await?;
        order_keys::write(conn, order_keys, now).await?;
        let mut answers = Vec::with_capacity(placed.len());
        for (placed, answer) in placed.iter().zip(decided) {
            let answer = match (answer, &placed.order) {
                (Some(answer), _) => answer,
                (None, Order::Take(command)) => {
                    let at = (&self.crowds, &placed.namespace);
                    let took = take::take(conn, at, command, now).await?;
                    wrote |= took.wrote;
                    Ok(Answer::Taken(took.taken, took.has_more))
                }
                (None, Order::SetPaused(provider, paused)) => {
                    let changed = set_paused(conn, &placed.namespace, provider, *paused).await?;
                    wrote |= changed;
                    Ok(Answer::Changed(changed))
                }
                (None, Order::SetRate(provider, of, rate)) => {
                    let of = (provider, *of);
                    let changed = rates::set(conn, &placed.namespace, of, *rate).await?;
                    wrote |= changed;
                    Ok(Answer::Changed(changed))
                }
                (None, _) => mixed_up(),
            };
            answers.push(answer);
        }
        Ok(CarriedOut {
            answers,
            wrote,
            effect,
        })
    }

    fn committed(&mut self, opened: i64) {
        self.open = self.open.saturating_add_signed(opened);
    }
}

/// The existing state that these commands need.
async fn find(conn: &mut SqliteConnection, placed: &[&Placed], room: u64) -> Result<Found, Fault> {
    let rows: HashMap<_, _> = statements::read(conn, placed).await?.into_iter().collect();
    let places = placed.iter().filter_map(|placed| placed.place.as_ref());
    let order_keys = places.filter_map(|place| {
        let at = (place.namespace.as_str().to_owned(), place.key.clone());
        let row = rows.get(&at)?;
        OrderAt::of(&place.namespace, &row.route, row.entry.as_ref()?)
    });
    let order_keys = order_keys::read(conn, order_keys.collect()).await?;
    let mut found = Found {
        rows,
        order_keys,
        room,
        ..Found::default()
    };
    // Only an event that is unknown here may be known to a store in the same file.
    let places = placed.iter().filter_map(|placed| match &placed.order {
        Order::Accept(_) => placed.place.as_ref(),
        _ => None,
    });
    let places: Vec<_> = places.collect();
    if places.is_empty() {
        return Ok(found);
    }
    found.next_id = statements::next_id(conn).await?;
    let stored = records::read_places(conn, places.into_iter()).await?;
    for (at, stored) in stored {
        match stored {
            Stored::Record(record) => {
                found.records.insert(at, record);
            }
            Stored::Unreadable => {}
        }
    }
    Ok(found)
}

async fn set_paused(
    conn: &mut SqliteConnection,
    namespace: &Name,
    provider: &Name,
    paused: bool,
) -> Result<bool, Fault> {
    let sql = match paused {
        true => {
            "INSERT OR IGNORE INTO tower_webhook_inbox_paused (namespace, provider) VALUES (?, ?)"
        }
        false => "DELETE FROM tower_webhook_inbox_paused WHERE namespace = ? AND provider = ?",
    };
    let done = sqlx::query(sql)
        .bind(namespace.as_str().to_owned())
        .bind(provider.as_str().to_owned())
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

const IS_OVER: &str = "\
SELECT 1 WHERE EXISTS (
    SELECT 1 FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_end
    WHERE kept_until IS NOT NULL AND kept_until <= ?1)
OR EXISTS (
    SELECT 1 FROM tower_webhook_inbox_order INDEXED BY tower_webhook_inbox_order_end
    WHERE kept_until IS NOT NULL AND kept_until <= ?1)";

/// Of entries that are over, only stale ones still have content.
const PRUNE_CONTENT: &str = "\
DELETE FROM tower_webhook_inbox_content WHERE id IN (
    SELECT id FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_end
    WHERE kept_until IS NOT NULL AND kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";

const PRUNE_ORDER: &str = "\
DELETE FROM tower_webhook_inbox_order WHERE (namespace, route, order_key) IN (
    SELECT namespace, route, order_key FROM tower_webhook_inbox_order
    INDEXED BY tower_webhook_inbox_order_end
    WHERE kept_until IS NOT NULL AND kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";

const PRUNE: &str = "\
DELETE FROM tower_webhook_inbox WHERE id IN (
    SELECT id FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_end
    WHERE kept_until IS NOT NULL AND kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";

/// Every statement that looks for entries that are over.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    [IS_OVER, PRUNE_CONTENT, PRUNE, PRUNE_ORDER]
        .map(str::to_owned)
        .to_vec()
}
