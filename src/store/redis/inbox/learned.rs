//! Collects what a take learns about due entries, and which of them may run.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::clock::UnixTime;
use crate::inbox::{Limit, RateOf, Route, Take};
use crate::store::error::StoreError;

use super::RedisInbox;
use super::ahead::DueNow;
use super::candidate::Candidate;
use super::order::OrderCommand;
use super::order_kept::{OrderHash, OrderKept, OrderOutcome};
use super::place::OrderPlace;
use super::rates::Rates;
use super::turn::{MoreBehind, Turn};

/// The knowledge that a take collects.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) orders: HashMap<OrderHash, OrderKept>,
    /// Order keys whose state could not be read: they are not read again, since their entries were held back.
    pub(super) untold: HashSet<OrderHash>,
    /// Order keys with an invalid state.
    pub(super) unreadable: BTreeSet<OrderHash>,
    pub(super) due: DueNow,
    /// Order keys that have an entry that may run.
    chosen: HashSet<OrderHash>,
    /// Whether something was passed over.
    passed_over: bool,
    /// Entries that are due after the time seen so far: an earlier one of the same key may exist.
    pub(super) unsure: Vec<(usize, Candidate)>,
}

/// The time up to which all due entries were seen.
#[derive(Default)]
pub(super) struct SeenUntil {
    /// When the first partition was scanned, if one clock applies to all.
    first: Option<UnixTime>,
    /// By route, where scans have ended.
    ended: HashMap<usize, u64>,
}

impl SeenUntil {
    pub(super) fn new(first: Option<UnixTime>, routes: &[Route], behind: &[MoreBehind]) -> Self {
        let mut ended = HashMap::new();
        for more in behind {
            if let Some(at) = more.at(routes) {
                let until = ended.entry(more.route).or_insert(at);
                *until = at.min(*until);
            }
        }
        Self { first, ended }
    }

    pub(super) fn has(&self, route: usize, at: u64) -> bool {
        at <= self.of(route)
    }

    pub(super) fn of(&self, route: usize) -> u64 {
        let first = self.first.map_or(u64::MAX, UnixTime::as_micros);
        let ended = self.ended.get(&route);
        ended.map_or(first, |until| first.min(*until))
    }
}

impl Learned {
    /// Which of these places to continue after, if any: the one that has come least far, since entries seen
    /// elsewhere may run once it has come as far.
    pub(super) fn next_look(&self, take: &Take, behind: &[MoreBehind]) -> Option<usize> {
        let runnable: usize = self.due.runnable.iter().map(VecDeque::len).sum();
        let any = self.passed_over && runnable < take.limit;
        // The oldest entry of a route must not wait forever for others that may run.
        let is_stuck = |route: usize| {
            let oldest = self.due.runnable.get(route);
            let oldest = oldest.and_then(|some| some.iter().map(|it| it.at).min());
            let mut unsure = self.unsure.iter().filter(|it| it.0 == route);
            unsure.any(|(_, it)| oldest.is_none_or(|oldest| it.at < oldest))
        };
        let places = behind.iter().enumerate();
        let wanted = places.filter(|(_, more)| any || is_stuck(more.route));
        let least = wanted.min_by_key(|(_, more)| more.at(&take.routes));
        least.map(|(place, _)| place)
    }

    pub(super) fn sort_in(
        &mut self,
        route: usize,
        candidate: Candidate,
        rates: &Rates,
        now: UnixTime,
        until: &SeenUntil,
    ) {
        let mut candidate = candidate;
        if let Some(order) = candidate.order {
            if !until.has(route, candidate.at) {
                return self.unsure.push((route, candidate));
            }
            if self.due.is_left_out(&order.hash) {
                self.passed_over = true;
                return;
            }
            let Some(kept) = self.orders.get(&order.hash) else {
                return self.due.pass_over(route, candidate);
            };
            if kept.outcome == OrderOutcome::NotNow {
                self.passed_over = true;
                self.unreadable.insert(order.hash);
                return self.due.pass_over(route, candidate);
            }
            candidate.applied = kept.applied;
            let id = candidate.place.id();
            if kept.holder.as_ref().is_some_and(|holder| *holder != id) {
                self.passed_over = true;
                self.due.held_back.insert(order.hash, kept.clone());
                return self.due.pass_over(route, candidate);
            }
            if order.is_overtaken(kept.applied) {
                self.passed_over = true;
                return self.due.overtaken.push(candidate);
            }
            let rate = rates.of(candidate.route.provider(), RateOf::EachOrderKey);
            let used_until = UnixTime::from_micros(kept.used_until);
            let is_used_up = rate.is_some_and(|rate| !Limit::new(rate, used_until).lets(kept.now));
            // Of several, the first may run.
            if is_used_up || !self.chosen.insert(order.hash) {
                self.passed_over = true;
                return self.due.pass_over(route, candidate);
            }
        }
        let Some(runnable) = self.due.runnable.get_mut(route) else {
            return;
        };
        let left = |provider| rates.left(provider, now);
        if runnable.len() < candidate.route.rated().map_or(usize::MAX, left) {
            runnable.push_back(candidate);
        } else {
            // Others of its order key come after it.
            self.due.pass_over(route, candidate);
        }
    }
}

impl RedisInbox {
    /// Whether to query a partition: not if its master has not answered recently.
    pub(super) fn may_ask(&self, partition: u32, turn: &Turn) -> bool {
        !self.in_slots() || turn.may_ask(partition)
    }

    /// Decides which entries may run.
    pub(super) async fn sort_out(
        &self,
        mut found: Vec<(usize, Candidate)>,
        (rates, now): (&Rates, UnixTime),
        until: &SeenUntil,
        turn: &Turn,
        learned: &mut Learned,
    ) -> Result<(), StoreError> {
        found.append(&mut learned.unsure);
        let seen = found.iter().filter(|(route, it)| until.has(*route, it.at));
        let orders = seen.filter_map(|(_, it)| Some(it.order?.hash));
        let unknown = orders.filter(|it| {
            let is_known = learned.orders.contains_key(it);
            !is_known && !learned.untold.contains(it) && !learned.due.is_left_out(it)
        });
        let unknown: HashSet<_> = unknown.collect();
        let may_ask = |hash: &OrderHash| {
            let place = OrderPlace::of(&self.store.layout, hash);
            self.may_ask(place.partition, turn)
        };
        let (asked, untold): (Vec<_>, Vec<_>) = unknown.into_iter().partition(may_ask);
        learned.untold.extend(untold);
        if !asked.is_empty() {
            let read: Vec<_> = asked.iter().copied().map(OrderCommand::read).collect();
            let kept = self.ask_orders(&read).await?;
            // If the state of a key is missing, its entries are held back.
            for (hash, kept) in asked.into_iter().zip(kept) {
                match kept {
                    Some(kept) => {
                        learned.orders.insert(hash, kept);
                    }
                    None => {
                        learned.untold.insert(hash);
                    }
                }
            }
        }
        found.sort_by(|(_, a), (_, b)| a.turn().cmp(&b.turn()));
        for (route, candidate) in found {
            learned.sort_in(route, candidate, rates, now, until);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;
    use crate::event::Name;
    use crate::store::redis::inbox::codec::OrderSeen;
    use crate::store::redis::inbox::place::EntryPlace;
    use crate::store::redis::keys::Layout;

    const NOW: UnixTime = UnixTime::from_micros(1_000_000);

    fn candidate(at: u64, key: Option<u8>) -> Candidate {
        let layout = Layout::new(Name::new("live").unwrap(), 4);
        Candidate {
            route: Route::parse("acme").unwrap(),
            place: EntryPlace::named(&layout, 0, format!("acme:{at}")),
            paused: String::new(),
            member: Vec::new(),
            at,
            size: 10,
            order: key.map(|key| OrderSeen {
                hash: [key; 16],
                version: None,
                holds_back: false,
                forced: false,
            }),
            applied: None,
            may_run: key.is_none(),
        }
    }

    fn kept(outcome: OrderOutcome) -> OrderKept {
        OrderKept {
            outcome,
            applied: None,
            holder: None,
            token: None,
            since: 0,
            used_until: 0,
            now: NOW,
        }
    }

    /// Sorts these entries, of which the rate of the provider admits one.
    fn sorted(learned: &mut Learned, found: Vec<Candidate>) {
        let word = |text: &str| Value::BulkString(text.into());
        let rate = Value::Map(vec![(word("pacme"), word("1:1000000"))]);
        let rates = Rates::read(rate).unwrap();
        let until = SeenUntil::new(None, &[], &[]);
        for candidate in found {
            learned.sort_in(0, candidate, &rates, NOW, &until);
        }
    }

    fn learned() -> Learned {
        let mut learned = Learned::default();
        learned.due.runnable = vec![VecDeque::new()];
        learned.due.seen_until = vec![u64::MAX];
        learned
    }

    /// The times of the entries that are chosen once this order key is freed.
    fn once_freed(mut learned: Learned, key: u8) -> Vec<u64> {
        learned.due.let_run(&HashSet::from([[key; 16]]));
        let chosen = learned.due.choose(0, 9, 1_000);
        chosen.iter().map(|it| it.at).collect()
    }

    #[test]
    fn what_a_rate_leaves_no_share_keeps_its_place_before_the_others_of_its_key() {
        let mut learned = learned();
        learned.orders.insert([7; 16], kept(OrderOutcome::Done));
        let found = vec![
            candidate(1, None),
            candidate(2, Some(7)),
            candidate(3, Some(7)),
        ];
        sorted(&mut learned, found);
        assert_eq!(once_freed(learned, 7), [1, 2]);
    }

    #[test]
    fn of_a_key_of_which_nothing_was_said_the_first_has_its_turn_first() {
        for outcome in [None, Some(OrderOutcome::NotNow)] {
            let mut learned = learned();
            if let Some(outcome) = outcome {
                learned.orders.insert([7; 16], kept(outcome));
            }
            sorted(
                &mut learned,
                vec![candidate(2, Some(7)), candidate(3, Some(7))],
            );
            assert!(learned.due.runnable.iter().all(VecDeque::is_empty));
            assert_eq!(learned.unreadable.len(), usize::from(outcome.is_some()));
            assert_eq!(once_freed(learned, 7), [2]);
        }
    }
}
