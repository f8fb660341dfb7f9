//! More time, and content that is confirmed only later.

use super::scene::{Scene, content, grant, renew_all, token};
use super::violation::{Verdict, same};
use crate::store::{ClaimOutcome, Held, SharedStore};

pub(super) async fn unconfirmed(store: &SharedStore) -> Verdict {
    let (scene, forger, sender) = (Scene::new(store)?, token()?, token()?);
    let what = "a claim that binds nothing";
    grant(what, &scene.claim_unbound(forger, "forged").await?)?;
    let busy = ClaimOutcome::InProgress;
    let outcome = scene.claim(sender, "true").await?;
    same(
        "other content while nothing is bound",
        outcome,
        busy.clone(),
    )?;
    let bound = scene.view().await?.fingerprint;
    same("what is bound", bound, None)?;
    let released = scene.release(forger).await?;
    same("release by the holder", released, Held::Held)?;

    let second = grant(what, &scene.claim_unbound(sender, "true").await?)?;
    same("the second attempt", second.attempt, 2)?;
    same(
        "a correction of what was not bound",
        second.corrected,
        false,
    )?;
    for (what, bind) in [
        ("a renewal that binds", Some("true")),
        ("a renewal that does not", None),
    ] {
        same(what, scene.renew(sender, bind).await?, Held::Held)?;
    }
    let again = grant(what, &scene.claim_unbound(sender, "true").await?)?;
    same("the claim sent again", again, second)?;
    let late = scene.claim_unbound(forger, "forged").await?;
    same(
        "other content once a renewal has bound it",
        late,
        ClaimOutcome::OtherInProgress,
    )?;
    let released = scene.release(sender).await?;
    same("release by the holder", released, Held::Held)?;

    let third = token()?;
    let corrected = grant(what, &scene.claim_unbound(third, "forged").await?)?.corrected;
    same("a correction of what was bound", corrected, true)?;
    let bound = scene.view().await?.fingerprint;
    same("what was bound earlier", bound, Some(content("true")))?;
    let outcome = scene.claim(sender, "other").await?;
    same("other content while nothing is bound anew", outcome, busy)?;
    let released = scene.release(third).await?;
    same("release by the holder", released, Held::Held)?;
    let corrected = scene.granted(token()?, "true").await?.corrected;
    same("a correction to what is still bound", corrected, false)
}

pub(super) async fn in_one_call(store: &SharedStore) -> Verdict {
    let none = renew_all(store, &[]).await?;
    same("the answers to no renewals", none, Vec::new())?;
    let (mut renewals, mut expected) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let (scene, holder) = (Scene::new(store)?, token()?);
        scene.granted(holder, "a").await?;
        let held = number % 3 != 1;
        let token = if held { holder } else { token()? };
        renewals.push(scene.renewal(token, None));
        expected.push(if held { Held::Held } else { Held::Fenced });
    }
    // One key twice, and each in its place.
    renewals.extend_from_within(..2);
    expected.extend_from_within(..2);
    let outcomes = renew_all(store, &renewals).await?;
    same("the answers in their order", outcomes, expected)
}
