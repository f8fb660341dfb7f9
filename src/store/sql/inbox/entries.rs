//! The operations of an inbox on its entries, for any database.

use futures_util::future::join_all;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, List, Moved,
    Rate, RateOf, Redrive, Take, Taken,
};
use crate::store::command::Held;
use crate::store::error::StoreError;
use crate::store::sql::place::{Place, of_provider};

use super::batch::Placed;
use super::order::{Answer, Order, mixed_up};

/// A table of entries in one namespace, and its queries.
pub(in crate::store) trait Entries: Sync {
    /// How far a count has come.
    type Counted: Send;

    fn namespace_name(&self) -> &Name;

    /// Wakes tasks that wait in this process, because there may be something to take.
    fn tell(&self);

    /// Carries commands out and returns their answers, in their order.
    fn write(
        &self,
        orders: Vec<Placed>,
    ) -> impl Future<Output = Result<Vec<Result<Answer, StoreError>>, StoreError>> + Send;

    /// An entry, while it counts.
    fn one(
        &self,
        place: Place,
    ) -> impl Future<Output = Result<Option<EntryView>, StoreError>> + Send;

    /// The matching entries among some thousand rows after this key; and the last of those keys, if there
    /// may be more.
    fn some(
        &self,
        list: &List,
        behind: String,
    ) -> impl Future<Output = Result<(Vec<EntryView>, Option<String>), StoreError>> + Send;

    /// How many entries with each status there are among some thousand rows; and how far that is, if there
    /// may be more.
    fn count(
        &self,
        behind: Option<Self::Counted>,
    ) -> impl Future<Output = Result<(EntryCounts, Option<Self::Counted>), StoreError>> + Send;
}

async fn run(entries: &impl Entries, order: Order) -> Result<Answer, StoreError> {
    let orders = vec![Placed::new(entries.namespace_name(), order)];
    let answers = entries.write(orders).await?;
    answers.into_iter().next().unwrap_or_else(mixed_up)
}

pub(in crate::store) async fn accept(
    entries: &impl Entries,
    accept: &Accept,
) -> Result<Accepted, StoreError> {
    match run(entries, Order::Accept(Box::new(accept.clone()))).await? {
        Answer::Accepted(accepted) => {
            entries.tell();
            Ok(accepted)
        }
        _ => mixed_up(),
    }
}

pub(in crate::store) async fn take(
    entries: &impl Entries,
    take: &Take,
) -> Result<Vec<Taken>, StoreError> {
    match run(entries, Order::Take(take.clone())).await? {
        Answer::Taken(taken, has_more) => {
            if has_more {
                // The caller is about to wait.
                entries.tell();
            }
            Ok(taken)
        }
        _ => mixed_up(),
    }
}

pub(in crate::store) async fn begin(
    entries: &impl Entries,
    begin: &Begin,
) -> Result<Begun, StoreError> {
    match run(entries, Order::Begin(begin.clone())).await? {
        Answer::Begun(begun) => Ok(begun),
        _ => mixed_up(),
    }
}

pub(in crate::store) async fn extend(
    entries: &impl Entries,
    extensions: &[Extend],
) -> Result<Vec<Held>, StoreError> {
    let orders = extensions
        .iter()
        .map(|extend| Order::Extend(extend.clone()));
    let answers = join_all(orders.map(|order| run(entries, order))).await;
    answers.into_iter().map(held).collect()
}

pub(in crate::store) async fn finish(
    entries: &impl Entries,
    finish: &Finish,
) -> Result<Held, StoreError> {
    match run(entries, Order::Finish(finish.clone())).await? {
        Answer::Freed => {
            // Another event of the key may have waited for it.
            entries.tell();
            Ok(Held::Held)
        }
        answer => held(Ok(answer)),
    }
}

fn held(answer: Result<Answer, StoreError>) -> Result<Held, StoreError> {
    match answer? {
        Answer::Held(held) => Ok(held),
        _ => mixed_up(),
    }
}

pub(in crate::store) async fn lookup(
    entries: &impl Entries,
    key: &EventKey,
) -> Result<Option<EntryView>, StoreError> {
    entries.one(Place::of(entries.namespace_name(), key)).await
}

pub(in crate::store) async fn list(
    entries: &impl Entries,
    list: &List,
) -> Result<Vec<EntryView>, StoreError> {
    let namespace = entries.namespace_name();
    let key = |after: &EventKey| Place::of(namespace, after).key;
    let mut behind = Some(list.after.as_ref().map(key).unwrap_or_default());
    let mut views = Vec::new();
    while let Some(from) = behind.filter(|_| views.len() < list.limit) {
        let from = match &list.provider {
            Some(provider) => next_of(provider, from),
            None => Some(from),
        };
        let Some(from) = from else { break };
        let (found, next) = entries.some(list, from).await?;
        views.extend(found);
        behind = next;
    }
    views.truncate(list.limit);
    Ok(views)
}

/// The key after which the next entry of this provider may be; `None` if there can be none.
fn next_of(provider: &Name, behind: String) -> Option<String> {
    let mut ranges = of_provider(provider).into_iter();
    let (first, _) = ranges.find(|(_, end)| behind < *end)?;
    Some(behind.max(first))
}

pub(in crate::store) async fn redrive(
    entries: &impl Entries,
    redrive: &Redrive,
) -> Result<Moved, StoreError> {
    let moved = moved(run(entries, Order::Redrive(redrive.clone())).await)?;
    entries.tell();
    Ok(moved)
}

pub(in crate::store) async fn discard(
    entries: &impl Entries,
    discard: &Discard,
) -> Result<Moved, StoreError> {
    let moved = moved(run(entries, Order::Discard(discard.clone())).await)?;
    entries.tell();
    Ok(moved)
}

fn moved(answer: Result<Answer, StoreError>) -> Result<Moved, StoreError> {
    match answer? {
        Answer::Moved(moved) => Ok(moved),
        _ => mixed_up(),
    }
}

pub(in crate::store) async fn forget(
    entries: &impl Entries,
    key: &EventKey,
) -> Result<bool, StoreError> {
    changed(run(entries, Order::Forget(key.clone())).await)
}

pub(in crate::store) async fn forget_ended(
    entries: &impl Entries,
    key: &EventKey,
) -> Result<bool, StoreError> {
    changed(run(entries, Order::ForgetEnded(key.clone())).await)
}

pub(in crate::store) async fn set_paused(
    entries: &impl Entries,
    provider: &Name,
    paused: bool,
) -> Result<bool, StoreError> {
    let changed = changed(run(entries, Order::SetPaused(provider.clone(), paused)).await)?;
    entries.tell();
    Ok(changed)
}

pub(in crate::store) async fn set_rate(
    entries: &impl Entries,
    provider: &Name,
    of: RateOf,
    rate: Option<Rate>,
) -> Result<bool, StoreError> {
    let order = Order::SetRate(provider.clone(), of, rate);
    let changed = changed(run(entries, order).await)?;
    entries.tell();
    Ok(changed)
}

fn changed(answer: Result<Answer, StoreError>) -> Result<bool, StoreError> {
    match answer? {
        Answer::Changed(changed) => Ok(changed),
        _ => mixed_up(),
    }
}

pub(in crate::store) async fn counts(entries: &impl Entries) -> Result<EntryCounts, StoreError> {
    let mut counts = EntryCounts::default();
    let mut behind = None;
    loop {
        let (some, next) = entries.count(behind).await?;
        counts = counts.and(some);
        behind = next;
        if behind.is_none() {
            return Ok(counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_one_provider_begins_and_ends_with_its_keys() {
        let acme = Name::new("acme").unwrap();
        let next = |behind: &str| next_of(&acme, behind.to_owned());
        assert_eq!(next("").as_deref(), Some("acme/"));
        assert_eq!(next("aaa:9").as_deref(), Some("acme/"));
        assert_eq!(next("acme/mail:3").as_deref(), Some("acme/mail:3"));
        // Another provider is in between.
        assert_eq!(next("acme2:3").as_deref(), Some("acme:"));
        assert_eq!(next("acme:3").as_deref(), Some("acme:3"));
        assert_eq!(next("acme@t:3").as_deref(), Some("acme@t:3"));
        assert_eq!(next("acmea:3"), None);
        assert_eq!(next("stripe:3"), None);
    }
}
