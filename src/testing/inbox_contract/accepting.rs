use std::time::Duration;

use super::ordering;
use super::scene::{LONG, SHORT, Scene, bury, retry};
use crate::inbox::{Accept, Accepted, EntryStatus, Moved, SharedInbox, Verdict as End};
use crate::store::Held;
use crate::testing::store_contract::violation::{Verdict, is, same};

/// For each status: creates an entry with it, delivers to that entry, and moves it on by whoever
/// may do so.
pub(super) async fn every_status(inbox: &SharedInbox) -> Verdict {
    for status in EntryStatus::ALL {
        deliveries(inbox, *status).await?;
        moved_on(inbox, *status).await?;
    }
    Ok(())
}

/// An entry with this status, and the token of its holder.
async fn planted(
    inbox: &SharedInbox,
    status: EntryStatus,
) -> Verdict<(Scene, Option<crate::store::Token>)> {
    let scene = Scene::new(inbox)?;
    scene.accepted("a").await?;
    let mut holder = None;
    match status {
        EntryStatus::Queued => {}
        EntryStatus::Waiting => {
            scene.attempt(retry(LONG)).await?;
        }
        EntryStatus::Running => holder = Some(scene.begun(LONG).await?.0),
        EntryStatus::Lapsed => {
            scene.begun(SHORT).await?;
            scene.until_lapsed().await?;
        }
        EntryStatus::Done => {
            scene.attempt(End::Done).await?;
        }
        EntryStatus::Dead => {
            scene.attempt(bury()).await?;
        }
        EntryStatus::Discarded => {
            same("discarding", scene.discard(LONG).await?, Moved::Done)?;
        }
        EntryStatus::Mismatched => {
            let token = scene.taken(LONG).await?;
            let untrue = scene.finish(token, End::Mismatched).await?;
            same("the end of what is untrue", untrue, Held::Held)?;
        }
        EntryStatus::Stale => return Ok((ordering::stale(inbox).await?, None)),
    }
    scene.has(status).await?;
    Ok((scene, holder))
}

async fn deliveries(inbox: &SharedInbox, status: EntryStatus) -> Verdict {
    let what = |whose: &str| format!("{whose} delivery of what is {}", status.code());
    let takes_new = match status {
        EntryStatus::Waiting => Some(Accepted::Corrected),
        EntryStatus::Dead => Some(Accepted::Revived),
        // For other content, it is not a duplicate.
        EntryStatus::Mismatched => Some(Accepted::Queued),
        _ => None,
    };
    // Each request has an entry of its own, for an answer may change the entry.
    let (scene, _) = planted(inbox, status).await?;
    let again = match status {
        EntryStatus::Dead => Accepted::Revived,
        _ => Accepted::Duplicate { differs: false },
    };
    same(what("a second"), scene.accept("a").await?, again)?;

    let (scene, _) = planted(inbox, status).await?;
    let own_id = Accept {
        has_own_id: true,
        ..scene.accepting("b")
    };
    let expected = takes_new.unwrap_or(Accepted::Duplicate { differs: true });
    same(what("another"), scene.send(&own_id).await?, expected)?;

    let (scene, _) = planted(inbox, status).await?;
    let before = scene.view().await?;
    let expected = takes_new.unwrap_or(Accepted::Conflict);
    same(what("a conflicting"), scene.accept("b").await?, expected)?;
    if takes_new.is_none() {
        same(
            "an entry that a delivery leaves alone",
            scene.view().await?,
            before,
        )?;
    }
    Ok(())
}

async fn moved_on(inbox: &SharedInbox, status: EntryStatus) -> Verdict {
    let (scene, holder) = planted(inbox, status).await?;
    match status {
        // A worker.
        EntryStatus::Queued => {
            scene.attempt(End::Done).await?;
            scene.has(EntryStatus::Done).await
        }
        // A worker, but only once its delay is over.
        EntryStatus::Waiting => {
            scene.nothing_due("what waits").await?;
            let scene = Scene::new(inbox)?;
            scene.accepted("a").await?;
            scene.attempt(retry(Duration::ZERO)).await?;
            let grant = scene.attempt(End::Done).await?;
            same("the attempt after a failed one", grant.attempt, 2)?;
            scene.has(EntryStatus::Done).await
        }
        // Only its own worker.
        EntryStatus::Running => {
            scene.nothing_due("what another worker has").await?;
            let Some(token) = holder else { return Ok(()) };
            same(
                "its worker",
                scene.finish(token, End::Done).await?,
                Held::Held,
            )?;
            scene.has(EntryStatus::Done).await
        }
        // Any worker.
        EntryStatus::Lapsed => {
            let grant = scene.attempt(End::Done).await?;
            same("the attempt after a death", grant.attempt, 2)?;
            scene.has(EntryStatus::Done).await
        }
        // Nobody.
        EntryStatus::Done | EntryStatus::Discarded | EntryStatus::Mismatched => {
            scene.nothing_due("what is over").await?;
            let moved = scene.redrive().await?;
            same("redriving what is over", moved, Moved::NotFrom(status))?;
            same("discarding it", scene.discard(LONG).await?, moved)?;
            let view = scene.view().await?;
            is("its body", view.body.is_none(), "none any more", &view.body)
        }
        // An operator, by force.
        EntryStatus::Stale => {
            scene.nothing_due("what is stale").await?;
            let moved = scene.redrive().await?;
            same("redriving what is stale", moved, Moved::Stale)?;
            same(
                "discarding it",
                scene.discard(LONG).await?,
                Moved::NotFrom(status),
            )?;
            same("redriving it by force", scene.force().await?, Moved::Done)?;
            scene.attempt(End::Done).await?;
            scene.has(EntryStatus::Done).await
        }
        // An operator, or a delivery.
        EntryStatus::Dead => {
            scene.nothing_due("what is dead").await?;
            same("redriving it", scene.redrive().await?, Moved::Done)?;
            scene.attempt(End::Done).await?;
            scene.has(EntryStatus::Done).await
        }
    }
}
