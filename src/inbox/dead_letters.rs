//! Handles many dead entries at once.

use std::time::Duration;

use futures_util::future::join_all;

use super::Inbox;
use super::command::{Discard, Moved, Redrive};
use super::entry::{EntryState, EntryStatus};
use super::view::{EntryView, List};
use crate::clock::UnixTime;
use crate::event::Name;
use crate::store::StoreError;

/// Selects dead entries to list, redrive or discard together.
///
/// Each entry is moved by a separate command that changes nothing if the entry is no longer dead,
/// or has died again since it was listed: an entry that a delivery has revived is left alone.
/// Redriven entries have fresh attempts, and their history is kept.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::Name;
/// use tower_webhook::inbox::{DeadLetters, MemoryInbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = MemoryInbox::new();
/// let closed = DeadLetters::new()
///     .provider(Name::new("stripe")?)
///     .reason("the ledger is closed");
/// // One after another, within ten minutes.
/// let moved = closed.redrive(&inbox, Duration::from_secs(600)).await?;
/// println!("{} redriven, {} were overtaken", moved.done, moved.stale);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given an inbox"]
pub struct DeadLetters {
    provider: Option<Name>,
    reason: Option<Box<str>>,
    since: Option<UnixTime>,
    before: Option<UnixTime>,
    limit: usize,
    force: bool,
}

const DEFAULT_LIMIT: usize = 1_000;
/// How many are listed, and how many moved, at once.
const LISTED_AT_ONCE: usize = 500;
const MOVED_AT_ONCE: usize = 64;

/// The outcome for many entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManyMoved {
    /// Moved as requested.
    pub done: usize,
    /// Still dead: they were overtaken, and run only by [force](DeadLetters::force).
    pub stale: usize,
    /// No longer dead, or dead again, when their turn came: they are unchanged.
    pub changed: usize,
}

impl DeadLetters {
    /// The first thousand, of all providers.
    pub fn new() -> Self {
        Self {
            provider: None,
            reason: None,
            since: None,
            before: None,
            limit: DEFAULT_LIMIT,
            force: false,
        }
    }

    /// Selects entries of this provider only.
    pub fn provider(mut self, provider: Name) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Selects only entries whose last failure reason contains this text.
    pub fn reason(mut self, text: &str) -> Self {
        self.reason = Some(text.into());
        self
    }

    /// Selects only entries that died at this time or later.
    pub fn since(mut self, time: UnixTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Selects only entries that died before this time.
    pub fn before(mut self, time: UnixTime) -> Self {
        self.before = Some(time);
        self
    }

    /// Selects at most this many; a thousand by default.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Also redrives overtaken entries. See [`Redrive::force`].
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// The selected entries, without their bodies.
    ///
    /// # Errors
    ///
    /// The errors of [`Inbox::list`].
    pub async fn list(&self, inbox: &impl Inbox) -> Result<Vec<EntryView>, StoreError> {
        let mut found = Vec::new();
        let mut page = List::of(EntryStatus::Dead).limit(LISTED_AT_ONCE);
        page.provider.clone_from(&self.provider);
        while found.len() < self.limit {
            let views = inbox.list(&page).await?;
            let Some(last) = views.last() else { break };
            page.after = Some(last.key.clone());
            found.extend(views.into_iter().filter(|view| self.means(view)));
        }
        found.truncate(self.limit);
        Ok(found)
    }

    /// Queues them again: the first at once and each of the others later than the one before, all
    /// within `spread`.
    ///
    /// # Errors
    ///
    /// The errors of [`Inbox::list`] and [`Inbox::redrive`]. Some entries may have been redriven by
    /// then; another call continues with the rest.
    pub async fn redrive(
        &self,
        inbox: &impl Inbox,
        spread: Duration,
    ) -> Result<ManyMoved, StoreError> {
        let mut moved = ManyMoved::default();
        self.redrive_and_count(inbox, spread, &mut moved).await?;
        Ok(moved)
    }

    /// The same; what was moved is counted there also where it fails.
    pub(crate) async fn redrive_and_count(
        &self,
        inbox: &impl Inbox,
        spread: Duration,
        moved: &mut ManyMoved,
    ) -> Result<(), StoreError> {
        let dead = self.list(inbox).await?;
        let count = u32::try_from(dead.len()).unwrap_or(u32::MAX);
        let step = spread.checked_div(count).unwrap_or_default();
        let redrives = (0_u32..).zip(&dead).map(|(number, view)| Redrive {
            force: self.force,
            if_dead_since: died_at(view),
            ..Redrive::new(view.key.clone()).after(step.saturating_mul(number))
        });
        let redrives: Vec<_> = redrives.collect();
        for some in redrives.chunks(MOVED_AT_ONCE) {
            moved.count(join_all(some.iter().map(|it| inbox.redrive(it))).await)?;
        }
        Ok(())
    }

    /// Ends them: they are never run, and their deliveries are duplicates for the retention.
    ///
    /// # Errors
    ///
    /// The same as [`DeadLetters::redrive`].
    pub async fn discard(
        &self,
        inbox: &impl Inbox,
        retention: Duration,
    ) -> Result<ManyMoved, StoreError> {
        let mut moved = ManyMoved::default();
        self.discard_and_count(inbox, retention, &mut moved).await?;
        Ok(moved)
    }

    /// The same; what was moved is counted there also where it fails.
    pub(crate) async fn discard_and_count(
        &self,
        inbox: &impl Inbox,
        retention: Duration,
        moved: &mut ManyMoved,
    ) -> Result<(), StoreError> {
        let dead = self.list(inbox).await?;
        let discards = dead.iter().map(|view| Discard {
            if_dead_since: died_at(view),
            ..Discard::new(view.key.clone(), retention)
        });
        let discards: Vec<_> = discards.collect();
        for some in discards.chunks(MOVED_AT_ONCE) {
            moved.count(join_all(some.iter().map(|it| inbox.discard(it))).await)?;
        }
        Ok(())
    }

    fn means(&self, view: &EntryView) -> bool {
        let reason = self.reason.as_ref().is_none_or(|text| {
            let last = view.entry.history.last();
            last.is_some_and(|failed| failed.reason.contains(&**text))
        });
        let died = died_at(view);
        let from = self.since.is_none_or(|since| died >= Some(since));
        let until = self.before.is_none_or(|before| died < Some(before));
        reason && died.is_some() && from && until
    }
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self::new()
    }
}

fn died_at(view: &EntryView) -> Option<UnixTime> {
    match view.entry.state {
        EntryState::Dead { since, .. } => Some(since),
        _ => None,
    }
}

impl ManyMoved {
    /// Counts all that were moved together, also where some of them failed.
    fn count(&mut self, answers: Vec<Result<Moved, StoreError>>) -> Result<(), StoreError> {
        let mut all = Ok(());
        for answer in answers {
            let count = match answer {
                Ok(Moved::Done) => &mut self.done,
                Ok(Moved::Stale) => &mut self.stale,
                Ok(Moved::NotFrom(_) | Moved::Absent) => &mut self.changed,
                Err(error) => {
                    all = all.and(Err(error));
                    continue;
                }
            };
            *count = count.saturating_add(1);
        }
        all
    }
}

#[cfg(test)]
mod tests;
