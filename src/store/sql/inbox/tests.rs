//! Shared code of the tests of inboxes on SQL databases.

pub(in crate::store) mod crowds;
pub(in crate::store) mod histories;

use std::time::Duration;

use bytes::Bytes;

use crate::event::{EventKey, Fingerprint, Name};
use crate::inbox::{Accept, Accepted, Begin, Content, Inbox, Route, Take};
use crate::store::Store;
use crate::store::command::{Claim, ClaimOutcome, Complete, Release, StoredResponse};
use crate::store::token::Token;

pub(in crate::store) const LEASE: Duration = Duration::from_secs(15);
pub(in crate::store) const DAY: Duration = Duration::from_secs(86_400);

pub(in crate::store) fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [id]).unwrap()
}

pub(in crate::store) fn route() -> Route {
    Route::parse("acme").unwrap()
}

pub(in crate::store) fn accept(id: &str, what: &str) -> Accept {
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

pub(in crate::store) fn take(limit: usize) -> Take {
    Take::new(vec![route()], Token::random().unwrap(), limit, LEASE)
}

pub(in crate::store) fn begin(taken: &Take, id: &str) -> Begin {
    Begin::new(key(id), taken.token, Token::random().unwrap(), LEASE)
}

/// An event that was handled inline in the same database is a duplicate.
pub(in crate::store) async fn inline_is_known(store: &impl Store, inbox: &impl Inbox) {
    let claim = |id: &str| {
        let token = Token::random().unwrap();
        Claim::new(key(id), token, Fingerprint::of(b"a"), LEASE, DAY)
    };
    let (done, held, failed) = (claim("done"), claim("held"), claim("failed"));
    for claim in [&done, &held, &failed] {
        let outcome = store.claim(claim).await.unwrap();
        let ClaimOutcome::Claimed(grant) = outcome else {
            panic!("{outcome:?}");
        };
        if claim.key == done.key {
            let (key, token) = (claim.key.clone(), claim.token);
            let response = StoredResponse::new(200);
            let complete = Complete::new(key, token, grant, claim.fingerprint, response, DAY);
            store.complete(&complete).await.unwrap();
        }
    }
    let release = Release::new(failed.key.clone(), failed.token, DAY);
    store.release(&release).await.unwrap();
    for (id, what, expected) in [
        ("done", "a", Accepted::Duplicate { differs: false }),
        ("done", "b", Accepted::Conflict),
        ("held", "a", Accepted::HeldInline),
        ("failed", "a", Accepted::Queued),
        ("failed", "a", Accepted::Duplicate { differs: false }),
    ] {
        let accepted = inbox.accept(&accept(id, what)).await.unwrap();
        assert_eq!(accepted, expected, "{id} {what}");
    }
    assert_eq!(inbox.take(&take(9)).await.unwrap().len(), 1);
}
