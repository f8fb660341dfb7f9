//! The way from an entry that is due to the run of its handler.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::asking::Asked;
use super::caller::{EntryCaller, finish_later, finish_now, give_back};
use super::route_state::RouteState;
use super::run::Shared;
use super::take_size::TakeSize;
use super::unconfirmed::UnconfirmedContent;
use super::work::EntryWork;
use crate::clock::UnixTime;
use crate::event::{EventKey, Handling, Identity};
use crate::inbox::{Accept, EntryState, Envelope, Extend, Finish, Inbox, Take, Taken, Verdict};
use crate::request_clock::RequestClock;
use crate::runtime::{Around, DeliveredItem, Hold, IdentifiedEvent, RunContext, spawn};
use crate::store::{Held, StoreError, StoreErrorKind, Token};

/// Nobody waits for an answer to the delivery, so only the limits of a run end any of it.
const NO_DEADLINE: Duration = Duration::from_secs(30 * 86_400);
/// The most entries that are taken at once.
const MOST_AT_ONCE: usize = 256;

impl Shared {
    /// Takes as many entries as can begin and arrive in time. Returns whether there may be more.
    pub(super) async fn take_some(
        &self,
        asked: &mut Option<Asked>,
        size: &mut TakeSize,
    ) -> Result<bool, StoreError> {
        let free = self.places.available_permits().min(MOST_AT_ONCE);
        let (limit, max_bytes) = (size.of(free), size.of(self.bytes.left()));
        let taken = self.take(asked, (limit, max_bytes), false).await;
        // An outstanding request is polled once more; no second one is sent.
        if asked.is_none()
            && taken
                .as_ref()
                .is_err_and(|it| it.kind() == StoreErrorKind::TimedOut)
        {
            size.was_too_slow(limit);
        }
        let (hold, taken) = taken?;
        if !taken.is_empty() {
            size.was_in_time();
        }
        // That nothing must run alone does not show that the other entries can be read.
        let now = UnixTime::now().as_micros();
        self.last_asked.store(now, Ordering::Relaxed);
        // One entry is always given, however large; if there is none, none was found that may run
        // now.
        let may_have_more = !taken.is_empty();
        let mut back = Vec::new();
        for entry in taken {
            if self.adopt(&entry.key, hold.token) {
                continue;
            }
            match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => self.start(entry, hold, place),
                Err(_) => back.push(entry),
            }
        }
        self.give_all_back(hold, back).await;
        Ok(may_have_more)
    }

    /// Takes an entry whose workers died repeatedly, if there is one, waits until nothing else runs
    /// here, and runs it alone.
    pub(super) async fn take_alone(&self, asked: &mut Option<Asked>) -> Result<(), StoreError> {
        let (hold, taken) = self.take(asked, (1, self.bytes.left()), true).await?;
        let Some(entry) = taken.into_iter().next() else {
            return Ok(());
        };
        if self.adopt(&entry.key, hold.token) {
            return Ok(());
        }
        let all = u32::try_from(self.settings.concurrency).unwrap_or(u32::MAX);
        let others = Arc::clone(&self.places).acquire_many_owned(all);
        let places = tokio::select! {
            biased;
            () = self.drain.begun() => None,
            places = others => places.ok(),
            () = self.hold(&entry, hold.token) => None,
        };
        match places {
            Some(places) => self.start(entry, hold, places),
            None => self.give_all_back(hold, vec![entry]).await,
        }
        Ok(())
    }

    /// Renews the hold of an entry that has not begun, for as long as possible.
    async fn hold(&self, entry: &Taken, token: Token) {
        let extend = Extend::new(entry.key.clone(), token, self.settings.lease);
        loop {
            sleep(self.settings.lease / 3).await;
            let held = self.inbox.extend(std::slice::from_ref(&extend)).await;
            if held.ok().as_deref() != Some(&[Held::Held]) {
                return;
            }
        }
    }

    /// Whether an entry that was taken is still at work here: it is not run beside itself, but held for what runs, which
    /// ends it. So it is if the inbox was out of reach for longer than a lease, or its clock was set forward.
    fn adopt(&self, key: &EventKey, token: Token) -> bool {
        let (entries, lease) = (self.entries.clone(), self.settings.lease);
        let ceiling = self.settings.attempts.ceiling(lease);
        if !entries.adopt(key, token, ceiling) {
            return false;
        }
        tracing::warn!(
            target: "tower_webhook",
            key = %key.escaped(),
            worker = %entries.worker,
            "a worker has taken an event again that it is still at work on: that attempt goes on"
        );
        let (inbox, extend) = (self.inbox.clone(), Extend::new(key.clone(), token, lease));
        tokio::spawn(async move {
            // Its own renewals may have come to an end when its lease did.
            loop {
                sleep(lease / 3).await;
                if !entries.is_adopted(&extend.key, token, ceiling) {
                    return;
                }
                let held = inbox.extend(std::slice::from_ref(&extend)).await;
                if held.is_ok_and(|held| held != [Held::Held]) {
                    return;
                }
            }
        });
        true
    }

    /// The entries from the inbox and their hold: the answer to the outstanding request, or to this
    /// one. They must run at once, because their first attempts begin with the take.
    async fn take(
        &self,
        asked: &mut Option<Asked>,
        most: (usize, usize),
        lone: bool,
    ) -> Result<(Hold, Vec<Taken>), StoreError> {
        let waiting = match asked {
            Some(waiting) => waiting,
            None => asked.insert(Asked::of(self.inbox.clone(), self.wanted(most, lone)?)),
        };
        let answer = waiting.answer().await;
        let answer = answer.ok_or_else(|| StoreError::new(StoreErrorKind::TimedOut))?;
        *asked = None;
        answer
    }

    fn wanted(&self, (limit, max_bytes): (usize, usize), lone: bool) -> Result<Take, StoreError> {
        Ok(Take {
            routes: (self.routes.iter().flat_map(RouteState::routes))
                .cloned()
                .collect(),
            token: self.entries.worker.token()?,
            limit,
            max_bytes,
            lease: self.settings.lease,
            max_attempts: self.settings.attempts.most,
            lone,
            retention: self.settings.retention,
            begin: true,
        })
    }

    /// Gives back the entries of an outstanding request, if its answer arrives soon.
    pub(super) async fn end(&self, asked: Option<Asked>) {
        let Some(mut asked) = asked else { return };
        let Some(Ok((hold, taken))) = asked.answer().await else {
            return;
        };
        self.give_all_back(hold, taken).await;
    }

    /// Returns once the inbox has taken it, or does not answer.
    async fn give_all_back(&self, hold: Hold, entries: Vec<Taken>) {
        let after = Duration::ZERO;
        let back = entries.into_iter().map(|entry| {
            let verdict = Verdict::GiveBack { after };
            Finish::new(entry.key, hold.token, verdict, Duration::ZERO)
        });
        let back: Vec<_> = back.collect();
        join_all(back.iter().map(|finish| finish_now(&self.inbox, finish))).await;
    }

    fn start(&self, entry: Taken, hold: Hold, place: OwnedSemaphorePermit) {
        let token = hold.token;
        let begun = matches!(entry.entry.state, EntryState::Running { begun: true, .. });
        let begun = begun.then(|| entry.entry.grant());
        let is_ours = |state: &&RouteState| state.routes().any(|route| *route == entry.route);
        let state = self.routes.iter().find(is_ours);
        let Some(state) = state.filter(|_| self.entries.enter(&entry.key, hold, begun)) else {
            // Its earlier run is not over here.
            let inbox = self.inbox.clone();
            return give_back(inbox, entry.key, token, Duration::from_secs(1), Some(place));
        };
        let Taken {
            key,
            route,
            entry,
            content,
            ..
        } = entry;
        let bytes = self.bytes.count(content.size());
        let envelope = Envelope::decode(&content.envelope, key.confirmed(), entry.fingerprint);
        let Some(envelope) = envelope else {
            self.entries.leave(&key);
            let reason = "what was kept of its delivery cannot be read by this version".to_owned();
            tracing::error!(target: "tower_webhook", key = %key.escaped(), detail = reason, "a queued event is dead");
            let verdict = Verdict::Bury { reason };
            return finish_later(self.inbox.clone(), key, token, verdict, Some(place));
        };
        let unconfirmed = state.unconfirmed.as_ref().filter(|it| it.route == route);
        if let Some(route) = unconfirmed {
            let taken_at = match entry.state {
                EntryState::Running {
                    lease_ends, lease, ..
                } => lease_ends.saturating_sub(lease),
                _ => entry.accepted_at,
            };
            let waited = taken_at.saturating_since(entry.accepted_at);
            let held = UnconfirmedContent {
                inbox: self.inbox.clone(),
                entries: self.entries.clone(),
                drain: self.drain.clone(),
                route: Arc::clone(route),
                key,
                token,
                lease: self.settings.lease,
                since: hold.since,
                waited,
                accept: Accept {
                    key: envelope.identity.key,
                    route: route.confirmed.clone(),
                    fingerprint: entry.fingerprint,
                    has_own_id: envelope.identity.handling == Handling::OncePerId,
                    order: envelope.identity.order,
                    content,
                    revive_every: route.revive_every,
                    was_held: true,
                },
                _place: place,
                _bytes: bytes,
            };
            tokio::spawn(held.settle());
            return;
        }
        let started = Instant::now();
        #[cfg(feature = "metrics")]
        if entry.attempts == u32::from(begun.is_some()) && entry.history.last().is_none() {
            let waited = UnixTime::now().saturating_since(entry.accepted_at);
            crate::metrics::first_attempt(key.provider(), waited);
        }
        let request_clock = RequestClock {
            received_at: envelope.received_at,
            started,
            deadline: started + NO_DEADLINE,
        };
        let event = IdentifiedEvent {
            identity: Identity {
                order: entry.order,
                ..envelope.identity
            },
            predates_retention: envelope.predates_retention,
            document: envelope.document,
            item: envelope.item.map(|(place, around)| {
                Box::new(DeliveredItem {
                    place,
                    around: Around::Kept(around),
                    outlasts_drain: false,
                })
            }),
        };
        let runs = Arc::clone(&state.runs);
        let hold = begun.map(|_| hold);
        let context = RunContext::held(runs, request_clock, envelope.auth, event, hold, ());
        let work = EntryWork {
            handler: Arc::clone(&state.handler),
            entries: self.entries.clone(),
            attempts: self.settings.attempts,
        };
        let caller = EntryCaller {
            entries: self.entries.clone(),
            inbox: self.inbox.clone(),
            key,
            taken: token,
            #[cfg(feature = "metrics")]
            started,
            place: Some(place),
            has_ended: false,
            _bytes: bytes,
        };
        spawn(context, Some(content.body), work, caller);
    }
}
