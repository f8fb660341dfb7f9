//! Accepts new events, which most accepted events are, all in one statement.

use std::collections::HashSet;

use sqlx::postgres::PgConnection;

use crate::clock::UnixTime;
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::{At, Found, Order, Placed, decide};
use crate::store::sql::{Place, micros};

use super::entries;
use super::so_far::SoFar;
use super::statements::EntryStatements;

/// Accepts the events of which nothing is known, as far as there is room for all that might be new. Events that
/// are known, or are about to be as another transaction ends, get no answer, and neither do commands of another
/// kind.
pub(super) async fn new_ones(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    placed: &[&Placed],
    now: UnixTime,
    room: u64,
    so_far: &mut SoFar,
) -> Result<(), Fault> {
    let (numbers, accepts) = candidates(placed);
    if accepts.is_empty() || u64::try_from(accepts.len()).is_ok_and(|wanted| wanted > room) {
        return Ok(());
    }
    let mut nothing = Found {
        next_id: i64::MIN,
        room,
        ..Found::default()
    };
    let (answers, changes) = decide(&accepts, &mut nothing, now);
    let new = (changes.rows, changes.contents);
    let inserted = entries::accept(conn, statements, new, micros(now)).await?;
    so_far.wrote |= !inserted.is_empty();
    so_far.opened = i64::try_from(inserted.len()).unwrap_or(i64::MAX);
    let told = numbers.into_iter().zip(accepts).zip(answers);
    for ((number, accept), answer) in told {
        let was_new = |place: &Place| inserted.contains(&at(place));
        if accept.place.as_ref().is_some_and(was_new)
            && let Some(answer) = answer
        {
            so_far.answer(number, answer);
        }
    }
    Ok(())
}

/// Accepts that share no entry with other commands, with their numbers among all commands.
fn candidates<'a>(placed: &[&'a Placed]) -> (Vec<usize>, Vec<&'a Placed>) {
    let others = placed.iter().filter(|it| !is_accept(it));
    let others: HashSet<_> = others.filter_map(|it| it.place.as_ref()).collect();
    let is_one = |it: &Placed| {
        let place = it.place.as_ref();
        is_accept(it) && place.is_some_and(|place| !others.contains(place))
    };
    let all = placed.iter().copied().enumerate();
    all.filter(|(_, it)| is_one(it)).unzip()
}

pub(super) fn at(place: &Place) -> At {
    (place.namespace.as_str().to_owned(), place.key.clone())
}

pub(super) fn is_accept(placed: &Placed) -> bool {
    matches!(placed.order, Order::Accept(_))
}
