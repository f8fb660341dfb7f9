//! What a take has learned of what is due, and what of that may run.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::clock::UnixTime;
use crate::inbox::{Limit, RateOf, Route, Take};

use super::ahead::DueNow;
use super::candidate::Candidate;
use super::order_kept::{OrderHash, OrderKept};
use super::rates::Rates;
use super::turn::MoreBehind;

/// What was learned in the course of a take.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) orders: HashMap<OrderHash, OrderKept>,
    pub(super) due: DueNow,
    /// Order keys of which one entry may run.
    chosen: HashSet<OrderHash>,
    /// Whether something was passed over.
    passed_over: bool,
    /// What is due later than what was seen of all: an earlier one of the same order key may be there.
    pub(super) unsure: Vec<(usize, Candidate)>,
}

/// Until when all that was due then has been seen.
#[derive(Default)]
pub(super) struct SeenUntil {
    /// When the first partition was looked at, where one clock counts for all.
    first: Option<UnixTime>,
    /// By route, where looks have ended.
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
    /// Behind which of these it is to be looked next, if it is: behind the one that has come least far, for what was
    /// seen elsewhere may run once this one has come as far.
    pub(super) fn next_look(&self, take: &Take, behind: &[MoreBehind]) -> Option<usize> {
        let runnable: usize = self.due.runnable.iter().map(VecDeque::len).sum();
        let any = self.passed_over && runnable < take.limit;
        // The oldest of a route does not wait for good behind others that may run.
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
            let Some(kept) = self.orders.get(&order.hash) else {
                return;
            };
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
            // Of several the first may run.
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
        }
    }
}
