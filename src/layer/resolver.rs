//! Resolves the host names of an allowlist in the background.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::{Clock, UnixTime};
use crate::source::{Allowlist, HostName, WeakAllowlist};

use super::host_addresses::host_addresses;

/// How often a name is resolved again, and the delay after a failure.
const EVERY: Duration = Duration::from_secs(60);
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// The delay before resolving a name again whose answer has expired.
const AFTER_END: Duration = Duration::from_secs(1);
/// How often the list is scanned for names that are due, unless a delivery finds one without an
/// answer, and the minimum time between two scans.
const LOOK_THROUGH: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How many names are looked up at once.
const AT_ONCE: usize = 8;

/// Whether the names of a list are being resolved. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolver(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    running: AtomicBool,
    wanted: Notify,
}

/// Records, when its task is dropped, that nothing resolves any more.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Relaxed);
    }
}

impl Resolver {
    /// Resolves the names of this list, unless that is happening already, until its last clone is
    /// dropped or the runtime ends. Returns `false` outside a runtime.
    pub(crate) fn start(&self, allowlist: &Allowlist, clock: &Arc<dyn Clock>) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return false;
        };
        if !self.0.running.swap(true, Ordering::Relaxed) {
            let running = Running(Arc::clone(&self.0));
            let (allowlist, clock) = (allowlist.downgrade(), Arc::clone(clock));
            runtime.spawn(async move {
                run(&running.0.wanted, allowlist, clock).await;
            });
        }
        true
    }

    /// Has the list scanned now, because a delivery has met a name without an answer.
    pub(crate) fn hurry(&self) {
        self.0.wanted.notify_one();
    }
}

/// When a name must be looked up again.
struct Due {
    /// In any case.
    at: Instant,
    /// If its answer has expired by the clock, which may have been set forward.
    once_ended: Instant,
}

async fn run(wanted: &Notify, allowlist: WeakAllowlist, clock: Arc<dyn Clock>) {
    let mut due: HashMap<HostName, Due> = HashMap::new();
    // At most one lookup per name.
    let mut lookups = FuturesUnordered::new();
    let mut under_way = HashSet::new();
    let mut ticks = tokio::time::interval(LOOK_THROUGH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked_at = Instant::now();
    loop {
        let found = tokio::select! {
            _ = ticks.tick() => None,
            // Strangers must not influence how often the list is scanned.
            () = wanted.notified(), if looked_at.elapsed() >= LOOK_AGAIN => None,
            found = lookups.next(), if !lookups.is_empty() => found,
        };
        let Some(list) = allowlist.upgrade() else {
            return;
        };
        if let Some((host, answer)) = found {
            let is_good = learn(&list, &host, answer, clock.now());
            let now = Instant::now();
            let (every, once_ended) = match is_good {
                true => (EVERY, AFTER_END),
                false => (AFTER_FAILURE, AFTER_FAILURE),
            };
            let (at, once_ended) = (now + every, now + once_ended);
            under_way.remove(&host);
            due.insert(host, Due { at, once_ended });
        }
        let hosts: HashSet<_> = list.hosts().into_iter().collect();
        let ended = list.unresolved(clock.now());
        drop(list);
        looked_at = Instant::now();
        due.retain(|host, _| hosts.contains(host));
        let mut next: Vec<_> = (hosts.into_iter())
            .filter(|host| !under_way.contains(host))
            .filter_map(|host| match due.get(&host) {
                None => Some((None, host)),
                Some(due) => {
                    let is_due =
                        due.at <= looked_at || due.once_ended <= looked_at && ended.contains(&host);
                    is_due.then_some((Some(due.at), host))
                }
            })
            .collect();
        // The longest waiting first, so that names without an answer do not block others.
        next.sort();
        next.truncate(AT_ONCE.saturating_sub(lookups.len()));
        for (_, host) in next {
            under_way.insert(host.clone());
            lookups.push(look_up(host));
        }
    }
}

async fn look_up(host: HostName) -> (HostName, Option<Vec<IpAddr>>) {
    let answer = host_addresses(&host).await.ok();
    (host, answer)
}

/// Reports to the list and the log; `false` if the name must be looked up again soon.
fn learn(list: &Allowlist, host: &HostName, answer: Option<Vec<IpAddr>>, now: UnixTime) -> bool {
    let resolved = answer.is_some();
    let change = match answer {
        Some(addresses) => list.learn(host, addresses, now),
        None => list.fail(host, now),
    };
    if !resolved {
        tracing::warn!(target: "tower_webhook", %host, "a host name of the allowlist does not resolve");
    }
    if change.is_change() {
        tracing::info!(
            target: "tower_webhook",
            %host,
            added = ?change.added(),
            removed = ?change.removed(),
            "a host name of the allowlist has other addresses"
        );
    }
    if !change.dropped().is_empty() || change.over_cap() > 0 {
        tracing::warn!(
            target: "tower_webhook",
            %host,
            dropped = ?change.dropped(),
            over_cap = change.over_cap(),
            "answers for a host name of the allowlist are not used"
        );
    }
    resolved && change.good_until().is_some()
}
