//! A trial of one change, and its findings.

use super::cause::{Cause, Finding};
use super::diagnose::Diagnose;
use super::keys;
use crate::clock::{Skew, UnixTime};
use crate::head::RequestHead;
use crate::secret::{KeyId, KeyRing, SigningKey, SigningSecret};
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind};
use crate::signature::scheme::Scheme;
use crate::signature::verifier::Verifier;

/// The cost of each key in addition to the body: headers, blocks of a hash.
const PER_TRY: u64 = 512;

/// A change that matches.
pub(super) struct Match {
    pub(super) key: KeyId,
    pub(super) skew: Option<Skew>,
}

/// The result of the search.
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) key: Option<KeyId>,
}

impl Found {
    pub(super) fn one(cause: Cause, what: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self {
            findings: vec![Finding::new(cause, what)],
            key: None,
        }
    }

    pub(super) fn by(mut self, key: &KeyId) -> Self {
        self.key = Some(key.clone());
        self
    }
}

/// The keys that may have signed, each with its change.
pub(super) struct Candidates {
    pub(super) ring: KeyRing,
    /// In the order of the ring, whose keys are named by their index here.
    all: Vec<(KeyId, Cause, &'static str)>,
}

impl Candidates {
    pub(super) fn of(&self, matched: &Match) -> Option<&(KeyId, Cause, &'static str)> {
        let place: usize = matched.key.as_str().parse().ok()?;
        self.all.get(place)
    }
}

/// The search for the cause of one delivery.
pub(super) struct Search<'a> {
    pub(super) asked: &'a Diagnose,
    pub(super) head: RequestHead<'a>,
    pub(super) body: &'a [u8],
    pub(super) now: UnixTime,
    left: u64,
    pub(super) tried: u32,
    pub(super) is_complete: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        asked: &'a Diagnose,
        head: RequestHead<'a>,
        body: &'a [u8],
        now: UnixTime,
    ) -> Self {
        Self {
            asked,
            head,
            body,
            now,
            left: asked.most,
            tried: 0,
            is_complete: true,
        }
    }

    /// Runs the verifier on a changed delivery.
    pub(super) fn ask(
        &mut self,
        scheme: &Scheme,
        ring: &KeyRing,
        head: RequestHead<'_>,
        body: &[u8],
    ) -> Option<Match> {
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let of_one = count(body.len()).saturating_add(PER_TRY);
        let cost = of_one.saturating_mul(count(ring.look().len()));
        if cost > self.left {
            self.is_complete = false;
            return None;
        }
        // A delivery without the headers of a scheme hashes nothing.
        let verifier = Verifier::new(scheme.clone(), ring.clone());
        self.tried = self.tried.saturating_add(1);
        let verdict = verifier.verify(head, body, self.now);
        let hashed = |error: &SignatureError| {
            error.is_stale() || matches!(error.kind(), Kind::Mismatch | Kind::NoActiveKey)
        };
        if verdict.as_ref().map_or_else(hashed, |_| true) {
            self.left = self.left.saturating_sub(cost);
        }
        match verdict {
            Ok(verified) => Some(Match {
                key: verified.key_id().clone(),
                skew: None,
            }),
            Err(error) => error.as_stale().map(|stale| Match {
                key: stale.keys.first().clone(),
                skew: Some(stale.skew),
            }),
        }
    }

    /// A finding, and a second one for the time if that is wrong too.
    pub(super) fn with_time(&self, first: Finding, matched: &Match) -> Found {
        let mut findings = vec![first];
        findings.extend(matched.skew.map(|skew| self.of_time(skew)));
        let found = Found {
            findings,
            key: None,
        };
        found.by(&matched.key)
    }

    /// The finding for a signed time with this difference.
    pub(super) fn of_time(&self, skew: Skew) -> Finding {
        let now = self.now.as_secs();
        let signed = match skew {
            Skew::Old(by) => now.saturating_sub(by),
            Skew::Ahead(by) => now.saturating_add(by),
        };
        let is_near = |time: u64| time.abs_diff(now) <= 86_400;
        if is_near(signed / 1000) {
            let what = "the signed time is in milliseconds, and is read as seconds";
            return Finding::new(Cause::TimeUnit, what);
        }
        if is_near(signed.saturating_mul(1000)) {
            let what = "the signed time is in seconds, and is read as milliseconds";
            return Finding::new(Cause::TimeUnit, what);
        }
        Finding::new(
            Cause::Skew,
            match skew {
                Skew::Old(by) => format!("the signature is right, and was made {by} s ago"),
                Skew::Ahead(by) => {
                    format!("the signature is right, and was made {by} s ahead of our clock")
                }
            },
        )
    }

    pub(super) fn scheme(&self) -> &'a Scheme {
        self.asked.verifier.scheme()
    }

    /// The keys of the ring, including expired ones.
    pub(super) fn all_keys(&self) -> KeyRing {
        let keys = self.asked.verifier.keys().snapshot();
        let keys = keys.iter();
        KeyRing::for_trial(keys.map(SigningKey::unending))
    }

    /// The keys in the forms that they may have had before someone copied them.
    pub(super) fn candidates(&self) -> Candidates {
        let mut all = Vec::new();
        let mut ring = Vec::new();
        let mut add = |of: &KeyId, cause, what, bytes: &[u8]| {
            if let Some(secret) = SigningSecret::for_trial(bytes) {
                ring.push(SigningKey::new(all.len().to_string(), secret));
                all.push((of.clone(), cause, what));
            }
        };
        #[cfg(feature = "senders")]
        for key in self.asked.verifier.keys().snapshot().iter() {
            let Some(secret) = key.secret() else {
                continue;
            };
            for changed in keys::changes(secret.bytes()) {
                add(key.id(), changed.cause, changed.what, &changed.bytes);
            }
        }
        for (place, text) in self.asked.secrets.iter().enumerate() {
            let name = KeyId::from(format!("given {}", place.saturating_add(1)));
            let what = "the sender's key is the secret's text itself, which ours is not";
            add(&name, Cause::SecretDecoding, what, text);
            for changed in keys::changes(text) {
                add(&name, changed.cause, changed.what, &changed.bytes);
            }
        }
        Candidates {
            ring: KeyRing::for_trial(ring),
            all,
        }
    }
}
