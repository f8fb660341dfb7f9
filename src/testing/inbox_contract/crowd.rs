use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::scene::{LONG, Scene};
use crate::inbox::{Accepted, SharedInbox};
use crate::testing::store_contract::violation::{Verdict, same};

const CROWD: usize = 50;
const ENTRIES: usize = 100;

pub(super) async fn many_at_once(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    let accepting = (0..CROWD).map(|_| scene.accept("a"));
    let mut new = 0_usize;
    for accepted in join_all(accepting).await {
        match accepted? {
            Accepted::Queued => new = new.saturating_add(1),
            other => same("a duplicate", other, Accepted::Duplicate { differs: false })?,
        }
    }
    same("how many are told that it is new", new, 1)?;

    let scene = Scene::new(inbox)?;
    let scenes: Vec<_> = (0..ENTRIES)
        .map(|number| scene.other(&number.to_string()))
        .collect::<Result<_, _>>()?;
    for accepted in join_all(scenes.iter().map(|scene| scene.accept("a"))).await {
        same("a new event", accepted?, Accepted::Queued)?;
    }
    let takes: Vec<_> = (0..CROWD)
        .map(|_| scene.taking(7, LONG))
        .collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    for taken in join_all(takes.iter().map(|take| scene.take_with(take))).await {
        for entry in taken? {
            let is_new = seen.insert(entry.key.to_string());
            same("whether an entry is taken for the first time", is_new, true)?;
        }
    }
    same("how many are taken", seen.len(), ENTRIES)
}
