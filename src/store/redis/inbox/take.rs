//! Takes entries for a worker.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::{join, join_all};

use crate::event::{EventKey, Name};
use crate::inbox::{RateOf, Take, Taken};
use crate::store::error::StoreError;
use crate::store::redis::scripts::strange;

use super::admit::{Holds, refusing};
use super::ahead::{Ahead, DueNow};
use super::answers::{self, TakenOrNot};
use super::candidate::Candidate;
use super::codec;
use super::groups::in_groups;
use super::order::OrderCommand;
use super::order_kept::OrderHash;
use super::place::RATES_STAND_IN;
use super::rates::Rates;
use super::turn::Turn;
use super::{RedisInbox, scripts};

/// The most entries, and bytes of content, that one script takes; the first entry may be larger.
const TAKEN_PER_CALL: usize = 100;
const BYTES_PER_CALL: usize = 1 << 20;
/// How often to scan again if others have taken all entries that were seen, and how many rounds at least use the
/// results of a scan from which nothing was taken yet.
const ROUNDS: u32 = 8;

/// The result of a round of taking.
#[derive(Debug, Default)]
struct Round {
    taken: Vec<Taken>,
    /// The numbers of entries that were no longer needed.
    spared: Vec<usize>,
    /// Whether some were skipped: there may be others after them.
    skipped: bool,
    /// How many others had taken first.
    missed: usize,
    /// The order keys of those.
    missed_orders: Vec<OrderHash>,
    /// Whether another scan may find more.
    waits: bool,
    /// Why order keys could not be held.
    refused: Option<StoreError>,
}

impl Round {
    /// The combined result of both, if the first took nothing.
    fn and(self, next: Self) -> Self {
        Self {
            skipped: self.skipped || next.skipped,
            missed: self.missed.saturating_add(next.missed),
            waits: self.waits || next.waits,
            refused: self.refused.or(next.refused),
            ..next
        }
    }
}

impl RedisInbox {
    pub(super) async fn take_due(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        if take.limit == 0 || take.routes.is_empty() {
            return Ok(Vec::new());
        }
        // Two takes at once would see the same entries, and each would get half of its limit.
        let mut turn = self.turn.lock().await;
        turn.looks.note(&self.hints.take());
        let (mut looks, mut skipped) = (0, false);
        loop {
            let (now, changes) = (Instant::now(), self.hints.changes());
            let known = match take.lone {
                true => None,
                false => turn.looks.take(&take.routes, take.limit, now, changes),
            };
            let is_known = known.is_some();
            let mut ahead = match known {
                Some(ahead) => ahead,
                None if looks >= ROUNDS => return Ok(Vec::new()),
                None => {
                    looks = if skipped { 1 } else { looks + 1 };
                    let (due, rates) = self.due(take, &mut turn).await?;
                    // Counted from the end of the scan: otherwise, a long scan would serve no takes.
                    Ahead::new(due, rates, Instant::now(), changes)
                }
            };
            let round = self.take_found(take, &mut ahead, &mut turn).await?;
            let has_more = ahead.serves(1);
            if !take.lone {
                turn.looks.keep(take, ahead);
            }
            if let Some(error) = round.refused {
                if round.taken.is_empty() {
                    return Err(error);
                }
                tracing::warn!(%error, "order keys could not be held: their entries wait");
            }
            skipped = round.skipped;
            let may_have_more = is_known || round.missed > 0 || skipped || round.waits || has_more;
            if !round.taken.is_empty() || !may_have_more {
                return Ok(round.taken);
            }
        }
    }

    /// Takes from the results until something is taken: the first entries may be held back by a rate or taken by
    /// others, and another scan would find the same.
    async fn take_found(
        &self,
        take: &Take,
        ahead: &mut Ahead,
        turn: &mut Turn,
    ) -> Result<Round, StoreError> {
        let (mut all, mut rounds) = (Round::default(), 0_u32);
        loop {
            let round = self.take_round(take, ahead, turn).await?;
            if !take.lone {
                turn.note_missed(round.missed);
            }
            all = all.and(round);
            rounds = rounds.saturating_add(1);
            let goes_on = ahead.serves(1) && (rounds < ROUNDS || ahead.is_young(Instant::now()));
            if !all.taken.is_empty() || !goes_on {
                return Ok(all);
            }
        }
    }

    async fn take_round(
        &self,
        take: &Take,
        ahead: &mut Ahead,
        turn: &mut Turn,
    ) -> Result<Round, StoreError> {
        let Ahead { due, rates, .. } = ahead;
        let held_back = std::mem::take(&mut due.held_back);
        let mut overtaken = std::mem::take(&mut due.overtaken);
        // Holds are verified here too, not only by workers that are otherwise idle.
        let has_work = due.runnable.iter().any(|route| !route.is_empty());
        if has_work && !held_back.is_empty() && turn.doubts() {
            self.free_abandoned(&held_back, turn).await;
        }
        let chosen = due.choose(take.first_route(), take.limit, take.max_bytes);
        let mut used = BTreeMap::new();
        let may_ask = self.may_ask(RATES_STAND_IN, turn);
        let let_through = self.let_through(chosen, rates, may_ask, &mut used);
        let (chosen, refused) = let_through.await;
        due.hold_back(&refusing(&refused));
        let (mut chosen, mut holds, not_now) = self.hold(take, chosen, rates).await;
        let hold_refused = holds.refused.take();
        for candidate in refused.into_iter().chain(not_now) {
            if let Some(route) = number_of(take, &candidate) {
                due.pass_over(route, candidate);
            }
        }
        let wanted = chosen.len();
        chosen.extend(self.spare(take, due, rates, turn.spare, &chosen));
        overtaken.truncate(TAKEN_PER_CALL);
        chosen.extend(overtaken);
        if chosen.is_empty() {
            self.give_rates_back(rates, used).await;
            let skipped = !held_back.is_empty() && self.free_abandoned(&held_back, turn).await;
            return Ok(Round {
                skipped,
                waits: due.waits,
                refused: hold_refused,
                ..Round::default()
            });
        }
        // After an error, keys stay held: an entry that was taken nevertheless says that it holds its key,
        // and other keys are freed by entries that are held back.
        let sent = Instant::now();
        let outcomes = self.take_chosen(take, &chosen, wanted).await?;
        let (mut round, free) = (self.sort(take, &chosen, outcomes, &mut holds, &mut used)).await?;
        round.refused = hold_refused;
        for candidate in (round.spared.iter()).filter_map(|number| chosen.get(*number)) {
            if let Some(route) = number_of(take, candidate) {
                due.put_back(route, candidate.clone());
            }
        }
        // The state of these keys has changed since it was seen: another entry may come first now.
        for key in &round.missed_orders {
            due.leave_out(*key);
        }
        let free = free.into_iter().map(|command| command.ended_after(sent));
        let free: Vec<_> = free.collect();
        join(self.give_rates_back(rates, used), self.free_orders(&free)).await;
        self.leave(&chosen, &holds).await;
        Ok(round)
    }

    /// Further due entries that are offered in addition to the chosen ones: on one server, one call then takes as
    /// many as are wanted, even if others have already taken some. Entries that a rate or an order key could hold
    /// back are excluded.
    fn spare(
        &self,
        take: &Take,
        due: &mut DueNow,
        rates: &Rates,
        most: usize,
        chosen: &[Candidate],
    ) -> Vec<Candidate> {
        let most = most.min(TAKEN_PER_CALL.saturating_sub(chosen.len()));
        if most == 0 || chosen.is_empty() || self.in_slots() {
            return Vec::new();
        }
        let sizes = chosen.iter().map(|it| it.size);
        let bytes = sizes.fold(0, usize::saturating_add);
        let left = take.max_bytes.min(BYTES_PER_CALL).saturating_sub(bytes);
        due.spare(most, left, |candidate| {
            let rate = |provider| rates.of(provider, RateOf::Provider);
            candidate.order.is_none() && candidate.route.rated().and_then(rate).is_none()
        })
    }

    /// Returns the entries that were taken, and the commands to carry out on order keys.
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
            if !matches!(outcome, TakenOrNot::Missed | TakenOrNot::Spared) {
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
                TakenOrNot::Changed => round.skipped = true,
                TakenOrNot::Missed => {
                    round.missed = round.missed.saturating_add(1);
                    (round.missed_orders).extend(candidate.order.map(|order| order.hash));
                    free.extend(given_back);
                }
                TakenOrNot::Spared => {
                    round.spared.push(number);
                    free.extend(given_back);
                }
            }
        }
        Ok((round, free))
    }

    /// Takes this many of these, if they are still as they were seen. The answers are in their order.
    async fn take_chosen(
        &self,
        take: &Take,
        chosen: &[Candidate],
        wanted: usize,
    ) -> Result<Vec<(usize, TakenOrNot)>, StoreError> {
        loop {
            let in_slots = self.in_slots();
            let group = |it: &Candidate| if in_slots { it.place.partition } else { 0 };
            let size = |it: &Candidate| it.size;
            let groups = in_groups(chosen, group, TAKEN_PER_CALL, BYTES_PER_CALL, size);
            let asked = groups.into_iter();
            let asked = asked.map(|numbers| self.take_some(take, chosen, wanted, numbers));
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
                    // Taken entries are returned nevertheless: nobody else would learn of them.
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

    /// Takes the entries with these numbers in one call.
    async fn take_some(
        &self,
        take: &Take,
        chosen: &[Candidate],
        wanted: usize,
        numbers: Vec<usize>,
    ) -> Result<Vec<(usize, TakenOrNot)>, StoreError> {
        let some: Vec<_> = (numbers.iter())
            .filter_map(|number| chosen.get(*number).cloned())
            .collect();
        let partition = some.first().map_or(0, |it| it.place.partition);
        let call = scripts::take(take, &some, wanted);
        let read = |value| answers::take_answer(value, some.len());
        let outcomes = self.call(partition, &call, read).await?;
        Ok(numbers.into_iter().zip(outcomes).collect())
    }

    /// Buries a taken entry that cannot be read. If that fails, it is done after its lease.
    async fn set_aside(&self, take: &Take, candidate: &Candidate) {
        told(candidate);
        let call = scripts::bury(take.token, &candidate.place, "it cannot be read");
        if let Err(error) = self.store.link.call(&call).await {
            tracing::warn!(%error, "it could not be buried");
        }
    }
}

fn number_of(take: &Take, candidate: &Candidate) -> Option<usize> {
    let mut routes = take.routes.iter();
    routes.position(|route| *route == candidate.route)
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
