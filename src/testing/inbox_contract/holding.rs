use std::time::Duration;

use super::scene::{LONG, SHORT, Scene, bury, done, retry, token};
use crate::inbox::{Begun, EntryStatus, Inbox, Moved, Redrive, SharedInbox, Take, Verdict as End};
use crate::store::{Grant, Held};
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

pub(super) async fn one_holder(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let taken = scene.taken(LONG).await?;
    scene.nothing_due("what is taken").await?;
    let stranger = scene.beginning(token()?, LONG)?;
    same(
        "a stranger's attempt",
        scene.begin_with(&stranger).await?,
        Begun::Fenced,
    )?;
    let begin = scene.beginning(taken, LONG)?;
    let Begun::Granted(_) = scene.begin_with(&begin).await? else {
        return Err(Broken::told("its holder cannot begin".to_owned()));
    };
    scene.nothing_due("what has begun").await?;
    for token in [stranger.token, taken] {
        for end in [End::Done, bury(), retry(LONG)] {
            same(
                "an end by who does not hold it",
                scene.finish(token, end).await?,
                Held::Fenced,
            )?;
        }
        same(
            "more time for who does not hold it",
            scene.extend(token, LONG).await?,
            Held::Fenced,
        )?;
    }
    scene.has(EntryStatus::Running).await?;
    same(
        "its end",
        scene.finish(begin.token, End::Done).await?,
        Held::Held,
    )?;
    let absent = scene.other("never accepted")?;
    same(
        "an end of what is absent",
        absent.finish(token()?, End::Done).await?,
        Held::Fenced,
    )?;
    let begin = absent.beginning(token()?, LONG)?;
    same(
        "an attempt at it",
        absent.begin_with(&begin).await?,
        Begun::Fenced,
    )
}

pub(super) async fn attempts_count(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let given_back = || End::GiveBack {
        after: Duration::ZERO,
    };
    let taken = scene.taken(LONG).await?;
    same(
        "attempts of what is taken",
        scene.view().await?.entry.attempts,
        0,
    )?;
    same(
        "giving it back",
        scene.finish(taken, given_back()).await?,
        Held::Held,
    )?;
    let first = scene.attempt(given_back()).await?;
    same("the first attempt", first.attempt, 1)?;
    same(
        "attempts of what was given back",
        scene.view().await?.entry.attempts,
        0,
    )?;
    let second = scene.attempt(retry(Duration::ZERO)).await?;
    same(
        "the attempt after one that was given back",
        second.attempt,
        1,
    )?;
    let third = scene.attempt(retry(LONG)).await?;
    same("the attempt after one that failed", third.attempt, 2)?;
    let fences = [first.fence, second.fence, third.fence];
    is(
        "the fences",
        fences.is_sorted_by(|a, b| a < b),
        "they grow",
        &fences,
    )?;
    let view = scene.view().await?;
    let failed: Vec<_> = (view.entry.history.iter())
        .map(|it| (it.attempt, &*it.reason))
        .collect();
    let why = "the ledger is closed";
    same("how its attempts failed", failed, vec![(1, why), (2, why)])
}

pub(super) async fn commands_sent_again(inbox: &SharedInbox) -> Verdict {
    for end in [
        End::Done,
        bury(),
        retry(LONG),
        End::GiveBack { after: LONG },
        End::Mismatched,
    ] {
        let scene = Scene::new(inbox)?;
        scene.accepted("a").await?;
        let begin = scene.beginning(scene.taken(LONG).await?, LONG)?;
        let first = scene.begin_with(&begin).await?;
        same(
            "a beginning that is sent again",
            scene.begin_with(&begin).await?,
            first,
        )?;
        for _ in 0..2 {
            same(
                "more time",
                scene.extend(begin.token, LONG).await?,
                Held::Held,
            )?;
        }
        same(
            "an end",
            scene.finish(begin.token, end.clone()).await?,
            Held::Held,
        )?;
        let view = scene.view().await?;
        same(
            "an end that is sent again",
            scene.finish(begin.token, end).await?,
            Held::Held,
        )?;
        same("the entry then", scene.view().await?, view)?;
        same(
            "a beginning behind it",
            scene.begin_with(&begin).await?,
            Begun::Fenced,
        )?;
    }
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    scene.attempt(bury()).await?;
    let redrive = Redrive::new(scene.key.clone());
    for what in ["redriving what is dead", "the same sent again"] {
        let moved = inbox.redrive(&redrive).await;
        same(what, done("redrive", moved)?, Moved::Done)?;
    }
    let another = scene.redrive().await?;
    same("another", another, Moved::NotFrom(EntryStatus::Queued))
}

pub(super) async fn taken_over(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    // A hold without an attempt costs nothing.
    let idle = scene.taken(SHORT).await?;
    scene.until_lapsed().await?;
    let (dead, first) = scene.begun(SHORT).await?;
    same("the attempt after one that never began", first.attempt, 1)?;
    let begin = scene.beginning(idle, LONG)?;
    same(
        "an attempt of the overtaken",
        scene.begin_with(&begin).await?,
        Begun::Fenced,
    )?;
    scene.until_lapsed().await?;
    let (alive, second) = scene.begun(LONG).await?;
    same("the attempt after a death", second.attempt, 2)?;
    is(
        "its fence",
        second.fence > first.fence,
        "larger",
        &(first.fence, second.fence),
    )?;
    let view = scene.view().await?;
    same("how many workers died", view.entry.deaths, 1)?;
    same(
        "how many attempts failed",
        view.entry.history.iter().count(),
        1,
    )?;
    same(
        "an end by the overtaken",
        scene.finish(dead, End::Done).await?,
        Held::Fenced,
    )?;
    same(
        "more time for it",
        scene.extend(dead, LONG).await?,
        Held::Fenced,
    )?;
    same("the end", scene.finish(alive, End::Done).await?, Held::Held)
}

pub(super) async fn late_but_alone(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let (token, _) = scene.begun(SHORT).await?;
    scene.until_lapsed().await?;
    same(
        "more time for who is late",
        scene.extend(token, SHORT).await?,
        Held::Held,
    )?;
    scene.until_lapsed().await?;
    same(
        "the end by who is late",
        scene.finish(token, End::Done).await?,
        Held::Held,
    )?;
    scene.has(EntryStatus::Done).await
}

pub(super) async fn taken_alone(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    for _ in 0..2 {
        scene.begun(SHORT).await?;
        scene.until_lapsed().await?;
    }
    // It is set aside, and delays no due entry after it.
    let behind = scene.other("2")?;
    behind.accepted("a").await?;
    behind.taken(LONG).await?;
    scene.nothing_due("what may be poison").await?;
    let mut alone = Take {
        lone: true,
        ..scene.taking(1, SHORT)?
    };
    let taken = scene.take_with(&alone).await?;
    same("what is taken alone", taken.len(), 1)?;
    let begin = scene.beginning(alone.token, SHORT)?;
    let begun = scene.begin_with(&begin).await?;
    let third = matches!(begun, Begun::Granted(Grant { attempt: 3, .. }));
    is("its attempt", third, "the third", &begun)?;
    scene.until_lapsed().await?;
    alone.token = token()?;
    alone.max_attempts = 3;
    let taken = scene.take_with(&alone).await?;
    same(
        "what is taken when its attempts are used up",
        taken,
        Vec::new(),
    )?;
    scene.has(EntryStatus::Dead).await
}
