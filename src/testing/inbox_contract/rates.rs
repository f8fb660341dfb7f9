use std::time::Duration;

use tokio::time::sleep;

use super::scene::{LONG, SHORT, Scene, done};
use crate::inbox::{Inbox, Rate, RateOf, SharedInbox, Verdict as End};
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

fn rate(entries: u32, per: Duration) -> Verdict<Rate> {
    Rate::new(entries, per).map_err(|error| Broken::told(error.to_string()))
}

pub(super) async fn rates_hold_back(inbox: &SharedInbox) -> Verdict {
    let (scene, other) = (Scene::new(inbox)?, Scene::new(inbox)?);
    let provider = scene.key.provider();
    let set = async |of, rate| done("set_rate", inbox.set_rate(provider, of, rate).await);
    let listed = async || {
        let rates = done("rates", inbox.rates().await)?.into_iter();
        let ours = rates.filter(|view| view.provider == *provider);
        Verdict::Ok(ours.map(|view| (view.of, view.rate)).collect::<Vec<_>>())
    };
    let two = rate(2, LONG)?;
    same("the rates", listed().await?, Vec::new())?;
    same("setting one", set(RateOf::Provider, Some(two)).await?, true)?;
    same(
        "setting it again",
        set(RateOf::Provider, Some(two)).await?,
        false,
    )?;
    same("the rates", listed().await?, vec![(RateOf::Provider, two)])?;
    for id in ["1", "2", "3"] {
        scene.other(id)?.accepted("a").await?;
    }
    other.accepted("a").await?;
    let taken = scene.take_with(&scene.taking(10, LONG)?).await?;
    same(
        "how many are taken of three at a rate of two",
        taken.len(),
        2,
    )?;
    scene.nothing_due("what a rate holds back").await?;
    other.taken(LONG).await?;
    // A new rate starts unused.
    let one = rate(1, LONG)?;
    same(
        "another rate",
        set(RateOf::Provider, Some(one)).await?,
        true,
    )?;
    let third = scene.other("3")?;
    let grant = third.attempt(End::Done).await?;
    same("the attempts of what was held back", grant.attempt, 1)?;
    third.other("4")?.accepted("a").await?;
    third.nothing_due("what a rate holds back").await?;
    same("lifting it", set(RateOf::Provider, None).await?, true)?;
    same(
        "lifting it again",
        set(RateOf::Provider, None).await?,
        false,
    )?;
    same("the rates", listed().await?, Vec::new())?;
    third.other("4")?.taken(LONG).await?;

    // A rate of each order key does not hold back entries without one.
    let scene = Scene::new(inbox)?;
    let provider = scene.key.provider();
    let of = RateOf::EachOrderKey;
    let one = Some(rate(1, LONG)?);
    let set = async |rate| done("set_rate", inbox.set_rate(provider, of, rate).await);
    same("a rate of each order key", set(one).await?, true)?;
    for (id, key) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        scene.other(id)?.accepted_in(key, None).await?;
    }
    for id in ["a1", "b1"] {
        let first = scene.other(id)?;
        let mut take = first.taking(1, LONG)?;
        take.limit = 1;
        let taken = first.take_with(&take).await?;
        let ids: Vec<_> = taken.iter().map(|entry| entry.key.to_string()).collect();
        same("the first of a key", ids, vec![id.to_owned()])?;
        let finish = first.finish(take.token, End::Done).await?;
        is(
            "its end",
            finish == crate::store::Held::Held,
            "held",
            &finish,
        )?;
    }
    // The inbox may choose the order of entries with different order keys.
    scene.accepted("a").await?;
    scene.taken(LONG).await?;
    scene.nothing_due("the second of a key").await?;
    same("lifting it", set(None).await?, true)?;
    scene.other("a2")?.taken(LONG).await?;

    // A rate that was set by mistake is corrected.
    let scene = Scene::new(inbox)?;
    let provider = scene.key.provider();
    let set = async |rate| done("set_rate", inbox.set_rate(provider, of, Some(rate)).await);
    let day = Duration::from_secs(86_400);
    same("a rate of each order key", set(rate(1, day)?).await?, true)?;
    let (first, second) = (scene.other("1")?, scene.other("2")?);
    for one in [&first, &second] {
        one.accepted_in("a", None).await?;
    }
    first.attempt(End::Done).await?;
    second.nothing_due("the second of a key in a day").await?;
    same("another rate", set(rate(1, SHORT)?).await?, true)?;
    second.taken(LONG).await?;

    // One entry after another, as time passes.
    let scene = Scene::new(inbox)?;
    let provider = scene.key.provider();
    let one = Some(rate(1, SHORT)?);
    let set = inbox.set_rate(provider, RateOf::Provider, one).await;
    same("a rate", done("set_rate", set)?, true)?;
    for id in ["1", "2", "3"] {
        scene.other(id)?.accepted("a").await?;
    }
    let mut taken = 0_usize;
    while taken < 3 {
        let some = scene.take_with(&scene.taking(10, LONG)?).await?;
        is("a take", some.len() <= 1, "one at most", &some)?;
        taken = taken.saturating_add(some.len());
        sleep(SHORT / 10).await;
    }
    Ok(())
}
