//! The entries that a worker has taken, as the records that the runtime claims and finishes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::event::{EventKey, Name};
use crate::inbox::{Begin, Begun, Extend, Finish, Inbox, SharedInbox, Verdict, WorkerId};
use crate::runtime::Hold;
use crate::store::{
    Claim, ClaimOutcome, Complete, Counts, Grant, Held, RecordView, Release, Renew, SharedStore,
    Store, StoreError, StoreErrorKind, StoredResponse, Token,
};

/// The entries of one worker. Clones share them.
///
/// A claim begins the attempt at a taken entry. Its release carries the outcome of the handler.
#[derive(Clone)]
pub(super) struct EntryStore {
    inbox: SharedInbox,
    runs: Arc<Mutex<Runs>>,
    /// The worker that has them.
    pub(super) worker: WorkerId,
}

#[derive(Default)]
struct Runs {
    now: HashMap<EventKey, EntryRun>,
    /// The verdicts on runs that are over, for releases that are resent in the background.
    over: VecDeque<Over>,
}

#[derive(Debug)]
struct Over {
    key: EventKey,
    token: Token,
    now_as: Token,
    verdict: Verdict,
}

/// More than are resent in the background at once.
const MOST_OVER: usize = 1_024;

/// An entry that this worker has.
#[derive(Debug)]
struct EntryRun {
    hold: Hold,
    /// The grant of its attempt, if that began with the take, under the same token.
    begun: Option<Grant>,
    /// The token of the attempt, once it has begun.
    token: Option<Token>,
    /// The one that the inbox knows it by, if this worker has taken the entry again meanwhile.
    now_as: Option<Token>,
    /// The one that the inbox was told of its end by, once it was.
    ended_as: Option<Token>,
    /// Its outcome, as far as it is known.
    verdict: Option<Verdict>,
    /// Whether the outcome is death.
    #[cfg(feature = "metrics")]
    dies: bool,
}

impl EntryStore {
    pub(super) fn new(inbox: SharedInbox, worker: WorkerId) -> Self {
        Self {
            inbox,
            runs: Arc::default(),
            worker,
        }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a taken entry; `false` if this worker's earlier hold of it is not over yet, as after
    /// being cut off for longer than a lease.
    pub(super) fn enter(&self, key: &EventKey, hold: Hold, begun: Option<Grant>) -> bool {
        let mut runs = self.runs();
        if runs.now.contains_key(key) {
            return false;
        }
        let run = EntryRun {
            hold,
            begun,
            token: None,
            now_as: None,
            ended_as: None,
            verdict: None,
            #[cfg(feature = "metrics")]
            dies: false,
        };
        runs.now.insert(key.clone(), run);
        true
    }

    /// Notes that an entry was taken again whose attempt is still at work here: from now on the inbox knows it by this
    /// token. `false` if none has begun, if the inbox was told of its end, or if it has had more time than this.
    pub(super) fn adopt(&self, key: &EventKey, token: Token, ceiling: Duration) -> bool {
        let mut runs = self.runs();
        let run = runs.now.get_mut(key);
        let is_at_work = |run: &&mut EntryRun| {
            run.token.is_some() && run.ended_as.is_none() && run.is_younger_than(ceiling)
        };
        let Some(run) = run.filter(is_at_work) else {
            return false;
        };
        run.now_as = Some(token);
        true
    }

    /// Whether an attempt is still at work here that the inbox knows by this token.
    pub(super) fn is_adopted(&self, key: &EventKey, token: Token, ceiling: Duration) -> bool {
        let runs = self.runs();
        let run = runs.now.get(key);
        run.is_some_and(|run| run.now_as == Some(token) && run.is_younger_than(ceiling))
    }

    /// Notes that nothing is at work on an entry any more. Tells the token that it was taken again with meanwhile, if the
    /// inbox does not hear of its end by that.
    pub(super) fn leave(&self, key: &EventKey) -> Option<Token> {
        let mut runs = self.runs();
        let run = runs.now.remove(key)?;
        if let (Some(token), Some(verdict)) = (run.token, run.verdict) {
            if runs.over.len() >= MOST_OVER {
                runs.over.pop_front();
            }
            runs.over.push_back(Over {
                key: key.clone(),
                token,
                now_as: run.now_as.unwrap_or(token),
                verdict,
            });
            return None;
        }
        run.now_as.filter(|now_as| run.ended_as != Some(*now_as))
    }

    /// The token that the inbox knows this attempt by.
    fn now_as(&self, key: &EventKey, token: Token) -> Token {
        let runs = self.runs();
        if let Some(run) = runs.now.get(key).filter(|run| run.token == Some(token)) {
            return run.now_as.unwrap_or(token);
        }
        let over = runs.over.iter().rev().find(|over| over.is_of(key, token));
        over.map_or(token, |over| over.now_as)
    }

    /// Ends an attempt, under the token that the inbox knows it by.
    async fn finish(
        &self,
        (key, token): (&EventKey, Token),
        verdict: Verdict,
        retention: Duration,
    ) -> Result<Held, StoreError> {
        let mut known_as = self.now_as(key, token);
        loop {
            let finish = Finish::new(key.clone(), known_as, verdict.clone(), retention);
            let held = self.inbox.finish(&finish).await?;
            let now_as = self.now_as(key, token);
            if held == Held::Held || now_as == known_as {
                self.told(key, token, known_as);
                return Ok(held);
            }
            // It was taken again while the inbox was told.
            known_as = now_as;
        }
    }

    /// The inbox knows how the attempt with this token has ended: nothing must be resent.
    fn told(&self, key: &EventKey, token: Token, known_as: Token) {
        let mut runs = self.runs();
        match runs.now.get_mut(key) {
            Some(run) if run.token == Some(token) => {
                (run.verdict, run.ended_as) = (None, Some(known_as));
            }
            _ => runs.over.retain(|over| !over.is_of(key, token)),
        }
    }

    /// The same for an attempt whose end was written in its handler's transaction, if it was.
    pub(super) fn ended(&self, key: &EventKey) {
        if let Some(run) = self.runs().now.get_mut(key) {
            run.verdict = None;
        }
    }

    /// Records the outcome of an entry unless it is completed.
    pub(super) fn say(&self, key: &EventKey, verdict: Verdict) {
        if let Some(run) = self.runs().now.get_mut(key) {
            #[cfg(feature = "metrics")]
            {
                run.dies = matches!(verdict, Verdict::Bury { .. });
            }
            run.verdict = Some(verdict);
        }
    }

    /// Whether it will be dead unless it is completed.
    #[cfg(feature = "metrics")]
    pub(super) fn dies(&self, key: &EventKey) -> bool {
        self.runs().now.get(key).is_some_and(|run| run.dies)
    }

    /// The outcome of the attempt with this token. There is none if no handler has begun.
    fn verdict(&self, key: &EventKey, token: Token) -> Verdict {
        let runs = self.runs();
        let run = runs.now.get(key).filter(|run| run.token == Some(token));
        let mut last = runs.over.iter().rev();
        let over = || Some(&last.find(|over| over.is_of(key, token))?.verdict);
        let said = run.and_then(|run| run.verdict.as_ref()).or_else(over);
        said.cloned().unwrap_or(Verdict::GiveBack {
            after: Duration::ZERO,
        })
    }
}

impl EntryRun {
    fn is_younger_than(&self, ceiling: Duration) -> bool {
        self.hold.since.elapsed() < ceiling
    }
}

impl Over {
    fn is_of(&self, key: &EventKey, token: Token) -> bool {
        self.token == token && self.key == *key
    }
}

impl Store for EntryStore {
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let taken = {
            let mut runs = self.runs();
            let Some(run) = runs.now.get_mut(&claim.key) else {
                return Err(not_taken());
            };
            run.token = Some(claim.token);
            let is_held = claim.token == run.hold.token && run.hold.is_young(claim.lease);
            if let Some(grant) = run.begun.filter(|_| is_held) {
                return Ok(ClaimOutcome::Claimed(grant));
            }
            run.hold.token
        };
        let begin = Begin::new(claim.key.clone(), taken, claim.token, claim.lease);
        Ok(match self.inbox.begin(&begin).await? {
            Begun::Granted(grant) => ClaimOutcome::Claimed(grant),
            // Another worker has it, or it has ended: nothing is left to do here.
            Begun::Fenced => ClaimOutcome::Done(StoredResponse::new(200)),
        })
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let Complete {
            key,
            token,
            retention,
            ..
        } = complete;
        self.finish((key, *token), Verdict::Done, *retention).await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        let Release {
            key,
            token,
            retention,
            ..
        } = release;
        let verdict = self.verdict(key, *token);
        self.finish((key, *token), verdict, *retention).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        let extend = |it: &Renew| {
            let now_as = self.now_as(&it.key, it.token);
            Extend::new(it.key.clone(), now_as, it.lease)
        };
        let extensions: Vec<_> = renewals.iter().map(extend).collect();
        let mut held = self.inbox.extend(&extensions).await?;
        for ((held, renewal), sent) in held.iter_mut().zip(renewals).zip(&extensions) {
            if self.now_as(&renewal.key, renewal.token) != sent.token {
                // It was taken again while the inbox was asked, for as long as this.
                *held = Held::Held;
            }
        }
        Ok(held)
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        let inbox = self.inbox.for_renewals()?;
        Some(SharedStore::new(Self {
            inbox,
            runs: Arc::clone(&self.runs),
            worker: self.worker,
        }))
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<crate::store::Transactions> {
        self.inbox.transactions()
    }

    async fn wait(&self, _: &EventKey, _: Duration) {}

    async fn lookup(&self, _: &EventKey) -> Result<Option<RecordView>, StoreError> {
        Ok(None)
    }

    async fn forget(&self, _: &EventKey) -> Result<bool, StoreError> {
        Err(not_taken())
    }

    async fn forget_done(&self, _: &EventKey) -> Result<bool, StoreError> {
        Err(not_taken())
    }

    async fn unfinished(&self, _: &Name, _: usize) -> Result<Vec<RecordView>, StoreError> {
        Err(not_taken())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Err(not_taken())
    }
}

fn not_taken() -> StoreError {
    StoreError::new(StoreErrorKind::Refused).with_source("no entry that this worker has taken")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Fingerprint;
    use crate::inbox::{Accept, Content, MemoryInbox, Route, Take};
    use crate::store::{Grant, StoredResponse};

    const LEASE: Duration = Duration::from_secs(60);

    fn key(number: usize) -> EventKey {
        EventKey::new(Name::new("acme").unwrap(), [number.to_string()]).unwrap()
    }

    fn hold(token: Token) -> Hold {
        let since = tokio::time::Instant::now();
        Hold { token, since }
    }

    fn accept(number: usize) -> Accept {
        Accept {
            key: key(number),
            route: Route::parse("acme").unwrap(),
            fingerprint: Fingerprint::of(b"a"),
            has_own_id: false,
            order: None,
            content: Content::new(Bytes::from_static(b"{}"), Bytes::from_static(b"a")),
            revive_every: LEASE,
            was_held: false,
        }
    }

    /// Takes and begins an entry, as a worker does.
    async fn begun(entries: &EntryStore, inbox: &MemoryInbox, number: usize) -> (Token, Grant) {
        let accept = accept(number);
        inbox.accept(&accept).await.unwrap();
        let take = Take::new(vec![accept.route], Token::random().unwrap(), 1, LEASE);
        assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
        assert!(entries.enter(&accept.key, hold(take.token), None));
        let token = Token::random().unwrap();
        let claim = Claim::new(accept.key, token, accept.fingerprint, LEASE, LEASE);
        let ClaimOutcome::Claimed(grant) = entries.claim(&claim).await.unwrap() else {
            panic!("it was just taken");
        };
        let reason = "down".to_owned();
        entries.say(&claim.key, Verdict::Bury { reason });
        (token, grant)
    }

    /// The inbox is out of reach for a moment when an attempt ends, and busy afterwards.
    #[tokio::test]
    async fn what_a_handler_said_outlasts_thousands_of_others_until_the_inbox_hears_it() {
        let inbox = MemoryInbox::new();
        let entries = EntryStore::new(SharedInbox::new(inbox.clone()), WorkerId::random());
        let (unheard, _) = begun(&entries, &inbox, 0).await;
        entries.leave(&key(0));
        for number in 1..=2 * MOST_OVER {
            let (token, grant) = begun(&entries, &inbox, number).await;
            let response = StoredResponse::new(200);
            let fingerprint = Fingerprint::of(b"a");
            let complete = Complete::new(key(number), token, grant, fingerprint, response, LEASE);
            entries.complete(&complete).await.unwrap();
            entries.leave(&key(number));
        }
        let release = Release::new(key(0), unheard, LEASE);
        assert_eq!(entries.release(&release).await.unwrap(), Held::Held);
        let entry = inbox.lookup(&key(0)).await.unwrap().unwrap().entry;
        assert_eq!(entry.attempts, 1);
        assert_eq!(&*entry.history.last().unwrap().reason, "down");
        assert!(entries.runs().over.is_empty());
    }

    /// As where its lease was over, or an attempt that failed is due at once.
    #[tokio::test]
    async fn what_is_taken_again_before_its_attempt_is_over_is_ended_or_given_back() {
        let inbox = MemoryInbox::new();
        let entries = EntryStore::new(SharedInbox::new(inbox.clone()), WorkerId::random());
        let again = Token::random().unwrap();
        let (token, _) = begun(&entries, &inbox, 1).await;
        assert!(!entries.adopt(&key(1), again, Duration::ZERO), "too old");
        assert!(entries.adopt(&key(1), again, LEASE) && entries.is_adopted(&key(1), again, LEASE));
        // Under the second token: the inbox has another here.
        let release = Release::new(key(1), token, LEASE);
        assert_eq!(entries.release(&release).await.unwrap(), Held::Fenced);
        assert_eq!(entries.leave(&key(1)), None);
        // In the moment in which the inbox is told.
        let (token, _) = begun(&entries, &inbox, 2).await;
        entries.told(&key(2), token, token);
        assert!(!entries.adopt(&key(2), again, LEASE), "it is over");
        entries.runs().now.get_mut(&key(2)).unwrap().now_as = Some(again);
        assert_eq!(entries.leave(&key(2)), Some(again));
    }

    /// All threads were busy for longer than the lease, or the process was stopped.
    #[tokio::test(start_paused = true)]
    async fn a_hold_that_is_old_is_asked_for_before_its_handler_runs() {
        // A young hold is not checked.
        for (waited, is_over, runs) in [
            (LEASE / 4, true, true),
            (LEASE / 2, false, true),
            (LEASE / 2, true, false),
        ] {
            let inbox = MemoryInbox::new();
            let entries = EntryStore::new(SharedInbox::new(inbox.clone()), WorkerId::random());
            let accept = accept(1);
            inbox.accept(&accept).await.unwrap();
            let token = Token::random().unwrap();
            let mut take = Take::new(vec![accept.route], token, 1, LEASE);
            (take.begin, take.max_attempts) = (true, 9);
            let taken = inbox.take(&take).await.unwrap();
            let grant = taken[0].entry.grant();
            assert!(entries.enter(&accept.key, hold(token), Some(grant)));
            if is_over {
                // Another worker has taken it over, and handled it.
                let done = Finish::new(accept.key.clone(), token, Verdict::Done, LEASE);
                inbox.finish(&done).await.unwrap();
            }
            tokio::time::advance(waited).await;
            let claim = Claim::new(accept.key, token, accept.fingerprint, LEASE, LEASE);
            let expected = match runs {
                true => ClaimOutcome::Claimed(grant),
                false => ClaimOutcome::Done(StoredResponse::new(200)),
            };
            assert_eq!(entries.claim(&claim).await.unwrap(), expected, "{waited:?}");
        }
    }
}
