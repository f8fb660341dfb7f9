//! Commands on entries that were accepted.

use super::*;

impl Pair {
    /// The token of the entry's holder, more often than not.
    fn likely(&mut self, key: &EventKey) -> Token {
        let token = self.token();
        let state = self.entries.get(key).map(|kept| &kept.entry.state);
        match state {
            Some(crate::inbox::EntryState::Running { token, .. }) if self.dice.roll(3) > 0 => {
                *token
            }
            _ => token,
        }
    }

    pub(super) async fn run(&mut self) {
        let (key, _) = self.event();
        match self.dice.roll(100) {
            0..30 => {
                let (taken, lease) = (self.likely(&key), self.span());
                let begin = Begin::new(key.clone(), taken, self.token(), lease);
                for _ in 0..=self.dice.roll(2) {
                    let call = scripts::begin(&begin, &self.inbox.place(&key));
                    let answer = self.ask_either(call, answers::begin_answer).await;
                    self.agrees("begin", &begin, &answer);
                }
            }
            30..45 => {
                let mut extensions = Vec::new();
                for _ in 0..=self.dice.roll(4) {
                    let (key, _) = self.event();
                    let token = self.likely(&key);
                    extensions.push(Extend::new(key, token, self.span()));
                }
                let placed = extensions.iter().map(|it| (it, self.inbox.place(&it.key)));
                let placed: Vec<_> = placed.collect();
                let read = |value| answers::extend_answer(value, placed.len());
                let Answer { outcome, now } = self.ask(scripts::extend(&placed), read).await;
                for (extend, outcome) in extensions.iter().zip(outcome) {
                    self.agrees("extend", extend, &Answer { outcome, now });
                }
            }
            45..80 => {
                let (token, after) = (self.likely(&key), self.span());
                let reason = self
                    .dice
                    .one_of(&["", "closed\0é'", &"é".repeat(400)])
                    .to_owned();
                let verdict = self.dice.one_of(&[
                    Verdict::Done,
                    Verdict::Mismatched,
                    Verdict::Retry {
                        after,
                        reason: reason.clone(),
                    },
                    Verdict::Retry {
                        after,
                        reason: reason.clone(),
                    },
                    Verdict::GiveBack { after },
                    Verdict::Bury { reason },
                ]);
                // The retention of a done entry ends soon: an event has many lives here.
                let retention = self.span().min(Duration::from_millis(4));
                let finish = Finish::new(key.clone(), token, verdict, retention);
                for _ in 0..=self.dice.roll(2) {
                    let call = scripts::finish(&finish, &self.inbox.place(&key));
                    let answer = self.ask_either(call, answers::finish_answer).await;
                    let Answer {
                        outcome: (outcome, freed),
                        now,
                    } = answer;
                    assert_eq!(freed, None);
                    self.agrees("finish", &finish, &Answer { outcome, now });
                }
            }
            80..88 => {
                let redrive = Redrive::new(key.clone()).after(self.span());
                let call = scripts::redrive(&redrive, &self.inbox.place(&key), None);
                let answer = self.ask(call, answers::move_answer).await;
                self.moved("redrive", &redrive, &answer);
            }
            88..93 => {
                let retention = self.span().min(Duration::from_millis(4));
                let discard = Discard::new(key.clone(), retention);
                let place = self.inbox.place(&key);
                let mark = self.inbox.mark(place.partition).unwrap();
                let call = || scripts::discard(&discard, &place, &mark);
                let answer = self.ask(call(), answers::move_answer).await;
                self.moved("discard", &discard, &answer);
                if answer.outcome.0 == Moved::Done {
                    // When repeated, it gives the same answer.
                    let again = self.ask(call(), answers::move_answer).await;
                    assert_eq!(again.outcome, answer.outcome);
                }
            }
            93..96 => self.forget(&key).await,
            _ => {
                let paused = self.dice.roll(2) == 0;
                let shop = Name::new("shop").unwrap();
                let changed = self.inbox.set_paused(&shop, paused).await.unwrap();
                assert_eq!(changed, paused != self.paused);
                self.paused = paused;
            }
        }
    }

    async fn forget(&mut self, key: &EventKey) {
        self.inbox.forget(key).await.unwrap();
        self.entries.remove(key);
    }

    /// A receiver with a store in the same namespace runs an event inline. Sometimes there is no
    /// entry when its record is written, and the event arrives again before the record ends.
    pub(super) async fn inline(&mut self) {
        let (key, route) = self.event();
        let comes_again = self.dice.roll(2) == 0;
        if comes_again {
            self.forget(&key).await;
        }
        let (token, content) = (
            self.token(),
            Fingerprint::from_bytes([self.dice.one_of(&[7, 8, 9]); 16]),
        );
        let retention = Duration::from_micros(self.dice.one_of(&[4_000, 20_000]));
        let lease = retention;
        let kind = self.dice.roll(3);
        let record = self.records.get(&key);
        let write = match kind {
            0 => {
                let claim = Claim::new(key.clone(), token, content, lease, retention);
                let now = self.store.claim_at(&claim).await.unwrap().now;
                claim.apply(record, now).write
            }
            1 => {
                let grant = Grant {
                    attempt: 1,
                    fence: 1,
                    corrected: false,
                };
                let response = StoredResponse::new(200);
                let complete =
                    Complete::new(key.clone(), token, grant, content, response, retention);
                let now = self.store.complete_at(&complete).await.unwrap().now;
                complete.apply(record, now).write
            }
            _ => {
                let release = Release::new(key.clone(), token, retention);
                let now = self.store.release_at(&release).await.unwrap().now;
                release.apply(record, now).write
            }
        };
        if let Some(record) = write {
            self.records.insert(key.clone(), record);
        }
        if comes_again {
            self.accept_of(key, route).await;
        }
    }

    /// Checks that every entry in Redis is the one of the rules, and has one member in the index.
    pub(super) async fn compare(&mut self, server: &Server) {
        let places: Vec<_> = (self.events.iter())
            .map(|(key, _)| self.inbox.place(key))
            .collect();
        let read = |value| answers::look_answer(value, places.len());
        let Answer { outcome, now } = self.ask(scripts::look(&places, true), read).await;
        for ((key, _), (value, history)) in self.events.iter().zip(outcome) {
            let kept = self.entries.get(key).filter(|kept| kept.entry.is_kept(now));
            let stored = value.map(|value| codec::decode(value, history).unwrap());
            let stored = stored.filter(|stored| stored.entry.is_kept(now));
            if let Some(stored) = &stored {
                let is_hashed = self.inbox.place(key).hashed.is_some();
                assert_eq!(stored.key.as_ref(), is_hashed.then_some(key));
            }
            let stored = stored.map(|stored| Kept {
                entry: stored.entry,
                route: stored.route,
                content: stored.content,
            });
            assert_eq!(stored.as_ref(), kept, "{key:?}");
        }
        let Answer { outcome, now } = self
            .ask(
                scripts::count(self.inbox.partitions()),
                answers::count_answer,
            )
            .await;
        let mut expected = [0; 8];
        for kept in self.entries.values().filter(|kept| kept.entry.is_kept(now)) {
            let place = match kept.entry.status(now) {
                EntryStatus::Queued => 0,
                EntryStatus::Waiting => 1,
                EntryStatus::Running | EntryStatus::Lapsed => 2,
                EntryStatus::Dead => 3,
                EntryStatus::Done => 4,
                EntryStatus::Discarded => 5,
                EntryStatus::Stale => 6,
                EntryStatus::Mismatched => 7,
            };
            expected[place] += 1;
        }
        assert_eq!(outcome, expected);
        // Entries that are over may stay there for a while.
        let members = server.ask(&["ZLEXCOUNT", &self.inbox.partitions()[0].index, "[a", "(e"]);
        let open = self
            .entries
            .values()
            .filter(|kept| kept.entry.needs_content());
        assert_eq!(members, open.count().to_string());
    }
}
