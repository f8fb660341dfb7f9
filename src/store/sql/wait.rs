//! Waits for a record to change: one poll for all tasks in this process that wait for it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::store::error::{StoreError, StoreErrorKind};

use super::place::Place;

/// The times between two polls of a record, each shortened at random by up to a quarter.
const FIRST_LOOK: Duration = Duration::from_millis(25);
const LAST_LOOK: Duration = Duration::from_millis(250);

/// The records that tasks wait for.
#[derive(Debug, Default)]
pub(in crate::store) struct Waiting(Mutex<HashMap<Place, Weak<Entry>>>);

/// A record that a task waits for.
#[derive(Debug)]
struct Entry {
    /// Nothing is ever sent: closing the channel is the signal.
    news: watch::Sender<()>,
    /// Signals that this process has changed the record.
    hint: Notify,
}

impl Waiting {
    /// Returns once nobody is at work on the event of this key, or `limit` is over.
    ///
    /// `look` returns how much longer the lease lasts, `None` if nobody is at work.
    pub(in crate::store) async fn until_changed<L, F>(
        self: &Arc<Self>,
        place: Place,
        limit: Duration,
        look: L,
    ) where
        L: Fn() -> F + Send + 'static,
        F: Future<Output = Result<Option<Duration>, StoreError>> + Send + 'static,
    {
        let mut news = self.subscribe(place, look);
        let _ = timeout(limit, news.changed()).await;
    }

    /// Notes that this process has changed a record: tasks that wait for it check it at once.
    pub(in crate::store) fn hint(&self, place: &Place) {
        let entry = self.polls().get(place).and_then(Weak::upgrade);
        if let Some(entry) = entry {
            entry.hint.notify_one();
        }
    }

    fn subscribe<L, F>(self: &Arc<Self>, place: Place, look: L) -> watch::Receiver<()>
    where
        L: Fn() -> F + Send + 'static,
        F: Future<Output = Result<Option<Duration>, StoreError>> + Send + 'static,
    {
        let mut polls = self.polls();
        if let Some(entry) = polls.get(&place).and_then(Weak::upgrade) {
            return entry.news.subscribe();
        }
        let (sender, news) = watch::channel(());
        let entry = Arc::new(Entry {
            news: sender,
            hint: Notify::new(),
        });
        polls.insert(place.clone(), Arc::downgrade(&entry));
        drop(polls);
        let poll = Poll {
            waiting: Arc::clone(self),
            place,
            entry,
        };
        tokio::spawn(poll.run(look));
        news
    }

    fn polls(&self) -> MutexGuard<'_, HashMap<Place, Weak<Entry>>> {
        // No code that holds the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls one record repeatedly; when it is dropped, all waiting tasks wake.
struct Poll {
    waiting: Arc<Waiting>,
    place: Place,
    entry: Arc<Entry>,
}

impl Poll {
    async fn run<L, F>(self, look: L)
    where
        L: Fn() -> F,
        F: Future<Output = Result<Option<Duration>, StoreError>>,
    {
        let mut pause = FIRST_LOOK;
        while !self.abandoned() {
            let remaining = match look().await {
                // Done, released, gone, or the lease is over.
                Ok(None) => return,
                Ok(Some(remaining)) => remaining,
                Err(error) => match error.kind() {
                    // It may recover while a task still waits.
                    StoreErrorKind::Unavailable | StoreErrorKind::TimedOut => LAST_LOOK,
                    // The caller's next claim reports the error.
                    _ => return,
                },
            };
            let pause_now = shortened(pause);
            tokio::select! {
                // The lease may be over sooner; a moment after its end is early enough.
                () = sleep(pause_now.min(remaining.saturating_add(Duration::from_millis(1)))) => {}
                () = self.entry.hint.notified() => {}
                () = self.entry.news.closed() => {}
            }
            pause = (pause * 3 / 2).min(LAST_LOOK);
        }
    }

    /// Whether no task waits any more. If so, the next one starts a poll of its own.
    fn abandoned(&self) -> bool {
        let mut polls = self.waiting.polls();
        let abandoned = self.entry.news.receiver_count() == 0;
        if abandoned {
            self.remove(&mut polls);
        }
        abandoned
    }

    fn remove(&self, polls: &mut HashMap<Place, Weak<Entry>>) {
        let own = |poll: &Weak<Entry>| std::ptr::eq(poll.as_ptr(), Arc::as_ptr(&self.entry));
        if polls.get(&self.place).is_some_and(own) {
            polls.remove(&self.place);
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let mut polls = self.waiting.polls();
        self.remove(&mut polls);
    }
}

/// Up to a quarter less, so that many waiting tasks do not retry at the same moment.
fn shortened(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without random bytes, it is the middle.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    pause.saturating_sub(pause / 4 * u32::from(byte) / 255)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::event::{EventKey, Name};

    const LONG: Duration = Duration::from_secs(600);

    fn place() -> Place {
        let key = EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap();
        Place::of(&Name::new("live").unwrap(), &key)
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_who_wait_look_as_often_as_one_and_leave_nothing() {
        let (waiting, looks) = (Arc::new(Waiting::default()), Arc::new(AtomicU32::new(0)));
        let waiters: Vec<_> = (0..100)
            .map(|_| {
                let (waiting, looks) = (Arc::clone(&waiting), Arc::clone(&looks));
                tokio::spawn(async move {
                    let look = move || {
                        let number = looks.fetch_add(1, Ordering::Relaxed);
                        async move { Ok((number < 4).then_some(LONG)) }
                    };
                    waiting.until_changed(place(), LONG, look).await;
                })
            })
            .collect();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(looks.load(Ordering::Relaxed), 5);
        assert_eq!(waiting.polls().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_in_this_process_is_looked_at_at_once() {
        let waiting = Arc::new(Waiting::default());
        let free = Arc::new(AtomicU32::new(0));
        let (at_work, begun) = (Arc::clone(&free), tokio::time::Instant::now());
        let look = move || {
            let free = at_work.load(Ordering::Relaxed) > 0;
            async move { Ok((!free).then_some(LONG)) }
        };
        let (place, done) = (place(), async {
            sleep(Duration::from_secs(5)).await;
            free.store(1, Ordering::Relaxed);
            waiting.hint(&super::tests::place());
        });
        tokio::join!(waiting.until_changed(place, LONG, look), done);
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_out_and_a_refusal_is_not() {
        for (kind, expected) in [
            (StoreErrorKind::Unavailable, LONG),
            (StoreErrorKind::Refused, Duration::ZERO),
        ] {
            let (waiting, begun) = (Arc::new(Waiting::default()), tokio::time::Instant::now());
            let look = move || async move { Err(StoreError::new(kind)) };
            waiting.until_changed(place(), LONG, look).await;
            assert_eq!(begun.elapsed(), expected, "{kind:?}");
        }
    }
}
