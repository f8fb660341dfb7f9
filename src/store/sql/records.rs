//! The operations of a store on its records, for any database.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::store::command::{Counts, Held, RecordView, Renew};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::{Command, Look};

use super::batch::{Found, Stored, unreadable};
use super::order::{Answer, Order, Placed};
use super::place::{Place, of_provider};
use super::row::{Row, micros};
use super::wait::Waiting;

/// Claimed, lapsed and released records among some thousand keys; and the last of those keys, if any.
pub(in crate::store) type OpenCounts = (i64, i64, i64, Option<String>);

/// A table of records in one namespace, and its queries.
pub(in crate::store) trait Records: Clone + Send + Sync + 'static {
    fn namespace_name(&self) -> &Name;

    fn waiting(&self) -> &Arc<Waiting>;

    /// Carries commands out and returns their answers, in their order.
    fn write(
        &self,
        orders: Vec<Placed>,
    ) -> impl Future<Output = Result<Vec<Result<Answer, StoreError>>, StoreError>> + Send;

    /// One record and the time that applies to it.
    fn stored(
        &self,
        place: Place,
    ) -> impl Future<Output = Result<(UnixTime, Option<Stored>), StoreError>> + Send;

    /// The records at these places, and the time that applies to them.
    fn stored_many(
        &self,
        places: Vec<Place>,
    ) -> impl Future<Output = Result<(UnixTime, Found), StoreError>> + Send;

    /// The time that applies to records.
    fn time(&self) -> impl Future<Output = Result<UnixTime, StoreError>> + Send;

    /// Events in a range of keys that were not handled and that nobody is at work on.
    fn unfinished_in(
        &self,
        range: (String, String),
        now: UnixTime,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(EventKey, Row)>, StoreError>> + Send;

    /// Counts unhandled records among some thousand keys after this one.
    fn count_open(
        &self,
        behind: String,
        now: UnixTime,
    ) -> impl Future<Output = Result<OpenCounts, StoreError>> + Send;

    /// How many handled records there are among some thousand that are kept longer than this; and the
    /// last of their times, if any records are left after them.
    fn count_done(
        &self,
        after: i64,
    ) -> impl Future<Output = Result<(i64, Option<i64>), StoreError>> + Send;
}

/// Carries out one command.
pub(in crate::store) async fn run(
    records: &impl Records,
    order: Order,
) -> Result<Answer, StoreError> {
    let placed = Placed::new(records.namespace_name(), order);
    let place = placed.place.clone();
    let answers = records.write(vec![placed]).await?;
    let answer = answers.into_iter().next();
    let answer = answer.unwrap_or_else(|| Err(StoreError::new(StoreErrorKind::Unavailable)))?;
    if matches!(answer, Answer::Held(Held::Held) | Answer::Forgotten(true)) {
        records.waiting().hint(&place);
    }
    Ok(answer)
}

pub(in crate::store) async fn renew(
    records: &impl Records,
    renewals: &[Renew],
) -> Result<Vec<Held>, StoreError> {
    if renewals.is_empty() {
        return Ok(Vec::new());
    }
    let orders = renewals.iter().cloned().map(Order::Renew);
    let namespace = records.namespace_name();
    let orders = orders.map(|order| Placed::new(namespace, order)).collect();
    let answers = records.write(orders).await?;
    answers.into_iter().map(|answer| answer?.held()).collect()
}

/// Returns once nobody is at work on the event, or `limit` is over.
pub(in crate::store) async fn wait(records: &impl Records, key: &EventKey, limit: Duration) {
    let (own, place) = (records.clone(), place(records, key));
    let key = key.clone();
    let look = move || {
        let (own, key) = (own.clone(), key.clone());
        async move { lease_left(&own, &key).await }
    };
    let waiting = records.waiting();
    waiting.until_changed(place, limit, look).await;
}

/// How much longer somebody's claim on the event lasts.
pub(in crate::store) async fn lease_left(
    records: &impl Records,
    key: &EventKey,
) -> Result<Option<Duration>, StoreError> {
    let (now, stored) = records.stored(place(records, key)).await?;
    let record = match stored {
        Some(Stored::Record(record)) => Some(record),
        Some(Stored::Unreadable) => return Err(unreadable()),
        None => None,
    };
    let step = Look(key).apply(record.as_ref(), now);
    let ends = match step.write {
        None => step.outcome,
        // The clock was set back.
        Some(_) => run(records, Order::Look(key.clone())).await?.lease_ends()?,
    };
    Ok(ends.map(|ends| ends.saturating_since(now)))
}

pub(in crate::store) async fn lookup(
    records: &impl Records,
    key: &EventKey,
) -> Result<Option<RecordView>, StoreError> {
    match records.stored(place(records, key)).await? {
        (_, None) => Ok(None),
        (_, Some(Stored::Unreadable)) => Err(unreadable()),
        (now, Some(Stored::Record(record))) => {
            Ok(record.is_kept(now).then(|| record.view(key.clone(), now)))
        }
    }
}

/// How many keys one statement looks up.
const MOST_LOOKED_UP: usize = 256;

pub(in crate::store) async fn lookup_many(
    records: &impl Records,
    keys: &[EventKey],
) -> Result<Vec<Option<RecordView>>, StoreError> {
    let mut views = Vec::with_capacity(keys.len());
    for some in keys.chunks(MOST_LOOKED_UP) {
        let places: Vec<_> = some.iter().map(|key| place(records, key)).collect();
        let (now, found) = records.stored_many(places.clone()).await?;
        for (key, place) in some.iter().zip(places) {
            // Not removed from the map, because a key may be requested twice.
            let stored = found.get(&(place.namespace.to_string(), place.key));
            views.push(match stored {
                None => None,
                Some(Stored::Unreadable) => return Err(unreadable()),
                Some(Stored::Record(record)) => {
                    (record.is_kept(now)).then(|| record.view(key.clone(), now))
                }
            });
        }
    }
    Ok(views)
}

pub(in crate::store) async fn unfinished(
    records: &impl Records,
    provider: &Name,
    limit: usize,
) -> Result<Vec<RecordView>, StoreError> {
    let now = records.time().await?;
    let mut views = Vec::new();
    for range in of_provider(provider) {
        let left = limit.saturating_sub(views.len());
        if left == 0 {
            break;
        }
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        let rows = records.unfinished_in(range, now, left).await?.into_iter();
        views.extend(rows.filter_map(|(key, row)| Some(row.record()?.view(key, now))));
    }
    Ok(views)
}

pub(in crate::store) async fn counts(records: &impl Records) -> Result<Counts, StoreError> {
    let now = records.time().await?;
    let mut counts = Counts::default();
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut behind = Some(String::new());
    while let Some(key) = behind {
        let (claimed, lapsed, released, last) = records.count_open(key, now).await?;
        counts.claimed = counts.claimed.saturating_add(count(claimed));
        counts.lapsed = counts.lapsed.saturating_add(count(lapsed));
        counts.released = counts.released.saturating_add(count(released));
        behind = last;
    }
    let mut after = Some(micros(now));
    while let Some(from) = after {
        let (done, to) = records.count_done(from).await?;
        counts.done = counts.done.saturating_add(count(done));
        after = to;
    }
    Ok(counts)
}

fn place(records: &impl Records, key: &EventKey) -> Place {
    Place::of(records.namespace_name(), key)
}
