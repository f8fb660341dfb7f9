//! The addresses that a sender may have.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use super::feed::{AddressFeed, FeedError};
use super::feeds::{FeedChange, Feeds};
use super::hosts::{Answers, HostChange, HostName, Sifted};
use super::networks::{Entry, Networks};
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// Long enough to outlast an outage of the resolver, and short enough that an address is refused
/// soon after its owner has given it up.
const DEFAULT_GRACE: Duration = Duration::from_secs(3_600);
/// Senders announce changes weeks ahead, and a feed can be out of reach for longer than a resolver.
const DEFAULT_FEED_GRACE: Duration = Duration::from_secs(7 * 86_400);

/// The networks, addresses, host names and feeds that a sender may deliver from; clones share them.
///
/// A host name represents the addresses it resolves to. This type calls no resolver: it lists the
/// [`hosts`](Self::hosts) to resolve and gets the answers through [`learn`](Self::learn) and
/// [`fail`](Self::fail). Until then it answers [`Admission::Unresolved`] rather than `Refused`. A
/// name proves little: its owner chooses the addresses, and with a CDN they are those of all the
/// CDN's customers.
///
/// ```
/// use tower_webhook::source::{Admission, Allowlist};
/// use tower_webhook::UnixTime;
///
/// let list = Allowlist::parse(["192.0.2.0/24", "2001:db8::1", "hooks.example.com"])?;
/// let now = UnixTime::from_secs(1_782_864_000);
/// let check = |ip: &str| list.check(ip.parse().unwrap(), now);
/// assert_eq!(check("192.0.2.7"), Admission::Allowed);
/// assert_eq!(check("203.0.113.9"), Admission::Unresolved);
///
/// assert_eq!(list.to_string(), "192.0.2.0/24, 2001:db8::1/128, hooks.example.com");
///
/// list.learn(&list.hosts()[0], ["203.0.113.9".parse().unwrap()], now);
/// assert_eq!(check("203.0.113.9"), Admission::Allowed);
/// assert_eq!(check("203.0.113.10"), Admission::Refused);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Allowlist(Arc<RwLock<State>>);

struct State {
    networks: Networks,
    answers: Answers,
    grace: Duration,
    feeds: Feeds,
    feed_grace: Duration,
}

/// The decision of an [`Allowlist`] on an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Admission {
    /// A network, the good answer of a host name, or the good content of a feed includes it.
    Allowed,
    /// Nothing includes it, and every host name and feed is known.
    Refused,
    /// Nothing includes it, but a host name has never resolved, a feed was never read, or their
    /// last content has expired: the sender should try again.
    Unresolved,
}

/// A weak reference to an [`Allowlist`].
#[derive(Clone)]
pub(crate) struct WeakAllowlist(Weak<RwLock<State>>);

impl WeakAllowlist {
    /// The list, if a clone of it still exists.
    pub(crate) fn upgrade(&self) -> Option<Allowlist> {
        self.0.upgrade().map(Allowlist)
    }
}

impl Allowlist {
    pub(crate) fn downgrade(&self) -> WeakAllowlist {
        WeakAllowlist(Arc::downgrade(&self.0))
    }

    /// A list of networks (`10.0.0.0/8`), addresses (`127.0.0.1`, `2001:db8::1`) and host names
    /// (`hooks.example.com`, `localhost`). A name that contains a dot is looked up as is, without
    /// the system's search list; `search(relay.hooks)` is looked up with it: see [`HostName`].
    ///
    /// # Errors
    ///
    /// If there is no entry, if one is none of these or a network with bits set after its prefix,
    /// or if entries match every address, alone or together. The text names the entry.
    pub fn parse<I>(entries: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let (networks, hosts) = parse(entries)?;
        Ok(Self::new(networks, hosts, Feeds::default()))
    }

    /// A list of only what senders publish: see [`AddressFeed`].
    ///
    /// # Errors
    ///
    /// If there is no feed.
    pub fn of_feeds(feeds: impl IntoIterator<Item = AddressFeed>) -> Result<Self, ConfigError> {
        let mut known = Feeds::default();
        for feed in feeds {
            known.add(feed);
        }
        if known.is_empty() {
            return Err(refused("empty, name the sender's feed"));
        }
        Ok(Self::new(Networks::default(), BTreeSet::new(), known))
    }

    fn new(networks: Networks, hosts: BTreeSet<HostName>, feeds: Feeds) -> Self {
        let mut answers = Answers::default();
        answers.relist(hosts);
        Self(Arc::new(RwLock::new(State {
            networks,
            answers,
            grace: DEFAULT_GRACE,
            feeds,
            feed_grace: DEFAULT_FEED_GRACE,
        })))
    }

    /// Adds a feed that a sender publishes, for every clone of this list. It must be fetched
    /// repeatedly and [passed](Self::learn_feed) to the list, as
    /// [`FeedRefresher`](crate::FeedRefresher) does.
    #[must_use]
    pub fn feed(self, feed: AddressFeed) -> Self {
        self.write().feeds.add(feed);
        self
    }

    /// How long the last good content of a feed is valid if it is not read again; the default is a
    /// week. This applies to content learned from now on, by every clone.
    ///
    /// # Errors
    ///
    /// If it is less than a minute, which no refresh could keep up with.
    pub fn keep_feeds_for(self, grace: Duration) -> Result<Self, ConfigError> {
        if grace < Duration::from_secs(60) {
            return Err(refused(format!(
                "a grace of {grace:?} for feeds is too short, at least 60s is needed"
            )));
        }
        self.write().feed_grace = grace;
        Ok(self)
    }

    /// How long the last good answer for a host name is valid if refreshes fail or stop; the
    /// default is an hour. This applies to answers learned from now on, by every clone.
    ///
    /// # Errors
    ///
    /// If it is less than a second, which no refresh could keep up with.
    pub fn keep_answers_for(self, grace: Duration) -> Result<Self, ConfigError> {
        if grace < Duration::from_secs(1) {
            return Err(refused(format!(
                "a host grace of {grace:?} is too short, at least 1s is needed"
            )));
        }
        self.write().grace = grace;
        Ok(self)
    }

    /// Replaces the entries of every clone of this list. Host names that remain keep their answers.
    ///
    /// # Errors
    ///
    /// As [`Allowlist::parse`]; the old entries then remain.
    pub fn replace<I>(&self, entries: I) -> Result<(), ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let (networks, hosts) = parse(entries)?;
        let mut state = self.write();
        state.networks = networks;
        state.answers.relist(hosts);
        Ok(())
    }

    /// Whether a sender may have this address.
    pub fn check(&self, address: IpAddr, now: UnixTime) -> Admission {
        let address = address.to_canonical();
        let state = self.read();
        let is_held = state.networks.contains(address)
            || state.answers.contains(address, now)
            || state.feeds.contains(address, now);
        if is_held {
            Admission::Allowed
        } else if state.answers.any_unresolved(now) || state.feeds.any_ended(now) {
            Admission::Unresolved
        } else {
            Admission::Refused
        }
    }

    /// The same, but gets the time only if it makes a difference: if there are host names or feeds.
    pub(crate) fn check_at(&self, address: IpAddr, now: impl FnOnce() -> UnixTime) -> Admission {
        {
            let state = self.read();
            if state.answers.is_empty() && state.feeds.is_empty() {
                return match state.networks.contains(address.to_canonical()) {
                    true => Admission::Allowed,
                    false => Admission::Refused,
                };
            }
        }
        // A clock may be a user's, so it is called while nothing is locked.
        self.check(address, now())
    }

    /// The host names in the list, which must be resolved repeatedly, more often than the [host
    /// grace](Self::keep_answers_for).
    pub fn hosts(&self) -> Vec<HostName> {
        self.read().answers.hosts().cloned().collect()
    }

    /// The host names without an answer, or with one that has expired.
    pub(crate) fn unresolved(&self, now: UnixTime) -> HashSet<HostName> {
        self.read().answers.unresolved(now).cloned().collect()
    }

    /// When the host name with the oldest answer was last resolved; `None` for a list without host
    /// names. 1970 if a name has no answer.
    ///
    /// ```
    /// use tower_webhook::{Allowlist, UnixTime};
    ///
    /// let list = Allowlist::parse(["hooks.example.com", "relay.example.com"])?;
    /// assert_eq!(list.oldest_answer(), Some(UnixTime::EPOCH));
    /// let now = UnixTime::from_secs(1_782_864_000);
    /// for host in list.hosts() {
    ///     list.learn(&host, ["203.0.113.9".parse().unwrap()], now);
    /// }
    /// assert_eq!(list.oldest_answer(), Some(now));
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn oldest_answer(&self) -> Option<UnixTime> {
        self.read().answers.oldest()
    }

    /// When the feed was last read that was read longest ago, of those that have not been for half of the
    /// [feed grace](Self::keep_feeds_for); 1970 where it never was.
    pub(crate) fn oldest_stale_feed(&self, now: UnixTime) -> Option<UnixTime> {
        self.read().feeds.oldest_stale(now)
    }

    /// Whether no network is on it, no host name has a good answer, and no feed has good content.
    pub(crate) fn admits_nobody(&self, now: UnixTime) -> bool {
        let state = self.read();
        let ended = state.answers.unresolved(now).count();
        state.networks.iter().next().is_none()
            && ended == state.answers.hosts().count()
            && state.feeds.all_ended(now)
    }

    /// How long the last good answer for a host name is valid.
    pub fn host_grace(&self) -> Duration {
        self.read().grace
    }

    /// Records a resolver's answers for a host name, which are valid until `now` plus the host
    /// grace.
    ///
    /// Answers that cannot be a sender's address are dropped: loopback, private, shared,
    /// link-local, multicast, unspecified and broadcast addresses. Only `localhost` may be
    /// loopback, and it may be nothing else. At most 64 are kept. If none is left, this is a
    /// [failure](Self::fail). A name that is no longer in the list changes nothing.
    pub fn learn(
        &self,
        host: &HostName,
        answers: impl IntoIterator<Item = IpAddr>,
        now: UnixTime,
    ) -> HostChange {
        let answers = Sifted::new(host, answers);
        let mut state = self.write();
        let grace = state.grace;
        state.answers.learn(host, answers, now, grace)
    }

    /// Records that a host name could not be resolved: its last good answer remains valid until it
    /// expires.
    pub fn fail(&self, host: &HostName, now: UnixTime) -> HostChange {
        self.learn(host, [], now)
    }

    /// The feeds in the list, in the order they were added.
    pub fn feeds(&self) -> Vec<AddressFeed> {
        self.read().feeds.iter().cloned().collect()
    }

    /// Records the present content of a feed, which is valid until `now` plus the [feed
    /// grace](Self::keep_feeds_for).
    ///
    /// # Errors
    ///
    /// As [`AddressFeed::read`], and if the feed is not in this list. The last content then remains
    /// valid until it expires.
    pub fn learn_feed(
        &self,
        feed: &AddressFeed,
        body: &[u8],
        now: UnixTime,
    ) -> Result<FeedChange, FeedError> {
        // Parsed while nothing is locked.
        let content = feed.read(body)?;
        let mut state = self.write();
        let grace = state.feed_grace;
        state.feeds.learn(feed, content, now, grace)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse<I>(entries: I) -> Result<(Networks, BTreeSet<HostName>), ConfigError>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let (mut networks, mut hosts) = (Vec::new(), BTreeSet::new());
    for (position, text) in (1_u64..).zip(entries) {
        let text = text.as_ref();
        match Entry::parse(text) {
            Ok(Entry::Network(network)) => networks.push(network),
            Ok(Entry::Host(host)) => {
                hosts.insert(host);
            }
            Err(refusal) => {
                return Err(refused(format!("number {position}, {text:?}: {refusal}")));
            }
        }
    }
    if networks.is_empty() && hosts.is_empty() {
        return Err(refused(
            "empty, list the networks or host names of the sender",
        ));
    }
    Ok((Networks::new(networks).map_err(refused)?, hosts))
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Allowlist, message)
}

impl fmt::Display for Allowlist {
    /// The networks, then the host names as written in settings, then the addresses of the feeds.
    /// Overlapping networks are merged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.read();
        let networks = state.networks.iter().map(ToString::to_string);
        let hosts = state.answers.hosts().map(ToString::to_string);
        let feeds = state.feeds.iter().map(|feed| feed.url().to_owned());
        let entries: Vec<_> = networks.chain(hosts).chain(feeds).collect();
        f.write_str(&entries.join(", "))
    }
}

impl fmt::Debug for Allowlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.read();
        let State {
            networks,
            answers,
            grace,
            feeds,
            feed_grace,
        } = &*state;
        f.debug_struct("Allowlist")
            .field("networks", networks)
            .field("hosts", answers)
            .field("host_grace", grace)
            .field("feeds", feeds)
            .field("feed_grace", feed_grace)
            .finish()
    }
}

#[cfg(test)]
mod tests;
