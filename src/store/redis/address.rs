//! The servers that a URL names.

use std::fmt;

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
};

use super::error::{RedisConnectError, RedisConnectErrorKind};

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The servers that a URL names, and how to log in to them.
#[derive(Clone)]
pub(super) enum Address {
    Single(ConnectionInfo),
    Sentinel(Sentinel),
    Cluster(Vec<ConnectionInfo>),
}

/// A master that is found by name through Sentinels.
#[derive(Clone)]
pub(super) struct Sentinel {
    pub(super) hosts: Vec<ConnectionAddr>,
    pub(super) service: String,
    /// The login and database for the master.
    pub(super) redis: RedisConnectionInfo,
    /// The login for the Sentinels.
    pub(super) sentinel: RedisConnectionInfo,
    pub(super) tls: bool,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, RedisConnectError> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| refused("the URL begins with no scheme, such as redis://"))?;
        match scheme {
            "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
                url.into_connection_info()
                    .map(Self::Single)
                    // The client's message is left out, so that a password is not repeated.
                    .map_err(|_| {
                        refused(
                            "the URL does not read redis://[user:password@]host[:port][/db], with \
                         special characters in user and password percent-encoded",
                        )
                    })
            }
            "redis+sentinel" | "valkey+sentinel" => Self::sentinel(rest, false),
            "rediss+sentinel" | "valkeys+sentinel" => Self::sentinel(rest, true),
            "redis-cluster" | "redis+cluster" | "valkey-cluster" => Self::cluster(rest, false),
            "rediss-cluster" | "rediss+cluster" | "valkeys-cluster" => Self::cluster(rest, true),
            _ => Err(refused(
                "the URL's scheme is none of redis, rediss, redis+sentinel, rediss+sentinel, \
                 redis-cluster, rediss-cluster and unix",
            )),
        }
    }

    fn sentinel(rest: &str, tls: bool) -> Result<Self, RedisConnectError> {
        let parts = Parts::split(rest, SENTINEL_PORT, tls)?;
        let mut path = parts.path.split('/');
        let service = percent_decoded(path.next().unwrap_or_default())?;
        if service.is_empty() {
            return Err(refused(
                "the URL names no service: redis+sentinel://host:port,host:port/service",
            ));
        }
        let mut redis = parts.login()?;
        let mut sentinel = RedisConnectionInfo::default();
        if let Some(db) = path.next() {
            redis = redis.set_db(number(db)?);
        }
        for (name, value) in parts.query() {
            match name {
                "db" => redis = redis.set_db(number(value)?),
                "protocol" => redis = redis.set_protocol(protocol(value)?),
                "sentinel_username" => sentinel = sentinel.set_username(percent_decoded(value)?),
                "sentinel_password" => sentinel = sentinel.set_password(percent_decoded(value)?),
                _ => {
                    return Err(refused(
                        "the URL's query holds something else than db, protocol, \
                         sentinel_username and sentinel_password",
                    ));
                }
            }
        }
        Ok(Self::Sentinel(Sentinel {
            hosts: parts.hosts,
            service,
            redis,
            sentinel,
            tls,
        }))
    }

    fn cluster(rest: &str, tls: bool) -> Result<Self, RedisConnectError> {
        let parts = Parts::split(rest, REDIS_PORT, tls)?;
        if !matches!(parts.path, "" | "0") {
            return Err(refused("a cluster has no database but 0"));
        }
        let mut redis = parts.login()?;
        for (name, value) in parts.query() {
            match name {
                "protocol" => redis = redis.set_protocol(protocol(value)?),
                _ => {
                    return Err(refused(
                        "the URL's query holds something else than protocol",
                    ));
                }
            }
        }
        parts
            .hosts
            .into_iter()
            .map(|host| {
                Ok(host
                    .into_connection_info()?
                    .set_redis_settings(redis.clone()))
            })
            .collect::<Result<_, redis::RedisError>>()
            .map(Self::Cluster)
            .map_err(|_| refused("the URL names a host that cannot be used"))
    }

    /// Identifies the records, regardless of the login and the order of the hosts.
    pub(super) fn identity(&self) -> String {
        let list = |hosts: Vec<&ConnectionAddr>| {
            let mut hosts: Vec<_> = (hosts.into_iter())
                .map(|host| host.to_string().to_ascii_lowercase())
                .collect();
            hosts.sort();
            hosts.join(",")
        };
        match self {
            Self::Single(info) => {
                format!("{}/{}", list(vec![info.addr()]), info.redis_settings().db())
            }
            Self::Sentinel(Sentinel {
                hosts,
                service,
                redis,
                ..
            }) => format!("{}/{service}/{}", list(hosts.iter().collect()), redis.db()),
            Self::Cluster(nodes) => list(nodes.iter().map(ConnectionInfo::addr).collect()),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        match self {
            Self::Single(info) => matches!(info.addr(), ConnectionAddr::TcpTls { .. }),
            Self::Sentinel(sentinel) => sentinel.tls,
            Self::Cluster(nodes) => nodes
                .iter()
                .any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. })),
        }
    }
}

/// Shows only the hosts: a user's name and password stay private.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, hosts: Vec<&ConnectionAddr>| {
            for (position, host) in hosts.into_iter().enumerate() {
                if position > 0 {
                    f.write_str(",")?;
                }
                write!(f, "{host}")?;
            }
            Ok(())
        };
        if self.is_tls() {
            f.write_str("TLS ")?;
        }
        match self {
            Self::Single(info) => write!(f, "{}", info.addr()),
            Self::Sentinel(Sentinel { hosts, service, .. }) => {
                write!(f, "sentinel {service} at ")?;
                list(f, hosts.iter().collect())
            }
            Self::Cluster(nodes) => {
                f.write_str("cluster at ")?;
                list(f, nodes.iter().map(ConnectionInfo::addr).collect())
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `[user:password@]host[:port][,host[:port]]…[/path][?query]`
struct Parts<'a> {
    login: Option<&'a str>,
    hosts: Vec<ConnectionAddr>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn split(rest: &'a str, port: u16, tls: bool) -> Result<Self, RedisConnectError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts = hosts
            .split(',')
            .map(|host| {
                let (host, port) = host_and_port(host, port)?;
                Some(if tls {
                    ConnectionAddr::TcpTls {
                        host,
                        port,
                        insecure: false,
                        tls_params: None,
                    }
                } else {
                    ConnectionAddr::Tcp(host, port)
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| refused("the URL's hosts do not read host:port,host:port"))?;
        Ok(Self {
            login,
            hosts,
            path,
            query,
        })
    }

    fn login(&self) -> Result<RedisConnectionInfo, RedisConnectError> {
        let mut info = RedisConnectionInfo::default();
        let Some(login) = self.login else {
            return Ok(info);
        };
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        if !user.is_empty() {
            info = info.set_username(percent_decoded(user)?);
        }
        if let Some(password) = password {
            info = info.set_password(percent_decoded(password)?);
        }
        Ok(info)
    }

    fn query(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

fn host_and_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (
            host,
            if rest.is_empty() {
                None
            } else {
                Some(rest.strip_prefix(':')?)
            },
        )
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => default,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn percent_decoded(text: &str) -> Result<String, RedisConnectError> {
    let problem = || refused("a part of the URL is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2).ok_or_else(problem)?;
        let decoded = data_encoding::HEXLOWER_PERMISSIVE
            .decode(digits)
            .map_err(|_| problem())?;
        bytes.extend(decoded);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| problem())
}

fn number(text: &str) -> Result<i64, RedisConnectError> {
    text.parse()
        .ok()
        .filter(|db| *db >= 0)
        .ok_or_else(|| refused("the URL's database is not a number"))
}

fn protocol(text: &str) -> Result<ProtocolVersion, RedisConnectError> {
    match text {
        "2" | "resp2" => Ok(ProtocolVersion::RESP2),
        "3" | "resp3" => Ok(ProtocolVersion::RESP3),
        _ => Err(refused("the URL's protocol is neither resp2 nor resp3")),
    }
}

fn refused(message: &'static str) -> RedisConnectError {
    RedisConnectError::new(RedisConnectErrorKind::Url, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_one_server_sentinels_or_a_cluster() {
        for (url, shown) in [
            ("redis://127.0.0.1", "127.0.0.1:6379"),
            ("redis://u:p%40ss@db.example:7000/3", "db.example:7000"),
            ("rediss://:p@db.example", "TLS db.example:6379"),
            ("valkey://db.example", "db.example:6379"),
            ("unix:///run/redis.sock", "/run/redis.sock"),
            (
                "redis+sentinel://u:p@a:1,b,[::1]:3/main/2?sentinel_password=x",
                "sentinel main at a:1,b:26379,::1:3",
            ),
            (
                "rediss+sentinel://a/main?db=4",
                "TLS sentinel main at a:26379",
            ),
            ("redis-cluster://a:1,b", "cluster at a:1,b:6379"),
            ("rediss-cluster://u:p@[::1]/0", "TLS cluster at ::1:6379"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
        }
        let Address::Sentinel(Sentinel {
            redis, sentinel, ..
        }) = Address::parse("redis+sentinel://u%3A:p%40@a/main/2?sentinel_password=x%20y").unwrap()
        else {
            panic!("not a sentinel");
        };
        assert_eq!(redis.username(), Some("u:"));
        assert_eq!(redis.password(), Some("p@"));
        assert_eq!(redis.db(), 2);
        assert_eq!(sentinel.password(), Some("x y"));
    }

    #[test]
    fn the_same_records_are_told_however_their_url_is_written() {
        let of = |url: &str| Address::parse(url).unwrap().identity();
        for (url, same) in [
            ("redis://u:geheim@DB.example/3", "redis://db.example:6379/3"),
            ("redis://db.example", "valkey://db.example:6379/0"),
            (
                "redis+sentinel://:geheim@b:2,a/main/1",
                "redis+sentinel://a:26379,B:2/main?db=1",
            ),
            (
                "redis-cluster://b,a:7000",
                "redis-cluster://:geheim@a:7000,b",
            ),
        ] {
            assert_eq!(of(url), of(same), "{url}");
            assert!(!of(url).contains("geheim"));
        }
        for (url, other) in [
            ("redis://a", "redis://a/1"),
            ("redis://a", "redis://a:1"),
            ("redis+sentinel://a/main", "redis+sentinel://a/other"),
            ("redis+sentinel://a/main", "redis+sentinel://a/main/1"),
            ("redis-cluster://a", "redis-cluster://b"),
        ] {
            assert_ne!(of(url), of(other), "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_refused_without_its_password() {
        for url in [
            "",
            "localhost:6379",
            "mysql://u:geheim@a",
            "redis://u:geheim@a:99999",
            "redis://u:geheim@/x/y",
            "redis://u:geheim@a/x",
            "redis+sentinel://u:geheim@a:1",
            "redis+sentinel://u:geheim@a:x/main",
            "redis+sentinel://u:geheim@a,,b/main",
            "redis+sentinel://u:%zz-geheim@a/main",
            "redis+sentinel://u:geheim@a/main?pass=geheim",
            "redis+sentinel://u:geheim@a/main/-1",
            "redis-cluster://u:geheim@a:0",
            "redis-cluster://u:geheim@[::1",
            "redis-cluster://u:geheim@a/1",
            "redis-cluster://u:geheim@a?protocol=4",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), RedisConnectErrorKind::Url, "{url}");
            assert!(
                !format!("{error} {error:?}").contains("geheim"),
                "{error:?}"
            );
        }
    }
}
