//! Order keys: which entry holds each, and which version of it was completed.
//!
//! An order key may be in another slot than its entries, so the two are never written in one step. The key is held
//! before its entry is taken, and freed after it has ended. The entry itself says whether it holds its key: a hold
//! left behind by a crash is detected by entries that are held back, and freed.

use std::collections::HashMap;
use std::slice;
use std::time::Instant;

use futures_util::future::join_all;
use redis::Value;

use crate::clock::UnixTime;
use crate::inbox::{EntryState, Rate};
use crate::store::error::StoreError;
use crate::store::redis::codec::micros;
use crate::store::redis::error::Fault;
use crate::store::redis::scripts::{Answer, Call, STRANGE, integer, strange, time};
use crate::store::token::Token;

use super::RedisInbox;
use super::codec::{self, OrderSeen, VersionBytes};
use super::groups::{answered, in_groups};
use super::order_kept::{OrderHash, OrderKept, OrderOutcome};
use super::place::{EntryPlace, OrderPlace};
use super::rates::share_and_slack;
use super::scripts::ORDER;
use super::turn::Turn;

/// How many order keys one script call handles.
const ORDERS_PER_CALL: usize = 100;
/// How many holds are verified at a time.
const DOUBTED_AT_ONCE: usize = 100;
/// A command on an order key.
#[derive(Debug, Clone)]
pub(super) struct OrderCommand {
    hash: OrderHash,
    what: &'static str,
    entry: String,
    token: Option<Token>,
    completed: Option<(VersionBytes, UnixTime)>,
    /// The share of a rate, and its slack.
    rate: Option<(u64, u64)>,
    /// When the command that ended the entry was sent.
    ended_after: Option<Instant>,
}

impl OrderCommand {
    fn new(what: &'static str, hash: OrderHash, entry: String) -> Self {
        Self {
            hash,
            what,
            entry,
            token: None,
            completed: None,
            rate: None,
            ended_after: None,
        }
    }

    pub(super) fn read(hash: OrderHash) -> Self {
        Self::new("read", hash, String::new())
    }

    /// Takes the hold if it is free, so that no other entry is taken; this token can give it back.
    pub(super) fn hold(
        hash: OrderHash,
        entry: &EntryPlace,
        token: Token,
        rate: Option<Rate>,
    ) -> Self {
        Self {
            token: Some(token),
            rate: rate.map(share_and_slack),
            ..Self::new("hold", hash, entry.id())
        }
    }

    /// Gives back a hold of this token, and what it used of the rate.
    pub(super) fn give_back(self) -> Self {
        Self {
            what: "free",
            ..self
        }
    }

    /// Frees the key if this entry holds it, so that others can be taken.
    pub(super) fn free(hash: OrderHash, entry: &EntryPlace) -> Self {
        Self::new("free", hash, entry.id())
    }

    /// The same, except for a hold that is younger than this moment, just before the command that ends the
    /// entry was sent: the entry has returned since, and another worker has taken it.
    pub(super) fn ended_after(self, sent: Instant) -> Self {
        Self {
            ended_after: Some(sent),
            ..self
        }
    }

    /// The same, but only for the hold that was seen.
    fn having_seen(self, kept: &OrderKept) -> Self {
        Self {
            token: kept.token,
            ..self
        }
    }

    /// Frees the key, and notes the completed version.
    pub(super) fn complete(order: &OrderSeen, entry: &EntryPlace, known_until: UnixTime) -> Self {
        Self {
            completed: order.version.map(|version| (version, known_until)),
            ..Self::free(order.hash, entry)
        }
    }
}

/// Calls with the given text for when the entry of each command has ended.
fn call(
    commands: &[(&OrderCommand, OrderPlace)],
    ended: impl Fn(&OrderCommand, u32) -> String,
) -> Call {
    let count = commands.len();
    let call = Call::on(&ORDER, count, count.saturating_mul(8));
    let call = (commands.iter()).fold(call, |call, (_, place)| call.word(&place.key));
    commands.iter().fold(call, |call, (command, place)| {
        let token = command.token.as_ref().map_or(&[][..], |it| it.as_bytes());
        let completed = command.completed.as_ref();
        let version = completed.map_or(&[][..], |(version, _)| version);
        let until = completed.map(|(_, until)| until.as_micros().to_be_bytes());
        let number = |number: Option<u64>| number.map_or_else(String::new, |it| it.to_string());
        call.word(command.what)
            .word(&command.entry)
            .word(token)
            .word(version)
            .word(until.as_ref().map_or(&[][..], |until| until))
            .word(number(command.rate.map(|(share, _)| share)))
            .word(number(command.rate.map(|(_, slack)| slack)))
            .word(ended(command, place.partition))
    })
}

fn answer(value: Value, asked: usize) -> Result<Answer<Vec<OrderKept>>, Fault> {
    let Value::Array(words) = value else {
        return Err(STRANGE);
    };
    let mut words = words.into_iter();
    let now = time(words.next().as_ref())?;
    let outcome = words.map(|word| kept(word, now));
    let outcome = outcome.collect::<Result<Vec<_>, _>>()?;
    if outcome.len() != asked {
        return Err(STRANGE);
    }
    Ok(Answer { outcome, now })
}

fn kept(word: Value, now: UnixTime) -> Result<OrderKept, Fault> {
    let Value::Array(words) = word else {
        return Err(STRANGE);
    };
    let [
        outcome,
        Value::BulkString(applied),
        Value::BulkString(holder),
        since,
        used,
        Value::BulkString(token),
    ] = <[Value; 6]>::try_from(words).map_err(|_| STRANGE)?
    else {
        return Err(STRANGE);
    };
    let number = |value: &Value| u64::try_from(integer(Some(value))?).map_err(|_| STRANGE);
    Ok(OrderKept {
        outcome: match integer(Some(&outcome))? {
            0 => OrderOutcome::Done,
            1 => OrderOutcome::Held,
            2 => OrderOutcome::HeldBefore,
            3 | 4 => OrderOutcome::NotNow,
            _ => return Err(STRANGE),
        },
        applied: match applied.is_empty() {
            true => None,
            false => Some(applied.try_into().map_err(|_| STRANGE)?),
        },
        holder: match holder.is_empty() {
            true => None,
            // A holder that is no text names no entry, but still holds the key.
            false => Some(String::from_utf8_lossy(&holder).into_owned()),
        },
        token: match token.is_empty() {
            true => None,
            false => Some(Token::from_bytes(token.try_into().map_err(|_| STRANGE)?)),
        },
        since: number(&since)?,
        used_until: number(&used)?,
        now,
    })
}

impl RedisInbox {
    /// When the command that ended the entry was sent, by the clock that dates the holds of its key: a late or
    /// repeated call then gives the same time. If that clock is not known yet, how long ago it was, as a negative
    /// number.
    fn ended(&self, command: &OrderCommand, partition: u32) -> String {
        let Some(sent) = command.ended_after else {
            return String::new();
        };
        let of = if self.in_slots() { partition } else { 0 };
        match self.store.clock().shown(of, sent) {
            Some(at) => at.as_micros().to_string(),
            None => format!("-{}", micros(sent.elapsed()).max(1)),
        }
    }

    fn call_of(&self, commands: &[(&OrderCommand, OrderPlace)]) -> Call {
        call(commands, |command, partition| {
            self.ended(command, partition)
        })
    }

    /// Carries these out in as few calls as possible. The answers are in their order, `None` if missing.
    pub(super) async fn ask_orders(
        &self,
        commands: &[OrderCommand],
    ) -> Result<Vec<Option<OrderKept>>, StoreError> {
        let placed = |command| -> (&OrderCommand, OrderPlace) {
            (command, OrderPlace::of(&self.store.layout, &command.hash))
        };
        let placed: Vec<_> = commands.iter().map(placed).collect();
        if let [(_, place)] = placed.as_slice() {
            let read = |value| answer(value, 1);
            let kept = self.call_with_others(place.partition, self.call_of(&placed), read);
            return Ok(kept.await?.into_iter().map(Some).collect());
        }
        loop {
            let in_slots = self.in_slots();
            let group =
                |it: &(&OrderCommand, OrderPlace)| if in_slots { it.1.partition } else { 0 };
            let groups = in_groups(&placed, group, ORDERS_PER_CALL, usize::MAX, |_| 0);
            let asking = groups
                .into_iter()
                .map(|numbers| self.ask_some(&placed, numbers));
            let kept = join_all(asking).await;
            if self.any_crossed(in_slots, &kept) {
                continue;
            }
            let mut all = vec![None; commands.len()];
            for (number, kept) in answered(kept)?.into_iter().flatten() {
                *all.get_mut(number).ok_or_else(strange)? = Some(kept);
            }
            return Ok(all);
        }
    }

    async fn ask_some(
        &self,
        placed: &[(&OrderCommand, OrderPlace)],
        numbers: Vec<usize>,
    ) -> Result<Vec<(usize, OrderKept)>, StoreError> {
        let some: Vec<_> = (numbers.iter())
            .filter_map(|number| placed.get(*number).cloned())
            .collect();
        let partition = some.first().map_or(0, |(_, place)| place.partition);
        let read = |value| answer(value, some.len());
        let kept = self.call(partition, &self.call_of(&some), read).await?;
        Ok(numbers.into_iter().zip(kept).collect())
    }

    /// Frees order keys after the end of entries. If that fails, a held-back entry does it later.
    pub(super) async fn free_orders(&self, commands: &[OrderCommand]) {
        if commands.is_empty() {
            return;
        }
        let freed = self.ask_orders(commands).await;
        match freed {
            Ok(freed) if freed.iter().all(Option::is_some) => {
                self.hints.freed(commands.iter().map(|it| it.hash));
            }
            _ => tracing::warn!("an order key could not be freed, and is in a while"),
        }
    }

    /// The newest completed version of one order key.
    pub(super) async fn applied(
        &self,
        order: &OrderSeen,
    ) -> Result<Option<VersionBytes>, StoreError> {
        let kept = self.ask_orders(&[OrderCommand::read(order.hash)]).await?;
        let kept = kept.into_iter().next().flatten();
        Ok(kept.ok_or_else(strange)?.applied)
    }

    /// Frees those of these keys whose holder no longer holds them, for example because a worker died in
    /// between. Says whether there were any. Keys whose state or holder is on a master that has not answered
    /// recently are left out.
    pub(super) async fn free_abandoned(
        &self,
        held_back: &HashMap<OrderHash, OrderKept>,
        turn: &Turn,
    ) -> bool {
        let layout = &self.store.layout;
        let doubted = held_back.iter().filter_map(|(hash, kept)| {
            let holder = kept.holder.as_ref().filter(|_| kept.is_doubted())?;
            let place = EntryPlace::of_id(layout, holder)?;
            let asked = [place.partition, OrderPlace::of(layout, hash).partition];
            let may_ask = asked.iter().all(|it| self.may_ask(*it, turn));
            may_ask.then_some((*hash, kept, place))
        });
        // The others get their turn another time, since the order of a map is arbitrary.
        let doubted: Vec<_> = doubted.take(DOUBTED_AT_ONCE).collect();
        match self.free_unless_held(&doubted).await {
            Ok(freed) => {
                if freed {
                    tracing::info!("order keys that a worker has left behind are freed");
                }
                freed
            }
            // The take has other work to do.
            Err(error) => {
                tracing::debug!(%error, "order keys are doubted again in a while");
                false
            }
        }
    }

    /// Frees those of these keys that are still held as seen, by entries that do not hold them.
    pub(super) async fn free_unless_held(
        &self,
        doubted: &[(OrderHash, &OrderKept, EntryPlace)],
    ) -> Result<bool, StoreError> {
        let looking = (doubted.iter()).map(|(.., place)| self.look(slice::from_ref(place), false));
        let mut free = Vec::new();
        for ((hash, kept, place), looked) in doubted.iter().zip(join_all(looking).await) {
            let (looked, now) = match looked {
                Ok(looked) => looked,
                Err(error) => {
                    // The others may still be verified.
                    tracing::debug!(%error, "who holds an order key cannot be asked now");
                    continue;
                }
            };
            let stored = looked.into_iter().next();
            let stored = stored.and_then(|(value, history)| codec::decode(value?, history));
            let stored = stored.filter(|stored| stored.entry.is_kept(now));
            let order = stored.as_ref().and_then(|stored| stored.order);
            let is_of_key = order.is_some_and(|order| order.hash == *hash);
            let command = match stored {
                Some(stored) if is_of_key && stored.holds => continue,
                Some(stored) if is_of_key => match (stored.entry.state, order) {
                    (EntryState::Done { kept_until, .. }, Some(order)) => {
                        OrderCommand::complete(&order, place, kept_until)
                    }
                    _ => OrderCommand::free(*hash, place),
                },
                _ => OrderCommand::free(*hash, place),
            };
            // Another worker may be about to take the entry by now.
            free.push(command.having_seen(kept));
        }
        if free.is_empty() {
            return Ok(false);
        }
        let freed = self.ask_orders(&free).await?;
        self.hints.freed(free.iter().map(|it| it.hash));
        Ok(freed.iter().flatten().any(|kept| kept.holder.is_none()))
    }
}
