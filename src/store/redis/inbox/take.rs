//! What a worker takes.

use futures_util::future::join_all;

use crate::event::EventKey;
use crate::inbox::{Route, Take, Taken, fair};
use crate::store::error::StoreError;
use crate::store::redis::scripts::strange;

use super::RedisInbox;
use super::codec::{self, Due};
use super::groups::in_groups;
use super::place::{EntryPlace, PartitionPlace};
use super::scripts::{self, Peeked, TakenOrNot};

/// An entry that was due when it was seen.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) route: Route,
    pub(super) place: EntryPlace,
    pub(super) paused: String,
    /// As it stands in the index.
    pub(super) member: Vec<u8>,
    pub(super) at: u64,
    pub(super) size: usize,
}

/// One script looks at so many partitions, and finds about so many entries, at most.
const PARTITIONS_PER_CALL: usize = 64;
const FOUND_PER_CALL: usize = 400;
/// One script takes so many entries, and so many bytes of content; the first may be larger.
const TAKEN_PER_CALL: usize = 100;
const BYTES_PER_CALL: usize = 1 << 20;
/// So often it is looked again where others have taken all that was seen.
const ROUNDS: u32 = 8;

impl RedisInbox {
    pub(super) async fn take_due(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        if take.limit == 0 || take.routes.is_empty() {
            return Ok(Vec::new());
        }
        // Two at once would see the same entries, and each would take half of what it may.
        let _turn = self.turn.lock().await;
        for _ in 0..ROUNDS {
            let due = self.due(take).await?;
            let chosen = fair(due, take.limit, take.max_bytes, |it| it.size);
            if chosen.is_empty() {
                break;
            }
            let (taken, all_missed) = self.take_chosen(take, chosen).await?;
            if !all_missed {
                return Ok(taken);
            }
        }
        Ok(Vec::new())
    }

    /// What is due by route, in the order of each.
    async fn due(&self, take: &Take) -> Result<Vec<Vec<Candidate>>, StoreError> {
        let all = self.partitions.len();
        // Keys are spread evenly: of the first few in all, hardly ever more are in one partition.
        let share = match all {
            1 => take.limit,
            _ => take.limit.saturating_mul(4).div_ceil(all).saturating_add(1),
        };
        let mut due = Vec::new();
        // Of each route there are three kinds.
        for routes in take.routes.chunks(FOUND_PER_CALL / 3) {
            let most = FOUND_PER_CALL / routes.len().saturating_mul(3).max(1);
            let wanted = share.min(take.limit).min(most).max(1);
            let found = self.found(routes, take.lone, wanted).await?;
            let mut by_route = vec![Vec::new(); routes.len()];
            for (route, candidate) in found {
                by_route.get_mut(route).ok_or_else(strange)?.push(candidate);
            }
            due.extend(by_route);
        }
        for route in &mut due {
            route.sort_by(|a, b| (a.at, &a.place.name).cmp(&(b.at, &b.place.name)));
        }
        Ok(due)
    }

    /// What is due of some routes in all partitions, each with the number of its route.
    async fn found(
        &self,
        routes: &[Route],
        lone: bool,
        wanted: usize,
    ) -> Result<Vec<(usize, Candidate)>, StoreError> {
        loop {
            let in_slots = self.in_slots();
            let at_once = if in_slots { 1 } else { PARTITIONS_PER_CALL };
            let asked = self.partitions.chunks(at_once);
            let asked = asked.map(|some| self.due_in(some, routes, lone, wanted));
            let found: Result<Vec<_>, _> = join_all(asked).await.into_iter().collect();
            if !self.crossed(in_slots, &found) {
                return Ok(found?.into_iter().flatten().collect());
            }
        }
    }

    /// What is due in some partitions, each with the number of its route.
    async fn due_in(
        &self,
        partitions: &[PartitionPlace],
        routes: &[Route],
        lone: bool,
        wanted: usize,
    ) -> Result<Vec<(usize, Candidate)>, StoreError> {
        let (mut rest, mut found) = (partitions, Vec::new());
        while !rest.is_empty() {
            let call = scripts::peek(rest, routes, lone, wanted, FOUND_PER_CALL);
            let partition = rest.first().map_or(0, |place| place.partition);
            let peeked = self.call(partition, &call, scripts::peek_answer).await?;
            let Peeked { partitions, due } = peeked;
            for (partition, number, member) in due {
                let place = rest.get(partition).ok_or_else(strange)?;
                let route = routes.get(number).ok_or_else(strange)?;
                // What cannot be read there is no member that this version writes.
                if let Some(candidate) = self.candidate(place, route, member) {
                    found.push((number, candidate));
                }
            }
            let looked_at = partitions.max(1);
            rest = rest.get(looked_at..).unwrap_or_default();
        }
        Ok(found)
    }

    pub(super) fn candidate(
        &self,
        partition: &PartitionPlace,
        route: &Route,
        member: Vec<u8>,
    ) -> Option<Candidate> {
        let Due { at, size, name } = codec::decode_due(&member, route.as_str())?;
        Some(Candidate {
            route: route.clone(),
            place: EntryPlace::named(&self.store.layout, partition.partition, name),
            paused: partition.paused.clone(),
            member,
            at,
            size,
        })
    }

    /// Takes these; and says whether others were faster at every one.
    async fn take_chosen(
        &self,
        take: &Take,
        chosen: Vec<Candidate>,
    ) -> Result<(Vec<Taken>, bool), StoreError> {
        let (mut outcomes, refused) = loop {
            let in_slots = self.in_slots();
            let group = |it: &Candidate| if in_slots { it.place.partition } else { 0 };
            let size = |it: &Candidate| it.size;
            let groups = in_groups(&chosen, group, TAKEN_PER_CALL, BYTES_PER_CALL, size);
            let asked = groups.into_iter();
            let asked = asked.map(|numbers| self.take_some(take, &chosen, numbers));
            let (mut outcomes, mut refused) = (Vec::new(), None);
            for result in join_all(asked).await {
                match result {
                    Ok(some) => outcomes.extend(some),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(error) if outcomes.is_empty() => {
                    let answer = Err::<(), _>(error);
                    if !self.crossed(in_slots, &answer) {
                        answer?;
                    }
                }
                // What was taken is handed on all the same: nobody else would hear of it.
                refused => break (outcomes, refused),
            }
        };
        if let Some(error) = refused {
            tracing::warn!(%error, "some of the entries that are due could not be taken");
        }
        outcomes.sort_by_key(|(number, _)| *number);
        let all_missed = (outcomes.iter()).all(|(_, it)| matches!(it, TakenOrNot::Missed));
        let mut taken = Vec::with_capacity(outcomes.len());
        for (number, outcome) in outcomes {
            let candidate = chosen.get(number).ok_or_else(strange)?;
            match outcome {
                TakenOrNot::Taken(value, history) => {
                    let stored = codec::decode(value, history);
                    let entry = stored.and_then(|stored| read(candidate, stored));
                    match entry {
                        Some(entry) => taken.push(entry),
                        None => self.set_aside(take, candidate).await,
                    }
                }
                TakenOrNot::Unreadable => told(candidate),
                TakenOrNot::Changed | TakenOrNot::Missed => {}
            }
        }
        Ok((taken, all_missed))
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
        let read = |value| scripts::take_answer(value, some.len());
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
