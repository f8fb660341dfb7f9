//! What each holder of an event may report.

use super::scene::{Scene, answer, content, token};
use super::violation::{Verdict, is, same};
use crate::store::{ClaimOutcome, Grant, Held, RecordState, SharedStore};

pub(super) async fn one_holder(store: &SharedStore) -> Verdict {
    let scene = Scene::new(store)?;
    same("lookup of a new key", scene.lookup().await?, None)?;
    let (first, duplicate) = (token()?, token()?);
    let grant = scene.granted(first, "a").await?;
    same("the first grant's attempt", grant.attempt, 1)?;
    same("the first grant's correction", grant.corrected, false)?;
    let busy = ClaimOutcome::InProgress;
    same(
        "a duplicate's claim",
        scene.claim(duplicate, "a").await?,
        busy,
    )?;
    let other = scene.claim(duplicate, "b").await?;
    let busy_with_other = ClaimOutcome::OtherInProgress;
    same("a claim with other content", other, busy_with_other)?;

    let view = scene.view().await?;
    let claimed = matches!(view.state, RecordState::Claimed { .. });
    is("the state while it is claimed", claimed, "Claimed", &view)?;
    same(
        "what the record tells of key, attempt, fence and content",
        (&view.key, view.attempt, view.fence, view.fingerprint),
        (&scene.key, 1, grant.fence, Some(content("a"))),
    )?;

    let completed = scene.complete(duplicate, "a", answer(200)).await?;
    same("complete by a duplicate", completed, Held::Fenced)?;
    same(
        "release by a duplicate",
        scene.release(duplicate).await?,
        Held::Fenced,
    )?;
    let renewed = scene.renew(duplicate).await?;
    same("renew by a duplicate", renewed, Held::Fenced)?;
    same(
        "the record after commands that were fenced",
        scene.lookup().await?,
        Some(view),
    )?;

    let completed = scene.complete(first, "a", answer(202)).await?;
    same("complete by the holder", completed, Held::Held)?;
    let done = ClaimOutcome::Done(answer(202));
    same(
        "a duplicate's claim once it is done",
        scene.claim(duplicate, "a").await?,
        done.clone(),
    )?;
    same(
        "the holder's own claim once it is done",
        scene.claim(first, "a").await?,
        done,
    )?;
    let outcome = scene.claim(duplicate, "b").await?;
    let what = "a claim with other content once it is done";
    same(what, outcome, ClaimOutcome::OtherDone(answer(202)))?;
    let state = scene.state().await?;
    same("the state", state, RecordState::Done(answer(202)))
}

pub(super) async fn commands_sent_again(store: &SharedStore) -> Verdict {
    let (scene, first, second) = (Scene::new(store)?, token()?, token()?);
    let grant = scene.granted(first, "a").await?;
    let again = scene.granted(first, "a").await?;
    same("a claim sent again", again, grant)?;
    for what in ["release", "a release sent again"] {
        same(what, scene.release(first).await?, Held::Held)?;
    }
    let grant = scene.granted(second, "b").await?;
    same("a grant after a correction", grant.corrected, true)?;
    let again = scene.granted(second, "b").await?;
    same("a corrected claim sent again", again, grant)?;
    for (what, status) in [
        ("complete", 200),
        ("a complete sent again with another answer", 500),
    ] {
        let completed = scene.complete(second, "b", answer(status)).await?;
        same(what, completed, Held::Held)?;
    }
    let state = scene.state().await?;
    same(
        "the state, by the first complete",
        state,
        RecordState::Done(answer(200)),
    )?;
    let released = scene.release(first).await?;
    same(
        "an old holder's release of what is done",
        released,
        Held::Fenced,
    )?;
    let released = scene.release(second).await?;
    same("a release of what is done", released, Held::Fenced)?;
    let renewed = scene.renew(second).await?;
    same("a renewal of what is done", renewed, Held::Fenced)
}

pub(super) async fn released(store: &SharedStore) -> Verdict {
    let scene = Scene::new(store)?;
    let mut last = Grant {
        attempt: 0,
        fence: 0,
        corrected: false,
    };
    for (what, corrected) in [("a", false), ("a", false), ("b", true), ("b", false)] {
        let holder = token()?;
        let grant = scene.granted(holder, what).await?;
        let next = last.attempt.saturating_add(1);
        same("the attempts that were counted", grant.attempt, next)?;
        grows(last, grant)?;
        same(
            "whether the content was corrected",
            grant.corrected,
            corrected,
        )?;
        last = grant;
        same(
            "release by the holder",
            scene.release(holder).await?,
            Held::Held,
        )?;
        let renewed = scene.renew(holder).await?;
        same("renew after the release", renewed, Held::Fenced)?;
        let completed = scene.complete(holder, what, answer(200)).await?;
        same("complete after the release", completed, Held::Fenced)?;
        let view = scene.view().await?;
        same("the state", view.state, RecordState::Released)?;
        same(
            "attempt, fence and content that are kept",
            (view.attempt, view.fence, view.fingerprint),
            (grant.attempt, grant.fence, Some(content(what))),
        )?;
    }
    let (idle, next) = (token()?, token()?);
    let grant = scene.granted(idle, "b").await?;
    for what in ["a release before it began", "the same sent again"] {
        same(what, scene.give_back(idle).await?, Held::Held)?;
    }
    let again = scene.granted(next, "b").await?;
    let what = "the attempt after one that did not begin";
    same(what, again.attempt, grant.attempt)?;
    grows(grant, again)
}

pub(super) async fn lapsed(store: &SharedStore) -> Verdict {
    let (scene, dead) = (Scene::new(store)?, token()?);
    let first = scene.granted_briefly(dead, "a").await?;
    scene.until_lapsed().await?;
    let next = token()?;
    let second = scene.granted(next, "b").await?;
    same("the attempt after a lease", second.attempt, 2)?;
    same("a grant after a correction", second.corrected, true)?;
    grows(first, second)?;

    let completed = scene.complete(dead, "a", answer(200)).await?;
    same("complete by the overtaken", completed, Held::Fenced)?;
    let released = scene.release(dead).await?;
    same("release by the overtaken", released, Held::Fenced)?;
    let renewed = scene.renew(dead).await?;
    same("renew by the overtaken", renewed, Held::Fenced)?;
    let claimed = scene.claim(dead, "b").await?;
    same(
        "a claim by the overtaken",
        claimed,
        ClaimOutcome::InProgress,
    )?;
    let completed = scene.complete(next, "b", answer(200)).await?;
    same("complete by the holder", completed, Held::Held)
}

pub(super) async fn late_but_alone(store: &SharedStore) -> Verdict {
    let (scene, late) = (Scene::new(store)?, token()?);
    let grant = scene.granted_briefly(late, "a").await?;
    scene.until_lapsed().await?;
    let again = scene.granted_briefly(late, "a").await?;
    same("its own claim after the lease", again, grant)?;
    scene.until_lapsed().await?;
    same(
        "renew after the lease",
        scene.renew(late).await?,
        Held::Held,
    )?;
    let duplicate = scene.claim(token()?, "a").await?;
    same(
        "a duplicate's claim after that",
        duplicate,
        ClaimOutcome::InProgress,
    )?;
    let completed = scene.complete(late, "a", answer(200)).await?;
    same("complete after a renewal", completed, Held::Held)?;

    let (completes, releases) = (Scene::new(store)?, Scene::new(store)?);
    completes.granted_briefly(late, "a").await?;
    releases.granted_briefly(late, "a").await?;
    completes.until_lapsed().await?;
    releases.until_lapsed().await?;
    let completed = completes.complete(late, "a", answer(200)).await?;
    same("complete after the lease", completed, Held::Held)?;
    let released = releases.release(late).await?;
    same("release after the lease", released, Held::Held)?;
    let state = releases.state().await?;
    same("the state", state, RecordState::Released)
}

/// Checks that the fence of a later grant is larger.
pub(super) fn grows(earlier: Grant, later: Grant) -> Verdict {
    let expected = format!("more than {}", earlier.fence);
    is(
        "the fence of a later grant",
        later.fence > earlier.fence,
        &expected,
        &later.fence,
    )
}
