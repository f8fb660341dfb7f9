use super::scene::{LONG, Scene, done, retry};
use crate::inbox::{Inbox, SharedInbox, Take, Taken, Verdict as End};
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

/// The number of entries on the busy one of two routes.
const BUSY: usize = 30;

/// The ids of the taken entries.
fn ids(taken: &[Taken]) -> Vec<String> {
    taken.iter().map(|it| it.key.to_string()).collect()
}

pub(super) async fn no_more_than_asked_for(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    let bystander = Scene::new(inbox)?;
    bystander.accepted("a").await?;
    for id in ["1", "2", "3", "4", "5"] {
        scene.other(id)?.accepted("0123456789").await?;
    }
    // A failed entry is due again once its delay is over, after the entries due before it.
    let late = scene.other("1")?;
    let taken = scene.take_with(&scene.taking(1, LONG)?).await?;
    same("the first to be due", ids(&taken), vec!["1".to_owned()])?;
    let take = scene.taking(1, LONG)?;
    let second = scene.take_with(&take).await?;
    same("the second", ids(&second), vec!["2".to_owned()])?;
    let begin = scene.other("2")?.beginning(take.token, LONG)?;
    scene.other("2")?.begin_with(&begin).await?;
    scene.other("2")?.finish(begin.token, retry(LONG)).await?;
    // Both are larger than requested, but one is always returned.
    let small = Take {
        max_bytes: 1,
        ..scene.taking(10, LONG)?
    };
    let taken = scene.take_with(&small).await?;
    same(
        "of two that are too large",
        ids(&taken),
        vec!["3".to_owned()],
    )?;
    let none = scene.take_with(&scene.taking(0, LONG)?).await?;
    same("none asked for", none, Vec::new())?;
    let rest = scene.take_with(&scene.taking(10, LONG)?).await?;
    same("the rest", ids(&rest), vec!["4".to_owned(), "5".to_owned()])?;
    scene.nothing_due("what is held, or waits").await?;
    late.view().await?;
    bystander.taken(LONG).await?;
    Ok(())
}

pub(super) async fn routes_in_turn(inbox: &SharedInbox) -> Verdict {
    let (busy, quiet) = (Scene::new(inbox)?, Scene::new(inbox)?);
    for number in 0..BUSY {
        busy.other(&format!("b{number}"))?.accepted("a").await?;
    }
    quiet.other("q")?.accepted("a").await?;
    let mut take = busy.taking(10, LONG)?;
    take.routes.push(quiet.route.clone());
    let taken = busy.take_with(&take).await?;
    same("how many are taken", taken.len(), 10)?;
    let has_quiet = taken.iter().any(|it| it.route == quiet.route);
    is(
        "the routes of ten",
        has_quiet,
        "the quiet one is among them",
        &ids(&taken),
    )?;
    // A worker whose handlers end one at a time takes one at a time, and so does one with few bytes left.
    for (limit, max_bytes) in [(1, usize::MAX), (10, 1)] {
        has_its_turn(inbox, limit, max_bytes).await?;
    }
    Ok(())
}

/// Checks that a quiet route is taken from before the busy one has nothing left. By chance alone,
/// this fails once in a billion runs.
async fn has_its_turn(inbox: &SharedInbox, limit: usize, max_bytes: usize) -> Verdict {
    let (busy, quiet) = (Scene::new(inbox)?, Scene::new(inbox)?);
    for number in 0..BUSY {
        busy.other(&format!("b{number}"))?.accepted("a").await?;
    }
    quiet.accepted("larger than the others").await?;
    for _ in 0..BUSY {
        let mut take = busy.taking(limit, LONG)?;
        take.max_bytes = max_bytes;
        take.routes.push(quiet.route.clone());
        let taken = busy.take_with(&take).await?;
        same("how many are taken where one is asked for", taken.len(), 1)?;
        if taken.iter().any(|it| it.route == quiet.route) {
            return Ok(());
        }
    }
    let expected = "the quiet one is among them";
    Err(Broken::differs(
        "the routes of takes of one",
        expected,
        &busy.route,
    ))
}

pub(super) async fn paused(inbox: &SharedInbox) -> Verdict {
    let scene = Scene::new(inbox)?;
    let other = Scene::new(inbox)?;
    let provider = scene.key.provider();
    let set = async |paused| done("set_paused", inbox.set_paused(provider, paused).await);
    let is_listed = async || Verdict::Ok(done("paused", inbox.paused().await)?.contains(provider));
    same("whether it is paused", is_listed().await?, false)?;
    same("pausing it", set(true).await?, true)?;
    same("pausing it again", set(true).await?, false)?;
    same("whether it is paused", is_listed().await?, true)?;
    scene.accepted("a").await?;
    scene.nothing_due("what is paused").await?;
    other.accepted("a").await?;
    other.taken(LONG).await?;
    same("resuming it", set(false).await?, true)?;
    same("resuming it again", set(false).await?, false)?;
    same("whether it is paused", is_listed().await?, false)?;
    let grant = scene.attempt(End::Done).await?;
    same("its attempts", grant.attempt, 1)?;
    Ok(())
}
