//! Finds due entries that may run.

use std::collections::{BTreeSet, HashSet, VecDeque};

use futures_util::future::{join, join_all};

use crate::clock::UnixTime;
use crate::inbox::{Route, Take};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::redis::scripts::strange;

use super::ahead::DueNow;
use super::answers::{self, Peeked};
use super::candidate::Candidate;
use super::codec::{self, Due};
use super::groups::answered;
use super::learned::{Learned, SeenUntil};
use super::place::{EntryPlace, OrderPlace, PartitionPlace, RATES_STAND_IN};
use super::rates::Rates;
use super::turn::{LeftBehind, MoreBehind, Turn};
use super::{Conn, RedisInbox, scripts};

/// The most partitions that one script scans, and about how many entries it finds at most.
const PARTITIONS_PER_CALL: usize = 64;
const FOUND_PER_CALL: usize = 400;
/// The least number of entries that a scan looks for across all routes: following takes then need no scan of their
/// own. For one route, that is six of each kind in each of 256 partitions, so that one call scans as many partitions
/// as it may.
const AHEAD: usize = 320;
/// How many entries of one kind are read at once after entries that may not run.
const BEHIND_PER_CALL: usize = 200;
/// How many are read in total for one take.
const MOST_BEHIND: usize = 20_000;

/// The due entries of some partitions.
struct Seen {
    /// Each entry with the number of its route.
    found: Vec<(usize, Candidate)>,
    behind: Vec<MoreBehind>,
    /// Partitions whose index is of another type.
    broken: Vec<u32>,
    /// When the first of the partitions was scanned.
    first: Option<UnixTime>,
    now: UnixTime,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            found: Vec::new(),
            behind: Vec::new(),
            broken: Vec::new(),
            first: None,
            now: UnixTime::EPOCH,
        }
    }
}

/// How many entries of each route to look for.
fn look_for(take: &Take) -> usize {
    let ahead = match take.lone {
        true => 1,
        false => AHEAD.checked_div(take.routes.len()).unwrap_or(AHEAD),
    };
    ahead.max(take.limit)
}

impl RedisInbox {
    /// Finds due entries and the rates that are set.
    pub(super) async fn due(
        &self,
        take: &Take,
        turn: &mut Turn,
    ) -> Result<(DueNow, Rates), StoreError> {
        let mut learned = Learned::default();
        let mut known = None;
        learned.due.runnable = vec![VecDeque::new(); take.routes.len()];
        // There are three kinds of entries for each route.
        let at_once = FOUND_PER_CALL / 3;
        for (number, routes) in take.routes.chunks(at_once).enumerate() {
            let first = number.saturating_mul(at_once);
            let seen = turn.rates.clone();
            // A server that does not answer would delay each scan until its deadline.
            let may_ask = self.may_ask(RATES_STAND_IN, turn);
            let rates = async {
                match (known.take(), &seen) {
                    (Some(rates), _) => Ok(rates),
                    (None, Some(seen)) if !may_ask => Ok(seen.clone()),
                    (None, _) => self.rates_set().await,
                }
            };
            let (peeked, rates) = join(self.peek(take, routes, turn), rates).await;
            let Seen {
                mut found,
                behind,
                first: first_at,
                now,
                ..
            } = peeked?;
            // If the rates cannot be read, those seen last apply.
            let rates: Rates = rates.or_else(|error| seen.ok_or(error))?;
            turn.rates = Some(rates.clone());
            found
                .iter_mut()
                .for_each(|(route, _)| *route = route.saturating_add(first));
            // If the last scan has passed over as many entries as it may, this one continues after them:
            // later entries would never be found otherwise.
            let which = (take.lone, Box::from(routes));
            let left = turn.left_behind.remove(&which);
            let goes_on = left.is_some();
            let LeftBehind {
                places: behind,
                mut orders,
            } = left.unwrap_or(LeftBehind {
                places: behind,
                orders: HashSet::new(),
            });
            let left_out = orders.iter().copied();
            left_out.for_each(|key| learned.due.leave_out(key));
            let behind = behind.into_iter().map(|more| MoreBehind {
                route: more.route.saturating_add(first),
                ..more
            });
            let mut behind: Vec<_> = behind.collect();
            let until = SeenUntil::new(first_at, &take.routes, &behind);
            self.sort_out(found, (&rates, now), &until, turn, &mut learned)
                .await?;
            let at = (&rates, now, first_at);
            let has_ended = self
                .look_behind(take, &mut behind, at, turn, &mut learned)
                .await?;
            if has_ended && !goes_on {
                let until = SeenUntil::new(first_at, &take.routes, &behind);
                let routes = first..first.saturating_add(routes.len());
                let seen_until = &mut learned.due.seen_until;
                seen_until.extend(routes.map(|route| until.of(route)));
            } else {
                // Entries that were passed over are not remembered.
                let routes = routes.len();
                (learned.due.seen_until).extend(std::iter::repeat_n(0, routes));
            }
            if !has_ended {
                orders.extend(learned.orders.keys().chain(&learned.untold));
                let left = behind.into_iter().map(|more| MoreBehind {
                    route: more.route.saturating_sub(first),
                    ..more
                });
                let places = left.collect();
                turn.left_behind
                    .insert(which, LeftBehind { places, orders });
            }
            learned.due.waits |= !std::mem::take(&mut learned.unsure).is_empty();
            known = Some(rates);
        }
        for route in &mut learned.due.runnable {
            let route = route.make_contiguous();
            route.sort_by(|a, b| a.turn().cmp(&b.turn()));
        }
        if !take.lone {
            let unreadable = learned.unreadable.iter();
            let place = |hash| OrderPlace::of(&self.store.layout, hash).key;
            turn.note_unreadable(unreadable.map(place).collect());
        }
        Ok((learned.due, known.unwrap_or_default()))
    }

    /// The first due entries of some routes in all partitions, each with the number of its route.
    async fn peek(
        &self,
        take: &Take,
        routes: &[Route],
        turn: &mut Turn,
    ) -> Result<Seen, StoreError> {
        let mut broken = BTreeSet::new();
        let all = self.partitions().len();
        let look_for = look_for(take);
        // Keys are spread evenly: one partition hardly ever has more of the first few.
        let share = match all {
            1 => look_for,
            _ => look_for.saturating_mul(4).div_ceil(all).saturating_add(1),
        };
        let most = FOUND_PER_CALL / routes.len().saturating_mul(3).max(1);
        let wanted = share.min(look_for).min(most).max(1);
        loop {
            let in_slots = self.in_slots();
            let at_once = match in_slots {
                true => 1,
                // As many as have entries that fit in one call.
                false => (FOUND_PER_CALL / wanted).clamp(1, PARTITIONS_PER_CALL),
            };
            let asked = self.partitions().iter();
            let asked = asked.filter(|it| self.may_ask(it.partition, turn));
            let asked: Vec<_> = asked.cloned().collect();
            if asked.is_empty() {
                // No partition has answered recently.
                return Err(StoreError::new(StoreErrorKind::Unavailable));
            }
            let asking = asked.chunks(at_once);
            let asking = asking.map(|some| self.peek_some(some, routes, take.lone, wanted));
            let peeked = join_all(asking).await;
            if self.any_crossed(in_slots, &peeked) {
                continue;
            }
            if in_slots {
                for (place, answer) in asked.iter().zip(&peeked) {
                    turn.note(place.partition, answer.is_ok());
                }
            }
            let mut all = Seen::default();
            for seen in answered(peeked)? {
                all.found.extend(seen.found);
                all.behind.extend(seen.behind);
                broken.extend(seen.broken);
                all.first = all.first.into_iter().chain(seen.first).min();
                all.now = all.now.max(seen.now);
            }
            turn.note_broken(broken);
            // The clocks of several masters cannot say which event arrived first.
            all.first = all.first.filter(|_| !in_slots);
            return Ok(all);
        }
    }

    async fn peek_some(
        &self,
        partitions: &[PartitionPlace],
        routes: &[Route],
        lone: bool,
        wanted: usize,
    ) -> Result<Seen, StoreError> {
        let (mut rest, mut seen) = (partitions, Seen::default());
        while !rest.is_empty() {
            let call = scripts::peek(rest, routes, lone, wanted, FOUND_PER_CALL);
            let partition = rest.first().map_or(0, |place| place.partition);
            let peeked = self.call(partition, &call, answers::peek_answer).await?;
            let Peeked {
                now: at,
                partitions,
                broken,
                due,
            } = peeked;
            seen.now = seen.now.max(at);
            seen.first = seen.first.or(Some(at)).min(Some(at));
            let broken = broken.into_iter().filter_map(|number| rest.get(number));
            seen.broken.extend(broken.map(|place| place.partition));
            // Entries of one kind are contiguous.
            let (mut count, mut last) = (0_usize, None);
            for (partition, number, member) in due {
                let place = rest.get(partition).ok_or_else(strange)?;
                let route = routes.get(number).ok_or_else(strange)?;
                let kind = Some((place.partition, number, member.first().copied()));
                count = if last == kind {
                    count.saturating_add(1)
                } else {
                    1
                };
                last = kind;
                if count == wanted {
                    seen.behind.push(MoreBehind {
                        route: number,
                        partition: place.clone(),
                        last: member.clone(),
                    });
                }
                // An unreadable member was not written by this version.
                if let Some(candidate) = self.candidate(place, route, member) {
                    seen.found.push((number, candidate));
                }
            }
            rest = rest.get(partitions.max(1)..).unwrap_or_default();
        }
        Ok(seen)
    }

    pub(super) fn candidate(
        &self,
        partition: &PartitionPlace,
        route: &Route,
        member: Vec<u8>,
    ) -> Option<Candidate> {
        let due = codec::decode_due(&member, route.as_str())?;
        let Due {
            at,
            size,
            order,
            name,
        } = due;
        Some(Candidate {
            route: route.clone(),
            place: EntryPlace::named(&self.store.layout, partition.partition, name),
            paused: partition.paused.clone(),
            member,
            at,
            size,
            order,
            applied: None,
            may_run: order.is_none(),
        })
    }

    /// Reads on after entries that may not run, until enough entries are found that may. Returns whether it came
    /// that far; it also stops after reading as many as it may.
    async fn look_behind(
        &self,
        take: &Take,
        behind: &mut Vec<MoreBehind>,
        (rates, now, first): (&Rates, UnixTime, Option<UnixTime>),
        turn: &Turn,
        learned: &mut Learned,
    ) -> Result<bool, StoreError> {
        let mut looked_at = 0_usize;
        while let Some(place) = learned.next_look(take, behind) {
            if looked_at >= MOST_BEHIND {
                // The wait must end: they run in the order in which they were found.
                let until = SeenUntil::default();
                self.sort_out(Vec::new(), (rates, now), &until, turn, learned)
                    .await?;
                return Ok(false);
            }
            let mut more = behind.swap_remove(place);
            let Some(route) = take.routes.get(more.route) else {
                continue;
            };
            let prefix = more.last.len().min(route.as_str().len().saturating_add(3));
            let prefix = more.last.get(..prefix).unwrap_or_default();
            let until = now.as_micros().saturating_add(1).to_be_bytes();
            let to = [b"(", prefix, &until].concat();
            let from = [b"(", more.last.as_slice()].concat();
            let members = self
                .range(&more.partition, &from, &to, BEHIND_PER_CALL)
                .await?;
            looked_at = looked_at.saturating_add(members.len());
            let is_full = members.len() >= BEHIND_PER_CALL;
            let last = members.last().cloned();
            let found = members.into_iter().filter_map(|member| {
                let candidate = self.candidate(&more.partition, route, member)?;
                Some((more.route, candidate))
            });
            let found = found.collect();
            if let Some(last) = last.filter(|_| is_full) {
                more.last = last;
                behind.push(more);
            }
            let until = SeenUntil::new(first, &take.routes, behind);
            self.sort_out(found, (rates, now), &until, turn, learned)
                .await?;
        }
        Ok(true)
    }

    /// Members of the index of a partition.
    pub(super) async fn range(
        &self,
        partition: &PartitionPlace,
        from: &[u8],
        to: &[u8],
        most: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut range = redis::cmd("ZRANGEBYLEX");
        range.arg(&partition.index).arg(from).arg(to);
        range.arg("LIMIT").arg(0).arg(most);
        let range = &range;
        let ask = async |mut conn: Conn| conn.ask(range).await;
        Ok(answers::members(self.store.link.run(ask).await?)?)
    }
}
