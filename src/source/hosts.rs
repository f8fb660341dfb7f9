//! Host names of an allowlist, and a resolver's answers for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::is_local;

use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// A name with more addresses belongs to a hosting network rather than to a sender.
const MAX_ANSWERS: usize = 64;

/// The name of a host, in lower case and without a trailing dot.
///
/// A name that contains a dot is looked up as is: first in the hosts file, then by the system's
/// resolver, for this name alone. The search list of `/etc/resolv.conf` is ignored: under
/// Kubernetes, or if a search domain has a wildcard, another name's addresses would count as the
/// sender's. `localhost` and other single labels, such as the services of Docker Compose, are
/// looked up as the system does it, and so is a name written as `search(name)`.
///
/// Labels of 1 to 63 letters, digits and inner hyphens (RFC 952, RFC 1123 section 2.1), at most 253
/// characters in all. A name whose last label is a number is refused: resolvers read it as an
/// address (`1.2.3`, `0x7f.1`).
///
/// ```
/// use tower_webhook::source::HostName;
///
/// assert_eq!(HostName::new("Hooks.Example.COM.")?.as_str(), "hooks.example.com");
/// assert!(HostName::new("300.1.1.1").is_err());
///
/// let inner = HostName::new("search(relay.hooks)")?;
/// assert_eq!((inner.as_str(), inner.is_absolute()), ("relay.hooks", false));
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName {
    name: Arc<str>,
    is_searched: bool,
}

impl HostName {
    /// A name from text.
    ///
    /// # Errors
    ///
    /// If the text is not a host name; an address is not one.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        Self::check(text).map_err(|refusal| {
            ConfigError::new(ConfigErrorKind::Allowlist, format!("{text:?}: {refusal}"))
        })
    }

    pub(super) fn check(text: &str) -> Result<Self, Cow<'static, str>> {
        let searched = (text.strip_prefix("search(")).and_then(|text| text.strip_suffix(')'));
        let name = searched.unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return Err("empty".into());
        }
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err("neither a network, an address nor a host name".into());
        }
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err("ends in a number, but is not an address".into());
        }
        Ok(Self {
            name: name.to_ascii_lowercase().into(),
            is_searched: searched.is_some(),
        })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether it is looked up as is, regardless of the system's search list.
    pub fn is_absolute(&self) -> bool {
        !self.is_searched && self.name.contains('.')
    }

    /// Whether an answer can be a sender's address. An outside sender is never inside our own
    /// network, so such an answer is a mistake or DNS rebinding. `localhost` is this machine and
    /// nothing else (RFC 6761 section 6.3).
    fn can_be_at(&self, address: IpAddr) -> bool {
        if self.as_str() == "localhost" {
            return address.is_loopback();
        }
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        !(is_local(address) || address.is_multicast() || address.is_unspecified() || broadcast)
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Decimal, octal or, after `0x`, hexadecimal, as `inet_aton` reads them.
fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_searched {
            write!(f, "search({})", self.name)
        } else {
            f.write_str(&self.name)
        }
    }
}

/// The changes from a refresh of one host name, for the log.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::{Allowlist, UnixTime};
///
/// let list = Allowlist::parse(["hooks.example.com"])?.keep_answers_for(Duration::from_secs(3_600))?;
/// assert_eq!(list.host_grace(), Duration::from_secs(3_600));
///
/// let (host, now) = (&list.hosts()[0], UnixTime::from_secs(1_777_899_600));
/// let change = list.learn(host, ["203.0.113.9".parse()?, "127.0.0.1".parse()?], now);
/// assert!(change.is_change() && change.added().len() == 1 && change.removed().is_empty());
/// assert_eq!((change.dropped().len(), change.over_cap()), (1, 0));
/// assert_eq!(change.good_until(), Some(now.saturating_add(Duration::from_secs(3_600))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostChange {
    added: Vec<IpAddr>,
    removed: Vec<IpAddr>,
    dropped: Vec<IpAddr>,
    over_cap: usize,
    good_until: Option<UnixTime>,
}

impl HostChange {
    /// Whether the addresses of the name differ from before.
    pub fn is_change(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }

    /// Addresses that were not there before.
    pub fn added(&self) -> &[IpAddr] {
        &self.added
    }

    /// Addresses that are no longer there.
    pub fn removed(&self) -> &[IpAddr] {
        &self.removed
    }

    /// Answers that cannot be a sender's address: loopback, private and the like.
    pub fn dropped(&self) -> &[IpAddr] {
        &self.dropped
    }

    /// How many good answers were left out because only 64 are kept. The lowest are kept, so the
    /// order of the answers makes no difference.
    pub fn over_cap(&self) -> usize {
        self.over_cap
    }

    /// When the answer in use expires unless a refresh succeeds first; `None` if there is none.
    pub fn good_until(&self) -> Option<UnixTime> {
        self.good_until
    }
}

/// Answers to one query: sorted, deduplicated, filtered and capped.
pub(super) struct Sifted {
    kept: Vec<IpAddr>,
    dropped: Vec<IpAddr>,
    over_cap: usize,
}

impl Sifted {
    pub(super) fn new(host: &HostName, answers: impl IntoIterator<Item = IpAddr>) -> Self {
        let answers: BTreeSet<_> = answers.into_iter().map(|ip| ip.to_canonical()).collect();
        let (mut kept, dropped): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|&ip| host.can_be_at(ip));
        let over_cap = kept.len().saturating_sub(MAX_ANSWERS);
        kept.truncate(MAX_ANSWERS);
        Self {
            kept,
            dropped,
            over_cap,
        }
    }
}

/// The last good answer for one name. A name that has never resolved has an answer without
/// addresses that expired in 1970.
#[derive(Debug, Clone)]
struct Answer {
    addresses: Vec<IpAddr>,
    good_until: UnixTime,
    learned_at: UnixTime,
}

impl Answer {
    const NONE: Self = Self {
        addresses: Vec::new(),
        good_until: UnixTime::EPOCH,
        learned_at: UnixTime::EPOCH,
    };
}

/// The answers for all names of a list, indexed so that neither a check nor a refresh scans them.
#[derive(Default)]
pub(super) struct Answers {
    by_host: BTreeMap<HostName, Answer>,
    by_address: HashMap<IpAddr, BTreeSet<(UnixTime, HostName)>>,
    by_end: BTreeSet<(UnixTime, HostName)>,
}

impl Answers {
    /// Replaces the names, and keeps the answers of those that remain.
    pub(super) fn relist(&mut self, hosts: BTreeSet<HostName>) {
        let mut old = std::mem::take(self);
        for host in hosts {
            let answer = old.by_host.remove(&host).unwrap_or(Answer::NONE);
            self.insert(host, answer);
        }
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = &HostName> {
        self.by_host.keys()
    }

    /// When the name with the oldest answer was last resolved: 1970 if one has none; `None` without names.
    pub(super) fn oldest(&self) -> Option<UnixTime> {
        self.by_host.values().map(|answer| answer.learned_at).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// Whether some name has this address in an unexpired answer.
    pub(super) fn contains(&self, address: IpAddr, now: UnixTime) -> bool {
        let latest = self.by_address.get(&address).and_then(BTreeSet::last);
        latest.is_some_and(|(end, _)| now < *end)
    }

    /// Whether some name has no answer, or an expired one.
    pub(super) fn any_unresolved(&self, now: UnixTime) -> bool {
        self.by_end.first().is_some_and(|(end, _)| *end <= now)
    }

    /// The names that have no answer, or an expired one.
    pub(super) fn unresolved(&self, now: UnixTime) -> impl Iterator<Item = &HostName> {
        let ended = self.by_end.iter().take_while(move |(end, _)| *end <= now);
        ended.map(|(_, host)| host)
    }

    /// Records the answers of a refresh; without a good one it has failed. A name that is not in
    /// the list changes nothing.
    pub(super) fn learn(
        &mut self,
        host: &HostName,
        answers: Sifted,
        now: UnixTime,
        grace: Duration,
    ) -> HostChange {
        let Some(old) = self.by_host.get(host) else {
            return HostChange::default();
        };
        let Sifted {
            kept,
            dropped,
            over_cap,
        } = answers;
        let new = if !kept.is_empty() {
            Answer {
                addresses: kept,
                good_until: now.saturating_add(grace),
                learned_at: now,
            }
        } else if now < old.good_until {
            old.clone()
        } else {
            Answer::NONE
        };
        let not_in = |these: &[IpAddr], those: &[IpAddr]| {
            let mut these = these.to_vec();
            // Both are sorted, so a binary search finds an address.
            these.retain(|ip| those.binary_search(ip).is_err());
            these
        };
        let change = HostChange {
            added: not_in(&new.addresses, &old.addresses),
            removed: not_in(&old.addresses, &new.addresses),
            dropped,
            over_cap,
            good_until: (!new.addresses.is_empty()).then_some(new.good_until),
        };
        self.remove(host);
        self.insert(host.clone(), new);
        change
    }

    fn insert(&mut self, host: HostName, answer: Answer) {
        let end = (answer.good_until, host.clone());
        for &address in &answer.addresses {
            self.by_address
                .entry(address)
                .or_default()
                .insert(end.clone());
        }
        self.by_end.insert(end);
        self.by_host.insert(host, answer);
    }

    fn remove(&mut self, host: &HostName) {
        let Some(answer) = self.by_host.remove(host) else {
            return;
        };
        let end = (answer.good_until, host.clone());
        for address in answer.addresses {
            if let Some(ends) = self.by_address.get_mut(&address) {
                ends.remove(&end);
                if ends.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
        self.by_end.remove(&end);
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            by_host,
            by_address: _,
            by_end: _,
        } = self;
        let hosts = by_host
            .iter()
            .map(|(host, answer)| (host, &answer.addresses));
        f.debug_map().entries(hosts).finish()
    }
}
