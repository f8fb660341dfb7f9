//! One history, on the store, on the rules over a plain map, and before a witness for each key.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tower_webhook::store::fuzzing::{Kept, Rules, Stage, kept};
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, ContentType, Counts, Grant, Held, Release, Renew, Store,
    StoreError, StoreErrorKind, StoredResponse, Token,
};
use tower_webhook::{Clock, EventKey, Fingerprint, ManualClock, MemoryStore, UnixTime};

use crate::input::{COMMANDS, KEYS, NAMES, PROVIDER, SPANS, pick};
use crate::witness::Witness;

/// No call of a memory store waits for anything but its turn.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

pub(crate) struct History {
    clock: ManualClock,
    store: MemoryStore,
    room: usize,
    rules: Rules,
    witnesses: [Witness; KEYS],
    /// What each was granted last, to complete with.
    grants: [[Option<Grant>; KEYS]; KEYS],
    /// When the store was asked for something that may take room.
    asked: Vec<UnixTime>,
}

impl History {
    pub(crate) fn new(room: usize) -> Self {
        let clock = ManualClock::new(UnixTime::from_secs(1_700_000_000));
        Self {
            store: MemoryStore::with_capacity_and_clock(room, clock.clone()).unwrap(),
            clock,
            room,
            rules: Rules::default(),
            witnesses: Default::default(),
            grants: Default::default(),
            asked: Vec::new(),
        }
    }

    /// The answer, unless there was no room: then there was none, and nothing has changed.
    fn unless_full<T>(
        &mut self,
        key: &EventKey,
        before: Option<&Kept>,
        answer: Result<T, StoreError>,
    ) -> Option<T> {
        let time = self.clock.now();
        let lately = |asked: &UnixTime| {
            *asked <= time && time.saturating_since(*asked) <= Duration::from_secs(1)
        };
        let swept = self.asked.iter().any(lately);
        self.asked.push(time);
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Full);
                assert_eq!(before, None, "a record that is there needs no room");
                let taken = NAMES
                    .iter()
                    .filter(|key| self.rules.kept(key, time).is_some());
                // A store that was looked through just now is not looked through again.
                assert!(swept || taken.count() >= self.room, "there is room");
                assert_eq!(kept(&self.store, key), None);
                None
            }
        }
    }

    pub(crate) fn step(&mut self, line: &[u8]) {
        let command = match line.first() {
            Some(byte) if COMMANDS.contains(byte) => *byte,
            byte => COMMANDS[pick(byte, COMMANDS.len())],
        };
        if matches!(command, b'+' | b'-') {
            self.shift(command, SPANS[pick(line.get(1), SPANS.len())]);
            return;
        }
        let number = pick(line.get(1), KEYS);
        let key = &NAMES[number];
        let who = pick(line.get(2), KEYS);
        let token = Token::from_bytes([1 + who as u8; 16]);
        let content = pick(line.get(3), 3);
        let fingerprint = Fingerprint::from_bytes([7 + content as u8; 16]);
        let lease = SPANS[pick(line.get(4), SPANS.len())];
        let retention = SPANS[pick(line.get(5), SPANS.len())];
        let time = self.clock.now();
        let before = kept(&self.store, key);
        let fenced = match command {
            b'c' | b'u' => {
                let claim = Claim::new(key.clone(), token, fingerprint, lease, retention);
                let answer = now(self.store.claim(&claim));
                let Some(outcome) = self.unless_full(key, before.as_ref(), answer) else {
                    return;
                };
                assert_eq!(outcome, self.rules.claim(&claim, time), "{claim:?}");
                self.witnesses[number].claim(&claim, &outcome, time);
                if let ClaimOutcome::Claimed(grant) = outcome {
                    self.grants[number][who] = Some(grant);
                }
                !matches!(outcome, ClaimOutcome::Claimed(_))
            }
            b'd' | b'x' => {
                let granted = self.grants[number][who].filter(|_| command == b'd');
                let granted = granted.unwrap_or(Grant {
                    attempt: u32::MAX,
                    fence: u64::MAX,
                    corrected: false,
                });
                let mut response = StoredResponse::new(200 + content as u16)
                    .content_type(ContentType::new(&"x".repeat(content)));
                response.body = (content > 0).then(|| vec![b'x'; content].into());
                let complete = Complete::new(
                    key.clone(),
                    token,
                    granted,
                    fingerprint,
                    response,
                    retention,
                );
                let answer = now(self.store.complete(&complete));
                let Some(held) = self.unless_full(key, before.as_ref(), answer) else {
                    return;
                };
                assert_eq!(held, self.rules.complete(&complete, time), "{complete:?}");
                self.witnesses[number].complete(&complete, held, time);
                held == Held::Fenced
            }
            b'r' | b'g' => {
                let mut release = Release::new(key.clone(), token, retention);
                release.begun = command == b'r';
                let held = now(self.store.release(&release)).unwrap();
                assert_eq!(held, self.rules.release(&release, time), "{release:?}");
                self.witnesses[number].release(&release, held, time);
                held == Held::Fenced
            }
            b'n' | b'b' => {
                let renew = Renew::new(key.clone(), token, lease, retention);
                let held = now(self.store.renew(std::slice::from_ref(&renew))).unwrap();
                assert_eq!(held, [self.rules.renew(&renew, time)], "{renew:?}");
                self.witnesses[number].renew(&renew, held[0], time);
                held == [Held::Fenced]
            }
            _ => {
                self.forget(number);
                false
            }
        };
        let after = kept(&self.store, key);
        let mut before = before;
        if let Some(Stage::Claimed {
            lease_ends,
            lease: Some(lease),
            ..
        }) = before.as_mut().map(|kept| &mut kept.stage)
            && matches!(command, b'c' | b'u')
        {
            // A claim that meets what only a step back of the clock explains mends that.
            *lease_ends = (*lease_ends).min(time.saturating_add(*lease));
        }
        let strange = before.as_ref().is_some_and(|before| before.token != token);
        let takes_over = matches!(command, b'c' | b'u') && !fenced;
        if fenced || (strange && !takes_over && command != b'f') {
            assert_eq!(before, after, "who does not hold changes nothing");
        }
    }

    fn forget(&mut self, number: usize) {
        let key = &NAMES[number];
        let there = now(self.store.forget(key)).unwrap();
        assert_eq!(there, self.rules.forget(key, self.clock.now()));
        let witness = &mut self.witnesses[number];
        assert_eq!(there, witness.is_kept(self.clock.now()));
        witness.lose();
    }

    fn shift(&mut self, sign: u8, by: Duration) {
        let time = self.clock.now();
        if sign == b'+' {
            self.clock.advance(by);
            return;
        }
        // Whether what was over before a clock was set back is remembered is anybody's guess.
        for number in 0..KEYS {
            if !self.witnesses[number].is_kept(time) {
                self.forget(number);
            }
        }
        self.clock.set(time.saturating_sub(by));
    }

    pub(crate) fn compare(&self) {
        let time = self.clock.now();
        for (key, witness) in NAMES.iter().zip(&self.witnesses) {
            let ours = kept(&self.store, key);
            assert_eq!(ours, self.rules.kept(key, time), "{key}");
            assert_eq!(ours.is_some(), witness.is_kept(time), "{key}");
            if let Some(ours) = ours {
                assert_eq!(Some(ours.kept_until), witness.kept_until, "{key}");
                assert_eq!(ours.attempt, witness.attempt, "{key}");
                assert_eq!(ours.fingerprint, witness.content, "{key}");
            }
        }
    }

    /// What an operator sees is what there is.
    pub(crate) fn look(&self) {
        let time = self.clock.now();
        let (mut counts, mut unfinished) = (Counts::default(), Vec::new());
        for key in &*NAMES {
            let view = self.rules.view(key, time);
            assert_eq!(now(self.store.lookup(key)).unwrap(), view);
            if let Some(view) = view {
                counts.add(&view.state);
                if view.state.is_unfinished() {
                    unfinished.push(view);
                }
            }
        }
        assert_eq!(now(self.store.counts()).unwrap(), counts);
        let mut listed = now(self.store.unfinished(&PROVIDER, KEYS)).unwrap();
        listed.sort_by_key(|view| view.key.to_string());
        assert_eq!(listed, unfinished);
    }
}
