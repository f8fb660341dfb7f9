//! Duplicates that wait for the first delivery's outcome.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::scene::{LONG, SHORT, Scene, answer, renew_all, token};
use super::violation::{Broken, Verdict, same};
use crate::store::{ClaimOutcome, Held, Renew, SharedStore, Store, Token};

pub(super) async fn nothing_to_wait_for(store: &SharedStore) -> Verdict {
    let (scene, holder) = (Scene::new(store)?, token()?);
    store.wait(&scene.key, LONG).await;
    scene.granted(holder, "a").await?;
    store.wait(&scene.key, Duration::ZERO).await;
    store.wait(&scene.key, SHORT).await;
    scene.release(holder).await?;
    store.wait(&scene.key, LONG).await;
    scene.granted(holder, "a").await?;
    scene.complete(holder, "a", answer(200)).await?;
    store.wait(&scene.key, LONG).await;
    Ok(())
}

/// A receiver that claims and waits; it ends when dropped.
struct Waiter(JoinSet<Verdict<ClaimOutcome>>);

impl Waiter {
    fn on(scene: &Scene, token: Token) -> Self {
        let mut task = JoinSet::new();
        let scene = scene.again();
        task.spawn(async move { scene.insist(token).await });
        Self(task)
    }

    async fn outcome(mut self) -> Verdict<ClaimOutcome> {
        match self.0.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => Err(Broken::panicked(&error)),
            None => Err(Broken::told("nobody waited".to_owned())),
        }
    }
}

/// How the claim that a receiver waits for ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Completed,
    Released,
    Forgotten,
    Lapsed,
    RenewedAndLapsed,
}

pub(super) async fn waiters_are_woken(store: &SharedStore) -> Verdict {
    for ending in [
        Ending::Completed,
        Ending::Released,
        Ending::Forgotten,
        Ending::Lapsed,
        Ending::RenewedAndLapsed,
    ] {
        wakes(&Scene::new(store)?, ending).await?;
    }
    Ok(())
}

async fn wakes(scene: &Scene, ending: Ending) -> Verdict {
    let holder = token()?;
    match ending {
        Ending::Lapsed | Ending::RenewedAndLapsed => scene.granted_briefly(holder, "a").await?,
        Ending::Completed | Ending::Released | Ending::Forgotten => {
            scene.granted(holder, "a").await?
        }
    };
    let waiter = Waiter::on(scene, token()?);
    // By now it most likely waits; the rule also holds if it does not.
    sleep(SHORT / 5).await;
    match ending {
        Ending::Completed => {
            scene.complete(holder, "a", answer(200)).await?;
        }
        Ending::Released => {
            scene.release(holder).await?;
        }
        Ending::Forgotten => {
            scene.forget().await?;
        }
        Ending::Lapsed => {}
        Ending::RenewedAndLapsed => {
            let renewal = Renew {
                lease: SHORT,
                ..scene.renewal(holder)
            };
            renew_all(&scene.store, &[renewal]).await?;
        }
    }
    let outcome = waiter.outcome().await?;
    let what = format!("what a waiter gets, {ending:?}");
    let attempt = match (ending, &outcome) {
        (Ending::Completed, _) => {
            return same(what, outcome, ClaimOutcome::Done(answer(200)));
        }
        (_, ClaimOutcome::Claimed(grant)) => grant.attempt,
        _ => return Err(Broken::differs(what, "a grant", &outcome)),
    };
    let expected = if ending == Ending::Forgotten { 1 } else { 2 };
    same(format!("{what}: the attempt"), attempt, expected)
}

pub(super) async fn no_wake_up_is_lost(store: &SharedStore) -> Verdict {
    for _ in 0..100 {
        let (scene, holder) = (Scene::new(store)?, token()?);
        scene.granted(holder, "a").await?;
        let waiter = Waiter::on(&scene, token()?);
        tokio::task::yield_now().await;
        let completed = scene.complete(holder, "a", answer(200)).await?;
        same("complete", completed, Held::Held)?;
        let outcome = waiter.outcome().await?;
        same(
            "what a waiter gets",
            outcome,
            ClaimOutcome::Done(answer(200)),
        )?;
    }
    Ok(())
}
