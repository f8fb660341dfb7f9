//! Histories of several claimants: the memory store does what the rules do on a plain map, record
//! by record; and whatever happens, of each key one claim at most is live, fences grow, attempts are
//! counted, what is done stays done as long as it is kept, and who does not hold changes nothing.
//! The promises are checked on the answers alone, without the rules.
//!
//! The input is text. The first line says how many records there is room for. Each line after it is
//! a command: its letter, the key, who, the content, the lease and the retention; or `+` and `-` and
//! a span by which the clock is moved. Any byte means something, a missing one too.
#![no_main]

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tower_webhook::store::fuzzing::{Kept, Rules, Stage, kept};
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, ContentType, Counts, Grant, Held, Release, Renew, Store,
    StoreError, StoreErrorKind, StoredResponse, Token,
};
use tower_webhook::{Clock, EventKey, Fingerprint, ManualClock, MemoryStore, Name, UnixTime};

const KEYS: usize = 4;
/// Short ones end between two steps.
const SPANS: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_micros(1),
    Duration::from_millis(1),
    Duration::from_secs(1),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(3_600),
    Duration::from_secs(72 * 3_600),
    Duration::from_secs(30 * 24 * 3_600),
    Duration::MAX,
];
const COMMANDS: &[u8] = b"cudxrnbf+-";

static PROVIDER: LazyLock<Name> = LazyLock::new(|| Name::new("acme").unwrap());
static NAMES: LazyLock<Vec<EventKey>> = LazyLock::new(|| {
    (0..KEYS)
        .map(|number| EventKey::new(PROVIDER.clone(), [number.to_string()]).unwrap())
        .collect()
});

/// A digit or letter by its place in the alphabet, any other byte by its value.
fn pick(byte: Option<&u8>, sides: usize) -> usize {
    let byte = byte.copied().unwrap_or(b'0');
    let number = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'z' => byte - b'a',
        _ => byte,
    };
    usize::from(number) % sides
}

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

/// What the answers of one key amount to.
#[derive(Default)]
struct Witness {
    /// From when on it counts as absent, where there is one.
    kept_until: Option<UnixTime>,
    /// Who holds, until when, and what was granted.
    holder: Option<(Token, UnixTime, Grant)>,
    /// How long the lease was when it was set last.
    lease: Duration,
    /// By whom it was finished, how, and of what content.
    done: Option<(Token, StoredResponse, Fingerprint)>,
    released_by: Option<Token>,
    attempt: u32,
    /// The one granted last while the record was kept, and the largest of all.
    last_fence: u64,
    fence: u64,
    /// What other content is measured against.
    content: Option<Fingerprint>,
}

impl Witness {
    fn is_kept(&self, now: UnixTime) -> bool {
        self.kept_until.is_some_and(|until| until > now)
    }

    /// Nothing is known of the record any more, but what was granted was granted.
    fn lose(&mut self) {
        *self = Self {
            fence: self.fence,
            ..Self::default()
        };
    }

    fn keep(&mut self, now: UnixTime, retention: Duration) {
        self.kept_until = Some(now.saturating_add(retention));
    }

    fn claim(&mut self, claim: &Claim, outcome: &ClaimOutcome, now: UnixTime) {
        if !self.is_kept(now) {
            self.lose();
        }
        let differs = self
            .content
            .is_some_and(|content| content != claim.fingerprint);
        if let Some((_, response, content)) = &self.done {
            if *content == claim.fingerprint {
                assert_eq!(
                    *outcome,
                    ClaimOutcome::Done(response.clone()),
                    "done stays done"
                );
            } else {
                assert_eq!(
                    *outcome,
                    ClaimOutcome::OtherDone(response.clone()),
                    "done stays done"
                );
            }
            return;
        }
        let lease_ends = now.saturating_add(claim.lease);
        match self.holder {
            Some((token, _, grant)) if token == claim.token => {
                assert_eq!(
                    *outcome,
                    ClaimOutcome::Claimed(grant),
                    "sent twice, granted once"
                );
                self.holder = Some((token, lease_ends, grant));
                self.lease = claim.lease;
            }
            Some((token, live_until, grant)) if live_until > now => {
                // After a step back of the clock it is as long again.
                let live_until = live_until.min(now.saturating_add(self.lease));
                self.holder = Some((token, live_until, grant));
                let refused = if differs {
                    ClaimOutcome::OtherInProgress
                } else {
                    ClaimOutcome::InProgress
                };
                assert_eq!(*outcome, refused, "one holder");
                return;
            }
            _ => {
                let ClaimOutcome::Claimed(grant) = *outcome else {
                    panic!("nobody is at work, and a claim gets {outcome:?}");
                };
                assert_eq!(grant.attempt, self.attempt + 1, "attempts are counted");
                assert_eq!(grant.corrected, differs);
                // There is a largest one.
                assert!(
                    grant.fence > self.last_fence || grant.fence == u64::MAX,
                    "fences grow"
                );
                // Where the record was lost, the clock makes them grow.
                assert!(grant.fence > self.fence.min(now.as_micros().saturating_sub(1)));
                self.last_fence = grant.fence;
                self.attempt = grant.attempt;
                self.fence = self.fence.max(grant.fence);
                self.holder = Some((claim.token, lease_ends, grant));
                self.lease = claim.lease;
                self.released_by = None;
                self.content = Some(claim.fingerprint);
            }
        }
        self.keep(now, claim.retention.max(claim.lease));
    }

    fn holds(&self, token: Token) -> bool {
        self.holder.is_some_and(|(holder, ..)| holder == token)
    }

    fn complete(&mut self, complete: &Complete, held: Held, now: UnixTime) {
        if self.is_kept(now) {
            let again = self
                .done
                .as_ref()
                .is_some_and(|(by, ..)| *by == complete.token);
            assert_eq!(held == Held::Held, again || self.holds(complete.token));
            if held == Held::Fenced || again {
                return;
            }
        } else {
            assert_eq!(held, Held::Held, "a lost record is written anew");
            self.lose();
            self.attempt = complete.attempt;
        }
        self.holder = None;
        self.content = Some(complete.fingerprint);
        self.done = Some((
            complete.token,
            complete.response.clone(),
            complete.fingerprint,
        ));
        self.keep(now, complete.retention);
    }

    fn release(&mut self, release: &Release, held: Held, now: UnixTime) {
        if !self.is_kept(now) {
            assert_eq!(held, Held::Held, "there is nothing to give back");
            return;
        }
        let again = self.released_by == Some(release.token);
        assert_eq!(held == Held::Held, again || self.holds(release.token));
        if held == Held::Held && !again {
            self.holder = None;
            self.released_by = Some(release.token);
            self.keep(now, release.retention);
        }
    }

    fn renew(&mut self, renew: &Renew, held: Held, now: UnixTime) {
        let holds = self.is_kept(now) && self.holds(renew.token);
        assert_eq!(held == Held::Held, holds);
        if let (true, Some((token, _, grant))) = (holds, self.holder) {
            self.holder = Some((token, now.saturating_add(renew.lease), grant));
            self.lease = renew.lease;
            self.keep(now, renew.retention.max(renew.lease));
        }
    }
}

struct History {
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
    fn new(room: usize) -> Self {
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

    fn step(&mut self, line: &[u8]) {
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
            b'r' => {
                let release = Release::new(key.clone(), token, retention);
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

    fn compare(&self) {
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
    fn look(&self) {
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

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|b| *b == b'\n');
    let room = 1 + pick(lines.next().and_then(<[u8]>::first), KEYS);
    let mut history = History::new(room);
    for line in lines.take(300) {
        history.step(line);
        history.compare();
    }
    history.look();
});
