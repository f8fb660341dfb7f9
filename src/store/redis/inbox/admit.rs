//! Applies rates and order keys to chosen entries.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::event::Name;
use crate::inbox::{Rate, RateOf, Take};
use crate::store::error::StoreError;

use super::RedisInbox;
use super::candidate::Candidate;
use super::order::OrderCommand;
use super::order_kept::{OrderKept, OrderOutcome};
use super::rates::Rates;

/// The providers whose rates refused these.
pub(super) fn refusing(refused: &[Candidate]) -> HashSet<Name> {
    let providers = refused.iter().filter_map(|it| it.route.rated());
    providers.cloned().collect()
}

/// The order keys that are held for entries to be taken, by their entry.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// Keys that were free, and how each is given back.
    pub(super) new: HashMap<String, OrderCommand>,
    /// Keys that were already held for the entry.
    pub(super) before: HashMap<String, OrderKept>,
    /// Why no key could be held, if so.
    pub(super) refused: Option<StoreError>,
}

impl RedisInbox {
    /// Splits these into those that the rates of their providers admit, and the others. If the rates may not be
    /// queried, because their server has not answered recently, none is admitted.
    pub(super) async fn let_through(
        &self,
        chosen: Vec<Candidate>,
        rates: &Rates,
        may_ask: bool,
        used: &mut BTreeMap<Name, usize>,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        for candidate in &chosen {
            let rated = candidate.route.rated();
            if let Some(provider) = rated.filter(|it| rates.of(it, RateOf::Provider).is_some()) {
                let wanted: &mut usize = used.entry(provider.clone()).or_default();
                *wanted = wanted.saturating_add(1);
            }
        }
        for (provider, wanted) in used.iter_mut() {
            if let Some(rate) = rates.of(provider, RateOf::Provider) {
                // Entries whose rate is unknown are not admitted.
                *wanted = match may_ask {
                    true => self.granted(provider, rate, *wanted).await,
                    false => 0,
                };
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
        chosen.into_iter().partition(lets)
    }

    async fn granted(&self, provider: &Name, rate: Rate, wanted: usize) -> usize {
        let granted = self.use_rate(provider, rate, wanted).await;
        granted.unwrap_or_else(|error| {
            tracing::warn!(%error, %provider, "a rate cannot be used: what it bounds is not taken");
            0
        })
    }

    /// Gives back the use of rates for entries that were not taken.
    pub(super) async fn give_rates_back(&self, rates: &Rates, unused: BTreeMap<Name, usize>) {
        for (provider, unused) in unused {
            let rate = rates.of(&provider, RateOf::Provider);
            let Some(rate) = rate.filter(|_| unused > 0) else {
                continue;
            };
            if let Err(error) = self.give_rate_back(&provider, rate, unused).await {
                tracing::debug!(%error, "a rate is used up for what was not taken");
            }
        }
    }

    /// Holds the order keys of these. Returns the entries that may run, the holds by their entry, and the entries
    /// that may not run. The last include those whose key could not be held, which keep back no others.
    pub(super) async fn hold(
        &self,
        take: &Take,
        chosen: Vec<Candidate>,
        rates: &Rates,
    ) -> (Vec<Candidate>, Holds, Vec<Candidate>) {
        let command = |candidate: &Candidate| {
            let rate = rates.of(candidate.route.provider(), RateOf::EachOrderKey);
            let hash = candidate.order?.hash;
            Some(OrderCommand::hold(hash, &candidate.place, take.token, rate))
        };
        let commands: Vec<_> = chosen.iter().filter_map(command).collect();
        if commands.is_empty() {
            return (chosen, Holds::default(), Vec::new());
        }
        let (mut may_run, mut not_now) = (Vec::with_capacity(chosen.len()), Vec::new());
        let mut holds = Holds::default();
        let held = self.ask_orders(&commands).await;
        let held = held.unwrap_or_else(|error| {
            holds.refused = Some(error);
            vec![None; commands.len()]
        });
        let mut held = commands.into_iter().zip(held);
        for mut candidate in chosen {
            if candidate.order.is_some() {
                let (command, kept) = held.next().unzip();
                let kept = kept.flatten();
                let outcome = kept.as_ref().map(|kept| kept.outcome);
                candidate.applied = kept.as_ref().and_then(|kept| kept.applied);
                candidate.may_run = outcome.is_some_and(|it| it != OrderOutcome::NotNow);
                let id = candidate.place.id();
                match (outcome, command, kept) {
                    (Some(OrderOutcome::Held), Some(command), _) => {
                        holds.new.insert(id, command.give_back());
                    }
                    (Some(OrderOutcome::HeldBefore), _, Some(kept)) => {
                        holds.before.insert(id, kept);
                    }
                    _ => {}
                }
            }
            if candidate.may_run {
                may_run.push(candidate);
            } else {
                not_now.push(candidate);
            }
        }
        (may_run, holds, not_now)
    }

    /// Frees keys that somebody else had held before for entries that have since ended: ending them found a
    /// younger hold, and left it.
    pub(super) async fn leave(&self, chosen: &[Candidate], holds: &Holds) {
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
}
