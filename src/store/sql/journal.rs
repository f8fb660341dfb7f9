//! Shared code of the journals in SQL tables.

use tokio::runtime::{Builder, Runtime};

use super::micros;
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::recorded::{JournalError, JournalFilter, JournalLine, JournalPage, JournalPosition};

/// How many lines are removed, or read, at once.
pub(in crate::store) const BATCH: i64 = 500;

/// The part of a filter that the database evaluates.
pub(in crate::store) struct Asked {
    pub(in crate::store) provider: Option<String>,
    pub(in crate::store) key: Option<String>,
    pub(in crate::store) from: i64,
    pub(in crate::store) until: i64,
}

impl Asked {
    pub(in crate::store) fn of(filter: &JournalFilter) -> Self {
        Self {
            provider: filter.provider.as_ref().map(Name::to_string),
            key: filter.key.as_ref().map(EventKey::encoded),
            from: micros(filter.from.unwrap_or(UnixTime::EPOCH)),
            until: filter.until.map_or(i64::MAX, micros),
        }
    }
}

/// A page that is filled from batches of rows.
pub(in crate::store) struct Filling<'a> {
    filter: &'a JournalFilter,
    limit: usize,
    page: JournalPage,
}

impl<'a> Filling<'a> {
    pub(in crate::store) fn new(filter: &'a JournalFilter, limit: usize) -> Self {
        Self {
            filter,
            limit,
            page: JournalPage::default(),
        }
    }

    /// Whether another batch is wanted.
    pub(in crate::store) fn wants_more(&self) -> bool {
        self.page.lines.len() < self.limit && !self.page.is_last
    }

    /// Notes that a batch of this many rows was read.
    pub(in crate::store) fn read(&mut self, rows: usize) {
        self.page.is_last = i64::try_from(rows).is_ok_and(|rows| rows < BATCH);
    }

    /// Whether the page has room for the next row; if not, that row is left for another page.
    pub(in crate::store) fn has_room(&mut self) -> bool {
        let has_room = self.page.lines.len() < self.limit;
        self.page.is_last &= has_room;
        has_room
    }

    pub(in crate::store) fn take(&mut self, line: &str) {
        match JournalLine::parse(line) {
            Ok(line) if self.filter.matches(&line) => self.page.lines.push(line),
            Ok(_) => {}
            Err(_) => self.page.unreadable = self.page.unreadable.saturating_add(1),
        }
    }

    /// The page, which ends at this position.
    pub(in crate::store) fn ends_at(self, position: String) -> JournalPage {
        JournalPage {
            next: JournalPosition::new(position),
            ..self.page
        }
    }
}

/// The connection that writes, and its runtime, in the thread of the journal.
pub(in crate::store) struct Desk<C> {
    runtime: Option<Runtime>,
    conn: Option<C>,
}

impl<C> Desk<C> {
    pub(in crate::store) fn new() -> Self {
        Self {
            runtime: None,
            conn: None,
        }
    }

    /// Does some work on the connection, which is put back; if the work fails, another one is opened next
    /// time.
    pub(in crate::store) fn work<T>(
        &mut self,
        work: impl AsyncFnOnce(Option<C>) -> Result<(C, T), JournalError>,
    ) -> Result<T, JournalError> {
        let runtime = match self.runtime.take() {
            Some(runtime) => Ok(runtime),
            None => Builder::new_current_thread().enable_all().build(),
        };
        let runtime = runtime
            .map_err(|error| JournalError::new("no runtime can be had").with_source(error))?;
        let done = runtime.block_on(work(self.conn.take()));
        self.runtime = Some(runtime);
        let (conn, done) = done?;
        self.conn = Some(conn);
        Ok(done)
    }
}
