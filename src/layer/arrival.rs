use http::request::Parts;
use tokio::time::Instant;

use super::Reception;
use crate::clock::UnixTime;

/// When a request's head was there, and when its answer must be.
///
/// The first layer that sees a request sets it; the others keep to it.
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

    /// What a layer outside has set, or now.
    pub(crate) fn of(parts: &mut Parts, reception: &Reception) -> Self {
        match parts.extensions.get::<Self>() {
            Some(arrival) => *arrival,
            None => {
                let arrival = Self::now(reception);
                parts.extensions.insert(arrival);
                arrival
            }
        }
    }
}
