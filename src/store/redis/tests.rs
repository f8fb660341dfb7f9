//! The store on real servers.

pub(super) mod calls;
mod first_edition;
mod found;
mod gathered;
mod histories;
mod size;
mod steps;
#[path = "../../../tests/redis_support/mod.rs"]
pub(super) mod support;

use super::*;
use crate::clock::UnixTime;
use crate::event::Fingerprint;
use crate::store::command::StoredResponse;
use crate::store::record::{Record, State};
use crate::store::token::Token;

use support::{Server, programs};

/// The longest a test waits for one answer; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

async fn store(server: &Server, partitions: u32) -> RedisStore {
    let builder = RedisStore::builder(server.url()).deadline(PATIENCE);
    builder.partitions(partitions).connect().await.unwrap()
}

/// Joining writes nothing, and needs no number.
#[tokio::test]
async fn a_namespace_is_joined_where_it_is_and_not_made() {
    let server = Server::start();
    let builder = || RedisStore::builder(server.url()).deadline(PATIENCE);
    assert!(builder().join().await.unwrap().is_none());
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    let there = store(&server, 8).await;
    let joined = builder().join().await.unwrap().unwrap();
    assert_eq!(
        joined.layout.partitions().known(),
        there.layout.partitions().known()
    );
    let elsewhere = builder().namespace(Name::new("mistyped").unwrap());
    assert!(elsewhere.join().await.unwrap().is_none());
    let other = builder().partitions(9).join().await.unwrap_err();
    assert_eq!(other.kind(), RedisConnectErrorKind::Partitions);
    #[cfg(feature = "inbox")]
    {
        let inbox = || crate::inbox::RedisInbox::builder(server.url()).deadline(PATIENCE);
        assert!(inbox().join().await.unwrap().is_some());
        let large = Name::new("large").unwrap();
        let of_records = builder().partitions(2_048).namespace(large.clone());
        of_records.connect().await.unwrap();
        assert!(inbox().namespace(large).join().await.unwrap().is_none());
    }
    server.ask(&["SET", "wh:default:partitions", "many"]);
    let garbled = builder().join().await.unwrap_err();
    assert_eq!(garbled.kind(), RedisConnectErrorKind::Partitions);
    let nobody = RedisStore::builder("redis://127.0.0.1:1").join().await;
    let nobody = nobody.unwrap_err();
    assert_eq!(nobody.kind(), RedisConnectErrorKind::Unreachable);
}

/// Keys of several kinds: short ones, one with braces, and one that is a hash in Redis.
fn keys() -> Vec<EventKey> {
    let provider = Name::new("acme").unwrap();
    let key = |part: &str| EventKey::new(provider.clone(), [part]).unwrap();
    let long = "\u{e9}\n".repeat(60);
    vec![key("a"), key("b"), key("c"), key("{d}"), key(&long)]
}

/// This long from now, to the microsecond, as it is stored.
fn in_secs(secs: u64) -> UnixTime {
    let then = UnixTime::now().saturating_add(Duration::from_secs(secs));
    UnixTime::from_micros(then.as_micros())
}

/// Writes a released or claimed record according to `layout.lua`.
async fn put(store: &RedisStore, key: &EventKey, record: &Record) {
    let place = store.place(key);
    let mut name = place.name;
    let (flags, token, lease_ends) = match record.state {
        State::Claimed {
            token,
            lease_ends,
            lease,
            ..
        } => {
            if let Some(lease) = lease {
                let colon = name.map_or(String::new(), |name| format!(":{name}"));
                name = Some(format!("-lease:{}{colon}", lease.as_micros()));
            }
            (1 | 8 | 16, token, Some(lease_ends))
        }
        State::Released { token } => (3 | 8, token, None),
        State::Done { .. } => panic!("a finished one is written by the store"),
    };
    let mut value = vec![1, flags | if name.is_some() { 64 } else { 0 }];
    value.extend(token.as_bytes());
    value.extend(record.kept_until.as_micros().to_be_bytes());
    value.extend(record.fence.to_be_bytes());
    value.extend(record.attempt.to_be_bytes());
    value.extend(record.fingerprint.unwrap().as_bytes());
    value.extend(
        lease_ends
            .iter()
            .flat_map(|end| end.as_micros().to_be_bytes()),
    );
    if let Some(name) = name {
        value.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        value.extend(name.as_bytes());
    }
    let mut set = redis::cmd("SET");
    set.arg(place.key).arg(value);
    let set = &set;
    let ask = |mut conn: connection::Conn| async move { conn.ask(set).await };
    store.link.run(ask).await.unwrap();
}
