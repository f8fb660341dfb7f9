use std::time::Duration;

use super::scene::{LONG, SHORT, Scene, done};
use tokio::time::sleep;

use crate::inbox::{
    Accept, Accepted, EntryStatus, Finish, Inbox, Rate, RateOf, SharedInbox, Verdict as End,
};
use crate::store::Held;
use crate::testing::store_contract::violation::{Broken, Verdict, is, same};

/// Content of the scene's event, in one of the places.
fn content(event: &Scene, place: u8) -> Scene {
    Scene {
        inbox: event.inbox.clone(),
        key: event.key.unconfirmed(place),
        route: event.route.unconfirmed(),
    }
}

pub(super) async fn side_by_side(inbox: &SharedInbox) -> Verdict {
    let event = Scene::new(inbox)?;
    // Confirming is not running, so no rate holds it back.
    let rate = Rate::new(1, LONG).map_err(|error| Broken::told(error.to_string()))?;
    let limited = inbox.set_rate(event.key.provider(), RateOf::Provider, Some(rate));
    done("set_rate", limited.await)?;
    let (first, second) = (content(&event, 0), content(&event, 1));
    first.accepted("a").await?;
    second.accepted("b").await?;
    let again = Accepted::Duplicate { differs: false };
    same("content that waits", first.accept("a").await?, again)?;
    let other = first.accept("b").await?;
    same("other content in its place", other, Accepted::Conflict)?;
    same("its event", event.lookup().await?, None)?;
    event.nothing_due("what is not confirmed").await?;

    let take = first.taking(10, LONG)?;
    let taken = first.take_with(&take).await?;
    let mut places: Vec<_> = taken.iter().map(|it| (&it.key, &it.route)).collect();
    places.sort_by_key(|(key, _)| key.encoded());
    let expected = [(&first.key, &first.route), (&second.key, &second.route)];
    same("what is to be confirmed", places, expected.to_vec())?;

    // The first is not true; its end is sent twice.
    let untrue = first.finish(take.token, End::Mismatched).await?;
    same("an end", untrue, Held::Held)?;
    let again = first.finish(take.token, End::Mismatched).await?;
    same("the same sent again", again, Held::Held)?;
    first.has(EntryStatus::Mismatched).await?;
    let view = first.view().await?;
    is("its body", view.body.is_none(), "none any more", &view.body)?;

    // The second is true: its event is accepted with that content, and with no other.
    let truth = Accept {
        was_held: true,
        ..event.accepting("b")
    };
    same("what is true", event.send(&truth).await?, Accepted::Queued)?;
    let again = Accepted::Duplicate { differs: false };
    same("the same sent again", event.send(&truth).await?, again)?;
    let late = event.accept("a").await?;
    same("other content of the event", late, Accepted::Conflict)?;
    let settled = second.finish(take.token, End::Done).await?;
    same("an end", settled, Held::Held)?;
    event.attempt(End::Done).await?;
    event.has(EntryStatus::Done).await?;
    makes_way(inbox).await
}

/// Untrue content is a duplicate of itself for its retention, but leaves its place to other content.
async fn makes_way(inbox: &SharedInbox) -> Verdict {
    let event = Scene::new(inbox)?;
    let (first, second) = (content(&event, 0), content(&event, 1));
    for (content, retention) in [(&first, LONG), (&second, SHORT)] {
        content.accepted("a").await?;
        let token = content.taken(LONG).await?;
        let finish = Finish::new(content.key.clone(), token, End::Mismatched, retention);
        same(
            "an end",
            done("finish", inbox.finish(&finish).await)?,
            Held::Held,
        )?;
    }
    let again = Accepted::Duplicate { differs: false };
    same("content that is untrue", first.accept("a").await?, again)?;
    first.accepted("b").await?;
    first.has(EntryStatus::Queued).await?;
    let view = first.view().await?;
    same("the content that waits", view.body, Some("b".into()))?;
    sleep(SHORT + Duration::from_millis(50)).await;
    same("what was untrue long ago", second.lookup().await?, None)?;
    second.accepted("a").await
}
