use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::scene::{LONG, Scene, bury, done};
use crate::inbox::{EntryStatus, Inbox, List, SharedInbox, Verdict as End};
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

pub(super) async fn lists_and_counts(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    let list = List::of(EntryStatus::Dead).provider(scene.key.provider().clone());
    for number in 0..5 {
        let dead = scene.other(&format!("d{number}"))?;
        dead.accepted("a").await?;
        dead.attempt(bury()).await?;
    }
    let (handled, queued) = (scene.other("h")?, scene.other("q")?);
    handled.accepted("a").await?;
    handled.attempt(End::Done).await?;
    queued.accepted("a").await?;
    // In pages of two, each starting after the one before.
    let mut found = Vec::new();
    let mut page = list.clone().limit(2);
    loop {
        let views = done("list", inbox.list(&page).await)?;
        is("a page", views.len() <= 2, "two at most", &views.len())?;
        let Some(last) = views.last() else { break };
        page = page.after(last.key.clone());
        found.extend(views.into_iter().map(|view| view.key.to_string()));
        is("all pages", found.len() <= 5, "they end", &found)?;
    }
    found.sort();
    same(
        "the dead of one provider",
        found.join(" "),
        "d0 d1 d2 d3 d4".to_owned(),
    )?;
    for (status, id) in [(EntryStatus::Done, "h"), (EntryStatus::Queued, "q")] {
        let list = List {
            status,
            ..list.clone()
        };
        let views = done("list", inbox.list(&list).await)?;
        let ids: Vec<_> = views.iter().map(|view| view.key.to_string()).collect();
        same("those with another status", ids, vec![id.to_owned()])?;
    }
    // Others may be using the same inbox.
    let now = done("counts", inbox.counts().await)?;
    is("the counts", now.dead >= 5, "five dead", &now)?;
    is("the counts", now.done > 0, "one done", &now)?;
    same(
        "forgetting only what has ended, of what is queued",
        done("forget_ended", inbox.forget_ended(&queued.key).await)?,
        false,
    )?;
    same(
        "forgetting only what has ended, of what is done",
        done("forget_ended", inbox.forget_ended(&handled.key).await)?,
        true,
    )?;
    same(
        "what had ended and is forgotten",
        handled.lookup().await?,
        None,
    )?;
    same(
        "forgetting",
        done("forget", inbox.forget(&queued.key).await)?,
        true,
    )?;
    same(
        "forgetting twice",
        done("forget", inbox.forget(&queued.key).await)?,
        false,
    )?;
    same("what is forgotten", queued.lookup().await?, None)
}

pub(super) async fn waiters_are_woken(inbox: &SharedInbox) -> Verdict {
    // A waiter that is not woken waits until its limit. Repeated waits distinguish that from an
    // early return.
    let scene = Scene::new(inbox)?;
    let accept = async {
        sleep(Duration::from_millis(20)).await;
        scene.accepted("a").await
    };
    let wait = async {
        let began = Instant::now();
        loop {
            let taken = scene.take_with(&scene.taking(1, LONG)?).await?;
            if !taken.is_empty() {
                return Ok(began.elapsed());
            }
            inbox.wait(Duration::from_secs(30)).await;
        }
    };
    let (accepted, waited) = tokio::join!(accept, wait);
    accepted?;
    let waited: Duration = waited?;
    if waited >= Duration::from_secs(30) {
        return Err(Broken::told(format!(
            "who waits is not woken: it waited for {waited:?}"
        )));
    }
    Ok(())
}
