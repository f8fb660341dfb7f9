use std::time::Duration;

use bytes::Bytes;

use super::scene::{LONG, Scene, bury, key, provider, retry};
use crate::event::Name;
use crate::inbox::{Accept, Accepted, Content, Inbox, Route, SharedInbox};
use crate::testing::store_contract::violation::{Broken, Verdict, same};

pub(super) async fn comes_back(inbox: &SharedInbox) -> Verdict {
    for body in [
        Bytes::new(),
        Bytes::from_static(b"\0\xff\xfe'\";--"),
        Bytes::from(vec![b'x'; 1024 * 1024]),
    ] {
        let scene = Scene::new(inbox)?;
        let envelope = Bytes::from_static(b"{\"r\":1,\"s\":\"\xc3\xa9\"}");
        let accept = Accept {
            content: Content::new(envelope, body),
            ..scene.accepting("a")
        };
        same("a new event", scene.send(&accept).await?, Accepted::Queued)?;
        as_accepted(&scene, &accept).await?;
    }
    // The newest content runs: after a failure, and after a revival.
    for (end, expected) in [
        (retry(Duration::ZERO), Accepted::Corrected),
        (bury(), Accepted::Revived),
    ] {
        let scene = Scene::new(inbox)?;
        scene.accepted("a").await?;
        scene.attempt(end).await?;
        let newest = scene.accepting("b");
        same("newer content", scene.send(&newest).await?, expected)?;
        as_accepted(&scene, &newest).await?;
    }
    Ok(())
}

/// Looks an entry up and takes it, and checks that it is as it was accepted.
async fn as_accepted(scene: &Scene, accept: &Accept) -> Verdict {
    let view = scene.view().await?;
    same(
        "the body of an entry",
        view.body,
        Some(accept.content.body.clone()),
    )?;
    same(
        "its fingerprint",
        view.entry.fingerprint,
        accept.fingerprint,
    )?;
    same("its route", view.route, accept.route.clone())?;
    let taken = scene.take_with(&scene.taking(1, LONG)?).await?;
    let [taken] = taken.as_slice() else {
        return Err(Broken::differs("what is due", "one entry", &taken));
    };
    same("the content that is taken", &taken.content, &accept.content)?;
    same("its key", &taken.key, &accept.key)?;
    same("its route", &taken.route, &accept.route)
}

pub(super) async fn keys_apart(inbox: &SharedInbox) -> Verdict {
    let provider = provider()?;
    let name = |text: &'static str| Name::new(text).map_err(|it| Broken::told(it.to_string()));
    let base = key(&provider, &["evt_1"])?;
    let long = "x".repeat(2_000);
    let keys = [
        base.clone(),
        base.clone().of_tenant(Some(name("shop")?)),
        base.of_consumer(Some(name("shop")?)),
        key(&provider, &["EVT_1"])?,
        key(&provider, &["evt_1", "a"])?,
        key(&provider, &["evt_1:a"])?,
        key(&provider, &["evt_1 "])?,
        key(&provider, &["\u{e9}'\";--%"])?,
        key(&provider, &[&long])?,
        key(&provider, &[&format!("{long}y")])?,
    ];
    let scenes = keys.map(|key| Scene {
        route: Route::new(&provider, None, None),
        ..Scene::of(inbox, key)
    });
    for scene in &scenes {
        scene.accepted(&scene.key.encoded()).await?;
    }
    for scene in &scenes {
        let body = scene.view().await?.body;
        same(
            "the entry of its own key",
            body,
            Some(scene.key.encoded().into()),
        )?;
    }
    let [first, others @ ..] = &scenes;
    let removed = first.inbox.forget(&first.key).await;
    same("forgetting one", removed.ok(), Some(true))?;
    same("a forgotten entry", first.lookup().await?, None)?;
    for other in others {
        other.view().await?;
    }
    first.accepted("anew").await?;
    first.inbox.forget(&first.key).await.ok();
    // All others are taken with their own names.
    let taken = first.take_with(&first.taking(100, LONG)?).await?;
    for entry in &taken {
        let scene = Scene::of(inbox, entry.key.clone());
        same(
            "what is taken",
            &*entry.content.body,
            scene.key.encoded().as_bytes(),
        )?;
    }
    same("how many are taken", taken.len(), others.len())?;
    Ok(())
}
