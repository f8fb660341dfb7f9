//! What every store must do, told as stories over `S: Store`.
//!
//! Nothing here knows how a store works or moves its clock. Where the end of a lease or of a
//! retention is the subject it is a short one, and the story asks until it is over.
//!
//! It is compiled into tests only, those of this crate and of `tests/redis_contract.rs`: a story that
//! does not hold panics, and all of them stand in one file so that another store takes them as one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::event::{EventKey, Fingerprint, ProviderName};

use super::{
    Claim, ClaimOutcome, Complete, Counts, Grant, Held, RecordState, RecordView, Release, Renew,
    Store, StoredResponse, Token,
};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(150);
/// No story takes as long as this unless it hangs.
const OVERALL: Duration = Duration::from_secs(60);

/// Tells every story, on keys that no other run uses.
pub(crate) async fn holds<S: Store>(store: Arc<S>) {
    let store = &store;
    told("one holder", one_holder(store)).await;
    told("answers come back", answers_come_back(store)).await;
    told("commands sent again", commands_sent_again(store)).await;
    told("released", released(store)).await;
    told("lapsed", lapsed(store)).await;
    told("late but alone", late_but_alone(store)).await;
    told("lost records", lost_records(store)).await;
    told("unconfirmed", unconfirmed(store)).await;
    told("renewals in one call", renewals_in_one_call(store)).await;
    told("retention ends", retention_ends(store)).await;
    told("keys apart", keys_apart(store)).await;
    told("forgotten", forgotten(store)).await;
    told("unfinished and counts", unfinished_and_counts(store)).await;
    told("nothing to wait for", nothing_to_wait_for(store)).await;
    told("waiters are woken", waiters_are_woken(store)).await;
    told("no wake-up is lost", no_wake_up_is_lost(store)).await;
    told("two hundred at once", two_hundred_at_once(store)).await;
}

async fn told(name: &str, story: impl Future<Output = ()>) {
    assert!(timeout(OVERALL, story).await.is_ok(), "{name}: it hangs");
}

/// One event, and what its receivers say about it.
struct Scene<S> {
    store: Arc<S>,
    key: EventKey,
}

fn provider() -> ProviderName {
    let [a, b, c, d, ..] = *Token::random().unwrap().as_bytes();
    ProviderName::new(format!("p{a:02x}{b:02x}{c:02x}{d:02x}")).unwrap()
}

fn token() -> Token {
    Token::random().unwrap()
}

fn content(text: &str) -> Fingerprint {
    Fingerprint::of(text.as_bytes())
}

fn answer(status: u16) -> StoredResponse {
    StoredResponse { status, body: None }
}

impl<S: Store> Scene<S> {
    fn new(store: &Arc<S>) -> Self {
        Self::of(store, EventKey::new(provider(), ["evt_1"]).unwrap())
    }

    fn of(store: &Arc<S>, key: EventKey) -> Self {
        let store = Arc::clone(store);
        Self { store, key }
    }

    fn command(&self, token: Token, what: &str) -> Claim {
        Claim {
            key: self.key.clone(),
            token,
            fingerprint: content(what),
            bind: true,
            lease: LONG,
            retention: LONG,
        }
    }

    async fn claim(&self, token: Token, what: &str) -> ClaimOutcome {
        self.store.claim(&self.command(token, what)).await.unwrap()
    }

    async fn claim_unbound(&self, token: Token, what: &str) -> ClaimOutcome {
        let claim = Claim {
            bind: false,
            ..self.command(token, what)
        };
        self.store.claim(&claim).await.unwrap()
    }

    async fn granted(&self, token: Token, what: &str) -> Grant {
        grant(self.claim(token, what).await)
    }

    async fn granted_briefly(&self, token: Token, what: &str) -> Grant {
        let claim = Claim {
            lease: SHORT,
            ..self.command(token, what)
        };
        grant(self.store.claim(&claim).await.unwrap())
    }

    async fn complete(&self, token: Token, what: &str, response: StoredResponse) -> Held {
        let complete = Complete {
            key: self.key.clone(),
            token,
            attempt: 1,
            fence: 1,
            fingerprint: content(what),
            response,
            retention: LONG,
        };
        self.store.complete(&complete).await.unwrap()
    }

    async fn release(&self, token: Token) -> Held {
        let release = Release {
            key: self.key.clone(),
            token,
            retention: LONG,
        };
        self.store.release(&release).await.unwrap()
    }

    fn renewal(&self, token: Token, bind: Option<&str>) -> Renew {
        Renew {
            key: self.key.clone(),
            token,
            bind: bind.map(content),
            lease: LONG,
            retention: LONG,
        }
    }

    async fn renew(&self, token: Token, bind: Option<&str>) -> Held {
        let renewals = [self.renewal(token, bind)];
        let outcomes = self.store.renew(&renewals).await.unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes[0]
    }

    async fn lookup(&self) -> Option<RecordView> {
        self.store.lookup(&self.key).await.unwrap()
    }

    async fn state(&self) -> RecordState {
        self.lookup().await.unwrap().state
    }

    async fn until_lapsed(&self) {
        while !matches!(self.state().await, RecordState::Lapsed { .. }) {
            sleep(SHORT / 10).await;
        }
    }
}

#[track_caller]
fn grant(outcome: ClaimOutcome) -> Grant {
    match outcome {
        ClaimOutcome::Claimed(grant) => grant,
        other => panic!("not granted but {other:?}"),
    }
}

async fn one_holder<S: Store>(store: &Arc<S>) {
    let scene = Scene::new(store);
    assert_eq!(scene.lookup().await, None);
    let (first, copy) = (token(), token());
    let grant = scene.granted(first, "a").await;
    assert_eq!((grant.attempt, grant.corrected), (1, false));
    assert_eq!(scene.claim(copy, "a").await, ClaimOutcome::InProgress);
    assert_eq!(scene.claim(copy, "b").await, ClaimOutcome::Conflict);

    let view = scene.lookup().await.unwrap();
    assert!(matches!(view.state, RecordState::Claimed { .. }));
    assert_eq!(
        (&view.key, view.attempt, view.fence, view.fingerprint),
        (&scene.key, 1, grant.fence, Some(content("a")))
    );

    assert_eq!(scene.complete(copy, "a", answer(200)).await, Held::Fenced);
    assert_eq!(scene.release(copy).await, Held::Fenced);
    assert_eq!(scene.renew(copy, Some("b")).await, Held::Fenced);
    assert_eq!(scene.lookup().await, Some(view), "fenced changes nothing");

    assert_eq!(scene.complete(first, "a", answer(202)).await, Held::Held);
    let done = ClaimOutcome::Done(answer(202));
    assert_eq!(scene.claim(copy, "a").await, done);
    assert_eq!(scene.claim(first, "a").await, done, "its own claim, late");
    assert_eq!(scene.claim(copy, "b").await, ClaimOutcome::Conflict);
    assert_eq!(scene.claim_unbound(copy, "b").await, ClaimOutcome::Conflict);
    assert_eq!(scene.state().await, RecordState::Done(answer(202)));
}

async fn answers_come_back<S: Store>(store: &Arc<S>) {
    let bodies = [
        None,
        Some(Bytes::new()),
        Some(Bytes::from_static(b"-1\r\n\0nil")),
        Some((0..=255_u8).cycle().take(70_000).collect()),
    ];
    for (status, body) in (200..).zip(bodies) {
        let (scene, holder) = (Scene::new(store), token());
        scene.granted(holder, "a").await;
        let response = StoredResponse { status, body };
        let held = scene.complete(holder, "a", response.clone()).await;
        assert_eq!(held, Held::Held);
        let copy = scene.claim(token(), "a").await;
        assert_eq!(copy, ClaimOutcome::Done(response));
    }
}

async fn commands_sent_again<S: Store>(store: &Arc<S>) {
    let (scene, first, second) = (Scene::new(store), token(), token());
    let grant = scene.granted(first, "a").await;
    assert_eq!(scene.granted(first, "a").await, grant, "nothing is counted");
    for _ in 0..2 {
        assert_eq!(scene.release(first).await, Held::Held);
    }
    let grant = scene.granted(second, "b").await;
    assert!(grant.corrected);
    assert_eq!(scene.granted(second, "b").await, grant);
    for status in [200, 500] {
        let held = scene.complete(second, "b", answer(status)).await;
        assert_eq!(held, Held::Held);
    }
    assert_eq!(scene.state().await, RecordState::Done(answer(200)));
    assert_eq!(scene.release(first).await, Held::Fenced);
    assert_eq!(scene.release(second).await, Held::Fenced);
    assert_eq!(scene.renew(second, None).await, Held::Fenced);
}

async fn released<S: Store>(store: &Arc<S>) {
    let scene = Scene::new(store);
    let mut last = Grant {
        attempt: 0,
        fence: 0,
        corrected: false,
    };
    for (what, corrected) in [("a", false), ("a", false), ("b", true), ("b", false)] {
        let holder = token();
        let grant = scene.granted(holder, what).await;
        assert_eq!(grant.attempt, last.attempt + 1);
        assert!(grant.fence > last.fence, "{grant:?} after {last:?}");
        assert_eq!(grant.corrected, corrected);
        last = grant;
        assert_eq!(scene.release(holder).await, Held::Held);
        assert_eq!(scene.renew(holder, None).await, Held::Fenced);
        assert_eq!(
            scene.complete(holder, what, answer(200)).await,
            Held::Fenced
        );
        let view = scene.lookup().await.unwrap();
        assert_eq!(view.state, RecordState::Released);
        assert_eq!((view.attempt, view.fence), (grant.attempt, grant.fence));
        assert_eq!(view.fingerprint, Some(content(what)));
    }
}

async fn lapsed<S: Store>(store: &Arc<S>) {
    let (scene, dead) = (Scene::new(store), token());
    let first = scene.granted_briefly(dead, "a").await;
    scene.until_lapsed().await;
    let next = token();
    let second = scene.granted(next, "b").await;
    assert_eq!((second.attempt, second.corrected), (2, true));
    assert!(second.fence > first.fence);

    assert_eq!(scene.complete(dead, "a", answer(200)).await, Held::Fenced);
    assert_eq!(scene.release(dead).await, Held::Fenced);
    assert_eq!(scene.renew(dead, None).await, Held::Fenced);
    assert_eq!(scene.claim(dead, "b").await, ClaimOutcome::InProgress);
    assert_eq!(scene.complete(next, "b", answer(200)).await, Held::Held);
}

async fn late_but_alone<S: Store>(store: &Arc<S>) {
    let (scene, late) = (Scene::new(store), token());
    let grant = scene.granted_briefly(late, "a").await;
    scene.until_lapsed().await;
    assert_eq!(scene.granted_briefly(late, "a").await, grant);
    scene.until_lapsed().await;
    assert_eq!(scene.renew(late, None).await, Held::Held);
    assert_eq!(scene.claim(token(), "a").await, ClaimOutcome::InProgress);
    assert_eq!(scene.complete(late, "a", answer(200)).await, Held::Held);

    let (completes, releases) = (Scene::new(store), Scene::new(store));
    completes.granted_briefly(late, "a").await;
    releases.granted_briefly(late, "a").await;
    completes.until_lapsed().await;
    releases.until_lapsed().await;
    assert_eq!(completes.complete(late, "a", answer(200)).await, Held::Held);
    assert_eq!(releases.release(late).await, Held::Held);
    assert_eq!(releases.state().await, RecordState::Released);
}

async fn lost_records<S: Store>(store: &Arc<S>) {
    let (scene, holder) = (Scene::new(store), token());
    assert_eq!(scene.release(holder).await, Held::Held);
    assert_eq!(scene.renew(holder, Some("a")).await, Held::Fenced);
    assert_eq!(scene.lookup().await, None, "neither writes a record");
    let complete = Complete {
        key: scene.key.clone(),
        token: holder,
        attempt: u32::MAX,
        // A float would lose the last digit.
        fence: 9_007_199_254_740_993,
        fingerprint: content("a"),
        response: answer(200),
        retention: LONG,
    };
    for _ in 0..2 {
        assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
        let view = scene.lookup().await.unwrap();
        assert_eq!(view.state, RecordState::Done(answer(200)));
        assert_eq!(
            (view.attempt, view.fence, view.fingerprint),
            (u32::MAX, 9_007_199_254_740_993, Some(content("a")))
        );
    }
    assert_eq!(scene.claim(token(), "b").await, ClaimOutcome::Conflict);
}

async fn unconfirmed<S: Store>(store: &Arc<S>) {
    let (scene, forger, sender) = (Scene::new(store), token(), token());
    grant(scene.claim_unbound(forger, "forged").await);
    assert_eq!(scene.claim(sender, "true").await, ClaimOutcome::InProgress);
    assert_eq!(scene.lookup().await.unwrap().fingerprint, None);
    assert_eq!(scene.release(forger).await, Held::Held);

    let second = grant(scene.claim_unbound(sender, "true").await);
    assert_eq!((second.attempt, second.corrected), (2, false));
    assert_eq!(scene.renew(sender, Some("true")).await, Held::Held);
    assert_eq!(scene.renew(sender, None).await, Held::Held);
    assert_eq!(grant(scene.claim_unbound(sender, "true").await), second);
    let late = scene.claim_unbound(forger, "forged").await;
    assert_eq!(late, ClaimOutcome::Conflict);
    assert_eq!(scene.release(sender).await, Held::Held);

    let third = token();
    assert!(grant(scene.claim_unbound(third, "forged").await).corrected);
    let view = scene.lookup().await.unwrap();
    assert_eq!(view.fingerprint, Some(content("true")), "bound earlier");
    assert_eq!(scene.claim(sender, "other").await, ClaimOutcome::InProgress);
    assert_eq!(scene.release(third).await, Held::Held);
    assert!(!scene.granted(token(), "true").await.corrected);
}

async fn renewals_in_one_call<S: Store>(store: &Arc<S>) {
    assert_eq!(store.renew(&[]).await.unwrap(), []);
    let (mut renewals, mut expected) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let (scene, holder) = (Scene::new(store), token());
        scene.granted(holder, "a").await;
        let held = number % 3 != 1;
        renewals.push(scene.renewal(if held { holder } else { token() }, None));
        expected.push(if held { Held::Held } else { Held::Fenced });
    }
    // One key twice, and each in its place.
    renewals.extend_from_within(..2);
    expected.extend_from_within(..2);
    assert_eq!(store.renew(&renewals).await.unwrap(), expected);
}

async fn retention_ends<S: Store>(store: &Arc<S>) {
    let (scene, holder) = (Scene::new(store), token());
    let first = scene.granted(holder, "a").await;
    let complete = Complete {
        key: scene.key.clone(),
        token: holder,
        attempt: first.attempt,
        fence: first.fence,
        fingerprint: content("a"),
        response: answer(200),
        retention: SHORT,
    };
    assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
    let again = loop {
        match scene.claim(token(), "a").await {
            ClaimOutcome::Done(_) => sleep(SHORT / 10).await,
            other => break grant(other),
        }
    };
    assert_eq!(again.attempt, 1, "as if it were never seen");
    assert!(again.fence > first.fence);
}

async fn keys_apart<S: Store>(store: &Arc<S>) {
    let (provider, other) = (provider(), provider());
    let tenant = || Some(ProviderName::new("tenant").unwrap());
    let key = |parts: &[&str]| EventKey::new(provider.clone(), parts).unwrap();
    let long = "x".repeat(5_000);
    let keys = [
        key(&["a"]),
        key(&["a"]).of_tenant(tenant()),
        EventKey::new(other, ["a"]).unwrap(),
        key(&["A"]),
        key(&["a", "b"]),
        key(&["a:b"]),
        key(&["a%3Ab"]),
        key(&["{a}"]),
        key(&["a b\r\n*1"]),
        key(&["\u{e9}"]),
        key(&["e\u{301}"]),
        key(&[&long]),
        key(&[&long, "y"]),
    ];
    for key in &keys {
        let scene = Scene::of(store, key.clone());
        let grant = scene.granted(token(), "a").await;
        assert_eq!(grant.attempt, 1, "{key:?} is a key of its own");
        assert_eq!(scene.lookup().await.unwrap().key, *key);
    }
}

async fn forgotten<S: Store>(store: &Arc<S>) {
    let (scene, holder) = (Scene::new(store), token());
    assert!(!store.forget(&scene.key).await.unwrap());
    let first = scene.granted(holder, "a").await;
    assert_eq!(scene.complete(holder, "a", answer(200)).await, Held::Held);
    assert!(store.forget(&scene.key).await.unwrap());
    assert!(!store.forget(&scene.key).await.unwrap());
    assert_eq!(scene.lookup().await, None);
    let again = scene.granted(token(), "b").await;
    assert_eq!((again.attempt, again.corrected), (1, false));
    assert!(again.fence > first.fence);
}

async fn unfinished_and_counts<S: Store>(store: &Arc<S>) {
    let provider = provider();
    let before = store.counts().await.unwrap();
    let tenant = Some(ProviderName::new("tenant").unwrap());
    let key = |part: &str| EventKey::new(provider.clone(), [part]).unwrap();
    let [running, done, failed, dead] = ["running", "done", "failed", "dead"]
        .map(|part| Scene::of(store, key(part).of_tenant(tenant.clone())));
    let elsewhere = Scene::new(store);
    let holder = token();
    for scene in [&running, &done, &failed, &elsewhere] {
        scene.granted(holder, "a").await;
    }
    dead.granted_briefly(holder, "a").await;
    assert_eq!(done.complete(holder, "a", answer(200)).await, Held::Held);
    assert_eq!(failed.release(holder).await, Held::Held);
    assert_eq!(elsewhere.release(holder).await, Held::Held);
    dead.until_lapsed().await;

    let listed = store.unfinished(&provider, 10).await.unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    for scene in [&failed, &dead] {
        let view = scene.lookup().await.unwrap();
        assert!(listed.contains(&view), "{view:?} in {listed:?}");
    }
    assert_eq!(store.unfinished(&provider, 1).await.unwrap().len(), 1);
    assert_eq!(store.unfinished(&provider, 0).await.unwrap(), []);

    let after = store.counts().await.unwrap();
    let mut expected = before;
    expected.claimed += 1;
    expected.done += 1;
    expected.released += 2;
    expected.lapsed += 1;
    // Records of earlier stories that lapse meanwhile only move from one count to another.
    let moved = |counts: Counts| counts.claimed + counts.lapsed;
    assert_eq!(moved(after), moved(expected));
    assert_eq!(
        (after.done, after.released),
        (expected.done, expected.released)
    );
    assert!(after.lapsed >= expected.lapsed);

    assert_eq!(failed.granted(token(), "a").await.attempt, 2);
    let listed = store.unfinished(&provider, 10).await.unwrap();
    assert_eq!(listed.len(), 1, "the failed one is taken up: {listed:?}");
}

async fn nothing_to_wait_for<S: Store>(store: &Arc<S>) {
    let (scene, holder) = (Scene::new(store), token());
    store.wait(&scene.key, LONG).await;
    scene.granted(holder, "a").await;
    store.wait(&scene.key, Duration::ZERO).await;
    store.wait(&scene.key, SHORT).await;
    scene.release(holder).await;
    store.wait(&scene.key, LONG).await;
    scene.granted(holder, "a").await;
    scene.complete(holder, "a", answer(200)).await;
    store.wait(&scene.key, LONG).await;
}

/// Claims until it is not in progress, waiting in between.
async fn insist<S: Store>(scene: &Scene<S>, token: Token) -> ClaimOutcome {
    loop {
        match scene.claim(token, "a").await {
            ClaimOutcome::InProgress => scene.store.wait(&scene.key, LONG).await,
            other => return other,
        }
    }
}

async fn waiters_are_woken<S: Store>(store: &Arc<S>) {
    for end in [
        "completed",
        "released",
        "forgotten",
        "lapsed",
        "renewed, lapsed",
    ] {
        let (scene, holder) = (Scene::new(store), token());
        if end.ends_with("lapsed") {
            scene.granted_briefly(holder, "a").await;
        } else {
            scene.granted(holder, "a").await;
        }
        let waiter = tokio::spawn({
            let scene = Scene::of(store, scene.key.clone());
            async move { insist(&scene, token()).await }
        });
        // By now it waits, most likely; the story holds if it does not.
        sleep(SHORT / 5).await;
        match end {
            "completed" => {
                scene.complete(holder, "a", answer(200)).await;
            }
            "released" => {
                scene.release(holder).await;
            }
            "forgotten" => {
                store.forget(&scene.key).await.unwrap();
            }
            "renewed, lapsed" => {
                let renewal = Renew {
                    lease: SHORT,
                    ..scene.renewal(holder, None)
                };
                store.renew(&[renewal]).await.unwrap();
            }
            _ => {}
        }
        let outcome = waiter.await.unwrap();
        match (end, &outcome) {
            ("completed", ClaimOutcome::Done(_)) => {}
            ("forgotten", ClaimOutcome::Claimed(grant)) => assert_eq!(grant.attempt, 1),
            (_, ClaimOutcome::Claimed(grant)) => assert_eq!(grant.attempt, 2, "{end}"),
            _ => panic!("{end}: {outcome:?}"),
        }
    }
}

async fn no_wake_up_is_lost<S: Store>(store: &Arc<S>) {
    for _ in 0..100 {
        let (scene, holder) = (Scene::new(store), token());
        scene.granted(holder, "a").await;
        let waiter = tokio::spawn({
            let scene = Scene::of(store, scene.key.clone());
            async move { insist(&scene, token()).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(scene.complete(holder, "a", answer(200)).await, Held::Held);
        assert_eq!(waiter.await.unwrap(), ClaimOutcome::Done(answer(200)));
    }
}

async fn two_hundred_at_once<S: Store>(store: &Arc<S>) {
    const CROWD: usize = 200;
    let scene = Arc::new(Scene::new(store));
    let (ready, tried) = (Arc::new(Barrier::new(CROWD)), Arc::new(Barrier::new(CROWD)));
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (scene, ready, tried) = (scene.clone(), ready.clone(), tried.clone());
        crowd.spawn(async move {
            let me = token();
            ready.wait().await;
            let first = scene.claim(me, "a").await;
            // The holder keeps it until everybody has tried.
            tried.wait().await;
            let last = match first {
                ClaimOutcome::InProgress => insist(&scene, me).await,
                ref held => held.clone(),
            };
            match last {
                ClaimOutcome::Claimed(grant) if grant.attempt == 1 => {
                    assert_eq!(scene.release(me).await, Held::Held);
                }
                ClaimOutcome::Claimed(_) => {
                    assert_eq!(scene.complete(me, "a", answer(200)).await, Held::Held);
                }
                _ => {}
            }
            (first, last)
        });
    }
    let (mut at_first, mut grants, mut copies) = (0, Vec::new(), 0);
    for (first, last) in crowd.join_all().await {
        match first {
            ClaimOutcome::Claimed(_) => at_first += 1,
            other => assert_eq!(other, ClaimOutcome::InProgress),
        }
        match last {
            ClaimOutcome::Claimed(grant) => grants.push(grant),
            ClaimOutcome::Done(response) => {
                assert_eq!(response, answer(200));
                copies += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    grants.sort_by_key(|grant| grant.attempt);
    let attempts: Vec<_> = grants.iter().map(|grant| grant.attempt).collect();
    assert_eq!((at_first, attempts), (1, vec![1, 2]));
    assert!(grants[1].fence > grants[0].fence);
    assert_eq!(
        copies,
        CROWD - 2,
        "one took over, the others got its answer"
    );
}
