//! What a worker takes.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use futures_util::future::{join, join_all};

use crate::event::{EventKey, Name};
use crate::inbox::{RateOf, Take, Taken, fair};
use crate::store::error::StoreError;
use crate::store::redis::scripts::strange;

use super::answers::{self, TakenOrNot};
use super::candidate::Candidate;
use super::codec;
use super::groups::in_groups;
use super::learned::DueNow;
use super::order::{OrderCommand, OrderKept, OrderOutcome};
use super::rates::Rates;
use super::turn::Turn;
use super::{RedisInbox, scripts};

/// One script takes so many entries, and so many bytes of content; the first may be larger.
const TAKEN_PER_CALL: usize = 100;
const BYTES_PER_CALL: usize = 1 << 20;
/// So often it is looked again where others have taken all that was seen.
const ROUNDS: u32 = 8;

/// What a round of taking came to.
#[derive(Debug, Default)]
struct Round {
    taken: Vec<Taken>,
    /// Whether some were skipped: behind them there may be others.
    skipped: bool,
    /// Whether others were faster.
    missed: bool,
}

/// The order keys that are held for what is to be taken, by their entry.
#[derive(Debug, Default)]
struct Holds {
    /// Those that were free, and how each is given back.
    new: HashMap<String, OrderCommand>,
    /// Those that were held for the entry already.
    before: HashMap<String, OrderKept>,
}

impl RedisInbox {
    pub(super) async fn take_due(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        if take.limit == 0 || take.routes.is_empty() {
            return Ok(Vec::new());
        }
        // Two at once would see the same entries, and each would take half of what it may.
        let mut turn = self.turn.lock().await;
        let mut missed = 0;
        while missed < ROUNDS {
            let (due, rates) = self.due(take, &mut turn).await?;
            let round = self.take_round(take, due, &rates, &mut turn).await?;
            if !round.taken.is_empty() || !(round.skipped || round.missed) {
                return Ok(round.taken);
            }
            missed = if round.skipped { 0 } else { missed + 1 };
        }
        Ok(Vec::new())
    }

    async fn take_round(
        &self,
        take: &Take,
        due: DueNow,
        rates: &Rates,
        turn: &mut Turn,
    ) -> Result<Round, StoreError> {
        let DueNow {
            runnable,
            mut overtaken,
            held_back,
            waits,
        } = due;
        // What is held back is not left to those who have nothing else to do.
        let has_work = runnable.iter().any(|route| !route.is_empty());
        if has_work
            && !held_back.is_empty()
            && turn.doubts()
            && let Err(error) = self.free_abandoned(&held_back).await
        {
            tracing::debug!(%error, "order keys are doubted again in a while");
        }
        let chosen = fair(runnable, take.limit, take.max_bytes, |it| it.size);
        let mut used = BTreeMap::new();
        let chosen = self.let_through(chosen, rates, &mut used).await;
        let (mut chosen, mut holds) = self.hold(take, chosen, rates).await?;
        overtaken.truncate(TAKEN_PER_CALL);
        chosen.extend(overtaken);
        if chosen.is_empty() {
            let skipped = !held_back.is_empty() && self.free_abandoned(&held_back).await?;
            return Ok(Round {
                skipped,
                missed: waits,
                ..Round::default()
            });
        }
        // After an error keys stay held: an entry that was taken all the same tells so, and others are freed
        // by who is held back.
        let sent = Instant::now();
        let outcomes = self.take_chosen(take, &chosen).await?;
        let (round, free) = (self.sort(take, &chosen, outcomes, &mut holds, &mut used)).await?;
        let free = free.into_iter().map(|command| command.ended_after(sent));
        let free: Vec<_> = free.collect();
        join(self.give_rates_back(rates, used), self.free_orders(&free)).await;
        self.leave(&chosen, &holds).await;
        Ok(round)
    }

    /// As many of these as the rates of their providers let through.
    async fn let_through(
        &self,
        chosen: Vec<Candidate>,
        rates: &Rates,
        used: &mut BTreeMap<Name, usize>,
    ) -> Vec<Candidate> {
        for candidate in &chosen {
            let rated = candidate.route.rated();
            if let Some(provider) = rated.filter(|it| rates.of(it, RateOf::Provider).is_some()) {
                let wanted: &mut usize = used.entry(provider.clone()).or_default();
                *wanted = wanted.saturating_add(1);
            }
        }
        for (provider, wanted) in used.iter_mut() {
            if let Some(rate) = rates.of(provider, RateOf::Provider) {
                let entries = i64::try_from(*wanted).unwrap_or(i64::MAX);
                // What cannot be told is not let through.
                let granted = self.use_rate(provider, rate, entries).await;
                *wanted = granted.unwrap_or(0);
            }
        }
        let mut left = used.clone();
        let lets = |candidate: &Candidate| {
            let rated = candidate.route.rated();
            match rated.and_then(|provider| left.get_mut(provider)) {
                None => true,
                Some(0) => false,
                Some(left) => {
                    *left = left.saturating_sub(1);
                    true
                }
            }
        };
        chosen.into_iter().filter(lets).collect()
    }

    /// Gives back what was used of rates for what was not taken.
    async fn give_rates_back(&self, rates: &Rates, unused: BTreeMap<Name, usize>) {
        for (provider, unused) in unused {
            let rate = rates.of(&provider, RateOf::Provider);
            let Some(rate) = rate.filter(|_| unused > 0) else {
                continue;
            };
            let entries = i64::try_from(unused).unwrap_or(i64::MAX);
            if let Err(error) = self
                .use_rate(&provider, rate, entries.saturating_neg())
                .await
            {
                tracing::debug!(%error, "a rate is used up for what was not taken");
            }
        }
    }

    /// Holds the order keys of these; hands on those that may run, and the holds that are new by their entry.
    async fn hold(
        &self,
        take: &Take,
        chosen: Vec<Candidate>,
        rates: &Rates,
    ) -> Result<(Vec<Candidate>, Holds), StoreError> {
        let command = |candidate: &Candidate| {
            let rate = rates.of(candidate.route.provider(), RateOf::EachOrderKey);
            let hash = candidate.order?.hash;
            Some(OrderCommand::hold(hash, &candidate.place, take.token, rate))
        };
        let commands: Vec<_> = chosen.iter().filter_map(command).collect();
        if commands.is_empty() {
            return Ok((chosen, Holds::default()));
        }
        let held = self.ask_orders(&commands).await?;
        let mut held = commands.into_iter().zip(held);
        let (mut may_run, mut holds) = (Vec::with_capacity(chosen.len()), Holds::default());
        for mut candidate in chosen {
            if candidate.order.is_some() {
                let (command, kept) = held.next().ok_or_else(strange)?;
                let outcome = kept.as_ref().map(|kept| kept.outcome);
                candidate.applied = kept.as_ref().and_then(|kept| kept.applied);
                candidate.may_run = outcome.is_some_and(|it| it != OrderOutcome::NotNow);
                let id = candidate.place.id();
                match (outcome, kept) {
                    (Some(OrderOutcome::Held), _) => {
                        holds.new.insert(id, command.give_back());
                    }
                    (Some(OrderOutcome::HeldBefore), Some(kept)) => {
                        holds.before.insert(id, kept);
                    }
                    _ => {}
                }
            }
            if candidate.may_run {
                may_run.push(candidate);
            }
        }
        Ok((may_run, holds))
    }

    /// Frees the keys that were held for entries by somebody else before, where these have ended meanwhile: who
    /// has ended them has found a younger hold, and left it.
    async fn leave(&self, chosen: &[Candidate], holds: &Holds) {
        let left = chosen.iter().filter_map(|candidate| {
            let kept = holds.before.get(&candidate.place.id())?;
            Some((candidate.order?.hash, kept, candidate.place.clone()))
        });
        let left: Vec<_> = left.collect();
        if left.is_empty() {
            return;
        }
        if let Err(error) = self.free_unless_held(&left).await {
            tracing::debug!(%error, "an order key is freed in a while by who is held back");
        }
    }

    /// Hands on what was taken, and says what is to be done about order keys.
    async fn sort(
        &self,
        take: &Take,
        chosen: &[Candidate],
        outcomes: Vec<(usize, TakenOrNot)>,
        holds: &mut Holds,
        used: &mut BTreeMap<Name, usize>,
    ) -> Result<(Round, Vec<OrderCommand>), StoreError> {
        let (mut round, mut free) = (Round::default(), Vec::new());
        for (number, outcome) in outcomes {
            let candidate = chosen.get(number).ok_or_else(strange)?;
            let given_back = holds.new.remove(&candidate.place.id());
            let freed = candidate
                .order
                .map(|order| OrderCommand::free(order.hash, &candidate.place));
            if !matches!(outcome, TakenOrNot::Missed) {
                holds.before.remove(&candidate.place.id());
            }
            match outcome {
                TakenOrNot::Taken(value, history) => {
                    let stored = codec::decode(value, history);
                    match stored.and_then(|stored| read(candidate, stored)) {
                        Some(entry) => {
                            let rated = candidate.route.rated();
                            if let Some(left) = rated.and_then(|it| used.get_mut(it)) {
                                *left = left.saturating_sub(1);
                            }
                            round.taken.push(entry);
                        }
                        None => {
                            self.set_aside(take, candidate).await;
                            round.skipped = true;
                            free.extend(freed);
                        }
                    }
                }
                TakenOrNot::Unreadable => {
                    told(candidate);
                    round.skipped = true;
                    free.extend(freed);
                }
                TakenOrNot::Stale => {
                    round.skipped = true;
                    free.extend(freed);
                }
                TakenOrNot::Buried => {
                    round.skipped = true;
                    let holds_back = candidate.order.is_some_and(|order| order.holds_back);
                    free.extend(freed.filter(|_| !holds_back));
                }
                TakenOrNot::Changed => {}
                TakenOrNot::Missed => {
                    round.missed = true;
                    free.extend(given_back);
                }
            }
        }
        Ok((round, free))
    }

    /// Takes these, where they still are as they were seen. The answers are in their order.
    async fn take_chosen(
        &self,
        take: &Take,
        chosen: &[Candidate],
    ) -> Result<Vec<(usize, TakenOrNot)>, StoreError> {
        loop {
            let in_slots = self.in_slots();
            let group = |it: &Candidate| if in_slots { it.place.partition } else { 0 };
            let size = |it: &Candidate| it.size;
            let groups = in_groups(chosen, group, TAKEN_PER_CALL, BYTES_PER_CALL, size);
            let asked = groups.into_iter();
            let asked = asked.map(|numbers| self.take_some(take, chosen, numbers));
            let (mut outcomes, mut refused) = (Vec::new(), None);
            for result in join_all(asked).await {
                match result {
                    Ok(some) => outcomes.extend(some),
                    Err(error) => refused = Some(error),
                }
            }
            if let Some(error) = refused {
                let answer = Err::<(), _>(error);
                if self.crossed(in_slots, &answer) {
                    continue;
                }
                match answer {
                    // What was taken is handed on all the same: nobody else would hear of it.
                    Err(error) if !outcomes.is_empty() => {
                        tracing::warn!(%error, "some of the entries that are due could not be taken");
                    }
                    answer => answer?,
                }
            }
            outcomes.sort_by_key(|(number, _)| *number);
            return Ok(outcomes);
        }
    }

    /// Takes those with these numbers in one call.
    async fn take_some(
        &self,
        take: &Take,
        chosen: &[Candidate],
        numbers: Vec<usize>,
    ) -> Result<Vec<(usize, TakenOrNot)>, StoreError> {
        let some: Vec<_> = (numbers.iter())
            .filter_map(|number| chosen.get(*number).cloned())
            .collect();
        let partition = some.first().map_or(0, |it| it.place.partition);
        let call = scripts::take(take, &some);
        let read = |value| answers::take_answer(value, some.len());
        let outcomes = self.call(partition, &call, read).await?;
        Ok(numbers.into_iter().zip(outcomes).collect())
    }

    /// Buries what was taken and cannot be read. Where that fails it is done once its lease is over.
    async fn set_aside(&self, take: &Take, candidate: &Candidate) {
        told(candidate);
        let call = scripts::bury(take.token, &candidate.place, "it cannot be read");
        if let Err(error) = self.store.link.call(&call).await {
            tracing::warn!(%error, "it could not be buried");
        }
    }
}

fn told(candidate: &Candidate) {
    let entry = candidate.place.entry.escape_debug();
    tracing::error!(%entry, "an entry of the inbox cannot be read, and is dead");
}

fn read(candidate: &Candidate, stored: codec::Stored) -> Option<Taken> {
    let key = match stored.key {
        Some(key) => key,
        None => EventKey::decode(&candidate.place.name).ok()?,
    };
    Some(Taken::new(key, stored.route, stored.entry, stored.content?))
}
