//! The time that a call of a source takes, without that in which its requests wait for their turn.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

tokio::task_local! {
    /// Of the call that a task is at.
    static PAUSES: Arc<Pauses>;
}

/// The time is looked at no sooner than so long after the last look.
const LOOK: Duration = Duration::from_millis(100);

/// When the time of a call stood still.
#[derive(Default)]
struct Pauses(Mutex<Times>);

#[derive(Default)]
struct Times {
    /// How many pauses there are now, and since when there is one.
    running: u64,
    since: Option<Instant>,
    /// How long those before were.
    before: Duration,
}

impl Pauses {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it stood still until now.
    fn length(&self, now: Instant) -> Duration {
        let times = self.times();
        let running = times
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        times.before.saturating_add(running)
    }
}

/// While this lives, the time of the call stands still in which it was made.
pub(super) struct Pause(Option<Arc<Pauses>>);

/// Has the time of a call stand still; of none where its task is at none.
pub(super) fn pause() -> Pause {
    let pauses = PAUSES.try_with(Arc::clone).ok();
    if let Some(pauses) = &pauses {
        let mut times = pauses.times();
        times.running = times.running.saturating_add(1);
        times.since.get_or_insert_with(Instant::now);
    }
    Pause(pauses)
}

impl Drop for Pause {
    fn drop(&mut self) {
        let Some(pauses) = &self.0 else {
            return;
        };
        let length = pauses.length(Instant::now());
        let mut times = pauses.times();
        times.running = times.running.saturating_sub(1);
        if times.running == 0 {
            (times.since, times.before) = (None, length);
        }
    }
}

/// What this call comes to; `None` where it takes longer than this beside its pauses.
pub(super) async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    let (begun, pauses) = (Instant::now(), Arc::<Pauses>::default());
    let mut call = pin!(PAUSES.scope(Arc::clone(&pauses), call));
    loop {
        let now = Instant::now();
        let end = begun + limit.saturating_add(pauses.length(now));
        if end <= now {
            return None;
        }
        if let Ok(answer) = timeout_at(end.max(now + LOOK), &mut call).await {
            return Some(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Waits for its turn for so long.
    async fn paused(secs: u32) {
        let _pause = pause();
        sleep(SECOND * secs).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_its_time_beside_what_it_waits_for_its_turns() {
        let call = async |work: u32| {
            paused(100).await;
            sleep(SECOND * work).await;
            // Two at the same time are one.
            join(paused(30), paused(50)).await;
        };
        let begun = Instant::now();
        assert_eq!(within(SECOND * 10, call(9)).await, Some(()));
        assert_eq!(begun.elapsed(), SECOND * 159);
        let begun = Instant::now();
        assert_eq!(within(SECOND * 10, call(11)).await, None);
        assert_eq!(begun.elapsed(), SECOND * 110);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_a_turn_has_its_time_go_on() {
        let call = async {
            let turn = tokio::time::timeout(SECOND * 5, paused(100));
            assert!(turn.await.is_err());
            std::future::pending::<()>().await;
        };
        let begun = Instant::now();
        assert_eq!(within(SECOND * 10, call).await, None);
        assert_eq!(begun.elapsed(), SECOND * 15);
        // Outside of a call nothing is counted.
        paused(1).await;
    }
}
