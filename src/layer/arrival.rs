use tokio::time::Instant;

use super::Reception;
use crate::clock::UnixTime;

/// When a request's head was there, and when its answer must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) received_at: UnixTime,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
}

impl Arrival {
    pub(crate) fn now(reception: &Reception) -> Self {
        let started = Instant::now();
        Self {
            received_at: reception.clock.now(),
            started,
            deadline: started + reception.profile.deadline(),
        }
    }
}
