use std::collections::BTreeSet;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::scene::{LONG, SHORT, Scene, bury, done, retry};
use crate::event::Version;
use crate::inbox::{
    Accepted, EntryStatus, Finish, Inbox, List, Moved, OrderState, Route, SharedInbox,
    Verdict as End,
};
use crate::store::Held;
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

/// The order key of all events in these tests.
const THING: &str = "1042";

/// An event that was skipped because a newer one of its order key was completed.
pub(super) async fn stale(inbox: &SharedInbox) -> Verdict<Scene> {
    let newer = Scene::new(inbox)?;
    newer.accepted_in(THING, Some(2)).await?;
    newer.attempt(End::Done).await?;
    let older = newer.other("older")?;
    older.accepted_in(THING, Some(1)).await?;
    older.nothing_due("what is older than what is done").await?;
    Ok(older)
}

/// Other events of the same scene.
fn others<const N: usize>(scene: &Scene, ids: [&str; N]) -> Verdict<Vec<Scene>> {
    ids.into_iter().map(|id| scene.other(id)).collect()
}

/// All that can be taken now, in one take after another.
async fn ids_taken(scene: &Scene) -> Verdict<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    loop {
        let taken = scene.take_with(&scene.taking(3, LONG)?).await?;
        if taken.is_empty() {
            return Ok(ids);
        }
        ids.extend(taken.into_iter().map(|entry| entry.key.to_string()));
    }
}

fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

pub(super) async fn one_of_a_key(inbox: &SharedInbox) -> Verdict {
    let first = Scene::new(inbox)?;
    first.accepted_in(THING, Some(1)).await?;
    for id in ["a", "b", "c", "d"] {
        first.other(id)?.accepted_in(THING, None).await?;
    }
    first.other("other")?.accepted_in("1043", None).await?;
    first.other("free")?.accepted("a").await?;
    let taken = ids_taken(&first).await?;
    let expected = set(["evt_1", "other", "free"]);
    same(
        "of each order key the first, and what has none",
        taken,
        expected,
    )?;
    // If the inbox can list held order keys, it lists these.
    let held = done(
        "order keys that are held",
        inbox.held_order_keys(&first.route, 10).await,
    )?;
    if let Some(held) = held {
        let held = held.into_iter();
        let held = held.map(|held| format!("{} {}", held.key.as_str(), held.holder));
        let expected = set(["1042 evt_1", "1043 other"]);
        same("the order keys that are held", held.collect(), expected)?;
    }
    // Another webhook of the provider has its own order.
    let mut beside = first.other("beside")?;
    let route = format!("{}/mail", first.key.provider());
    beside.route = Route::parse(&route).ok_or_else(|| Broken::told(route))?;
    beside.accepted_in(THING, None).await?;
    beside.taken(LONG).await?;

    // An event holds its order key until it is over.
    let first = Scene::new(inbox)?;
    let [second, third, fourth, fifth] = &others(&first, ["2", "3", "4", "5"])?[..] else {
        return Ok(());
    };
    first.accepted_in(THING, Some(1)).await?;
    second.accepted_in(THING, Some(2)).await?;
    first.attempt(retry(SHORT)).await?;
    first
        .nothing_due("what waits for one that is to be tried again")
        .await?;
    sleep(SHORT * 2).await;
    first.attempt(End::Done).await?;
    second.begun(SHORT).await?;
    third.accepted_in(THING, Some(3)).await?;
    second.nothing_due("what waits for one that runs").await?;
    second.until_lapsed().await?;
    second.attempt(End::Done).await?;
    let token = third.taken(LONG).await?;
    fourth.accepted_in(THING, Some(4)).await?;
    let after = LONG;
    same(
        "giving it back",
        third.finish(token, End::GiveBack { after }).await?,
        Held::Held,
    )?;
    third
        .nothing_due("what waits for one that was given back")
        .await?;
    same("discarding", third.discard(LONG).await?, Moved::Done)?;
    fourth.taken(LONG).await?;
    fifth.accepted_in(THING, Some(5)).await?;
    fifth
        .nothing_due("what waits for one that is taken")
        .await?;
    let forgotten = done("forget", inbox.forget(&fourth.key).await)?;
    same("forgetting", forgotten, true)?;
    fifth.taken(LONG).await?;

    // If many take at once, one of them gets an entry.
    let scene = Scene::new(inbox)?;
    for number in 0..20 {
        let id = number.to_string();
        scene.other(&id)?.accepted_in(THING, None).await?;
    }
    let takes: Vec<_> = (0..20)
        .map(|_| scene.taking(3, LONG))
        .collect::<Result<_, _>>()?;
    let mut taken = 0_usize;
    for some in join_all(takes.iter().map(|take| scene.take_with(take))).await {
        taken = taken.saturating_add(some?.len());
    }
    same("how many of one order key are taken at once", taken, 1)
}

pub(super) async fn overtaken_are_skipped(inbox: &SharedInbox) -> Verdict {
    let older = stale(inbox).await?;
    let view = older.view().await?;
    same("its status", view.status, EntryStatus::Stale)?;
    same("its body", view.body.as_deref(), Some(&b"a"[..]))?;
    let version = view.entry.order.and_then(|order| order.version);
    same("its version", version.map(Version::number), Some(1))?;
    // Others may be using the same inbox.
    let counts = done("counts", inbox.counts().await)?;
    is("the counts", counts.stale > 0, "one stale", &counts)?;
    let list = List::of(EntryStatus::Stale).provider(older.key.provider().clone());
    let views = done("list", inbox.list(&list).await)?;
    let keys: Vec<_> = views.iter().map(|view| view.key.clone()).collect();
    same("the list of what is stale", keys, vec![older.key.clone()])?;
    // Events with an equal version, a newer one or none run, however many skipped ones precede
    // them.
    for number in 0..20 {
        let id = format!("old {number}");
        older.other(&id)?.accepted_in(THING, Some(1)).await?;
    }
    for (id, version) in [("same", Some(2)), ("none", None), ("newer", Some(3))] {
        let scene = older.other(id)?;
        scene.accepted_in(THING, version).await?;
        scene.attempt(End::Done).await?;
    }
    // Only force runs it, and the newest completed version stays the newest.
    same("redriving", older.redrive().await?, Moved::Stale)?;
    same("redriving by force", older.force().await?, Moved::Done)?;
    let grant = older.attempt(End::Done).await?;
    same("its attempts", grant.attempt, 1)?;
    let between = older.other("between")?;
    between.accepted_in(THING, Some(2)).await?;
    between.nothing_due("what is older than the newest").await?;

    // An event that failed for good was not completed, and can be overtaken while it is dead.
    let failed = Scene::new(inbox)?;
    failed.accepted_in(THING, Some(2)).await?;
    failed.attempt(bury()).await?;
    let newer = failed.other("newer")?;
    newer.accepted_in(THING, Some(1)).await?;
    newer.attempt(End::Done).await?;
    same("redriving", failed.redrive().await?, Moved::Done)?;
    failed.attempt(bury()).await?;
    let newest = failed.other("newest")?;
    newest.accepted_in(THING, Some(3)).await?;
    newest.attempt(End::Done).await?;
    let moved = failed.redrive().await?;
    same("redriving what was overtaken", moved, Moved::Stale)?;
    failed.has(EntryStatus::Dead).await?;

    // The newest version is not remembered forever.
    let newer = Scene::new(inbox)?;
    newer.accepted_in(THING, Some(2)).await?;
    let token = newer.begun(LONG).await?.0;
    let finish = Finish::new(newer.key.clone(), token, End::Done, SHORT * 3);
    let held = done("finish", inbox.finish(&finish).await)?;
    same("an end", held, Held::Held)?;
    let older = newer.other("older")?;
    older.accepted_in(THING, Some(1)).await?;
    let mut take = older.taking(1, LONG)?;
    take.retention = SHORT * 3;
    same("what is stale", older.take_with(&take).await?, Vec::new())?;
    older.has(EntryStatus::Stale).await?;
    sleep(SHORT * 5).await;
    older.accepted_in(THING, Some(1)).await?;
    older.attempt(End::Done).await?;
    Ok(())
}

pub(super) async fn dead_hold_back(inbox: &SharedInbox) -> Verdict {
    for holds in [false, true] {
        let first = Scene::new(inbox)?;
        let second = first.other("second")?;
        let mut accept = first.accepting_in(THING, Some(1))?;
        if let Some(order) = &mut accept.order {
            order.dead_hold_back = holds;
        }
        same("a new event", first.send(&accept).await?, Accepted::Queued)?;
        second.accepted_in(THING, Some(2)).await?;
        first.attempt(bury()).await?;
        if holds {
            second.nothing_due("what a dead one holds back").await?;
            same("redriving", first.redrive().await?, Moved::Done)?;
            first.attempt(bury()).await?;
            second.nothing_due("what a dead one holds back").await?;
            same("discarding", first.discard(LONG).await?, Moved::Done)?;
        }
        second.attempt(End::Done).await?;
    }
    // A correction brings its own order key, and the old key is free.
    let first = Scene::new(inbox)?;
    let second = first.other("second")?;
    first.accepted_in(THING, Some(1)).await?;
    second.accepted_in(THING, Some(2)).await?;
    first.attempt(retry(LONG)).await?;
    let mut other = first.accepting_in("1043", Some(1))?;
    other.fingerprint = first.accepting("b").fingerprint;
    let corrected = first.send(&other).await?;
    same("other content", corrected, Accepted::Corrected)?;
    second.attempt(End::Done).await?;
    // An order key that nothing is known of yet.
    is(
        "an empty state",
        OrderState::<u8>::default().lets(&1),
        "anything is taken",
        &(),
    )
}
