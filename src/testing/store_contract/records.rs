//! What a store keeps, and for how long.

use bytes::Bytes;
use tokio::time::sleep;

use super::holders::grows;
use super::scene::{SHORT, Scene, answer, content, grant, token};
use super::violation::{Verdict, is, same};
use crate::store::{
    Claim, ClaimOutcome, Complete, ContentType, Held, RecordState, SharedStore, StoredResponse,
};

pub(super) async fn answers_come_back(store: &SharedStore) -> Verdict {
    let bodies = [
        None,
        Some(Bytes::new()),
        Some(Bytes::from_static(b"-1\r\n\0nil")),
        Some((0..=255_u8).cycle().take(70_000).collect()),
    ];
    let longest = "x".repeat(ContentType::MAX_LEN);
    let types = [
        "",
        "text/plain; charset=utf-8",
        "application/json",
        &longest,
    ];
    for (status, (body, content_type)) in (200..).zip(bodies.into_iter().zip(types)) {
        let (scene, holder) = (Scene::new(store)?, token()?);
        scene.granted(holder, "a").await?;
        let response = StoredResponse {
            status,
            body,
            content_type: ContentType::new(content_type),
        };
        let completed = scene.complete(holder, "a", response.clone()).await?;
        same("complete", completed, Held::Held)?;
        let duplicate = scene.claim(token()?, "a").await?;
        same(
            "the answer to a duplicate, byte for byte",
            duplicate,
            ClaimOutcome::Done(response),
        )?;
    }
    Ok(())
}

pub(super) async fn lost_records(store: &SharedStore) -> Verdict {
    let (scene, holder) = (Scene::new(store)?, token()?);
    let released = scene.release(holder).await?;
    same("release without a record", released, Held::Held)?;
    let renewed = scene.renew(holder).await?;
    same("renew without a record", renewed, Held::Fenced)?;
    let looked_up = scene.lookup().await?;
    same("the record after these two", looked_up, None)?;
    let complete = Complete {
        attempt: u32::MAX,
        // A float would lose the last digit.
        fence: 9_007_199_254_740_993,
        ..scene.completion(holder, "a")
    };
    for what in ["complete without a record", "the same complete again"] {
        same(what, scene.finish(&complete).await?, Held::Held)?;
        let view = scene.view().await?;
        same("the state", view.state, RecordState::Done(answer(200)))?;
        same(
            "the attempt, fence and content that were told",
            (view.attempt, view.fence, view.fingerprint),
            (u32::MAX, 9_007_199_254_740_993, Some(content("a"))),
        )?;
    }
    let other = scene.claim(token()?, "b").await?;
    let done = ClaimOutcome::OtherDone(answer(200));
    same("a claim with other content", other, done)
}

pub(super) async fn retention_ends(store: &SharedStore) -> Verdict {
    let (scene, holder) = (Scene::new(store)?, token()?);
    let first = scene.granted(holder, "a").await?;
    let complete = Complete {
        attempt: first.attempt,
        fence: first.fence,
        retention: SHORT,
        ..scene.completion(holder, "a")
    };
    same("complete", scene.finish(&complete).await?, Held::Held)?;
    let again = loop {
        match scene.claim(token()?, "a").await? {
            ClaimOutcome::Done(_) => sleep(SHORT / 10).await,
            other => break grant("a claim after the retention", &other)?,
        }
    };
    same("the attempt after the retention", again.attempt, 1)?;
    grows(first, again)
}

pub(super) async fn outlives_its_lease(store: &SharedStore) -> Verdict {
    let (scene, holder) = (Scene::new(store)?, token()?);
    let claim = Claim {
        retention: SHORT,
        ..scene.command(holder, "a")
    };
    let first = grant("a claim", &scene.send(&claim).await?)?;
    sleep(SHORT * 2).await;
    let duplicate = scene.claim(token()?, "a").await?;
    same(
        "a duplicate's claim after the retention and within the lease",
        duplicate,
        ClaimOutcome::InProgress,
    )?;
    let view = scene.view().await?;
    let ends = match view.state {
        RecordState::Claimed { lease_ends } => Some(lease_ends),
        _ => None,
    };
    is(
        "the record of a long lease",
        ends.is_some_and(|ends| ends <= view.kept_until),
        "Claimed, and kept as long",
        &view,
    )?;
    same("its fence", view.fence, first.fence)?;
    let completed = scene.complete(holder, "a", answer(200)).await?;
    same("complete by the holder", completed, Held::Held)
}
