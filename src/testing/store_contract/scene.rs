use std::time::Duration;

use tokio::time::sleep;

use super::violation::{Broken, Verdict};
use crate::event::{EventKey, Fingerprint, Name};
use crate::store::{
    Claim, ClaimOutcome, Complete, Grant, Held, RecordState, RecordView, Release, Renew,
    SharedStore, Store, StoreError, StoredResponse, Token,
};

/// Leases and retentions that do not end during a test, and those that do.
pub(super) const LONG: Duration = Duration::from_secs(600);
pub(super) const SHORT: Duration = Duration::from_millis(150);

/// One event, and its receivers' commands.
pub(super) struct Scene {
    pub(super) store: SharedStore,
    pub(super) key: EventKey,
}

/// A provider that no other scene uses.
pub(super) fn provider() -> Verdict<Name> {
    let [a, b, c, d, e, f, ..] = *token()?.as_bytes();
    name(&format!("p{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}"))
}

pub(super) fn name(text: &str) -> Verdict<Name> {
    Name::new(text.to_owned()).map_err(|error| Broken::told(error.to_string()))
}

pub(super) fn key(provider: &Name, parts: &[&str]) -> Verdict<EventKey> {
    EventKey::new(provider.clone(), parts).map_err(|error| Broken::told(error.to_string()))
}

pub(super) fn token() -> Verdict<Token> {
    Token::random().map_err(|error| Broken::failed("a token", error))
}

pub(super) fn content(text: &str) -> Fingerprint {
    Fingerprint::of(text.as_bytes())
}

pub(super) fn answer(status: u16) -> StoredResponse {
    StoredResponse {
        status,
        body: None,
        content_type: None,
    }
}

pub(super) fn grant(what: &str, outcome: &ClaimOutcome) -> Verdict<Grant> {
    match outcome {
        ClaimOutcome::Claimed(grant) => Ok(*grant),
        other => Err(Broken::differs(what, "a grant", other)),
    }
}

fn done<T>(command: &str, outcome: Result<T, StoreError>) -> Verdict<T> {
    outcome.map_err(|error| Broken::failed(command, error))
}

impl Scene {
    pub(super) fn new(store: &SharedStore) -> Verdict<Self> {
        Ok(Self::of(store, key(&provider()?, &["evt_1"])?))
    }

    pub(super) fn of(store: &SharedStore, key: EventKey) -> Self {
        let store = store.clone();
        Self { store, key }
    }

    pub(super) fn again(&self) -> Self {
        Self::of(&self.store, self.key.clone())
    }

    pub(super) fn command(&self, token: Token, what: &str) -> Claim {
        Claim {
            key: self.key.clone(),
            token,
            fingerprint: content(what),
            lease: LONG,
            retention: LONG,
        }
    }

    pub(super) async fn send(&self, claim: &Claim) -> Verdict<ClaimOutcome> {
        done("claim", self.store.claim(claim).await)
    }

    pub(super) async fn claim(&self, token: Token, what: &str) -> Verdict<ClaimOutcome> {
        self.send(&self.command(token, what)).await
    }

    pub(super) async fn granted(&self, token: Token, what: &str) -> Verdict<Grant> {
        grant("a claim", &self.claim(token, what).await?)
    }

    pub(super) async fn granted_briefly(&self, token: Token, what: &str) -> Verdict<Grant> {
        let claim = Claim {
            lease: SHORT,
            ..self.command(token, what)
        };
        grant("a claim with a short lease", &self.send(&claim).await?)
    }

    /// With an attempt and a fence that count only if the record is lost.
    pub(super) fn completion(&self, token: Token, what: &str) -> Complete {
        Complete {
            key: self.key.clone(),
            token,
            attempt: 1,
            fence: 1,
            fingerprint: content(what),
            response: answer(200),
            retention: LONG,
        }
    }

    pub(super) async fn finish(&self, complete: &Complete) -> Verdict<Held> {
        done("complete", self.store.complete(complete).await)
    }

    pub(super) async fn complete(
        &self,
        token: Token,
        what: &str,
        response: StoredResponse,
    ) -> Verdict<Held> {
        let complete = Complete {
            response,
            ..self.completion(token, what)
        };
        self.finish(&complete).await
    }

    pub(super) async fn give_back(&self, token: Token) -> Verdict<Held> {
        let release = Release::new(self.key.clone(), token, LONG).not_begun();
        done(
            "release before it began",
            self.store.release(&release).await,
        )
    }

    pub(super) async fn release(&self, token: Token) -> Verdict<Held> {
        let release = Release::new(self.key.clone(), token, LONG);
        done("release", self.store.release(&release).await)
    }

    pub(super) fn renewal(&self, token: Token) -> Renew {
        Renew {
            key: self.key.clone(),
            token,
            lease: LONG,
            retention: LONG,
        }
    }

    pub(super) async fn renew(&self, token: Token) -> Verdict<Held> {
        let outcomes = renew_all(&self.store, &[self.renewal(token)]).await?;
        match *outcomes.as_slice() {
            [outcome] => Ok(outcome),
            _ => Err(Broken::differs(
                "the answers to one renewal",
                "one",
                &outcomes,
            )),
        }
    }

    pub(super) async fn lookup(&self) -> Verdict<Option<RecordView>> {
        done("lookup", self.store.lookup(&self.key).await)
    }

    pub(super) async fn view(&self) -> Verdict<RecordView> {
        self.lookup()
            .await?
            .ok_or_else(|| Broken::differs("lookup", "a record", &None::<()>))
    }

    pub(super) async fn state(&self) -> Verdict<RecordState> {
        Ok(self.view().await?.state)
    }

    pub(super) async fn forget(&self) -> Verdict<bool> {
        done("forget", self.store.forget(&self.key).await)
    }

    pub(super) async fn forget_done(&self) -> Verdict<bool> {
        done("forget_done", self.store.forget_done(&self.key).await)
    }

    pub(super) async fn until_lapsed(&self) -> Verdict {
        while !matches!(self.state().await?, RecordState::Lapsed { .. }) {
            sleep(SHORT / 10).await;
        }
        Ok(())
    }

    /// Claims until the event is not in progress, waiting in between.
    pub(super) async fn insist(&self, token: Token) -> Verdict<ClaimOutcome> {
        loop {
            match self.claim(token, "a").await? {
                ClaimOutcome::InProgress => self.store.wait(&self.key, LONG).await,
                other => return Ok(other),
            }
        }
    }
}

pub(super) async fn renew_all(store: &SharedStore, renewals: &[Renew]) -> Verdict<Vec<Held>> {
    done("renew", store.renew(renewals).await)
}

pub(super) async fn unfinished(
    store: &SharedStore,
    provider: &Name,
    limit: usize,
) -> Verdict<Vec<RecordView>> {
    done("unfinished", store.unfinished(provider, limit).await)
}
