//! Ends runs that are done, as most are. All that end together take one statement.
//!
//! It names the token that holds each entry, and changes no other entry. Entries that are held otherwise, or have an
//! order key that must be freed, get no answer here: the rules decide about them.

use std::collections::HashSet;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::clock::UnixTime;
use crate::inbox::{Finish, Verdict};
use crate::store::command::Held;
use crate::store::postgres::error::Fault;
use crate::store::sql::inbox::{Answer, At, Order, Placed};
use crate::store::sql::micros;

use super::accepting::at;
use super::so_far::{SoFar, alone};
use super::statements::EntryStatements;

/// Ends the runs that are done, if the named tokens hold their entries.
pub(super) async fn end(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    placed: &[&Placed],
    now: UnixTime,
    so_far: &mut SoFar,
) -> Result<(), Fault> {
    let mut ended: Vec<_> = alone(placed).into_iter().filter_map(done).collect();
    if ended.is_empty() {
        return Ok(());
    }
    // In the order of their keys, as they are mostly locked: transactions rarely wait for each other.
    ended.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let (mut namespaces, mut keys, mut tokens, mut ends) = (vec![], vec![], vec![], vec![]);
    for ((namespace, key), _, finish) in &ended {
        namespaces.push(namespace.as_str());
        keys.push(key.as_str());
        tokens.push(finish.token.as_bytes().as_slice());
        ends.push(micros(now.saturating_add(finish.retention)));
    }
    let query = statements.done.query();
    let query = query.bind(namespaces).bind(keys).bind(tokens).bind(ends);
    let mut written = HashSet::<At>::new();
    for row in query.fetch_all(conn).await? {
        written.insert((row.try_get(0)?, row.try_get(1)?));
    }
    for (at, number, _) in &ended {
        if written.contains(at) {
            so_far.answer(*number, Ok(Answer::Held(Held::Held)));
        }
    }
    let fewer = i64::try_from(written.len()).unwrap_or(i64::MAX);
    so_far.opened = so_far.opened.saturating_sub(fewer);
    so_far.wrote |= !written.is_empty();
    Ok(())
}

fn done((number, placed): (usize, &Placed)) -> Option<(At, usize, &Finish)> {
    let Order::Finish(finish) = &placed.order else {
        return None;
    };
    let place = placed.place.as_ref()?;
    (finish.verdict == Verdict::Done).then(|| (at(place), number, finish))
}
