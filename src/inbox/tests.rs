//! The rules of an entry, command by command.

mod accepting;
mod histories;
mod ordering;
mod running;

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::clock::UnixTime;
use crate::event::Fingerprint;
use crate::store::Token;

const LEASE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);
const PACE: Duration = Duration::from_secs(300);

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(1_777_899_600 + secs)
}

fn key() -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap()
}

fn token(name: u8) -> Token {
    Token::from_bytes([name; 16])
}

fn content(what: u8) -> Fingerprint {
    Fingerprint::from_bytes([what; 16])
}

fn accept(what: u8) -> Accept {
    Accept {
        key: key(),
        route: acme(),
        fingerprint: content(what),
        has_own_id: false,
        order: None,
        content: Content::new(Bytes::new(), Bytes::from(vec![what])),
        revive_every: PACE,
        was_held: false,
    }
}

fn acme() -> Route {
    Route::parse("acme").unwrap()
}

fn take(who: u8) -> Take {
    let mut take = Take::new(vec![Route::parse("acme").unwrap()], token(who), 10, LEASE);
    take.max_attempts = 3;
    take
}

/// The attempt's token differs from the token of the take.
fn begin(who: u8) -> Begin {
    Begin::new(key(), token(who), token(who + 100), LEASE)
}

fn finish(who: u8, verdict: Verdict) -> Finish {
    Finish::new(key(), token(who + 100), verdict, DAY)
}

fn retry(secs: u64) -> Verdict {
    Verdict::Retry {
        after: Duration::from_secs(secs),
        reason: "the ledger is closed".to_owned(),
    }
}

fn bury() -> Verdict {
    Verdict::Bury {
        reason: "no order of ours".to_owned(),
    }
}

/// An entry, and the commands on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scene(Option<Entry>);

impl Scene {
    fn accepted() -> Self {
        let mut scene = Self::default();
        assert_eq!(scene.run(&accept(1), 0), Accepted::Queued);
        scene
    }

    fn run<C: EntryCommand>(&mut self, command: &C, secs: u64) -> C::Outcome {
        let step = command.apply(self.0.as_ref(), at(secs));
        if step.write.is_some() {
            self.0 = step.write;
        }
        step.outcome
    }

    fn take(&mut self, take: &Take, secs: u64) -> TakeOutcome {
        let step = take.apply(&key(), (&acme(), self.0.as_ref().unwrap()), None, at(secs));
        if step.write.is_some() {
            self.0 = step.write;
        }
        step.outcome
    }

    /// Taken and begun, as a worker does.
    fn begun(&mut self, who: u8, secs: u64) -> crate::store::Grant {
        assert_eq!(self.take(&take(who), secs), TakeOutcome::Taken);
        match self.run(&begin(who), secs) {
            Begun::Granted(grant) => grant,
            Begun::Fenced => panic!("it was taken"),
        }
    }

    fn status(&self, secs: u64) -> EntryStatus {
        self.0.as_ref().unwrap().status(at(secs))
    }

    fn entry(&self) -> &Entry {
        self.0.as_ref().unwrap()
    }
}
