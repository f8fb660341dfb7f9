//! An inbox with one flaw.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, Inbox, List,
    MemoryInbox, Moved, Rate, RateOf, RateView, Redrive, Take, Taken, Verdict,
};
use crate::store::{Held, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    BuriesTheDeadForGood,
    ForgetsWhatIsDone,
    ChangesBodies,
    OneEntryForAll,
    HoldsNothing,
    HearsStrangers,
    CountsWhatIsGivenBack,
    BeginsNothing,
    StandingFence,
    ForgetsWhoHasEndedIt,
    HoldsForEver,
    NothingForTheLate,
    TakesPoisonWithOthers,
    TakesOneMore,
    TakesLargeOnesToo,
    FirstRouteOnly,
    OneOfTheFirstRoute,
    PausesNothing,
    KnowsNoOrder,
    FreesWhatWaits,
    KnowsNoVersions,
    ForcesAll,
    DeadHoldAllBack,
    DeadHoldNothingBack,
    SetsNoRates,
    RatesOfProvidersOnly,
    OneContentForAll,
    RedrivesNothing,
    DiscardsWhateverItIs,
    RemembersForEver,
    ListsFromTheStart,
    ForgetsWhatWaits,
    WakesNobody,
}

pub(super) struct Flawed {
    inner: MemoryInbox,
    flaw: Flaw,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Flawed {
    pub(super) fn new(flaw: Flaw) -> Self {
        let inner = MemoryInbox::new();
        Self { inner, flaw }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn key(&self, key: &EventKey) -> EventKey {
        match self.flaw {
            Flaw::OneEntryForAll => EventKey::new(key.provider().clone(), ["one"]).unwrap(),
            Flaw::OneContentForAll => key.confirmed(),
            _ => key.clone(),
        }
    }

    fn lease(&self, lease: Duration) -> Duration {
        match self.flaw {
            Flaw::HoldsNothing => Duration::ZERO,
            Flaw::HoldsForEver => DAY,
            _ => lease,
        }
    }

    /// Whether no unexpired lease holds the entry.
    async fn is_over(&self, key: &EventKey) -> bool {
        let view = self.inner.lookup(key).await.unwrap();
        view.is_none_or(|view| view.status != crate::inbox::EntryStatus::Running)
    }
}

impl Inbox for Flawed {
    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        let mut accept = accept.clone();
        accept.key = self.key(&accept.key);
        let view = self.inner.lookup(&accept.key).await?;
        let is_dead = view.is_some_and(|view| view.status == crate::inbox::EntryStatus::Dead);
        if self.is(Flaw::BuriesTheDeadForGood) && is_dead {
            return Ok(Accepted::Duplicate { differs: false });
        }
        if self.is(Flaw::ChangesBodies) {
            accept.content.body = Bytes::from(accept.content.body.to_ascii_lowercase());
            accept.content.envelope = Bytes::new();
        }
        match (self.flaw, &mut accept.order) {
            (Flaw::KnowsNoOrder, order) => *order = None,
            (Flaw::KnowsNoVersions, Some(order)) => order.version = None,
            (Flaw::DeadHoldAllBack, Some(order)) => order.dead_hold_back = true,
            (Flaw::DeadHoldNothingBack, Some(order)) => order.dead_hold_back = false,
            _ => {}
        }
        self.inner.accept(&accept).await
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        let mut take = take.clone();
        take.lease = self.lease(take.lease);
        match self.flaw {
            Flaw::BeginsNothing => take.begin = false,
            Flaw::TakesOneMore => take.limit += 1,
            Flaw::TakesLargeOnesToo => take.max_bytes = usize::MAX,
            Flaw::FirstRouteOnly => take.routes.truncate(1),
            Flaw::OneOfTheFirstRoute if take.limit == 1 => {
                for route in take.routes.clone() {
                    take.routes = vec![route];
                    let taken = self.inner.take(&take).await?;
                    if !taken.is_empty() {
                        return Ok(taken);
                    }
                }
            }
            Flaw::TakesPoisonWithOthers if !take.lone => {
                let mut taken = self.inner.take(&take).await?;
                take.lone = true;
                taken.extend(self.inner.take(&take).await?);
                return Ok(taken);
            }
            _ => {}
        }
        self.inner.take(&take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        let mut begin = begin.clone();
        (begin.key, begin.lease) = (self.key(&begin.key), self.lease(begin.lease));
        let mut begun = self.inner.begin(&begin).await?;
        if let Begun::Granted(grant) = &mut begun
            && self.is(Flaw::StandingFence)
        {
            grant.fence = 7;
        }
        Ok(begun)
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        let mut held = Vec::new();
        for extend in extensions {
            let mut extend = extend.clone();
            (extend.key, extend.lease) = (self.key(&extend.key), self.lease(extend.lease));
            if self.is(Flaw::NothingForTheLate) && self.is_over(&extend.key).await {
                held.push(Held::Fenced);
            } else {
                held.extend(self.inner.extend(&[extend]).await?);
            }
        }
        Ok(held)
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        let mut finish = finish.clone();
        finish.key = self.key(&finish.key);
        match (self.flaw, &finish.verdict) {
            (Flaw::ForgetsWhatIsDone, _) => finish.retention = Duration::ZERO,
            (Flaw::RemembersForEver, _) => finish.retention = DAY,
            (Flaw::CountsWhatIsGivenBack, Verdict::GiveBack { after }) => {
                let after = *after;
                let reason = String::new();
                finish.verdict = Verdict::Retry { after, reason };
            }
            // The entry is dead for a moment, which frees its order key, and then queued again.
            (Flaw::FreesWhatWaits, Verdict::Retry { after, reason }) => {
                let redrive = Redrive::new(finish.key.clone()).after(*after);
                let reason = reason.clone();
                finish.verdict = Verdict::Bury { reason };
                let held = self.inner.finish(&finish).await?;
                self.inner.redrive(&redrive).await?;
                return Ok(held);
            }
            (Flaw::ForgetsWhoHasEndedIt, _) if self.is_over(&finish.key).await => {
                return Ok(Held::Fenced);
            }
            _ => {}
        }
        let held = self.inner.finish(&finish).await?;
        Ok(match self.flaw {
            Flaw::HearsStrangers => Held::Held,
            _ => held,
        })
    }

    async fn wait(&self, limit: Duration) {
        match self.flaw {
            Flaw::WakesNobody => sleep(limit).await,
            Flaw::HoldsForEver => pending().await,
            _ => self.inner.wait(limit).await,
        }
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        self.inner.lookup(&self.key(key)).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        let mut list = list.clone();
        if self.is(Flaw::ListsFromTheStart) {
            list.after = None;
        }
        self.inner.list(&list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        match self.flaw {
            Flaw::RedrivesNothing => Ok(Moved::Done),
            Flaw::ForcesAll => self.inner.redrive(&redrive.clone().force()).await,
            _ => self.inner.redrive(redrive).await,
        }
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        let mut discard = discard.clone();
        if self.is(Flaw::DiscardsWhateverItIs) {
            discard.if_dead_since = None;
        }
        self.inner.discard(&discard).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget(&self.key(key)).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        match self.is(Flaw::ForgetsWhatWaits) {
            true => self.inner.forget(&self.key(key)).await,
            false => self.inner.forget_ended(&self.key(key)).await,
        }
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        self.inner.counts().await
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        let changed = self.inner.set_paused(provider, paused).await?;
        if self.is(Flaw::PausesNothing) {
            self.inner.set_paused(provider, false).await?;
        }
        Ok(changed)
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        self.inner.paused().await
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        match (self.flaw, of) {
            (Flaw::SetsNoRates, _) => Ok(true),
            (Flaw::RatesOfProvidersOnly, RateOf::EachOrderKey) => Ok(rate.is_some()),
            _ => self.inner.set_rate(provider, of, rate).await,
        }
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        self.inner.rates().await
    }
}
