//! Renewals of leases.

use super::scene::{Scene, renew_all, token};
use super::violation::{Verdict, same};
use crate::store::{Held, SharedStore};

pub(super) async fn in_one_call(store: &SharedStore) -> Verdict {
    let none = renew_all(store, &[]).await?;
    same("the answers to no renewals", none, Vec::new())?;
    let (mut renewals, mut expected) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let (scene, holder) = (Scene::new(store)?, token()?);
        scene.granted(holder, "a").await?;
        let held = number % 3 != 1;
        let token = if held { holder } else { token()? };
        renewals.push(scene.renewal(token));
        expected.push(if held { Held::Held } else { Held::Fenced });
    }
    // Two keys appear twice, each in its own place.
    renewals.extend_from_within(..2);
    expected.extend_from_within(..2);
    let outcomes = renew_all(store, &renewals).await?;
    same("the answers in their order", outcomes, expected)
}
