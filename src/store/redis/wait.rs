//! Waits for a record to change: one poll for all tasks in this process that wait for a key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::store::error::StoreErrorKind;

use super::keys::Place;
use super::link::{Link, jitter};
use super::scripts::{Call, peek_answer};

/// The times between two polls of a record, each shortened at random by up to a quarter.
const FIRST_LOOK: Duration = Duration::from_millis(25);
const LAST_LOOK: Duration = Duration::from_millis(250);

/// The keys that tasks wait for.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<String, Weak<watch::Sender<()>>>>);

impl Waiting {
    /// Returns once nobody is at work on the event of this key, or `limit` is over.
    pub(super) async fn until_changed(
        self: &Arc<Self>,
        link: &Arc<Link>,
        place: Place,
        limit: Duration,
    ) {
        let mut news = self.subscribe(link, place);
        // Nothing is ever sent: closing the channel is the signal.
        let _ = timeout(limit, news.changed()).await;
    }

    fn subscribe(self: &Arc<Self>, link: &Arc<Link>, place: Place) -> watch::Receiver<()> {
        let mut polls = self.polls();
        if let Some(poll) = polls.get(&place.key).and_then(Weak::upgrade) {
            return poll.subscribe();
        }
        let (sender, news) = watch::channel(());
        let sender = Arc::new(sender);
        polls.insert(place.key.clone(), Arc::downgrade(&sender));
        drop(polls);
        let poll = Poll {
            waiting: Arc::clone(self),
            key: place.key.clone(),
            sender,
        };
        tokio::spawn(poll.run(Arc::clone(link), place));
        news
    }

    fn polls(&self) -> MutexGuard<'_, HashMap<String, Weak<watch::Sender<()>>>> {
        // No code that holds the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Waiting {
    pub(super) fn keys(&self) -> usize {
        self.polls().len()
    }

    pub(super) fn listeners(&self, key: &str) -> usize {
        let poll = self.polls().get(key).and_then(Weak::upgrade);
        poll.map_or(0, |poll| poll.receiver_count())
    }
}

/// Polls one record repeatedly; when it is dropped, all waiting tasks wake.
struct Poll {
    waiting: Arc<Waiting>,
    key: String,
    sender: Arc<watch::Sender<()>>,
}

impl Poll {
    async fn run(self, link: Arc<Link>, place: Place) {
        let call = Call::peek(&place);
        let mut pause = FIRST_LOOK;
        while !self.abandoned() {
            let remaining = match link.call(&call).await.as_ref().map(peek_answer) {
                // Done, released, gone, or the lease is over.
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(micros)) => Duration::from_micros(micros),
                Err(error) => match error.kind() {
                    // It may recover while a task still waits.
                    StoreErrorKind::Unavailable | StoreErrorKind::TimedOut => LAST_LOOK,
                    // The caller's next claim reports the error.
                    _ => return,
                },
            };
            let pause_now = jitter(pause - pause / 4, pause);
            tokio::select! {
                // The lease may be over sooner; a moment after its end is early enough.
                () = sleep(pause_now.min(remaining + Duration::from_millis(1))) => {}
                () = self.sender.closed() => {}
            }
            pause = (pause * 3 / 2).min(LAST_LOOK);
        }
    }

    /// Whether no task waits any more. If so, the next one starts a poll of its own.
    fn abandoned(&self) -> bool {
        let mut polls = self.waiting.polls();
        let abandoned = self.sender.receiver_count() == 0;
        if abandoned {
            self.remove(&mut polls);
        }
        abandoned
    }

    fn remove(&self, polls: &mut HashMap<String, Weak<watch::Sender<()>>>) {
        let own =
            |poll: &Weak<watch::Sender<()>>| std::ptr::eq(poll.as_ptr(), Arc::as_ptr(&self.sender));
        if polls.get(&self.key).is_some_and(own) {
            polls.remove(&self.key);
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let mut polls = self.waiting.polls();
        self.remove(&mut polls);
    }
}
