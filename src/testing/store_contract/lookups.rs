//! How records look from outside.

use tokio::time::sleep;

use super::holders::grows;
use super::scene::{SHORT, Scene, answer, grant, key, name, provider, token, unfinished};
use super::violation::{Broken, Verdict, is, same};
use crate::event::EventKey;
use crate::store::{Counts, Held, SharedStore, Store};

pub(super) async fn keys_apart(store: &SharedStore) -> Verdict {
    let (this, other) = (provider()?, provider()?);
    let long = "x".repeat(5_000);
    let key = |parts: &[&str]| key(&this, parts);
    let keys = [
        key(&["a"])?,
        key(&["a"])?.of_tenant(Some(name("tenant")?)),
        self::key(&other, &["a"])?,
        key(&["A"])?,
        key(&["a", "b"])?,
        key(&["a:b"])?,
        key(&["a%3Ab"])?,
        key(&["{a}"])?,
        key(&["a b\r\n*1"])?,
        key(&["\u{e9}"])?,
        key(&["e\u{301}"])?,
        key(&[&long])?,
        key(&[&long, "y"])?,
    ];
    for key in &keys {
        let scene = Scene::of(store, key.clone());
        let outcome = scene.claim(token()?, "a").await?;
        let attempt = grant(&told(key), &outcome)?.attempt;
        same(told(key), attempt, 1)?;
        let found = scene.view().await?.key;
        same("the key that is looked up", &found, key)?;
    }
    // One key that was never seen, and one key requested twice.
    let mut asked = keys.to_vec();
    asked.extend([key(&["never seen"])?, key(&["a"])?]);
    let views = store.lookup_many(&asked).await;
    let views = views.map_err(|error| Broken::failed("lookup_many", error))?;
    let found: Vec<_> = (views.into_iter())
        .map(|view| view.map(|view| view.key))
        .collect();
    let mut wanted: Vec<_> = asked.into_iter().map(Some).collect();
    if let Some(unseen) = wanted.get_mut(keys.len()) {
        *unseen = None;
    }
    same("the keys that are looked up at once", found, wanted)
}

/// A shortened key: some keys are long.
fn told(key: &EventKey) -> String {
    let start: String = format!("{key:?}").chars().take(60).collect();
    format!("the first attempt of {start}, a key of its own")
}

pub(super) async fn forgotten(store: &SharedStore) -> Verdict {
    let (scene, holder) = (Scene::new(store)?, token()?);
    same("forget without a record", scene.forget().await?, false)?;
    same(
        "forget only what is done, of nothing",
        scene.forget_done().await?,
        false,
    )?;
    let first = scene.granted(holder, "a").await?;
    same(
        "forget only what is done, of what is held",
        scene.forget_done().await?,
        false,
    )?;
    let completed = scene.complete(holder, "a", answer(200)).await?;
    same("complete", completed, Held::Held)?;
    same("forget only what is done", scene.forget_done().await?, true)?;
    let completed = scene.complete(holder, "a", answer(200)).await?;
    same("complete what is lost", completed, Held::Held)?;
    same("forget what is done", scene.forget().await?, true)?;
    same("forget it again", scene.forget().await?, false)?;
    let looked_up = scene.lookup().await?;
    same("the record after it was forgotten", looked_up, None)?;
    // For a removed record, only the store's clock can raise the fence, so it must have advanced.
    sleep(SHORT / 10).await;
    let again = scene.granted(token()?, "b").await?;
    same(
        "attempt and correction after it was forgotten",
        (again.attempt, again.corrected),
        (1, false),
    )?;
    grows(first, again)
}

async fn counts(store: &SharedStore) -> Verdict<Counts> {
    let counts = store.counts().await;
    counts.map_err(|error| Broken::failed("counts", error))
}

pub(super) async fn unfinished_and_counts(store: &SharedStore) -> Verdict {
    let provider = provider()?;
    let before = counts(store).await?;
    let tenant = Some(name("tenant")?);
    let scene = |part: &str| -> Verdict<Scene> {
        let key = key(&provider, &[part])?.of_tenant(tenant.clone());
        Ok(Scene::of(store, key))
    };
    let (running, done) = (scene("running")?, scene("done")?);
    let (failed, dead) = (scene("failed")?, scene("dead")?);
    let elsewhere = Scene::new(store)?;
    let holder = token()?;
    for scene in [&running, &done, &failed, &elsewhere] {
        scene.granted(holder, "a").await?;
    }
    dead.granted_briefly(holder, "a").await?;
    let completed = done.complete(holder, "a", answer(200)).await?;
    same("complete", completed, Held::Held)?;
    for scene in [&failed, &elsewhere] {
        same("release", scene.release(holder).await?, Held::Held)?;
    }
    dead.until_lapsed().await?;

    let listed = unfinished(store, &provider, 10).await?;
    let what = "the unfinished, one released and one lapsed";
    is(what, listed.len() == 2, "two records", &listed)?;
    for scene in [&failed, &dead] {
        let view = scene.view().await?;
        is(what, listed.contains(&view), &format!("{view:?}"), &listed)?;
    }
    for limit in [0, 1] {
        let listed = unfinished(store, &provider, limit).await?.len();
        same("how many unfinished up to a limit", listed, limit)?;
    }

    let after = counts(store).await?;
    // Records of earlier rules that lapse during this only move from one count to another.
    let moved = |counts: Counts| counts.claimed.saturating_add(counts.lapsed);
    same(
        "how many are claimed or lapsed",
        moved(after),
        moved(before).saturating_add(2),
    )?;
    same(
        "how many are done",
        after.done,
        before.done.saturating_add(1),
    )?;
    same(
        "how many are released",
        after.released,
        before.released.saturating_add(2),
    )?;
    let lapsed = before.lapsed.saturating_add(1);
    is(
        "how many are lapsed",
        after.lapsed >= lapsed,
        &format!("{lapsed} at least"),
        &after.lapsed,
    )?;

    let attempt = failed.granted(token()?, "a").await?.attempt;
    same("the next attempt at a released one", attempt, 2)?;
    let listed = unfinished(store, &provider, 10).await?;
    let what = "the unfinished once the released one is taken up";
    is(what, listed.len() == 1, "one record", &listed)
}
