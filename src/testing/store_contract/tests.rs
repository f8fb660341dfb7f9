//! The contract against stores that each break it in one way.

use std::collections::HashSet;
use std::sync::Mutex;

use super::*;
use crate::event::{EventKey, Name};
use crate::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, MemoryStore, RecordState, RecordView, Release,
    Renew, StoreError, StoreErrorKind, StoredResponse, Token,
};

/// What a store gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flaw {
    Down,
    DoneEarly,
    TakesLiveClaims,
    AnyoneCompletes,
    LosesBodies,
    LosesTypes,
    OwnClaimIsBusy,
    FencesStand,
    StaleHolderCompletes,
    CountsWhatDidNotBegin,
    LeasesNeverEnd,
    LateIsFenced,
    LostIsLost,
    RenewsBackwards,
    KeepsForEver,
    DropsAtRetention,
    IgnoresCase,
    ForgetsInSilence,
    ForgetsWhatIsHeld,
    ListsEverybodys,
    CountsNothing,
    WaitsForEver,
    WakesNobody,
    LooksThenClaims,
}

/// A memory store with a flaw.
struct Flawed {
    inner: MemoryStore,
    flaw: Flaw,
    granted: Mutex<HashSet<Token>>,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self {
            inner: MemoryStore::new(),
            flaw,
            granted: Mutex::default(),
        }
    }

    fn key(&self, key: &EventKey) -> EventKey {
        if self.flaw != Flaw::IgnoresCase {
            return key.clone();
        }
        let name = Name::new("any").unwrap();
        EventKey::new(name, [format!("{key:?}").to_lowercase()]).unwrap()
    }

    /// Whether the command is from a holder whose lease is over.
    async fn is_late(&self, key: &EventKey) -> bool {
        let view = self.inner.lookup(key).await.unwrap();
        self.flaw == Flaw::LateIsFenced
            && view.is_some_and(|view| matches!(view.state, RecordState::Lapsed { .. }))
    }

    fn is_stale(&self, token: Token) -> bool {
        self.flaw == Flaw::StaleHolderCompletes && self.granted.lock().unwrap().contains(&token)
    }
}

impl Store for Flawed {
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let mut claim = Claim {
            key: self.key(&claim.key),
            ..claim.clone()
        };
        match self.flaw {
            Flaw::Down => return Err(StoreError::new(StoreErrorKind::Unavailable)),
            Flaw::LeasesNeverEnd => claim.lease = Duration::from_secs(86_400),
            Flaw::DropsAtRetention => claim.lease = claim.lease.min(claim.retention),
            Flaw::TakesLiveClaims => {
                self.inner.forget(&claim.key).await?;
            }
            Flaw::LooksThenClaims if self.inner.lookup(&claim.key).await?.is_none() => {
                tokio::task::yield_now().await;
                self.inner.forget(&claim.key).await?;
            }
            _ => {}
        }
        let mut outcome = self.inner.claim(&claim).await?;
        match (&mut outcome, self.flaw) {
            (ClaimOutcome::Claimed(grant), flaw) => {
                let new = self.granted.lock().unwrap().insert(claim.token);
                if flaw == Flaw::FencesStand {
                    grant.fence = 7;
                }
                if flaw == Flaw::OwnClaimIsBusy && !new {
                    return Ok(ClaimOutcome::InProgress);
                }
            }
            (ClaimOutcome::InProgress, Flaw::DoneEarly) => {
                let response = StoredResponse {
                    status: 200,
                    body: None,
                    content_type: None,
                };
                return Ok(ClaimOutcome::Done(response));
            }
            (ClaimOutcome::Done(response), Flaw::LosesBodies) => {
                (response.body, response.content_type) = (None, None);
            }
            (ClaimOutcome::Done(response), Flaw::LosesTypes) => response.content_type = None,
            _ => {}
        }
        Ok(outcome)
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let mut complete = Complete {
            key: self.key(&complete.key),
            ..complete.clone()
        };
        if self.flaw == Flaw::KeepsForEver {
            complete.retention = Duration::from_secs(86_400);
        }
        let is_new = self.inner.lookup(&complete.key).await?.is_none();
        if self.is_late(&complete.key).await || (self.flaw == Flaw::LostIsLost && is_new) {
            return Ok(Held::Fenced);
        }
        let held = self.inner.complete(&complete).await?;
        if self.flaw == Flaw::AnyoneCompletes || self.is_stale(complete.token) {
            return Ok(Held::Held);
        }
        Ok(held)
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        let release = Release {
            key: self.key(&release.key),
            begun: release.begun || self.flaw == Flaw::CountsWhatDidNotBegin,
            ..release.clone()
        };
        self.inner.release(&release).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        let mut outcomes = Vec::new();
        for renewal in renewals {
            let renewal = Renew {
                key: self.key(&renewal.key),
                ..renewal.clone()
            };
            if self.is_late(&renewal.key).await {
                outcomes.push(Held::Fenced);
            } else {
                outcomes.extend(self.inner.renew(&[renewal]).await?);
            }
        }
        if self.flaw == Flaw::RenewsBackwards {
            outcomes.reverse();
        }
        Ok(outcomes)
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        let view = self.inner.lookup(&self.key(key)).await.unwrap();
        let busy = view.is_some_and(|view| matches!(view.state, RecordState::Claimed { .. }));
        match self.flaw {
            Flaw::WaitsForEver => std::future::pending().await,
            Flaw::WakesNobody if busy => tokio::time::sleep(limit).await,
            _ => self.inner.wait(&self.key(key), limit).await,
        }
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        let mut view = self.inner.lookup(&self.key(key)).await?;
        if let Some(view) = &mut view {
            view.key = key.clone();
            if self.flaw == Flaw::FencesStand {
                view.fence = 7;
            }
        }
        Ok(view)
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let was_there = self.inner.forget(&self.key(key)).await?;
        Ok(was_there && self.flaw != Flaw::ForgetsInSilence)
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        match self.flaw {
            Flaw::ForgetsWhatIsHeld => self.inner.forget(&self.key(key)).await,
            _ => self.inner.forget_done(&self.key(key)).await,
        }
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        let limit = match self.flaw {
            Flaw::ListsEverybodys => usize::MAX,
            _ => limit,
        };
        self.inner.unfinished(provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        match self.flaw {
            Flaw::CountsNothing => Ok(Counts::default()),
            _ => self.inner.counts().await,
        }
    }
}

const HANGS: &str = "it is not over after 60s";

/// Each flaw, the rule that finds it first, and what that says.
const FLAWS: &[(Flaw, StoreRule, &str)] = &[
    (
        Flaw::Down,
        StoreRule::OneHolder,
        "claim: failed: the store cannot be reached",
    ),
    (
        Flaw::DoneEarly,
        StoreRule::OneHolder,
        "a duplicate's claim: expected InProgress, got Done(StoredResponse(200))",
    ),
    (
        Flaw::AnyoneCompletes,
        StoreRule::OneHolder,
        "complete by a duplicate: expected Fenced, got Held",
    ),
    (
        Flaw::LosesBodies,
        StoreRule::AnswersComeBack,
        "the answer to a duplicate, byte for byte: expected Done(StoredResponse(201, 0 bytes of \
         text/plain; charset=utf-8)), got Done(StoredResponse(201))",
    ),
    (
        Flaw::LosesTypes,
        StoreRule::AnswersComeBack,
        "the answer to a duplicate, byte for byte: expected Done(StoredResponse(201, 0 bytes of \
         text/plain; charset=utf-8)), got Done(StoredResponse(201, 0 bytes))",
    ),
    (
        Flaw::OwnClaimIsBusy,
        StoreRule::CommandsSentAgain,
        "a claim: expected a grant, got InProgress",
    ),
    (
        Flaw::FencesStand,
        StoreRule::ReleasedIsTakenUp,
        "the fence of a later grant: expected more than 7, got 7",
    ),
    (
        Flaw::StaleHolderCompletes,
        StoreRule::ReleasedIsTakenUp,
        "complete after the release: expected Fenced, got Held",
    ),
    (
        Flaw::CountsWhatDidNotBegin,
        StoreRule::ReleasedIsTakenUp,
        "the attempt after one that did not begin: expected 5, got 6",
    ),
    (Flaw::LeasesNeverEnd, StoreRule::LapsedIsTakenUp, HANGS),
    (
        Flaw::LateIsFenced,
        StoreRule::LateButAlone,
        "renew after the lease: expected Held, got Fenced",
    ),
    (
        Flaw::LostIsLost,
        StoreRule::LostRecords,
        "complete without a record: expected Held, got Fenced",
    ),
    (Flaw::KeepsForEver, StoreRule::RetentionEnds, HANGS),
    (
        Flaw::ForgetsInSilence,
        StoreRule::Forgotten,
        "forget what is done: expected true, got false",
    ),
    (
        Flaw::ForgetsWhatIsHeld,
        StoreRule::Forgotten,
        "forget only what is done, of what is held: expected false, got true",
    ),
    (
        Flaw::ListsEverybodys,
        StoreRule::UnfinishedAndCounts,
        "how many unfinished up to a limit: expected 0, got 2",
    ),
    (
        Flaw::CountsNothing,
        StoreRule::UnfinishedAndCounts,
        "how many are claimed or lapsed: expected 2, got 0",
    ),
    (Flaw::WaitsForEver, StoreRule::NothingToWaitFor, HANGS),
    (Flaw::WakesNobody, StoreRule::WaitersAreWoken, HANGS),
    // The texts of these vary between runs.
    (Flaw::TakesLiveClaims, StoreRule::OneHolder, ""),
    (Flaw::RenewsBackwards, StoreRule::RenewalsInOneCall, ""),
    (Flaw::DropsAtRetention, StoreRule::OutlivesItsLease, ""),
    (Flaw::IgnoresCase, StoreRule::KeysApart, ""),
    (Flaw::LooksThenClaims, StoreRule::TwoHundredAtOnce, ""),
];

#[tokio::test(start_paused = true)]
async fn every_flaw_is_found_by_the_rule_that_it_breaks() {
    for (flaw, rule, text) in FLAWS {
        let violation = check_store(Flawed::new(*flaw)).await.unwrap_err();
        assert_eq!(violation.rule(), *rule, "{flaw:?}: {violation}");
        let start = format!("the store breaks {rule}: ");
        let said = violation.to_string();
        let said = said.strip_prefix(&start).unwrap();
        assert!(text.is_empty() || said == *text, "{flaw:?}: {said}");
        assert_eq!(format!("{violation:?}"), violation.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn every_rule_finds_something() {
    let found: HashSet<_> = FLAWS.iter().map(|(_, rule, _)| *rule).collect();
    let rest = StoreRule::ALL.iter().filter(|rule| !found.contains(rule));
    assert_eq!(
        rest.collect::<Vec<_>>(),
        [&StoreRule::NoWakeUpIsLost],
        "which nothing breaks that wakes its waiters at all, but by chance"
    );
    let deaf = SharedStore::new(Flawed::new(Flaw::WakesNobody));
    let violation = StoreRule::NoWakeUpIsLost.check(&deaf).await.unwrap_err();
    assert_eq!(
        violation.to_string(),
        format!("the store breaks no_wake_up_is_lost: {HANGS}")
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_fails_is_the_source_of_the_violation() {
    use std::error::Error;
    let store = crate::testing::FaultyStore::new(MemoryStore::new());
    let fault = crate::testing::Fault::fail(StoreErrorKind::Full);
    store.inject(fault.on(crate::testing::Operation::Forget));
    let violation = check_store(store).await.unwrap_err();
    assert_eq!(violation.rule(), StoreRule::Forgotten);
    let source = violation.source().unwrap();
    assert_eq!(
        source.downcast_ref::<StoreError>().unwrap().kind(),
        StoreErrorKind::Full
    );
}
