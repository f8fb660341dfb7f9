//! What this process has seen of its deliveries: bounded, and lost when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;

use super::minutes::{Kind, Minutes};
use super::shown::kept;
use crate::clock::{Clock, UnixTime};
use crate::event::{EventKey, ItemPlace, Name};
use crate::observer::{Diagnosed, Observation, Observer, Verdict};
use crate::reason::Reason;

/// The number of deliveries, and of diagnoses, that are kept.
pub(super) const DELIVERIES: usize = 1_000;
const DIAGNOSES: usize = 100;
/// The number of endpoints whose counts are kept.
const ENDPOINTS: usize = 256;

/// Everything that the page's observers have seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    /// Grows with each delivery.
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    endpoints: BTreeMap<Arc<str>, Endpoint>,
    deliveries: VecDeque<SeenDelivery>,
    diagnoses: VecDeque<SeenDiagnosis>,
    number: u64,
}

/// The counts of one endpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Endpoint {
    pub(super) minutes: Minutes,
    /// The last delivery that was answered.
    pub(super) last: Option<(UnixTime, Verdict)>,
}

/// The outcome of a delivery.
#[derive(Debug, Clone)]
pub(super) struct SeenDelivery {
    /// Grows with each outcome.
    pub(super) number: u64,
    pub(super) at: UnixTime,
    pub(super) endpoint: Arc<str>,
    pub(super) verdict: Verdict,
    pub(super) reason: Option<Reason>,
    pub(super) detail: Option<Box<str>>,
    pub(super) status: Option<StatusCode>,
    pub(super) key: Option<EventKey>,
    pub(super) item: Option<ItemPlace>,
    pub(super) attempt: Option<u32>,
    pub(super) client: Option<IpAddr>,
    pub(super) claimed_id: Option<Box<str>>,
    pub(super) took: Duration,
}

/// The reason why a signature was refused.
#[derive(Debug, Clone)]
pub(super) struct SeenDiagnosis {
    pub(super) at: UnixTime,
    pub(super) endpoint: Arc<str>,
    pub(super) claimed_id: Option<Box<str>>,
    pub(super) text: Box<str>,
}

/// The name of an endpoint: its provider, with its consumer if there is one.
pub(super) fn endpoint_name(provider: &Name, consumer: Option<&Name>) -> String {
    match consumer {
        Some(consumer) => format!("{provider}/{consumer}"),
        None => provider.to_string(),
    }
}

impl Seen {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
            changes: AtomicU64::new(0),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that changes whenever something is seen.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn endpoint(&self, name: &str) -> Endpoint {
        self.kept().endpoints.get(name).cloned().unwrap_or_default()
    }

    /// Up to `most` matching deliveries before that number, newest first.
    pub(super) fn deliveries(
        &self,
        before: u64,
        most: usize,
        wanted: impl Fn(&SeenDelivery) -> bool,
    ) -> Vec<SeenDelivery> {
        let kept = self.kept();
        let all = kept.deliveries.iter().rev();
        let all = all.skip_while(|it| it.number >= before);
        all.filter(|it| wanted(it)).take(most).cloned().collect()
    }

    /// The diagnoses, newest first.
    pub(super) fn diagnoses(&self, endpoint: &str) -> Vec<SeenDiagnosis> {
        let kept = self.kept();
        let all = kept.diagnoses.iter().rev();
        all.filter(|it| &*it.endpoint == endpoint)
            .cloned()
            .collect()
    }
}

impl Kept {
    /// The name as stored; `None` if there is no room for another.
    fn name(&mut self, provider: &Name, consumer: Option<&Name>) -> Option<Arc<str>> {
        let found = match consumer {
            None => self.endpoints.get_key_value(provider.as_str()),
            Some(_) => {
                let name = endpoint_name(provider, consumer);
                self.endpoints.get_key_value(name.as_str())
            }
        };
        if let Some((name, _)) = found {
            return Some(Arc::clone(name));
        }
        if self.endpoints.len() >= ENDPOINTS {
            return None;
        }
        let name: Arc<str> = endpoint_name(provider, consumer).into();
        self.endpoints
            .insert(Arc::clone(&name), Endpoint::default());
        Some(name)
    }
}

fn push<T>(ring: &mut VecDeque<T>, most: usize, item: T) -> Option<T> {
    let oldest = if ring.len() >= most {
        ring.pop_front()
    } else {
        None
    };
    ring.push_back(item);
    oldest
}

/// Shows deliveries and their outcomes on the page; see [`Page::observer`](super::Page::observer).
#[derive(Clone)]
pub struct PageObserver(pub(super) Arc<Seen>);

impl fmt::Debug for PageObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageObserver").finish_non_exhaustive()
    }
}

impl Observer for PageObserver {
    fn observe(&self, seen: &Observation<'_>) {
        let at = self.0.clock.now();
        // A delivery that was simply handled needs no detail.
        let detail = seen.detail.map(|detail| kept(&detail.to_string()));
        let claimed_id = seen.claimed_id.map(|id| id.to_string().into());
        let mut all = self.0.kept();
        let Some(endpoint) = all.name(seen.provider, seen.consumer) else {
            return;
        };
        // The sender learns the outcome of a list's events only from the one answer.
        if seen.status.is_some()
            && seen.item.is_none()
            && let Some(numbers) = all.endpoints.get_mut(&*endpoint)
        {
            let kind = Kind::of(seen.verdict);
            numbers.minutes.add(at, kind, seen.timings.total);
            numbers.last = Some((at, seen.verdict));
        }
        all.number = all.number.saturating_add(1);
        let delivery = SeenDelivery {
            number: all.number,
            at,
            endpoint,
            verdict: seen.verdict,
            reason: seen.reason,
            detail,
            status: seen.status,
            key: seen.key.cloned(),
            item: seen.item,
            attempt: seen.attempt,
            client: seen.client,
            claimed_id,
            took: seen.timings.total,
        };
        let oldest = push(&mut all.deliveries, DELIVERIES, delivery);
        drop(all);
        // Freed after the lock is released, so that nobody waits for it.
        drop(oldest);
        self.0.changed();
    }

    fn diagnosed(&self, seen: &Diagnosed<'_>) {
        let at = self.0.clock.now();
        let text = kept(&seen.diagnosis.to_string());
        let claimed_id = seen.claimed_id.map(|id| id.to_string().into());
        let mut all = self.0.kept();
        if let Some(endpoint) = all.name(seen.provider, seen.consumer) {
            let diagnosis = SeenDiagnosis {
                at,
                endpoint,
                claimed_id,
                text,
            };
            push(&mut all.diagnoses, DIAGNOSES, diagnosis);
        }
    }
}
