//! The gauges of one webhook, and counters for rare events.

use super::names::{
    ALLOWLIST_AGE, CLOCK_SKEW, FAILURE_ALARM, FAILURE_LIMIT, FAILURE_SHARE, KEY_END,
    KEY_LAST_MATCH, LEASES_LOST,
};
#[cfg(feature = "inbox")]
use super::names::{WORKER_FAILURES, WORKER_PLACES, WORKER_RUNNING};
use crate::clock::UnixTime;
use crate::contract::FailureShare;
use crate::event::Name;
use crate::secret::SigningKey;

/// The values for the gauges of a webhook.
pub(crate) struct EndpointGauges<'a> {
    pub(crate) provider: &'a Name,
    pub(crate) consumer: Option<&'a Name>,
    pub(crate) keys: Vec<SigningKey>,
    /// The time of the oldest answer for a host name in its allowlists.
    pub(crate) oldest_answer: Option<UnixTime>,
    pub(crate) skew: Option<i64>,
    /// Failed deliveries, and all deliveries.
    pub(crate) failures: (u64, u64),
    pub(crate) failure_share: FailureShare,
}

impl EndpointGauges<'_> {
    pub(crate) fn set(&self) {
        let provider = self.provider.as_str();
        for key in &self.keys {
            let labels = [provider, key.id().as_str()];
            let matched = key.last_match().map_or(0.0, seconds);
            KEY_LAST_MATCH.gauge(&labels).set(matched);
            let end = key.end().map_or(f64::INFINITY, seconds);
            KEY_END.gauge(&labels).set(end);
        }
        if let Some(oldest) = self.oldest_answer {
            ALLOWLIST_AGE.gauge(&[provider]).set(seconds(oldest));
        }
        let most = i64::from(i32::MAX);
        let skew = self.skew.unwrap_or(0).clamp(-most, most);
        let skew = i32::try_from(skew).unwrap_or_default();
        CLOCK_SKEW.gauge(&[provider]).set(f64::from(skew));
        let endpoint = [provider, self.consumer.map_or("", Name::as_str)];
        let (failed, total) = self.failures;
        let share = match total {
            0 => 0.0,
            _ => super::float(failed) / super::float(total),
        };
        FAILURE_SHARE.gauge(&endpoint).set(share);
        let limit = f64::from(self.failure_share.pause_percent()) / 100.0;
        FAILURE_LIMIT.gauge(&endpoint).set(limit);
        let alarm = self.failure_share.is_alarming(failed, total);
        FAILURE_ALARM
            .gauge(&endpoint)
            .set(f64::from(u8::from(alarm)));
    }
}

fn seconds(at: UnixTime) -> f64 {
    at.saturating_since(UnixTime::EPOCH).as_secs_f64()
}

pub(crate) fn lease_lost(provider: &Name) {
    LEASES_LOST.counter(&[provider.as_str()]).increment(1);
}

#[cfg(feature = "inbox")]
pub(crate) fn set_worker(running: usize, places: usize, failures: u32) {
    WORKER_RUNNING.gauge(&[]).set(super::float(running));
    WORKER_PLACES.gauge(&[]).set(super::float(places));
    WORKER_FAILURES.gauge(&[]).set(f64::from(failures));
}
