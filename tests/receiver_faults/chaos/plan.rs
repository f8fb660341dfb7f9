//! What happens to whom, and the dice that say when.

use std::time::{Duration, SystemTime};

use crate::outages::{Outage, Redis};
use crate::receiver::Point;
use crate::redis_support::{Cluster, Sentinel, Server};
use crate::world::DURABLE;

/// So long that whoever lives keeps it, Redis being away for a moment, on a busy machine.
const LEASE: Duration = Duration::from_secs(5);
/// The same where a replica has to take over.
const LEASE_OF_A_FAILOVER: Duration = Duration::from_secs(8);

const POINTS: [Point; 4] = [
    Point::Claimed,
    Point::Begun,
    Point::Effected,
    Point::Recorded,
];

/// Where each receiver of one of the two is killed, one after the other, and when.
pub(super) type Deaths = Vec<(Point, u32)>;

/// What happens to whom.
pub(crate) struct Plan {
    pub(super) redis: fn() -> Redis,
    /// After so many acknowledged events this happens to Redis.
    pub(super) outages: Vec<(usize, Outage)>,
    pub(super) events: usize,
    pub(super) in_flight: usize,
    pub(super) lease: Duration,
    /// How many receivers of each of the two are killed, of five at most.
    pub(super) deaths: usize,
}

impl Plan {
    fn small(redis: fn() -> Redis, outages: impl Into<Vec<(usize, Outage)>>) -> Self {
        Self {
            redis,
            outages: outages.into(),
            events: 80,
            in_flight: 8,
            lease: LEASE,
            deaths: 0,
        }
    }

    /// Receivers die more than Redis, which keeps everything.
    pub(crate) fn deaths() -> Self {
        Self {
            events: 200,
            in_flight: 32,
            deaths: 5,
            ..Self::small(durable, [50, 100].map(|when| (when, Outage::Restarts)))
        }
    }

    pub(crate) fn emptied() -> Self {
        Self {
            deaths: 2,
            ..Self::small(
                || Redis::One(Server::start()),
                [20, 50].map(|when| (when, Outage::IsEmptied)),
            )
        }
    }

    /// All of what is in flight between the two outages is lost, and more.
    pub(crate) fn sentinel() -> Self {
        Self {
            deaths: 1,
            lease: LEASE_OF_A_FAILOVER,
            ..Self::small(
                || Redis::Sentinel(Sentinel::start()),
                [(24, Outage::LosesReplica), (44, Outage::FailsOver)],
            )
        }
    }

    pub(crate) fn cluster() -> Self {
        Self {
            deaths: 1,
            lease: LEASE_OF_A_FAILOVER,
            ..Self::small(
                || Redis::Cluster(Cluster::with_replica(&DURABLE)),
                [(20, Outage::Restarts), (40, Outage::FailsOver)],
            )
        }
    }

    pub(crate) fn scripts() -> Self {
        let outages: Vec<_> = (0..16)
            .map(|time| (time * 5, Outage::ForgetsScripts))
            .collect();
        Self::small(durable, outages)
    }

    pub(crate) fn sleep() -> Self {
        Self {
            deaths: 1,
            ..Self::small(durable, [(30, Outage::Sleeps)])
        }
    }

    pub(crate) fn full() -> Self {
        Self::small(durable, [20, 50].map(|when| (when, Outage::IsFull)))
    }

    /// How many outages must have begun before this event is sent.
    pub(super) fn outages_before(&self, event: usize) -> usize {
        let mut moments = self.outages.iter().map(|(moment, _)| moment);
        let later = moments.position(|moment| moment + self.in_flight > event);
        later.unwrap_or(self.outages.len())
    }

    pub(super) fn has(&self, outage: Outage) -> bool {
        self.outages.iter().any(|(_, planned)| *planned == outage)
    }
}

fn durable() -> Redis {
    Redis::One(Server::with(&DURABLE))
}

pub(super) fn seed() -> u64 {
    match std::env::var("RECEIVER_FAULTS_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    }
}

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Each point once in random order, and one more, as far as there are so many deaths; each the
    /// first to the sixth time that the receiver gets there.
    pub(super) fn deaths(&mut self, count: usize) -> Deaths {
        let mut points: Vec<_> = (POINTS.into_iter())
            .map(|point| (self.number(), point))
            .collect();
        points.sort_unstable_by_key(|(place, _)| *place);
        let again = points[0].1;
        (points.into_iter().map(|(_, point)| point))
            .chain([again])
            .take(count)
            .map(|point| (point, u32::try_from(1 + self.number() % 6).unwrap()))
            .collect()
    }
}
