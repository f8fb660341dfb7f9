//! Which items of a list are begun first.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::identified::IdentifiedItem;
use crate::runtime::within;
use crate::store::{RecordState, RecordView, SharedStore, Store};

/// Less comes first: what nobody has tried, then what has failed or was cut off least often. What is at work elsewhere
/// would keep a place until the deadline, and what is done is only to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    New,
    Tried(u32),
    AtWork,
    Done,
}

fn rank(view: Option<&RecordView>) -> Rank {
    let Some(view) = view else {
        return Rank::New;
    };
    match view.state {
        RecordState::Released | RecordState::Lapsed { .. } => Rank::Tried(view.attempt),
        RecordState::Claimed { .. } => Rank::AtWork,
        RecordState::Done(_) => Rank::Done,
    }
}

/// Puts first what had its turn least often, so that slow items that fail keep none behind them from theirs. A list
/// that nobody has seen stays as it is, and so does each where the store does not say by then.
pub(super) async fn in_turn(
    items: VecDeque<IdentifiedItem>,
    store: &SharedStore,
    by: Instant,
) -> VecDeque<IdentifiedItem> {
    let keys: Vec<_> = (items.iter())
        .filter_map(|item| item.key().cloned())
        .collect();
    let Some(Ok(views)) = within(|| by, store.lookup_many(&keys)).await else {
        return items;
    };
    let mut views = views.iter();
    let ranked = items.into_iter().map(|item| {
        let view = item.key().and_then(|_| views.next());
        (rank(view.and_then(Option::as_ref)), item)
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, item)| item).collect()
}
