//! What came of the deliveries, and which rule explained a difference.

use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use crate::delivery::Delivery;
use crate::rules::{Peer, Stricter, Wider};

pub fn now() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .expect("the clock stands after 1970")
        .as_secs()
}

/// What came of the deliveries, and which rule alone explained a difference how often.
#[derive(Debug, Default)]
struct Tally {
    accepted_by_all: u32,
    refused_by_all: u32,
    stricter: BTreeMap<Stricter, u32>,
    wider: BTreeMap<(Wider, Peer), u32>,
}

impl Tally {
    fn judge(&mut self, delivery: &Delivery) -> Result<(), TestCaseError> {
        let fail = |text: String| Err(TestCaseError::fail(format!("{text}\n{delivery:?}")));
        let headers = delivery.header_map();
        let ours = delivery.ours(&headers);
        let stricter: Vec<_> = Stricter::ALL
            .into_iter()
            .filter(|rule| rule.holds(delivery))
            .collect();
        if ours.is_ok() && !stricter.is_empty() {
            return fail(format!("we accept against our rules {stricter:?}"));
        }
        let peers = delivery.peers(&headers);
        match &ours {
            Ok(()) if peers.iter().all(|(_, verdict)| verdict.is_ok()) => self.accepted_by_all += 1,
            Err(_) if peers.iter().all(|(_, verdict)| verdict.is_err()) => self.refused_by_all += 1,
            _ => {}
        }
        let mut alone = None;
        for (peer, theirs) in peers {
            match (&ours, &theirs) {
                (Ok(()), Ok(())) | (Err(_), Err(_)) => {}
                (Err(reason), Ok(())) => match *stricter {
                    [] => {
                        return fail(format!(
                            "{peer:?} accepts what we refuse, by no rule: {reason}"
                        ));
                    }
                    [rule] => alone = Some(rule),
                    _ => {}
                },
                (Ok(()), Err(reason)) => {
                    let wider: Vec<_> = Wider::ALL
                        .into_iter()
                        .filter(|rule| rule.holds(peer, delivery))
                        .collect();
                    match *wider {
                        [] => {
                            return fail(format!(
                                "{peer:?} refuses what we accept, by no rule: {reason}"
                            ));
                        }
                        [rule] => *self.wider.entry((rule, peer)).or_default() += 1,
                        _ => {}
                    }
                }
            }
        }
        if let Some(rule) = alone {
            *self.stricter.entry(rule).or_default() += 1;
        }
        Ok(())
    }

    /// Every rule was needed, and most deliveries were not about them.
    fn check(&self, stripe: bool) {
        println!("{self:#?}");
        for rule in Stricter::ALL
            .into_iter()
            .filter(|rule| rule.concerns(stripe))
        {
            assert!(
                self.stricter.contains_key(&rule),
                "{rule:?} alone explained nothing"
            );
        }
        for rule in Wider::ALL.into_iter().filter(|rule| rule.concerns(stripe)) {
            for peer in rule
                .refused_by()
                .iter()
                .filter(|peer| peer.is_asked(stripe))
            {
                assert!(
                    self.wider.contains_key(&(rule, *peer)),
                    "{rule:?} alone explained nothing of {peer:?}"
                );
            }
        }
        assert!(
            self.accepted_by_all > 1_000 && self.refused_by_all > 1_000,
            "{self:?}"
        );
    }
}

/// Judges so many random deliveries.
pub fn judge<S: proptest::strategy::Strategy>(
    plans: S,
    stripe: bool,
    build: impl Fn(S::Value, u64) -> Delivery,
) {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 30_000;
    }
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(
            std::time::UNIX_EPOCH
                .elapsed()
                .map_or(0, |age| age.subsec_nanos().into()),
        );
    }
    println!("{:?}, {} cases", config.rng_seed, config.cases);
    let tally = std::cell::RefCell::new(Tally::default());
    let result =
        TestRunner::new(config).run(&plans, |plan| tally.borrow_mut().judge(&build(plan, now())));
    if let Err(error) = result {
        panic!("{error}");
    }
    tally.borrow().check(stripe);
}
