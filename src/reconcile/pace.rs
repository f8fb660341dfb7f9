use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

#[cfg(feature = "http-client")]
use super::call_time;

/// The longest time that an API is left alone on its request.
const LONGEST_HOLD: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
const MOST_PER_MINUTE: u32 = 60_000;
const MOST_AT_ONCE: usize = 1_024;

/// How often an API is queried, and how many requests are in flight at once. Clones share the
/// limits.
///
/// ```
/// use tower_webhook::reconcile::Pace;
///
/// let pace = Pace::new().per_minute(120).concurrency(4);
/// # drop(pace);
/// ```
#[derive(Clone)]
pub struct Pace {
    per_minute: Option<u32>,
    at_once: usize,
    places: Arc<Semaphore>,
    times: Arc<Mutex<Times>>,
    /// Waiting requests queue here, in order.
    line: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Times {
    /// The earliest time of the next request under the rate.
    next: Option<Instant>,
    /// The time until which the API wants to be left alone.
    held_until: Option<Instant>,
}

/// Why no request may begin.
struct Busy {
    until: Instant,
    /// Whether it is the API that wants to be left alone, and not the rate.
    #[cfg_attr(
        not(feature = "http-client"),
        allow(dead_code, reason = "only a client does not wait for it")
    )]
    is_held: bool,
}

/// A request in flight.
pub(super) struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Pace {
    /// Four requests at once, as fast as they are answered.
    pub fn new() -> Self {
        Self {
            per_minute: None,
            at_once: 4,
            places: Arc::new(Semaphore::new(4)),
            times: Arc::default(),
            line: Arc::default(),
        }
    }

    /// At most this many requests a minute, evenly spaced; from 1 to 60,000.
    #[must_use]
    pub fn per_minute(mut self, requests: u32) -> Self {
        self.per_minute = Some(requests.clamp(1, MOST_PER_MINUTE));
        self.times = Arc::default();
        self
    }

    /// This many requests at once; from 1 to 1,024.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.at_once = requests.clamp(1, MOST_AT_ONCE);
        self.places = Arc::new(Semaphore::new(self.at_once));
        self
    }

    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may begin.
    pub(super) async fn turn(&self) -> Turn {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        // A waiter that gives up has taken nothing, and a later one cannot overtake.
        let _first = self.line.lock().await;
        while let Err(busy) = self.begin() {
            sleep_until(busy.until).await;
        }
        Turn { _place: place }
    }

    /// The same for a request of a client, whose wait is no part of its call's time. An API that wants to
    /// be left alone for longer than this is not waited for: then how long it is.
    #[cfg(feature = "http-client")]
    pub(super) async fn turn_unless_held(&self, longest: Duration) -> Result<Turn, Duration> {
        let _pause = call_time::pause();
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let _first = self.line.lock().await;
        let mut patience = None;
        while let Err(busy) = self.begin() {
            let now = Instant::now();
            if busy.is_held && busy.until > *patience.get_or_insert(now + longest) {
                return Err(busy.until.saturating_duration_since(now));
            }
            sleep_until(busy.until).await;
        }
        Ok(Turn { _place: place })
    }

    /// Begins a request, or returns when to try again.
    fn begin(&self) -> Result<(), Busy> {
        let mut times = self.times();
        let now = Instant::now();
        let by_rate = self.per_minute.and(times.next);
        match times.held_until.max(by_rate).filter(|until| *until > now) {
            Some(until) => Err(Busy {
                until,
                is_held: times.held_until > by_rate,
            }),
            None => {
                times.next = self.per_minute.map(|requests| now + MINUTE / requests);
                Ok(())
            }
        }
    }

    /// Starts no request for this long.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_HOLD);
        let mut times = self.times();
        times.held_until = Some(times.held_until.map_or(until, |held| held.max(until)));
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("per_minute", &self.per_minute)
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_spread_over_its_minute() {
        let pace = Pace::new().per_minute(60);
        let begun = Instant::now();
        for _ in 0..31 {
            drop(pace.turn().await);
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_that_asks_for_it_is_left_alone_by_all_and_not_for_ever() {
        let (pace, begun) = (Pace::new(), Instant::now());
        pace.clone().hold(Duration::from_secs(7));
        pace.hold(Duration::from_secs(3));
        drop(pace.turn().await);
        assert_eq!(begun.elapsed(), Duration::from_secs(7));
        pace.hold(Duration::from_secs(10_000_000));
        drop(pace.turn().await);
        assert_eq!(begun.elapsed(), Duration::from_secs(3_607));
    }

    #[cfg(feature = "http-client")]
    #[tokio::test(start_paused = true)]
    async fn a_rate_is_waited_for_and_an_api_that_has_enough_only_for_so_long() {
        let (pace, begun) = (Pace::new().per_minute(1), Instant::now());
        let longest = Duration::from_secs(5);
        let turn = async || pace.turn_unless_held(longest).await.err();
        assert_eq!((turn().await, turn().await), (None, None));
        assert_eq!(begun.elapsed(), MINUTE);
        // Shorter than the rate has to be waited for anyhow.
        pace.hold(Duration::from_secs(50));
        assert_eq!(turn().await, None);
        assert_eq!(begun.elapsed(), MINUTE * 2);
        pace.hold(Duration::from_secs(80));
        assert_eq!(turn().await, Some(Duration::from_secs(80)));
        assert_eq!(begun.elapsed(), MINUTE * 2);

        let (pace, begun) = (Pace::new(), Instant::now());
        pace.hold(Duration::from_secs(4));
        let waiting = pace.turn_unless_held(longest);
        let more = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            pace.hold(Duration::from_secs(3));
        };
        let (turn, ()) = futures_util::future::join(waiting, more).await;
        assert_eq!(turn.err(), Some(Duration::from_secs(2)));
        assert_eq!(begun.elapsed(), Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_under_way_than_may_be() {
        let pace = Pace::new().concurrency(2);
        let first = pace.turn().await;
        let _second = pace.turn().await;
        let third = tokio::time::timeout(Duration::from_secs(5), pace.turn()).await;
        assert!(third.is_err());
        drop(first);
        let _third = pace.turn().await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_takes_no_turn_with_it() {
        let pace = Pace::new().per_minute(60).concurrency(64);
        drop(pace.turn().await);
        for _ in 0..64 {
            let limit = Duration::from_millis(10);
            assert!(tokio::time::timeout(limit, pace.turn()).await.is_err());
        }
        // 0.64 s have passed.
        let begun = Instant::now();
        drop(pace.turn().await);
        assert!(
            begun.elapsed() <= Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_hold_the_rate_is_kept() {
        let pace = Pace::new().per_minute(60);
        pace.hold(Duration::from_secs(10));
        let begun = Instant::now();
        let all = (0..4).map(|_| async { drop(pace.turn().await) });
        futures_util::future::join_all(all).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(13));
    }
}
