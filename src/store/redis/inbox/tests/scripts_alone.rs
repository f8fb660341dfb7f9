//! Random histories of script calls, whose spans end within them, compared with the rules.

mod running;

use std::collections::{BTreeMap, HashMap};

use super::support::dice::Dice;
use super::*;
use crate::amount::short_or_long;
use crate::inbox::{Entry, EntryCommand, EntryState, TakeOutcome};
use crate::store::command::{Claim, Complete, Grant, Release, StoredResponse};
use crate::store::record::{Command, Record};
use crate::store::redis::inbox::answers::{Peeked, TakenOrNot, ToldOfAccept, ToldOfMove};
use crate::store::redis::inbox::candidate::Candidate;
use crate::store::redis::scripts::each_answer;

/// The state according to the rules.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    entry: Entry,
    route: Route,
    content: Option<Content>,
}

/// The state in Redis, next to that of the rules.
struct Pair {
    inbox: RedisInbox,
    store: RedisStore,
    entries: HashMap<EventKey, Kept>,
    records: HashMap<EventKey, Record>,
    paused: bool,
    events: Vec<(EventKey, Route)>,
    /// Entries that were due at some time, and may have changed since.
    seen_due: Vec<Candidate>,
    dice: Dice,
    /// How often each kind of outcome was seen.
    seen: BTreeMap<String, u32>,
}

const TOKENS: [u8; 3] = [1, 2, 3];

/// Three of one provider by two routes, the others of another; one is hashed, one has a long route.
fn events() -> Vec<(EventKey, Route)> {
    let long = "é\n".repeat(200);
    [
        ("acme", "a", "acme"),
        ("acme", "b", "acme"),
        ("acme", "{c}", "acme/mail"),
        ("shop", long.as_str(), "shop#cards"),
        (
            "shop",
            "e",
            "shop@a-tenant-of-a-long-name/a-consumer#and_a_hook",
        ),
    ]
    .map(|(provider, part, route)| {
        let key = EventKey::new(Name::new(provider).unwrap(), [part]).unwrap();
        (key, Route::parse(route).unwrap())
    })
    .into()
}

impl Pair {
    async fn new(server: &Server) -> Self {
        let inbox = inbox(server, 1).await;
        Self {
            store: inbox.store.clone(),
            inbox,
            entries: HashMap::new(),
            records: HashMap::new(),
            paused: false,
            events: events(),
            seen_due: Vec::new(),
            dice: Dice::seeded(),
            seen: BTreeMap::new(),
        }
    }

    fn event(&mut self) -> (EventKey, Route) {
        self.dice.one_of(&self.events)
    }

    fn token(&mut self) -> Token {
        Token::from_bytes([self.dice.one_of(&TOKENS); 16])
    }

    /// Short ones end between two steps, and occasionally within one.
    fn span(&mut self) -> Duration {
        let micros = self.dice.one_of(&[0, 1, 300, 1_500, 4_000, 60_000_000]);
        Duration::from_micros(micros)
    }

    fn saw(&mut self, what: &str, outcome: &impl fmt::Debug, wrote: bool) {
        let outcome = format!("{outcome:?}");
        let outcome = outcome.split([' ', '(']).next().unwrap();
        let kind = format!("{what} {outcome}{}", if wrote { ", written" } else { "" });
        *self.seen.entry(kind).or_default() += 1;
    }

    /// Applies the rules to what Redis did, at the time that Redis used, and compares the outcomes.
    #[track_caller]
    fn agrees<C>(&mut self, what: &str, command: &C, answer: &Answer<C::Outcome>)
    where
        C: EntryCommand + fmt::Debug,
        C::Outcome: PartialEq + fmt::Debug,
    {
        let key = command.key().clone();
        let kept = self.entries.get(&key);
        let step = command.apply(kept.map(|kept| &kept.entry), answer.now);
        assert_eq!(
            answer.outcome, step.outcome,
            "{what} {command:?} on {kept:?}"
        );
        self.saw(what, &step.outcome, step.write.is_some());
        let kept = self.entries.get_mut(&key);
        if let (Some(entry), Some(kept)) = (step.write, kept) {
            if !entry.needs_content() {
                kept.content = None;
            }
            kept.entry = entry;
        }
    }

    #[track_caller]
    fn moved<C>(&mut self, what: &str, command: &C, answer: &Answer<ToldOfMove>)
    where
        C: EntryCommand<Outcome = Moved> + fmt::Debug,
    {
        let ((outcome, freed), now) = (answer.outcome, answer.now);
        assert_eq!(freed, None);
        self.agrees(what, command, &Answer { outcome, now });
    }

    async fn ask<T>(
        &self,
        call: Call,
        read: impl FnOnce(Value) -> Result<Answer<T>, Fault>,
    ) -> Answer<T> {
        read(self.store.link.call(&call).await.unwrap()).unwrap()
    }

    /// Calls it alone, or in the script in which it goes with others.
    async fn ask_either<T>(
        &mut self,
        call: Call,
        read: impl FnOnce(Value) -> Result<Answer<T>, Fault>,
    ) -> Answer<T> {
        if self.dice.roll(2) == 0 {
            return self.ask(call, read).await;
        }
        let each = Call::each(&scripts::EACH, std::iter::once(&call));
        let first = |value| each_answer(value, 1)?.remove(0).and_then(read);
        self.ask(each, first).await
    }

    async fn accept(&mut self) {
        let (key, route) = self.event();
        self.accept_of(key, route).await;
    }

    async fn accept_of(&mut self, key: EventKey, route: Route) {
        let what: u8 = self.dice.one_of(&[7, 8, 9]);
        let body = vec![what; self.dice.one_of(&[0, 1, 300])];
        let envelope = self.dice.one_of(&["", "{}", r#"{"r":1}"#]);
        let accept = Accept {
            // An event may arrive by another route once it is new again.
            route: self
                .dice
                .one_of(&[route.clone(), route, Route::parse("acme").unwrap()]),
            fingerprint: Fingerprint::from_bytes([what; 16]),
            has_own_id: self.dice.roll(2) == 0,
            order: None,
            content: Content::new(Bytes::from(envelope), Bytes::from(body)),
            revive_every: self.dice.one_of(&[Duration::ZERO, DAY]),
            was_held: false,
            key,
        };
        let call = scripts::accept(&accept, &self.inbox.place(&accept.key), 1_000);
        let Answer { outcome, now } = self.ask_either(call, answers::accept_answer).await;
        let ToldOfAccept::Became(outcome, None) = outcome else {
            panic!("it is in no order");
        };
        let outcome = outcome.unwrap();
        let known = self.entries.get(&accept.key);
        let is_open = known.is_some_and(|kept| kept.entry.needs_content());
        let is_kept = known.is_some_and(|kept| kept.entry.is_kept(now));
        let record = self.records.get(&accept.key);
        if let Some(against) = accept.against_record(record, now).filter(|_| !is_kept) {
            assert_eq!(outcome, against, "{accept:?} against {record:?}");
            return self.saw("accept against a record", &outcome, false);
        }
        let step = accept.apply(known.map(|kept| &kept.entry), now);
        assert_eq!(outcome, step.outcome, "{accept:?} on {known:?}");
        self.saw("accept", &outcome, step.write.is_some());
        if let Some(entry) = step.write {
            let before = self.entries.remove(&accept.key).filter(|_| is_open);
            let kept = Kept {
                entry,
                route: before.map_or(accept.route, |before| before.route),
                content: Some(accept.content),
            };
            self.entries.insert(accept.key, kept);
        }
    }

    /// Checks that the entries found are due by the rules, with their sizes and times.
    async fn peek(&mut self, lone: bool) {
        let routes: Vec<_> = ["acme", "acme/mail", "shop#cards"]
            .map(|route| Route::parse(route).unwrap())
            .into();
        let call = scripts::peek(self.inbox.partitions(), &routes, lone, 100, 100);
        let Answer { outcome, now } = self.ask(call, answers::peek_answer).await;
        let Peeked {
            partitions, due, ..
        } = outcome;
        assert_eq!(partitions, 1);
        let mut found = BTreeMap::new();
        for (partition, number, member) in due {
            let place = &self.inbox.partitions()[partition];
            let candidate = self.inbox.candidate(place, &routes[number], member);
            let candidate = candidate.unwrap();
            let told = (candidate.route.clone(), candidate.at, candidate.size);
            found.insert(candidate.place.name.clone(), told);
            self.seen_due.push(candidate);
        }
        let expected = self.entries.iter().filter(|(_, kept)| {
            let is_paused = self.paused && kept.route.provider().as_str() == "shop";
            let due = kept.entry.due().is_some_and(|due| due <= now);
            due && kept.entry.is_lone() == lone && routes.contains(&kept.route) && !is_paused
        });
        let expected: BTreeMap<_, _> = expected
            .map(|(key, kept)| {
                let size = kept.content.as_ref().unwrap().size();
                let at = kept.entry.due().unwrap().as_micros();
                (self.inbox.place(key).name, (kept.route.clone(), at, size))
            })
            .collect();
        assert_eq!(found, expected, "what is due at {now:?}");
    }

    /// Takes some entries that were due, recently or long ago.
    async fn take(&mut self) {
        let lone = self.dice.roll(3) == 0;
        self.peek(lone).await;
        let (token, lease) = (self.token(), self.span());
        let mut take = Take::new(Vec::new(), token, 10, lease);
        (take.lone, take.max_attempts) = (lone, self.dice.one_of(&[1, 3, u32::MAX]));
        take.begin = self.dice.roll(2) == 0;
        let mut chosen: BTreeMap<_, Candidate> = BTreeMap::new();
        while self.seen_due.len() > 12 {
            self.seen_due.remove(0);
        }
        for candidate in &self.seen_due {
            if self.dice.roll(2) == 0 {
                chosen.insert(candidate.place.name.clone(), candidate.clone());
            }
        }
        let chosen: Vec<_> = chosen.into_values().collect();
        if chosen.is_empty() {
            return;
        }
        for _ in 0..=self.dice.roll(2) {
            let call = scripts::take(&take, &chosen, chosen.len());
            let read = |value| answers::take_answer(value, chosen.len());
            let Answer { outcome, now } = self.ask(call, read).await;
            for (candidate, outcome) in chosen.iter().zip(outcome) {
                self.took(&take, candidate, outcome, now);
            }
        }
    }

    fn took(&mut self, take: &Take, candidate: &Candidate, outcome: TakenOrNot, now: UnixTime) {
        let mut known = self.entries.iter_mut();
        let known = known.find(|(key, _)| self.inbox.place(key).name == candidate.place.name);
        let Some((_, kept)) = known else {
            assert!(matches!(outcome, TakenOrNot::Missed));
            return;
        };
        let is_paused = self.paused && candidate.route.provider().as_str() == "shop";
        let is_ours = matches!(kept.entry.state, EntryState::Running {
            token, begun, lease_ends, ..
        } if token == take.token && lease_ends > now
            && (!begun || take.begins_any_of(&candidate.route)));
        // An entry that has changed and is due again differs by its time.
        let as_seen = kept.route == candidate.route
            && kept.entry.due().map(UnixTime::as_micros) == Some(candidate.at)
            && kept
                .content
                .as_ref()
                .is_some_and(|it| it.size() == candidate.size);
        let what = match outcome {
            TakenOrNot::Taken(value, history) => {
                if !is_ours {
                    assert!(as_seen && !is_paused, "{candidate:?} of {kept:?}");
                    let step = take.apply(&0, (&kept.route, &kept.entry), None, now);
                    assert_eq!(step.outcome, TakeOutcome::Taken, "{take:?} of {kept:?}");
                    kept.entry = step.write.unwrap();
                }
                let stored = codec::decode(value, history).unwrap();
                assert_eq!(stored.entry, kept.entry);
                assert_eq!(stored.content, kept.content);
                let begun = matches!(kept.entry.state, EntryState::Running { begun: true, .. });
                if begun { "Begun" } else { "Taken" }
            }
            TakenOrNot::Changed | TakenOrNot::Buried => {
                assert!(as_seen && !is_paused && !is_ours);
                let step = take.apply(&0, (&kept.route, &kept.entry), None, now);
                assert_ne!(step.outcome, TakeOutcome::Taken, "{take:?} of {kept:?}");
                kept.entry = step.write.unwrap();
                match step.outcome {
                    TakeOutcome::Buried => "Buried",
                    _ => "Set aside",
                }
            }
            TakenOrNot::Missed => {
                let step = take.apply(&0, (&kept.route, &kept.entry), None, now);
                assert!(
                    !as_seen || is_paused || step.write.is_none(),
                    "{candidate:?} of {kept:?}"
                );
                assert!(!is_ours);
                "Missed"
            }
            TakenOrNot::Unreadable | TakenOrNot::Stale | TakenOrNot::Spared => {
                panic!("nobody has made it so")
            }
        };
        *self.seen.entry(format!("take {what}")).or_default() += 1;
    }

    /// A kind that was not yet seen this many times.
    fn lacks(&self, times: u32) -> Option<&'static str> {
        let seen = |kind| self.seen.get(kind).copied().unwrap_or_default();
        KINDS.into_iter().find(|kind| seen(*kind) < times)
    }

    async fn step(&mut self) {
        match self.dice.roll(100) {
            0..30 => self.accept().await,
            30..55 => self.take().await,
            55..92 => self.run().await,
            92..97 => self.inline().await,
            _ => tokio::time::sleep(self.span().min(Duration::from_millis(4))).await,
        }
    }
}

/// The kinds that a history must contain to be significant.
const KINDS: [&str; 27] = [
    "accept Queued, written",
    "accept Corrected, written",
    "accept Revived, written",
    "accept Duplicate",
    "accept Conflict",
    "accept Dead",
    "accept against a record Duplicate",
    "accept against a record Conflict",
    "accept against a record HeldInline",
    "take Taken",
    "take Begun",
    "take Buried",
    "take Set aside",
    "take Missed",
    "begin Granted, written",
    "begin Fenced",
    "extend Held, written",
    "extend Fenced",
    "finish Held, written",
    "finish Held",
    "finish Fenced",
    "redrive Done, written",
    "redrive NotFrom",
    "redrive Absent",
    "discard Done, written",
    "discard NotFrom",
    "discard Absent",
];

#[tokio::test]
async fn the_scripts_do_what_the_rules_say_at_the_time_that_they_go_by() {
    let (steps, times) = short_or_long((4_000, 1), (10_000, 3));
    for program in programs() {
        let server = Server::of(program, &[]);
        let mut pair = Pair::new(&server).await;
        let mut number = 0;
        // On a slow machine, more leases end by the next step, and some kinds need more steps.
        while number < steps || (pair.lacks(times).is_some() && number < 10 * steps) {
            pair.step().await;
            if number % 4 == 0 {
                pair.compare(&server).await;
            }
            if number % 1_000 == 0 {
                server.ask(&["SCRIPT", "FLUSH"]);
            }
            number += 1;
        }
        pair.compare(&server).await;
        assert_eq!(pair.lacks(times), None, "{:?}", pair.seen);
    }
}
