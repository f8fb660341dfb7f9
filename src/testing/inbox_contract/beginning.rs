use super::scene::{LONG, SHORT, Scene, done, retry};
use crate::inbox::{Begun, EntryState, EntryView, Inbox, SharedInbox, Take, Taken, Verdict as End};
use crate::store::{Held, Token};
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

/// Takes due entries in the way that begins first attempts.
async fn take_to_begin(scene: &Scene) -> Verdict<(Token, Taken)> {
    let take = Take {
        begin: true,
        ..scene.taking(1, LONG)?
    };
    taken_with(scene, &take).await
}

async fn taken_with(scene: &Scene, take: &Take) -> Verdict<(Token, Taken)> {
    let taken = scene.take_with(take).await?;
    let one = taken.into_iter().next();
    let one = one.ok_or_else(|| Broken::told("what is due is not taken".to_owned()))?;
    Ok((take.token, one))
}

fn has_begun(taken: &Taken) -> bool {
    matches!(taken.entry.state, EntryState::Running { begun: true, .. })
}

fn failures(view: &EntryView) -> Vec<u32> {
    view.entry.history.iter().map(|it| it.attempt).collect()
}

pub(super) async fn begun_by_the_take(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let (token, first) = take_to_begin(&scene).await?;
    is("a first attempt", has_begun(&first), "it has begun", &first)?;
    same("its number", first.entry.attempts, 1)?;
    same("as it is kept", scene.view().await?.entry.attempts, 1)?;
    same("more time", scene.extend(token, LONG).await?, Held::Held)?;
    let failed = retry(std::time::Duration::ZERO);
    same("its end", scene.finish(token, failed).await?, Held::Held)?;
    same("what has failed", failures(&scene.view().await?), vec![1])?;

    // A later attempt counts when its handler begins.
    let (taken, second) = take_to_begin(&scene).await?;
    is(
        "another attempt",
        !has_begun(&second),
        "it has not",
        &second,
    )?;
    let begin = scene.beginning(taken, LONG)?;
    let Begun::Granted(grant) = scene.begin_with(&begin).await? else {
        return Err(Broken::told("its holder cannot begin".to_owned()));
    };
    same("its number", grant.attempt, 2)?;
    let fences = (first.entry.fence, grant.fence);
    is("fences", fences.0 < fences.1, "they grow", &fences)?;
    scene.finish(begin.token, End::Done).await?;
    given_back(inbox).await?;
    died(inbox).await?;
    never_begun(inbox).await
}

async fn given_back(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    for _ in 0..2 {
        let (token, taken) = take_to_begin(&scene).await?;
        is("a first attempt", has_begun(&taken), "it has begun", &taken)?;
        let after = std::time::Duration::ZERO;
        scene.finish(token, End::GiveBack { after }).await?;
        same("what was given back", scene.view().await?.entry.attempts, 0)?;
    }
    Ok(())
}

/// Simulates a take whose answer was lost.
async fn died(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let take = Take {
        begin: true,
        ..scene.taking(1, SHORT)?
    };
    taken_with(&scene, &take).await?;
    scene.until_lapsed().await?;
    let (token, again) = take_to_begin(&scene).await?;
    is("the next", !has_begun(&again), "it has not begun", &again)?;
    let counted = (again.entry.attempts, again.entry.deaths);
    same("what it has cost", counted, (1, 1))?;
    scene.finish(token, End::Done).await?;
    Ok(())
}

/// Checks entries that have had an attempt, or are to be confirmed first.
async fn never_begun(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let last = Take {
        begin: true,
        max_attempts: 1,
        ..scene.taking(1, LONG)?
    };
    let (_, taken) = taken_with(&scene, &last).await?;
    is(
        "an only attempt",
        !has_begun(&taken),
        "it has not begun",
        &taken,
    )?;

    let scene = Scene::new(inbox)?;
    let route = scene.route.unconfirmed();
    let mut accept = scene.accepting("a");
    accept.route = route.clone();
    done("accept", inbox.accept(&accept).await)?;
    let mut take = scene.taking(1, LONG)?;
    (take.routes, take.begin) = (vec![route], true);
    let (_, taken) = taken_with(&scene, &take).await?;
    is(
        "what is unconfirmed",
        !has_begun(&taken),
        "it has not begun",
        &taken,
    )
}
