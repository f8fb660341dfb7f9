use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use crate::event::{EventKey, Fingerprint, Name, Order, OrderKey, Version};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Content, Discard, EntryStatus, EntryView, Extend, Finish,
    Inbox, Moved, Redrive, Route, SharedInbox, Take, Taken, Verdict as End,
};
use crate::store::{Grant, Held, StoreError, Token};
use crate::testing::store_contract::violation::{Broken, Verdict, same};

/// Leases and retentions that do not end during a test, and those that do.
pub(super) const LONG: Duration = Duration::from_secs(600);
pub(super) const SHORT: Duration = Duration::from_millis(150);
/// More attempts than any test uses up.
pub(super) const MANY: u32 = 1_000;

pub(super) fn token() -> Verdict<Token> {
    Token::random().map_err(|error| Broken::failed("a token", error))
}

/// A provider that no other scene uses.
pub(super) fn provider() -> Verdict<Name> {
    let [a, b, c, d, e, f, ..] = *token()?.as_bytes();
    let text = format!("p{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}");
    Name::new(text).map_err(|error| Broken::told(error.to_string()))
}

pub(super) fn key(provider: &Name, parts: &[&str]) -> Verdict<EventKey> {
    EventKey::new(provider.clone(), parts).map_err(|error| Broken::told(error.to_string()))
}

pub(super) fn done<T>(command: &str, outcome: Result<T, StoreError>) -> Verdict<T> {
    outcome.map_err(|error| Broken::failed(command, error))
}

/// One event, and the commands for it.
pub(super) struct Scene {
    pub(super) inbox: SharedInbox,
    pub(super) key: EventKey,
    pub(super) route: Route,
}

impl Scene {
    pub(super) fn new(inbox: &SharedInbox) -> Verdict<Self> {
        let provider = provider()?;
        Ok(Self::of(inbox, key(&provider, &["evt_1"])?))
    }

    pub(super) fn of(inbox: &SharedInbox, key: EventKey) -> Self {
        Self {
            inbox: inbox.clone(),
            route: Route::new(key.provider(), None, None),
            key,
        }
    }

    /// An event of the same provider with another id.
    pub(super) fn other(&self, id: &str) -> Verdict<Self> {
        Ok(Self::of(&self.inbox, key(self.key.provider(), &[id])?))
    }

    pub(super) fn accepting(&self, what: &str) -> Accept {
        Accept {
            key: self.key.clone(),
            route: self.route.clone(),
            fingerprint: Fingerprint::of(what.as_bytes()),
            has_own_id: false,
            order: None,
            content: Content::new(
                Bytes::from(format!("envelope of {what}")),
                Bytes::from(what.to_owned()),
            ),
            revive_every: LONG,
            was_held: false,
        }
    }

    /// The command that accepts the event with this order key and version.
    pub(super) fn accepting_in(&self, order: &str, version: Option<i64>) -> Verdict<Accept> {
        let key = OrderKey::new([order]);
        let key = key.ok_or_else(|| Broken::told("an order key of no text".to_owned()))?;
        let order = Order::new(key, version.map(Version::new));
        Ok(Accept {
            order: Some(Box::new(order)),
            ..self.accepting("a")
        })
    }

    /// Accepts it with these, as a new event.
    pub(super) async fn accepted_in(&self, order: &str, version: Option<i64>) -> Verdict {
        let accept = self.accepting_in(order, version)?;
        same("a new event", self.send(&accept).await?, Accepted::Queued)
    }

    pub(super) async fn send(&self, accept: &Accept) -> Verdict<Accepted> {
        done("accept", self.inbox.accept(accept).await)
    }

    pub(super) async fn accept(&self, what: &str) -> Verdict<Accepted> {
        self.send(&self.accepting(what)).await
    }

    /// Accepts the event as a new one.
    pub(super) async fn accepted(&self, what: &str) -> Verdict {
        same("a new event", self.accept(what).await?, Accepted::Queued)
    }

    pub(super) fn taking(&self, limit: usize, lease: Duration) -> Verdict<Take> {
        let mut take = Take::new(vec![self.route.clone()], token()?, limit, lease);
        take.max_attempts = MANY;
        Ok(take)
    }

    pub(super) async fn take_with(&self, take: &Take) -> Verdict<Vec<Taken>> {
        done("take", self.inbox.take(take).await)
    }

    /// Takes the event, which is due, and returns the token.
    pub(super) async fn taken(&self, lease: Duration) -> Verdict<Token> {
        let take = self.taking(1, lease)?;
        let taken = self.take_with(&take).await?;
        match taken.as_slice() {
            [one] if one.key == self.key => Ok(take.token),
            _ => Err(Broken::differs("what is due", "it is taken", &taken)),
        }
    }

    /// Checks that nothing can be taken.
    pub(super) async fn nothing_due(&self, what: &str) -> Verdict {
        let taken = self.take_with(&self.taking(100, LONG)?).await?;
        same(what, taken, Vec::new())
    }

    pub(super) fn beginning(&self, taken: Token, lease: Duration) -> Verdict<Begin> {
        Ok(Begin::new(self.key.clone(), taken, token()?, lease))
    }

    pub(super) async fn begin_with(&self, begin: &Begin) -> Verdict<Begun> {
        done("begin", self.inbox.begin(begin).await)
    }

    /// Takes the event and begins an attempt.
    pub(super) async fn begun(&self, lease: Duration) -> Verdict<(Token, Grant)> {
        let begin = self.beginning(self.taken(lease).await?, lease)?;
        match self.begin_with(&begin).await? {
            Begun::Granted(grant) => Ok((begin.token, grant)),
            other => Err(Broken::differs(
                "an attempt at what was taken",
                "it begins",
                &other,
            )),
        }
    }

    pub(super) async fn finish(&self, token: Token, end: End) -> Verdict<Held> {
        let finish = Finish::new(self.key.clone(), token, end, LONG);
        done("finish", self.inbox.finish(&finish).await)
    }

    /// Takes the event, begins an attempt, and ends it like this.
    pub(super) async fn attempt(&self, end: End) -> Verdict<Grant> {
        let (token, grant) = self.begun(LONG).await?;
        same(
            "the end of an attempt",
            self.finish(token, end).await?,
            Held::Held,
        )?;
        Ok(grant)
    }

    pub(super) async fn extend(&self, token: Token, lease: Duration) -> Verdict<Held> {
        let extend = Extend::new(self.key.clone(), token, lease);
        let held = done("extend", self.inbox.extend(&[extend]).await)?;
        match *held.as_slice() {
            [held] => Ok(held),
            _ => Err(Broken::differs(
                "the answers to one extension",
                "one",
                &held,
            )),
        }
    }

    pub(super) async fn redrive(&self) -> Verdict<Moved> {
        let redrive = Redrive::new(self.key.clone());
        done("redrive", self.inbox.redrive(&redrive).await)
    }

    pub(super) async fn force(&self) -> Verdict<Moved> {
        let redrive = Redrive::new(self.key.clone()).force();
        done("redrive", self.inbox.redrive(&redrive).await)
    }

    pub(super) async fn discard(&self, retention: Duration) -> Verdict<Moved> {
        let discard = Discard::new(self.key.clone(), retention);
        done("discard", self.inbox.discard(&discard).await)
    }

    pub(super) async fn lookup(&self) -> Verdict<Option<EntryView>> {
        done("lookup", self.inbox.lookup(&self.key).await)
    }

    pub(super) async fn view(&self) -> Verdict<EntryView> {
        let view = self.lookup().await?;
        view.ok_or_else(|| Broken::differs("lookup", "an entry", &None::<()>))
    }

    pub(super) async fn has(&self, status: EntryStatus) -> Verdict {
        same("the status of the entry", self.view().await?.status, status)
    }

    pub(super) async fn until_lapsed(&self) -> Verdict {
        while self.view().await?.status != EntryStatus::Lapsed {
            sleep(SHORT / 10).await;
        }
        Ok(())
    }
}

pub(super) fn retry(after: Duration) -> End {
    End::Retry {
        after,
        reason: "the ledger is closed".to_owned(),
    }
}

pub(super) fn bury() -> End {
    End::Bury {
        reason: "no order of ours".to_owned(),
    }
}
