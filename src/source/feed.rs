//! Lists of addresses that senders publish, parsed into networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use super::is_local;
use super::networks::Entry;

/// A published list is a few kilobytes; the longest known here, Atlassian's, is 150 KiB.
const LONGEST: usize = 4 * 1024 * 1024;
/// A list with more entries is a hosting network, not a sender.
const MOST: usize = 4_096;
/// A wider network is a mistake: it would let in whole providers.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;

/// The place where a sender publishes its source addresses, and their format.
///
/// An [`Allowlist`](super::Allowlist) with feeds holds the content last
/// [learned](super::Allowlist::learn_feed) from each, in addition to its own entries. The owner of
/// a feed's URL decides who is admitted, so it is fetched over HTTPS from the sender's own host.
///
/// ```
/// use tower_webhook::source::{Admission, AddressFeed, Allowlist};
/// use tower_webhook::UnixTime;
///
/// let feed = AddressFeed::github();
/// assert_eq!(feed.url(), "https://api.github.com/meta");
/// let week = std::time::Duration::from_secs(604_800);
/// let list = Allowlist::of_feeds([feed.clone()])?.keep_feeds_for(week)?;
/// let (now, client) = (UnixTime::from_secs(1_777_899_600), "192.0.2.7".parse()?);
///
/// // Not fetched yet: the sender should try again.
/// assert_eq!(list.check(client, now), Admission::Unresolved);
/// let published = br#"{"hooks":["192.0.2.0/24"],"web":["198.51.100.0/24"]}"#;
/// let change = list.learn_feed(&feed, published, now)?;
/// assert_eq!((change.networks(), change.added(), change.removed()), (1, 1, 0));
/// assert!(change.is_change() && !change.has_shrunk() && change.passed_over() == 0);
/// // The content is valid for a week, unless the list sets another time.
/// assert_eq!(change.good_until(), UnixTime::from_secs(1_777_899_600 + 604_800));
/// assert_eq!(list.check(client, now), Admission::Allowed);
/// assert_eq!(list.check("198.51.100.7".parse()?, now), Admission::Refused);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressFeed {
    url: Arc<str>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Form {
    Lines,
    Json {
        list: Arc<str>,
        member: Option<Arc<str>>,
        only: Vec<(Arc<str>, Arc<str>)>,
    },
}

impl AddressFeed {
    /// A text with one address or network per line; anything after a `#` is a comment.
    ///
    /// ```
    /// use tower_webhook::source::AddressFeed;
    ///
    /// let feed = AddressFeed::lines("https://example.com/ips.txt");
    /// let found = feed.read(b"# outgoing\n192.0.2.0/24\r\n2001:db8::1 # new\n\n")?;
    /// assert_eq!(found.networks().count(), 2);
    /// # Ok::<(), tower_webhook::source::FeedError>(())
    /// ```
    pub fn lines(url: impl Into<Arc<str>>) -> Self {
        Self {
            url: url.into(),
            form: Form::Lines,
        }
    }

    /// JSON with a list of addresses and networks at this pointer (RFC 6901; empty for the whole
    /// document).
    pub fn json(url: impl Into<Arc<str>>, list: impl Into<Arc<str>>) -> Self {
        let (list, member, only) = (list.into(), None, Vec::new());
        Self {
            url: url.into(),
            form: Form::Json { list, member, only },
        }
    }

    /// The list contains objects, and the address of each is at this pointer within it.
    ///
    /// ```
    /// use tower_webhook::source::AddressFeed;
    ///
    /// let feed = AddressFeed::json("https://example.com/ranges.json", "/prefixes")
    ///     .member("/cidr")
    ///     .only("/service", "hooks");
    /// let body = br#"{"prefixes":[
    ///     {"cidr":"192.0.2.0/24","service":["hooks","api"]},
    ///     {"cidr":"198.51.100.0/24","service":"web"}
    /// ]}"#;
    /// let found: Vec<_> = feed.read(body)?.networks().map(|network| network.to_string()).collect();
    /// assert_eq!(found, ["192.0.2.0/24"]);
    /// # Ok::<(), tower_webhook::source::FeedError>(())
    /// ```
    #[must_use]
    pub fn member(mut self, pointer: impl Into<Arc<str>>) -> Self {
        if let Form::Json { member, .. } = &mut self.form {
            *member = Some(pointer.into());
        }
        self
    }

    /// Only objects that have this text at this pointer count, alone or in a list. If this is
    /// called twice, both conditions must hold.
    #[must_use]
    pub fn only(mut self, pointer: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        if let Form::Json { only, .. } = &mut self.form {
            only.push((pointer.into(), text.into()));
        }
        self
    }

    /// GitHub's hooks: the member `hooks` of `https://api.github.com/meta` (docs.github.com, "About
    /// GitHub's IP addresses").
    pub fn github() -> Self {
        Self::json("https://api.github.com/meta", "/hooks")
    }

    /// Stripe's webhooks: the member `WEBHOOKS` of
    /// `https://stripe.com/files/ips/ips_webhooks.json` (docs.stripe.com, "Domains and IP
    /// addresses").
    pub fn stripe() -> Self {
        Self::json(
            "https://stripe.com/files/ips/ips_webhooks.json",
            "/WEBHOOKS",
        )
    }

    /// The source addresses of Atlassian's products: the items of
    /// `https://ip-ranges.atlassian.com/` whose direction is `egress` (support.atlassian.com, "IP
    /// addresses and domains for Atlassian cloud products").
    ///
    /// ```
    /// use tower_webhook::source::AddressFeed;
    /// use tower_webhook::Allowlist;
    ///
    /// let list = Allowlist::parse(["192.0.2.1"])?.feed(AddressFeed::atlassian());
    /// assert_eq!(list.feeds()[0].url(), "https://ip-ranges.atlassian.com/");
    /// assert_eq!(list.to_string(), "192.0.2.1/32, https://ip-ranges.atlassian.com/");
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn atlassian() -> Self {
        Self::json("https://ip-ranges.atlassian.com/", "/items")
            .member("/cidr")
            .only("/direction", "egress")
    }

    /// The URL that it is fetched from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Parses the fetched content.
    ///
    /// Entries that are not an address or network, those of our own network, and those wider than a
    /// sender's (`/8`, `/16` with IPv6) are [skipped](FeedContent::passed_over): one bad entry does
    /// not cost the good ones.
    ///
    /// # Errors
    ///
    /// If the content is longer than 4 MiB, is not of this format, or has more than 4,096 entries
    /// or no good one.
    pub fn read(&self, body: &[u8]) -> Result<FeedContent, FeedError> {
        let refused = |kind| FeedError::of(self, kind);
        if body.len() > LONGEST {
            return Err(refused(FeedErrorKind::TooLong));
        }
        let mut found = FeedContent {
            networks: Vec::new(),
            passed_over: 0,
        };
        match &self.form {
            Form::Lines => {
                let text = std::str::from_utf8(body).map_err(|_| refused(FeedErrorKind::Form))?;
                let before_comment = |line| str::split(line, '#').next().unwrap_or_default().trim();
                for line in text.lines().map(before_comment) {
                    if !line.is_empty() {
                        found.take(Some(line));
                    }
                }
            }
            Form::Json { list, member, only } => {
                let whole: Value =
                    serde_json::from_slice(body).map_err(|_| refused(FeedErrorKind::Form))?;
                let items = (whole.pointer(list))
                    .and_then(Value::as_array)
                    .ok_or_else(|| refused(FeedErrorKind::Form))?;
                for item in items {
                    if only.iter().all(|(at, text)| holds(item.pointer(at), text)) {
                        let address = member.as_deref().map_or(Some(item), |at| item.pointer(at));
                        found.take(address.and_then(Value::as_str));
                    }
                }
            }
        }
        if found.networks.len().saturating_add(found.passed_over) > MOST {
            return Err(refused(FeedErrorKind::TooMany));
        }
        if found.networks.is_empty() {
            return Err(refused(FeedErrorKind::Empty));
        }
        Ok(found)
    }
}

/// Whether a member is this text, or a list that contains it.
fn holds(member: Option<&Value>, text: &str) -> bool {
    match member {
        Some(Value::Array(texts)) => texts.iter().any(|one| one.as_str() == Some(text)),
        Some(one) => one.as_str() == Some(text),
        None => false,
    }
}

/// The content of a feed.
#[derive(Debug, Clone)]
pub struct FeedContent {
    networks: Vec<IpNet>,
    passed_over: usize,
}

impl FeedContent {
    fn take(&mut self, text: Option<&str>) {
        match text.map(Entry::parse) {
            Some(Ok(Entry::Network(network))) if can_be_a_senders(&network) => {
                self.networks.push(network);
            }
            _ => self.passed_over = self.passed_over.saturating_add(1),
        }
    }

    /// The networks, in the feed's order.
    pub fn networks(&self) -> impl Iterator<Item = impl fmt::Display> {
        self.networks.iter()
    }

    /// The number of entries that are not a network, or cannot be a sender's.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    pub(super) fn into_parts(self) -> (Vec<IpNet>, usize) {
        (self.networks, self.passed_over)
    }
}

/// The first addresses of networks without senders that a wider network may contain (RFC 1918, 3927 and 6598).
const LOCAL_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(100, 64, 0, 0),
    Ipv4Addr::new(169, 254, 0, 0),
    Ipv4Addr::new(172, 16, 0, 0),
    Ipv4Addr::new(192, 168, 0, 0),
];

fn can_be_a_senders(network: &IpNet) -> bool {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    // Of two networks, one contains the other or they have nothing in common.
    let holds_ours = (LOCAL_V4.iter()).any(|first| network.contains(&IpAddr::V4(*first)));
    let first = network.network();
    network.prefix_len() >= widest
        && !holds_ours
        && !is_local(first)
        && !is_local(network.broadcast())
        && !first.is_multicast()
        && !first.is_unspecified()
}

/// The reason why a feed was not read. Its last good content remains valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedError {
    kind: FeedErrorKind,
    url: Arc<str>,
}

/// The kind of a [`FeedError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeedErrorKind {
    /// Longer than 4 MiB.
    TooLong,
    /// Not in the declared format.
    Form,
    /// More than 4,096 entries.
    TooMany,
    /// No entry can be a sender's.
    Empty,
    /// Its entries together cover every address.
    TooWide,
    /// The feed is not in this allowlist.
    Unknown,
}

impl FeedError {
    pub(super) fn of(feed: &AddressFeed, kind: FeedErrorKind) -> Self {
        Self {
            kind,
            url: Arc::clone(&feed.url),
        }
    }

    /// What kind of error this is.
    ///
    /// ```
    /// use tower_webhook::source::{AddressFeed, FeedErrorKind};
    ///
    /// let error = AddressFeed::stripe().read(b"<html>").unwrap_err();
    /// assert_eq!(error.kind(), FeedErrorKind::Form);
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the address feed https://stripe.com/files/ips/ips_webhooks.json has another form: \
    ///      look at what is served there"
    /// );
    /// ```
    pub fn kind(&self) -> FeedErrorKind {
        self.kind
    }
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, url } = self;
        let (what, remedy) = match kind {
            FeedErrorKind::TooLong => ("is longer than 4 MiB", "look at what is served there"),
            FeedErrorKind::Form => ("has another form", "look at what is served there"),
            FeedErrorKind::TooMany => (
                "has more than 4,096 entries",
                "choose those of this sender with `only`",
            ),
            FeedErrorKind::Empty => (
                "holds no address of a sender",
                "look at its pointer, `member` and `only`",
            ),
            FeedErrorKind::TooWide => (
                "holds every address together",
                "look at what is served there",
            ),
            FeedErrorKind::Unknown => ("is none of this list", "add it with `feed`"),
        };
        write!(f, "the address feed {url} {what}: {remedy}")
    }
}

impl std::error::Error for FeedError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_holds_one_of_ours_is_passed_over() {
        let feed = AddressFeed::lines("https://example.com/ips.txt");
        for wide in ["100.0.0.0/8", "169.0.0.0/8", "172.0.0.0/8", "192.0.0.0/8"] {
            let served = format!("{wide}\n203.0.113.0/24\n");
            let content = feed.read(served.as_bytes()).unwrap();
            let taken: Vec<_> = content.networks().map(|it| it.to_string()).collect();
            assert_eq!(
                (taken, content.passed_over()),
                (vec!["203.0.113.0/24".to_owned()], 1)
            );
        }
        assert_eq!(feed.read(b"8.0.0.0/8").unwrap().passed_over(), 0);
    }
}
