//! The inbox on real servers: the contract, the rules of an entry, and its state after faults.

mod faults;
mod found;
mod full;
mod gathered;
mod histories;
#[cfg(feature = "testing")]
mod kinds;
mod late;
mod many;
mod ordering;
mod outages;
mod pauses;
mod refused;
mod replies;
mod rerouted;
mod rights;
mod scripts_alone;
mod size;

use bytes::Bytes;

use super::super::tests::support;
use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::clock::UnixTime;
use crate::event::Fingerprint;
use crate::event::Name;
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Content, Discard, EntryStatus, Extend, Finish, Inbox, List,
    Moved, Rate, RateOf, Redrive, Route, Take, Verdict,
};
use crate::store::command::Held;
use crate::store::error::StoreErrorKind;
use crate::store::redis::inbox::order::OrderCommand;
use crate::store::token::Token;

use support::{Server, programs};

/// The longest a test waits for one answer; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(15);
const DAY: Duration = Duration::from_secs(86_400);

fn builder(url: impl Into<String>) -> RedisInboxBuilder {
    RedisInbox::builder(url).deadline(PATIENCE)
}

async fn inbox(server: &Server, partitions: u32) -> RedisInbox {
    let builder = builder(server.url()).partitions(partitions);
    builder.connect().await.unwrap()
}

/// Limits the taking of this provider's entries to this many a day.
async fn limited(inbox: &RedisInbox, provider: &Name, entries: u32) -> Rate {
    let rate = Rate::new(entries, DAY).unwrap();
    let set = inbox.set_rate(provider, RateOf::Provider, Some(rate));
    assert!(set.await.unwrap());
    rate
}

fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [id]).unwrap()
}

fn route() -> Route {
    Route::parse("acme").unwrap()
}

fn accept(id: &str, what: &str) -> Accept {
    Accept {
        key: key(id),
        route: route(),
        fingerprint: Fingerprint::of(what.as_bytes()),
        has_own_id: false,
        order: None,
        content: Content::new(Bytes::from_static(b"{}"), Bytes::from(what.to_owned())),
        revive_every: DAY,
        was_held: false,
    }
}

fn take(limit: usize) -> Take {
    Take::new(vec![route()], Token::random().unwrap(), limit, LEASE)
}

fn begin(taken: &Take, id: &str) -> Begin {
    Begin::new(key(id), taken.token, Token::random().unwrap(), LEASE)
}

fn bury() -> Verdict {
    Verdict::Bury {
        reason: "no".to_owned(),
    }
}

/// The ids of the entries that are taken.
async fn taken(inbox: &RedisInbox, limit: usize) -> Vec<String> {
    let taken = inbox.take(&take(limit)).await.unwrap();
    taken.into_iter().map(|it| it.key.to_string()).collect()
}

/// An inbox whose user has all rights except those that are removed later.
async fn as_user(server: &Server) -> (RedisInbox, impl Fn(&[&str])) {
    let set = |rights: &[&str]| {
        let user = ["ACL", "SETUSER", "app", "reset", "on", ">pw", "~wh:*"];
        assert_eq!(server.ask(&[&user[..], &["+@all"], rights].concat()), "OK");
    };
    set(&[]);
    let url = server.url().replace("://", "://app:pw@");
    (builder(url).partitions(1).connect().await.unwrap(), set)
}
