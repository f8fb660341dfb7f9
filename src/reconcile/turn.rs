//! Lets only one of many processes reconcile at a time: a separate record with a lease.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::ConfigError;
use crate::event::{EventKey, Fingerprint, Name};
#[cfg(feature = "inbox")]
use crate::inbox::{Accept, Content, Extend, Finish, Inbox, Route, SharedInbox, Take, Verdict};
use crate::layer::DedupeState;
use crate::printable::Printable;
use crate::store::{
    Claim, ClaimOutcome, Held, Release, Renew, SharedStore, Store, StoreError, Token,
};

/// A name that no sender has.
const NAME: Name = Name::constant("tower-webhook");
const LEASE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// The place that records whose turn it is.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    key: EventKey,
    kept_in: KeptIn,
}

#[derive(Debug, Clone)]
enum KeptIn {
    Store(SharedStore),
    /// An entry that no worker takes, and that exists only while somebody has the turn.
    #[cfg(feature = "inbox")]
    Inbox(SharedInbox, Route),
}

/// The turn, held until it is given back or its lease ends.
#[derive(Debug)]
pub(super) struct OurTurn {
    turns: Turns,
    token: Token,
}

impl Turns {
    pub(super) fn of(webhook: &DedupeState) -> Result<Option<Self>, ConfigError> {
        let whose = webhook.scope_text();
        let key = EventKey::new(NAME, ["reconciler", &whose])?;
        #[cfg(feature = "inbox")]
        if let Some(inbox) = webhook.accepting() {
            let route = Route::new(&NAME, None, Some(&whose));
            let kept_in = KeptIn::Inbox(inbox.clone(), route);
            return Ok(Some(Self { key, kept_in }));
        }
        let kept_in = webhook.records().map(|store| KeptIn::Store(store.clone()));
        Ok(kept_in.map(|kept_in| Self { key, kept_in }))
    }

    /// Takes the turn, unless somebody has it.
    pub(super) async fn take(&self) -> Result<Option<OurTurn>, StoreError> {
        let token = Token::random()?;
        let fingerprint = Fingerprint::of(b"reconciler");
        let is_ours = match &self.kept_in {
            KeptIn::Store(store) => {
                let claim = Claim::new(self.key.clone(), token, fingerprint, LEASE, LEASE);
                matches!(store.claim(&claim).await?, ClaimOutcome::Claimed(_))
            }
            #[cfg(feature = "inbox")]
            KeptIn::Inbox(inbox, route) => {
                let accept = Accept {
                    key: self.key.clone(),
                    route: route.clone(),
                    fingerprint,
                    has_own_id: true,
                    order: None,
                    content: Content::new(bytes::Bytes::new(), bytes::Bytes::new()),
                    revive_every: Duration::ZERO,
                    was_held: false,
                };
                inbox.accept(&accept).await?;
                let take = Take::new(vec![route.clone()], token, 1, LEASE);
                let taken = inbox.take(&take).await?;
                taken.iter().any(|taken| taken.key == self.key)
            }
        };
        let turns = self.clone();
        Ok(is_ours.then_some(OurTurn { turns, token }))
    }
}

impl OurTurn {
    /// Keeps the turn, and returns once it is lost.
    pub(super) async fn keep(&self) {
        let mut renewed = Instant::now();
        loop {
            sleep(RENEW_EVERY).await;
            let asked = Instant::now();
            match self.renew().await {
                Ok(Held::Held) => renewed = asked,
                Ok(Held::Fenced) => return,
                Err(error) => {
                    tracing::warn!(
                        target: "tower_webhook",
                        key = %self.turns.key.escaped(),
                        error = %Printable(&error),
                        "a reconciler cannot renew its lease"
                    );
                    if renewed.elapsed() >= LEASE {
                        return;
                    }
                }
            }
        }
    }

    async fn renew(&self) -> Result<Held, StoreError> {
        let key = self.turns.key.clone();
        let held = match &self.turns.kept_in {
            KeptIn::Store(store) => {
                store
                    .renew(&[Renew::new(key, self.token, LEASE, LEASE)])
                    .await?
            }
            #[cfg(feature = "inbox")]
            KeptIn::Inbox(inbox, _) => inbox.extend(&[Extend::new(key, self.token, LEASE)]).await?,
        };
        Ok(held.first().copied().unwrap_or(Held::Fenced))
    }

    /// Gives the turn back. If the store does not get this, the end of the lease has the same
    /// effect.
    pub(super) async fn give_back(self) {
        let key = self.turns.key.clone();
        let _ = match &self.turns.kept_in {
            KeptIn::Store(store) => {
                let release = Release::new(key, self.token, Duration::ZERO).not_begun();
                store.release(&release).await
            }
            #[cfg(feature = "inbox")]
            KeptIn::Inbox(inbox, _) => {
                let finish = Finish::new(key, self.token, Verdict::Done, Duration::ZERO);
                inbox.finish(&finish).await
            }
        };
    }
}
