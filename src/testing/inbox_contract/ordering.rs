use super::scene::{LONG, Scene};
use crate::inbox::{SharedInbox, Verdict as End};
use crate::testing::store_contract::violation::{Verdict, same};

/// An event that was skipped, for a newer one of its order key was completed.
pub(super) async fn stale(inbox: &SharedInbox) -> Verdict<Scene> {
    let newer = Scene::new(inbox)?;
    newer.accepted_in("1042", Some(2)).await?;
    newer.attempt(End::Done).await?;
    let older = newer.other("older")?;
    older.accepted_in("1042", Some(1)).await?;
    let taken = older.take_with(&older.taking(1, LONG)?).await?;
    same("taking what is older than what is done", taken, Vec::new())?;
    Ok(older)
}
