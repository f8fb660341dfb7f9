use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

/// A clock that follows Tokio's time: it stops when that is paused, and jumps with it.
///
/// Give the same clock to a [`Sender`](super::Sender) and to the webhook that it delivers to, so
/// that signed times are also right in virtual time. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::testing::TokioClock;
/// use tower_webhook::{Clock, UnixTime};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let clock = TokioClock::starting_at(UnixTime::from_secs(1_777_899_600));
/// tokio::time::sleep(Duration::from_secs(3_600)).await; // takes no time at all
/// assert_eq!(clock.now(), UnixTime::from_secs(1_777_903_200));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TokioClock {
    start: UnixTime,
    since: Instant,
}

impl TokioClock {
    /// A clock that shows this time now.
    pub fn starting_at(start: UnixTime) -> Self {
        Self {
            start,
            since: Instant::now(),
        }
    }
}

impl Default for TokioClock {
    /// A clock that starts at the current time.
    fn default() -> Self {
        Self::starting_at(UnixTime::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> UnixTime {
        self.start.saturating_add(self.since.elapsed())
    }
}
