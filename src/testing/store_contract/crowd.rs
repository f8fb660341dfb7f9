//! Many duplicates of one event at once.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::holders::grows;
use super::scene::{Scene, answer, token};
use super::violation::{Broken, Verdict, same};
use crate::store::{ClaimOutcome, Grant, Held, SharedStore, Token};

const CROWD: usize = 200;

pub(super) async fn two_hundred_at_once(store: &SharedStore) -> Verdict {
    let scene = Arc::new(Scene::new(store)?);
    let (ready, tried) = (Arc::new(Barrier::new(CROWD)), Arc::new(Barrier::new(CROWD)));
    let mut crowd: JoinSet<Verdict<(ClaimOutcome, ClaimOutcome)>> = JoinSet::new();
    for _ in 0..CROWD {
        let me = token()?;
        let (scene, ready, tried) = (scene.clone(), ready.clone(), tried.clone());
        crowd.spawn(async move {
            ready.wait().await;
            let first = scene.claim(me, "a").await;
            // The holder keeps the claim until everyone has tried, even if its own claim failed.
            tried.wait().await;
            let first = first?;
            let last = see_through(&scene, me, first.clone()).await?;
            Ok((first, last))
        });
    }
    let (mut at_first, mut grants, mut duplicates) = (0, Vec::new(), 0);
    while let Some(ended) = crowd.join_next().await {
        let (first, last) = ended.map_err(|error| Broken::panicked(&error))??;
        match first {
            ClaimOutcome::Claimed(_) => at_first += 1,
            other => same("a claim of the crowd", other, ClaimOutcome::InProgress)?,
        }
        match last {
            ClaimOutcome::Claimed(grant) => grants.push(grant),
            other => {
                let done = ClaimOutcome::Done(answer(200));
                same("what the others get", other, done)?;
                duplicates += 1;
            }
        }
    }
    same("how many were granted at once", at_first, 1)?;
    same(
        "how many got the answer",
        duplicates,
        CROWD.saturating_sub(2),
    )?;
    grants.sort_by_key(|grant: &Grant| grant.attempt);
    match *grants.as_slice() {
        [one, two] => {
            let attempts = (one.attempt, two.attempt);
            same("the attempts that were granted", attempts, (1, 2))?;
            grows(one, two)
        }
        _ => Err(Broken::differs("the grants", "two", &grants)),
    }
}

/// The first attempt fails, the second one succeeds.
async fn see_through(scene: &Scene, me: Token, first: ClaimOutcome) -> Verdict<ClaimOutcome> {
    let last = match first {
        ClaimOutcome::InProgress => scene.insist(me).await?,
        held => held,
    };
    match &last {
        ClaimOutcome::Claimed(grant) if grant.attempt == 1 => {
            let released = scene.release(me).await?;
            same("release by the first", released, Held::Held)?;
        }
        ClaimOutcome::Claimed(_) => {
            let completed = scene.complete(me, "a", answer(200)).await?;
            same("complete by the second", completed, Held::Held)?;
        }
        _ => {}
    }
    Ok(last)
}
