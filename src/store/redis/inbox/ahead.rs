//! Keeps due entries that a scan found beyond those taken, so that following takes need no scan of their own.
//!
//! None of this is relied on. A take names each entry's state as it was seen, and gets the entry only if it is
//! unchanged; the order key is held before. The entries kept here are due before any that was not seen in the
//! partitions that have answered, and they are forgotten soon.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::event::Name;
use crate::inbox::{Route, Take, fair};

use super::candidate::Candidate;
use super::hints::Noted;
use super::order_kept::{OrderHash, OrderKept};
use super::passed_over::PassedOver;
use super::rates::Rates;

/// How long takes use the results of a scan, counted from its end: new entries of another route wait no longer.
pub(super) const LASTS: Duration = Duration::from_millis(200);

/// The due entries of the routes of a take.
#[derive(Debug, Default)]
pub(super) struct DueNow {
    /// The entries that may run, by route, each route in order.
    pub(super) runnable: Vec<VecDeque<Candidate>>,
    /// Entries that a newer event of their order key makes stale.
    pub(super) overtaken: Vec<Candidate>,
    /// Order keys whose entries are held back, and by which hold.
    pub(super) held_back: HashMap<OrderHash, OrderKept>,
    /// Whether earlier entries of the same order keys may precede some of these: another scan finds out.
    pub(super) waits: bool,
    /// For each route, the time up to which all due entries were seen.
    pub(super) seen_until: Vec<u64>,
    /// Entries that may run once their order key is free.
    passed_over: PassedOver,
}

impl DueNow {
    /// Remembers an entry with an order key that waits for it, before others of that key.
    pub(super) fn pass_over(&mut self, route: usize, candidate: Candidate) {
        self.passed_over.add(route, candidate);
    }

    /// Lets no entry of this order key run before another scan.
    pub(super) fn leave_out(&mut self, key: OrderHash) {
        self.passed_over.leave_out(key);
    }

    pub(super) fn is_left_out(&self, key: &OrderHash) -> bool {
        self.passed_over.is_left_out(key)
    }

    /// The entries to take next, from the routes in turn, beginning with the route `first`.
    pub(super) fn choose(
        &mut self,
        first: usize,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<Candidate> {
        let sizes = |(route, some): (usize, &VecDeque<Candidate>)| {
            let some = some.iter().take(limit);
            some.map(|it| (route, it.size)).collect()
        };
        let waiting = self.runnable.iter().enumerate().map(sizes).collect();
        let chosen = fair(waiting, first, limit, max_bytes, |(_, size)| *size);
        let next = |(route, _): (usize, usize)| self.runnable.get_mut(route)?.pop_front();
        chosen.into_iter().filter_map(next).collect()
    }

    /// Up to `most` further entries that `may` replace those of the first that others took earlier.
    pub(super) fn spare(
        &mut self,
        most: usize,
        max_bytes: usize,
        may: impl Fn(&Candidate) -> bool,
    ) -> Vec<Candidate> {
        let (mut spare, mut bytes) = (Vec::new(), max_bytes);
        let each = most.div_ceil(self.runnable.len().max(1));
        for route in &mut self.runnable {
            let (mut left, mut rest) = (each, VecDeque::with_capacity(route.len()));
            for candidate in route.drain(..) {
                let fits = left > 0 && spare.len() < most && candidate.size <= bytes;
                if fits && may(&candidate) {
                    left = left.saturating_sub(1);
                    bytes = bytes.saturating_sub(candidate.size);
                    spare.push(candidate);
                } else {
                    rest.push_back(candidate);
                }
            }
            *route = rest;
        }
        spare
    }

    /// Puts back an entry that was chosen but not taken.
    pub(super) fn put_back(&mut self, route: usize, candidate: Candidate) {
        if let Some(runnable) = self.runnable.get_mut(route) {
            let place = runnable.partition_point(|it| it.turn() < candidate.turn());
            runnable.insert(place, candidate);
        }
    }

    /// Offers no more entries of these providers, whose rates are used up: a later one would overtake those refused.
    pub(super) fn hold_back(&mut self, providers: &HashSet<Name>) {
        let is_held = |it: &Candidate| it.route.rated().is_some_and(|it| providers.contains(it));
        for (route, some) in self.runnable.iter_mut().enumerate() {
            if some.front().is_some_and(is_held) {
                let held = some.drain(..);
                held.for_each(|it| self.passed_over.add(route, it));
            }
        }
    }

    /// Lets the first passed-over entry of each of these order keys run, unless an earlier one is about to run: that
    /// one may have been refused because another worker briefly had the key, and would be overtaken.
    pub(super) fn let_run(&mut self, freed: &HashSet<OrderHash>) {
        let runnable = self.runnable.iter().flatten();
        let waiting: HashSet<_> = runnable.filter_map(|it| Some(it.order?.hash)).collect();
        for key in freed.difference(&waiting) {
            if let Some((route, candidate)) = self.passed_over.take_first(key) {
                self.put_back(route, candidate);
            }
        }
    }

    /// Forgets entries before which others may be due that were not seen.
    fn forget_unsure(&mut self) {
        let until = |route: usize| self.seen_until.get(route).copied().unwrap_or(0);
        for (route, some) in self.runnable.iter_mut().enumerate() {
            let seen = until(route);
            some.retain(|it| it.at <= seen);
        }
        self.passed_over.retain(|route, it| it.at <= until(route));
    }
}

/// The results of one scan that are left.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) due: DueNow,
    pub(super) rates: Rates,
    looked_at: Instant,
    /// As counted by [`Hints`](super::hints::Hints).
    changes: u64,
}

impl Ahead {
    pub(super) fn new(due: DueNow, rates: Rates, looked_at: Instant, changes: u64) -> Self {
        Self {
            due,
            rates,
            looked_at,
            changes,
        }
    }

    /// Whether it is too early to scan again.
    pub(super) fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.looked_at) < LASTS
    }

    fn lasts(&self, now: Instant, changes: u64) -> bool {
        self.changes == changes && self.is_young(now)
    }

    /// Whether a take of this many entries gets the same from here as from a scan.
    pub(super) fn serves(&self, limit: usize) -> bool {
        let mut left = limit;
        for route in &self.due.runnable {
            left = left.saturating_sub(route.len());
        }
        left == 0
    }
}

/// The results of scans that are left, by the routes that they were for.
#[derive(Debug, Default)]
pub(super) struct Looks(HashMap<Box<[Route]>, Ahead>);

impl Looks {
    /// Lets the next entries of freed order keys run. Forgets results with an exhausted route for which there is
    /// something new, so that this route gets its turn.
    pub(super) fn note(&mut self, noted: &Noted) {
        let Noted {
            freed,
            new,
            new_of_providers,
        } = noted;
        let has_new =
            |route: &Route| new.contains(route) || new_of_providers.contains(route.provider());
        self.0.retain(|routes, ahead| {
            let mut each = routes.iter().zip(&ahead.due.runnable);
            !each.any(|(route, some)| some.is_empty() && has_new(route))
        });
        if !freed.is_empty() {
            let all = self.0.values_mut();
            all.for_each(|ahead| ahead.due.let_run(freed));
        }
    }

    /// The results for a take of this many entries without another scan, if they suffice.
    pub(super) fn take(
        &mut self,
        routes: &[Route],
        limit: usize,
        now: Instant,
        changes: u64,
    ) -> Option<Ahead> {
        self.0.retain(|_, ahead| ahead.lasts(now, changes));
        self.0.remove(routes).filter(|ahead| ahead.serves(limit))
    }

    /// Keeps what a take has left.
    pub(super) fn keep(&mut self, take: &Take, mut ahead: Ahead) {
        ahead.due.forget_unsure();
        // Entries taken for so short a time are due again before these results are forgotten.
        let is_short = take.lease < LASTS;
        if !is_short && (ahead.serves(1) || !ahead.due.passed_over.is_empty()) {
            self.0.insert(take.routes.as_slice().into(), ahead);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::codec::OrderSeen;
    use super::super::place::EntryPlace;
    use super::*;
    use crate::event::Name;
    use crate::store::redis::keys::Layout;
    use crate::store::token::Token;

    const LEASE: Duration = Duration::from_secs(60);

    fn routes() -> Vec<Route> {
        let routes = ["acme", "shop"];
        routes.map(|route| Route::parse(route).unwrap()).into()
    }

    fn candidate(at: u64, order: Option<u8>) -> Candidate {
        let layout = Layout::new(Name::new("live").unwrap(), 4);
        Candidate {
            route: routes().remove(0),
            place: EntryPlace::named(&layout, 0, format!("acme:{at}")),
            paused: String::new(),
            member: Vec::new(),
            at,
            size: 10,
            order: order.map(|hash| OrderSeen {
                hash: [hash; 16],
                version: None,
                holds_back: false,
                forced: false,
            }),
            applied: None,
            may_run: order.is_none(),
        }
    }

    /// Entries of the first route that are due at these times, and seen until `seen_until`.
    fn ahead(times: &[u64], seen_until: u64, now: Instant) -> Ahead {
        let due = DueNow {
            runnable: vec![
                times.iter().map(|at| candidate(*at, None)).collect(),
                VecDeque::new(),
            ],
            seen_until: vec![seen_until; 2],
            ..DueNow::default()
        };
        Ahead::new(due, Rates::default(), now, 0)
    }

    fn take() -> Take {
        Take::new(routes(), Token::from_bytes([1; 16]), 1, LEASE)
    }

    fn times(some: &[Candidate]) -> Vec<u64> {
        some.iter().map(|it| it.at).collect()
    }

    #[test]
    fn what_is_left_serves_a_take_for_as_long_as_nothing_else_can_be_due_before_it() {
        let now = Instant::now();
        let kept = |seen_until| {
            let mut looks = Looks::default();
            looks.keep(&take(), ahead(&[1, 2, 3], seen_until, now));
            looks
        };
        let served = |looks: &mut Looks, limit| looks.take(&routes(), limit, now, 0).is_some();
        assert!(served(&mut kept(3), 3));
        assert!(!served(&mut kept(3), 4), "a look may find more");
        assert!(served(&mut kept(2), 2));
        assert!(
            !served(&mut kept(2), 3),
            "others may be due before the third"
        );
        assert!(!served(&mut kept(0), 1));
        let other = &routes()[..1];
        assert!(kept(3).take(other, 1, now, 0).is_none(), "other routes");
        let later = now + LASTS;
        assert!(kept(3).take(&routes(), 1, later, 0).is_none(), "it is old");
        assert!(
            kept(3).take(&routes(), 1, now, 1).is_none(),
            "an operator changed something"
        );
        let short = Take {
            lease: LASTS / 2,
            ..take()
        };
        let mut looks = Looks::default();
        looks.keep(&short, ahead(&[1, 2, 3], 3, now));
        assert!(
            !served(&mut looks, 1),
            "what was taken is due again by then"
        );
    }

    #[test]
    fn what_is_new_of_a_route_with_nothing_left_has_its_turn() {
        let now = Instant::now();
        let served = |noted: &Noted| {
            let mut looks = Looks::default();
            looks.keep(&take(), ahead(&[1, 2], 2, now));
            looks.note(noted);
            looks.take(&routes(), 1, now, 0).is_some()
        };
        for (new, is_served) in [
            ("acme", true),
            ("shop", false),
            ("other", true),
            // Another route of the same provider.
            ("shop#cards", true),
            ("?shop", true),
        ] {
            let mut noted = Noted::default();
            noted.new.insert(Route::parse(new).unwrap());
            assert_eq!(served(&noted), is_served, "{new}");
        }
        // Some commands know only the provider.
        for (new, is_served) in [("acme", true), ("shop", false)] {
            let mut noted = Noted::default();
            noted.new_of_providers.insert(Name::new(new).unwrap());
            assert_eq!(served(&noted), is_served, "{new}");
        }
    }

    #[test]
    fn the_first_of_an_order_key_that_was_passed_over_has_its_turn_once_the_key_is_free() {
        let now = Instant::now();
        let mut ahead = ahead(&[2, 5], 9, now);
        for (at, order) in [(4, 7), (3, 7), (1, 8), (6, 7)] {
            ahead.due.pass_over(0, candidate(at, Some(order)));
        }
        let mut looks = Looks::default();
        looks.keep(&take(), ahead);
        let free = |looks: &mut Looks| {
            let mut noted = Noted::default();
            noted.freed.insert([7; 16]);
            looks.note(&noted);
        };
        // The key may be reported free more often than it is held.
        free(&mut looks);
        free(&mut looks);
        let mut ahead = looks.take(&routes(), 3, now, 0).unwrap();
        assert_eq!(times(&ahead.due.choose(0, 2, 1_000)), [2, 3]);
        looks.keep(&take(), ahead);
        free(&mut looks);
        let mut ahead = looks.take(&routes(), 2, now, 0).unwrap();
        assert_eq!(times(&ahead.due.choose(0, 9, 1_000)), [4, 5]);
    }

    #[test]
    fn of_a_key_that_is_not_kept_in_mind_as_a_whole_nothing_runs() {
        let mut due = ahead(&[], 9, Instant::now()).due;
        for at in 1..=1_024 {
            due.pass_over(0, candidate(at, Some(if at == 1 { 7 } else { 8 })));
        }
        // One over the limit: the older one of its key is forgotten, too.
        due.pass_over(0, candidate(2_000, Some(7)));
        due.let_run(&HashSet::from([[7; 16]]));
        assert_eq!(due.choose(0, 9, 1_000).len(), 0);
        due.pass_over(0, candidate(2_001, Some(7)));
        due.let_run(&HashSet::from([[7; 16], [8; 16]]));
        assert_eq!(times(&due.choose(0, 9, 1_000)), [2], "others have theirs");
    }

    #[test]
    fn behind_what_a_rate_has_refused_nothing_of_its_provider_goes_first() {
        let mut due = ahead(&[1, 2], 9, Instant::now()).due;
        for (at, key) in [(3, 7), (5, 8)] {
            due.put_back(0, candidate(at, Some(key)));
        }
        due.pass_over(0, candidate(4, Some(7)));
        let of_shop = Candidate {
            route: routes().remove(1),
            ..candidate(6, None)
        };
        due.put_back(1, of_shop);
        due.hold_back(&HashSet::from([Name::new("acme").unwrap()]));
        assert_eq!(times(&due.choose(0, 9, 1_000)), [6]);
        due.let_run(&HashSet::from([[7; 16]]));
        assert_eq!(times(&due.choose(0, 9, 1_000)), [3], "the first of its key");
    }

    #[test]
    fn what_is_offered_beside_what_is_wanted_has_a_bound_and_is_put_back_in_its_place() {
        let mut due = ahead(&[1, 2, 3, 4], 4, Instant::now()).due;
        due.put_back(0, candidate(0, Some(1)));
        let spare = due.spare(9, 25, |it| it.order.is_none());
        assert_eq!(times(&spare), [1, 2], "as many as have so many bytes");
        for candidate in spare {
            due.put_back(0, candidate);
        }
        assert_eq!(due.spare(0, 100, |_| true).len(), 0);
        assert_eq!(times(&due.choose(0, 9, 1_000)), [0, 1, 2, 3, 4]);
    }
}
