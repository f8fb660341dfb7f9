//! Waiting for a record to change.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::event::EventKey;
use crate::store::record::Look;

use super::clock::StoreClock;
use super::room::Room;
use super::shard::Hashed;
use super::space::Space;

/// Returns once nobody holds a live claim on the key, or the held claim was finished, released or
/// forgotten.
pub(super) async fn until_changed(space: &Space, clock: &StoreClock, room: &Room, key: &EventKey) {
    let mut waiter = Waiter {
        space,
        room,
        key: space.hashed(key),
        news: None,
    };
    while let Some((news, remaining)) = waiter.look(clock) {
        // Nothing is ever sent: closing the channel is the signal. If the timer says that a lease
        // is over, it may have been renewed, so the record is checked again.
        if timeout(clock.nap(remaining), news.changed()).await.is_ok() {
            return;
        }
    }
}

/// A task that waits. It leaves nothing behind when dropped, whether it was woken or not.
struct Waiter<'a> {
    space: &'a Space,
    room: &'a Room,
    key: Hashed<'a>,
    news: Option<watch::Receiver<()>>,
}

impl Waiter<'_> {
    /// The signal to wait for and how long the lease lasts; `None` if there is nothing to wait for.
    ///
    /// Reading the record and making the receiver happen under one lock, so no change between the
    /// two is missed.
    fn look(&mut self, clock: &StoreClock) -> Option<(&mut watch::Receiver<()>, Duration)> {
        let mut shard = self.space.shard(self.key);
        let now = clock.now();
        let ran = shard.run(&Look(self.key.key), self.key, now, self.room);
        let lease_ends = ran.ok()?.outcome?;
        if self.news.is_none() {
            self.news = shard.watch(self.key);
        }
        let news = self.news.as_mut()?;
        Some((news, lease_ends.saturating_since(now)))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(news) = self.news.take() {
            // Before the receivers are counted: this one no longer listens.
            drop(news);
            self.space.shard(self.key).unwatch(self.key);
        }
    }
}
