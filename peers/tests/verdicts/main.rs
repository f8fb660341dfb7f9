//! Our verdict beside those of published crates, on tens of thousands of deliveries, whole and
//! broken: the same, except where a rule of `rules.rs` says otherwise. Where one of [`Stricter`]
//! holds we always refuse; we never accept what a peer refuses but for one of [`Wider`].
//!
//! Each run takes new deliveries; `PROPTEST_RNG_SEED` repeats one, `PROPTEST_CASES` asks for more.

mod named;
mod rules;
mod standard;
mod stripe;

use std::collections::BTreeMap;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use rules::{Peer, Stricter, Wider};
use sha2::Sha256;
use tower_webhook::provider::{self, standard_webhooks, stripe as our_stripe};
use tower_webhook::{Name, UnixTime};

/// What arrives, and the secret as it is configured.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    stripe: bool,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    now: u64,
    /// How far the time lies from now: peers that read the clock are not asked at the window's edge.
    away: i64,
    secret: String,
    /// The bytes that the secret stands for.
    key: Vec<u8>,
    unpadded_secret: bool,
    trailing_bits: bool,
}

impl Delivery {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            "stripe-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "svix-id",
            "svix-timestamp",
            "svix-signature",
        ]
        .into_iter()
    }

    fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(name, _)| *name == wanted)
            .map(|(_, value)| &**value)
    }

    fn ids(&self) -> impl Iterator<Item = &[u8]> {
        self.all("webhook-id").chain(self.all("svix-id"))
    }

    fn signature_headers(&self) -> impl Iterator<Item = &[u8]> {
        self.all("stripe-signature")
            .chain(self.all("webhook-signature"))
            .chain(self.all("svix-signature"))
    }

    /// The elements of each signature header, without the blanks around them.
    fn each_header(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        let between = |byte: &u8| {
            if self.stripe {
                *byte == b','
            } else {
                matches!(byte, b' ' | b'\t')
            }
        };
        self.signature_headers().map(move |value| {
            value
                .split(between)
                .map(<[u8]>::trim_ascii)
                .filter(|element| !element.is_empty())
                .collect()
        })
    }

    /// The elements of all signature headers.
    fn elements(&self) -> Vec<&[u8]> {
        self.each_header().flatten().collect()
    }

    /// Whether blanks stand where the scheme itself writes none.
    fn has_blanks(&self) -> bool {
        let (between, blank): (u8, fn(&u8) -> bool) = if self.stripe {
            (b',', |byte| matches!(byte, b' ' | b'\t'))
        } else {
            (b' ', |byte| *byte == b'\t')
        };
        self.signature_headers().any(|value| {
            value
                .split(|byte| *byte == between)
                .any(|element| element.is_empty() || element.iter().any(blank))
        })
    }

    /// Whether a header is one text again and again, with commas between, or has its time twice.
    fn is_joined(&self) -> bool {
        let times = self.stripe && self.timestamps().len() > 1;
        times
            || self.headers.iter().any(|(_, value)| {
                (1..value.len()).any(|at| {
                    let (first, rest) = value.split_at(at);
                    rest.len() % (at + 1) == 0
                        && rest
                            .chunks(at + 1)
                            .all(|part| part[0] == b',' && part[1..] == *first)
                })
            })
    }

    fn timestamps(&self) -> Vec<&[u8]> {
        if self.stripe {
            self.elements()
                .into_iter()
                .filter_map(|text| text.strip_prefix(b"t="))
                .map(<[u8]>::trim_ascii)
                .collect()
        } else {
            self.all("webhook-timestamp")
                .chain(self.all("svix-timestamp"))
                .collect()
        }
    }

    /// Whether some signature of our version does not stand for 32 bytes.
    fn has_broken_signature(&self) -> bool {
        self.elements().iter().any(|text| {
            let decoded = if self.stripe {
                let Some(text) = text.strip_prefix(b"v1=") else {
                    return false;
                };
                data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()
            } else {
                let Some(text) = text.strip_prefix(b"v1,") else {
                    return false;
                };
                // In one piece: this library takes padding between two blocks too.
                let one = !text.strip_suffix(b"=").unwrap_or(text).contains(&b'=');
                data_encoding::BASE64.decode(text).ok().filter(|_| one)
            };
            decoded.is_none_or(|bytes| bytes.len() != 32)
        })
    }

    /// The signature that stands for what this Stripe delivery signs.
    fn right_hex(&self) -> String {
        let time = self.timestamps().first().copied().unwrap_or_default();
        data_encoding::HEXLOWER.encode(&mac(&self.key, &[time, b".", &self.body]))
    }

    fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let value =
                HeaderValue::from_bytes(value).expect("the generators make values that HTTP takes");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn ours(&self, headers: &HeaderMap) -> Result<(), String> {
        let provider = if self.stripe {
            our_stripe::keys([&self.secret]).map(provider::stripe)
        } else {
            let acme = Name::new("acme").map_err(|error| error.to_string())?;
            standard_webhooks::keys([&self.secret])
                .map(|keys| provider::standard_webhooks(acme, keys))
        };
        let provider = provider.map_err(|error| error.to_string())?;
        let verifier = provider.verifier().ok_or("it signs")?;
        verifier
            .verify(headers, &self.body, UnixTime::from_secs(self.now))
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    fn peers(&self, headers: &HeaderMap) -> Vec<(Peer, Result<(), String>)> {
        let kind = if self.stripe {
            webhook_verify::Provider::Stripe
        } else {
            webhook_verify::Provider::StandardWebhooks
        };
        let secret = webhook_verify::Secret::new(self.secret.as_str());
        let options =
            webhook_verify::VerifyOptions::default().with_clock(Some(Arc::new(Fixed(self.now))));
        let verdict = webhook_verify::verify(kind, headers, &self.body, &secret, options)
            .map_err(|error| error.to_string());
        let mut verdicts = vec![(Peer::WebhookVerify, verdict)];
        let at_the_edge = (295..=305).contains(&self.away.abs());
        if !self.stripe && !at_the_edge {
            // Its `now - timestamp` overflows here, which panics or accepts.
            let overflows = self
                .timestamps()
                .contains(&b"-9223372036854775808".as_slice());
            if !overflows {
                let verdict = standardwebhooks::Webhook::new(&self.secret)
                    .and_then(|peer| peer.verify(&self.body, headers));
                verdicts.push((
                    Peer::StandardWebhooks,
                    verdict.map_err(|error| error.to_string()),
                ));
            }
            #[cfg(feature = "svix")]
            {
                let verdict = svix::webhooks::Webhook::new(&self.secret)
                    .and_then(|peer| peer.verify(&self.body, headers));
                verdicts.push((Peer::Svix, verdict.map_err(|error| error.to_string())));
            }
        }
        verdicts
    }
}

struct Fixed(u64);

impl webhook_verify::Clock for Fixed {
    fn now(&self) -> u64 {
        self.0
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn now() -> u64 {
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
fn judge<S: proptest::strategy::Strategy>(
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

#[test]
fn the_versions_in_the_docs_are_those_that_are_asked() {
    let docs = include_str!("../../../docs/stricter.md");
    let lock = include_str!("../../Cargo.lock");
    for peer in ["standardwebhooks", "svix", "webhook-verify"] {
        let (_, package) = lock
            .split_once(&format!("name = \"{peer}\"\nversion = \""))
            .expect("it is locked");
        let version = package.split('"').next().unwrap_or_default();
        assert!(docs.contains(&format!("`{peer}` {version}")), "{peer}");
    }
}

#[test]
fn the_rules_in_the_docs_are_those_of_the_test() {
    let docs = include_str!("../../../docs/stricter.md");
    let mut rows = 0;
    for [what, why] in Stricter::ALL
        .map(Stricter::text)
        .into_iter()
        .chain(Wider::ALL.map(Wider::text))
    {
        let row = format!("\n| {what} | {why} |\n");
        assert!(docs.contains(&row), "docs/stricter.md lacks the row{row}");
        rows += 1;
    }
    let in_docs = docs
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .count();
    // Each of the two tables has a head.
    assert_eq!(in_docs, rows + 2);
}
