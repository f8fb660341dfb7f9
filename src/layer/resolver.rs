//! Keeps the host names of an allowlist resolved, in the background.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::Clock;
use crate::source::{Allowlist, HostName, WeakAllowlist};

/// How often a name is resolved again, and how soon after a failure.
const EVERY: Duration = Duration::from_secs(60);
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often the list is looked through for names that are due, and how long one may take.
const LOOK_THROUGH: Duration = Duration::from_secs(1);
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Whether the names of a list are kept resolved. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolver(Arc<AtomicBool>);

/// Says, when its task is dropped, that nothing resolves any more.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Resolver {
    /// Resolves the names of this list, unless that is done already, until its last clone is
    /// dropped or the runtime ends. False outside a runtime.
    pub(crate) fn start(&self, allowlist: &Allowlist, clock: &Arc<dyn Clock>) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return false;
        };
        if !self.0.swap(true, Ordering::Relaxed) {
            let running = Running(Arc::clone(&self.0));
            let (allowlist, clock) = (allowlist.downgrade(), Arc::clone(clock));
            runtime.spawn(async move {
                let _running = running;
                run(allowlist, clock).await;
            });
        }
        true
    }
}

async fn run(allowlist: WeakAllowlist, clock: Arc<dyn Clock>) {
    let mut due: HashMap<HostName, Instant> = HashMap::new();
    let mut ticks = tokio::time::interval(LOOK_THROUGH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(list) = allowlist.upgrade() else {
            return;
        };
        let hosts = list.hosts();
        drop(list);
        due.retain(|host, _| hosts.contains(host));
        for host in hosts {
            if due.get(&host).is_some_and(|at| Instant::now() < *at) {
                continue;
            }
            let answer = resolve(&host).await;
            let Some(list) = allowlist.upgrade() else {
                return;
            };
            let wait = learn(&list, &host, answer, &*clock);
            due.insert(host, Instant::now() + wait);
        }
    }
}

async fn resolve(host: &HostName) -> Option<Vec<IpAddr>> {
    let lookup = tokio::net::lookup_host((host.as_str(), 0));
    let found = tokio::time::timeout(LOOKUP_LIMIT, lookup)
        .await
        .ok()?
        .ok()?;
    Some(found.map(|address| address.ip()).collect())
}

/// Tells the list and the log, and how long to wait until the next time.
fn learn(
    list: &Allowlist,
    host: &HostName,
    answer: Option<Vec<IpAddr>>,
    clock: &dyn Clock,
) -> Duration {
    let resolved = answer.is_some();
    let change = match answer {
        Some(addresses) => list.learn(host, addresses, clock.now()),
        None => list.fail(host, clock.now()),
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
    if resolved && change.good_until().is_some() {
        EVERY
    } else {
        AFTER_FAILURE
    }
}
