use tokio::time::sleep;

use super::scene::{LONG, SHORT, Scene, bury, done, token};
use crate::inbox::{
    Accept, Accepted, Discard, EntryState, EntryStatus, EntryView, Finish, Inbox, List, Moved,
    Redrive, SharedInbox, Verdict as End,
};
use crate::store::Held;
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

pub(super) async fn dead_letters(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    same(
        "redriving what is absent",
        scene.redrive().await?,
        Moved::Absent,
    )?;
    same(
        "discarding what is absent",
        scene.discard(LONG).await?,
        Moved::Absent,
    )?;
    scene.accepted("a").await?;
    scene.attempt(bury()).await?;
    let dead = List::of(EntryStatus::Dead).provider(scene.key.provider().clone());
    let listed = done("list", inbox.list(&dead).await)?;
    let [listed] = listed.as_slice() else {
        return Err(Broken::differs("the dead letters", "one", &listed));
    };
    let why = listed
        .entry
        .history
        .last()
        .map(|it| (it.attempt, &*it.reason));
    same("why it is dead", why, Some((1, "no order of ours")))?;
    same("a body in a list", listed.body.clone(), None)?;
    let shown = scene.view().await?.body;
    same("a body that is shown", shown.as_deref(), Some(&b"a"[..]))?;
    // Redriven: with fresh attempts and its history kept, but not before its time.
    let later = Redrive::new(scene.key.clone()).after(SHORT);
    same(
        "redriving",
        done("redrive", inbox.redrive(&later).await)?,
        Moved::Done,
    )?;
    scene.nothing_due("what is redriven for later").await?;
    let again = scene.redrive().await?;
    same(
        "redriving twice",
        again,
        Moved::NotFrom(EntryStatus::Queued),
    )?;
    sleep(SHORT * 2).await;
    let grant = scene.attempt(bury()).await?;
    same("the attempt after a redrive", grant.attempt, 1)?;
    same(
        "its history",
        scene.view().await?.entry.history.iter().count(),
        2,
    )?;
    // Revived by a delivery once, and then not again for some time.
    let briefly = Accept {
        revive_every: SHORT,
        was_held: false,
        ..scene.accepting("b")
    };
    same("a delivery", scene.send(&briefly).await?, Accepted::Revived)?;
    scene.attempt(bury()).await?;
    same(
        "one soon after it",
        scene.accept("b").await?,
        Accepted::Dead,
    )?;
    sleep(SHORT * 2).await;
    same("one later", scene.send(&briefly).await?, Accepted::Revived)?;
    scene.attempt(bury()).await?;
    // An entry that died again since it was looked up must not be changed.
    let died = |view: &EntryView| match view.entry.state {
        EntryState::Dead { since, .. } => Some(since),
        _ => None,
    };
    let now = died(&scene.view().await?);
    let (before, not_it) = (died(listed), Moved::NotFrom(EntryStatus::Dead));
    is("when it died", before < now, "later than before", &now)?;
    let mut redrive = Redrive::new(scene.key.clone());
    redrive.if_dead_since = before;
    let moved = done("redrive", inbox.redrive(&redrive).await)?;
    same("redriving one that died anew", moved, not_it)?;
    let mut discard = Discard::new(scene.key.clone(), LONG);
    discard.if_dead_since = before;
    let moved = done("discard", inbox.discard(&discard).await)?;
    same("discarding one that died anew", moved, not_it)?;
    discard.if_dead_since = now;
    let moved = done("discard", inbox.discard(&discard).await)?;
    same("discarding", moved, Moved::Done)?;
    scene.has(EntryStatus::Discarded).await
}

pub(super) async fn retention_ends(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let (token_of_attempt, first) = scene.begun(LONG).await?;
    let finish = Finish::new(scene.key.clone(), token_of_attempt, End::Done, SHORT);
    same(
        "an end",
        done("finish", inbox.finish(&finish).await)?,
        Held::Held,
    )?;
    sleep(SHORT * 2).await;
    same("what was done long ago", scene.lookup().await?, None)?;
    scene.accepted("b").await?;
    let (_, second) = scene.begun(LONG).await?;
    same("the attempts of what is new again", second.attempt, 1)?;
    let fences = (first.fence, second.fence);
    is("its fence", second.fence > first.fence, "larger", &fences)?;
    same(
        "an end of long ago",
        scene.finish(token()?, End::Done).await?,
        Held::Fenced,
    )?;

    // Kept for long, as a call may take longer than the short retention.
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    same("discarding", scene.discard(LONG).await?, Moved::Done)?;
    let duplicate = Accepted::Duplicate { differs: false };
    same(
        "a delivery of what is discarded",
        scene.accept("a").await?,
        duplicate,
    )?;
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    same("discarding", scene.discard(SHORT).await?, Moved::Done)?;
    sleep(SHORT * 2).await;
    scene.accepted("b").await?;
    scene.has(EntryStatus::Queued).await
}
