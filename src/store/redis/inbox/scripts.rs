//! The commands of the inbox as script calls.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{
    Accept, Begin, Discard, Extend, FailedAttempt, Finish, Redrive, Route, Take, Verdict,
};
use crate::store::redis::codec::micros;
use crate::store::redis::scripts::{Call, Source, hash};
use crate::store::token::Token;

use super::candidate::Candidate;
use super::code;
use super::codec::{VersionBytes, encode_content, encode_names, encode_order};
use super::place::{EntryPlace, Mark, PartitionPlace, order_hash};

macro_rules! source {
    ($name:ident, $called:literal) => {
        pub(super) static $name: Source = Source::new($called, code::$name, || hash(code::$name));
    };
}

source!(ACCEPT, "accept");
source!(PEEK, "peek");
source!(TAKE, "take");
source!(BEGIN, "begin");
source!(EXTEND, "extend");
source!(FINISH, "finish");
source!(MOVE, "move");
source!(FORGET, "forget");
source!(LOOK, "look");
source!(COUNT, "count");
source!(ORDER, "order");
source!(RATE, "rate");
source!(PAUSE, "pause");
source!(EACH, "each");

/// A call that concerns one entry.
fn about(source: &'static Source, place: &EntryPlace, args: usize) -> Call {
    let call = Call::on(source, 3, args);
    call.word(&place.entry)
        .word(&place.history)
        .word(&place.index)
}

pub(super) fn accept(accept: &Accept, place: &EntryPlace, room: u64) -> Call {
    let order = accept.order.as_deref();
    let order_key = order.map_or("", |order| order.key.as_str());
    let order = order.map(|order| encode_order(order, order_hash(&accept.route, &order.key)));
    let room = match accept.was_held {
        true => String::new(),
        false => room.to_string(),
    };
    Call::on(&ACCEPT, 4, 10)
        .word(&place.entry)
        .word(&place.history)
        .word(&place.index)
        .word(&place.record)
        .word(accept.fingerprint.as_bytes().as_slice())
        .word(u8::from(accept.has_own_id))
        .word(micros(accept.revive_every))
        .word(encode_names(&accept.route, place.hashed.as_deref()))
        .word(accept.route.as_str())
        .word(accept.content.size())
        .word(encode_content(&accept.content))
        .word(room)
        .word(order_key)
        .word(order.unwrap_or_default())
}

pub(super) fn begin(begin: &Begin, place: &EntryPlace) -> Call {
    about(&BEGIN, place, 3)
        .word(begin.taken.as_bytes().as_slice())
        .word(begin.token.as_bytes().as_slice())
        .word(micros(begin.lease))
}

pub(super) fn extend(extensions: &[(&Extend, EntryPlace)]) -> Call {
    let count = extensions.len();
    let call = Call::on(&EXTEND, count.saturating_mul(3), count.saturating_mul(2));
    let call = extensions.iter().fold(call, |call, (_, place)| {
        call.word(&place.entry)
            .word(&place.history)
            .word(&place.index)
    });
    extensions.iter().fold(call, |call, (extend, _)| {
        call.word(extend.token.as_bytes().as_slice())
            .word(micros(extend.lease))
    })
}

pub(super) fn finish(finish: &Finish, place: &EntryPlace) -> Call {
    let cut = |reason: &str| FailedAttempt::new(0, UnixTime::EPOCH, reason).reason;
    let (verdict, span, reason) = match &finish.verdict {
        Verdict::Done => ("done", finish.retention, Box::default()),
        Verdict::Retry { after, reason } => ("retry", *after, cut(reason)),
        Verdict::GiveBack { after } => ("back", *after, Box::default()),
        Verdict::Bury { reason } => ("bury", Duration::ZERO, cut(reason)),
        Verdict::Mismatched => ("untrue", finish.retention, Box::default()),
    };
    about(&FINISH, place, 4)
        .word(finish.token.as_bytes().as_slice())
        .word(verdict)
        .word(micros(span))
        .word(&*reason)
}

/// Buries an entry that is held with this token.
pub(super) fn bury(token: Token, place: &EntryPlace, reason: &str) -> Call {
    about(&FINISH, place, 4)
        .word(token.as_bytes().as_slice())
        .word("bury")
        .word(0)
        .word(reason)
}

/// `applied` is the newest version of its order key that was completed.
pub(super) fn redrive(
    redrive: &Redrive,
    place: &EntryPlace,
    applied: Option<VersionBytes>,
) -> Call {
    let token = redrive.token.map(|token| token.as_bytes().to_vec());
    about(&MOVE, place, 6)
        .word("redrive")
        .word(micros(redrive.after))
        .word(u8::from(redrive.force))
        .word(optional(applied.as_ref()))
        .word(moment(redrive.if_dead_since))
        .word(token.unwrap_or_default())
}

fn moment(at: Option<UnixTime>) -> Vec<u8> {
    at.map_or_else(Vec::new, |at| at.as_micros().to_be_bytes().into())
}

fn optional(version: Option<&VersionBytes>) -> &[u8] {
    version.map_or(&[], VersionBytes::as_slice)
}

/// With `mark`, the script distinguishes a repeated command from a new one.
pub(super) fn discard(discard: &Discard, place: &EntryPlace, mark: &Mark) -> Call {
    Call::on(&MOVE, 4, 7)
        .word(&place.entry)
        .word(&place.history)
        .word(&place.index)
        .word(&mark.key)
        .word("discard")
        .word(micros(discard.retention))
        .word(0)
        .word("")
        .word(moment(discard.if_dead_since))
        .word("")
        .word(mark.millis)
}

/// With `mark`, the script distinguishes a repeated command from a new one.
pub(super) fn pause(place: &PartitionPlace, provider: &Name, paused: bool, mark: &Mark) -> Call {
    Call::on(&PAUSE, 2, 3)
        .word(&place.paused)
        .word(&mark.key)
        .word(if paused { "SADD" } else { "SREM" })
        .word(provider.as_str())
        .word(mark.millis)
}

/// With `mark`, the script distinguishes a repeated command from a new one.
pub(super) fn forget(place: &EntryPlace, mark: &Mark, only_ended: bool) -> Call {
    Call::on(&FORGET, 4, 2)
        .word(&place.entry)
        .word(&place.history)
        .word(&place.index)
        .word(&mark.key)
        .word(mark.millis)
        .word(u8::from(only_ended))
}

pub(super) fn look(places: &[EntryPlace], whole: bool) -> Call {
    let call = Call::on(&LOOK, places.len().saturating_mul(2), 1);
    let call = places.iter().fold(call, |call, place| {
        call.word(&place.entry).word(&place.history)
    });
    call.word(u8::from(whole))
}

/// Queries partitions for due entries, up to this many of each kind and route.
pub(super) fn peek(
    partitions: &[PartitionPlace],
    routes: &[Route],
    lone: bool,
    wanted: usize,
    most: usize,
) -> Call {
    let args = routes.len().saturating_mul(2).saturating_add(3);
    let call = Call::on(&PEEK, partitions.len().saturating_mul(2), args);
    let call = partitions.iter().fold(call, |call, place| {
        call.word(&place.index).word(&place.paused)
    });
    let call = call.word(wanted).word(u8::from(lone)).word(most);
    routes.iter().fold(call, |call, route| {
        call.word(route.as_str()).word(route.provider().as_str())
    })
}

/// Takes `wanted` of these.
pub(super) fn take(take: &Take, candidates: &[Candidate], wanted: usize) -> Call {
    let count = candidates.len();
    let args = count.saturating_mul(5).saturating_add(7);
    let call = Call::on(&TAKE, count.saturating_mul(4), args);
    let call = candidates.iter().fold(call, |call, candidate| {
        call.word(&candidate.place.entry)
            .word(&candidate.place.history)
            .word(&candidate.place.index)
            .word(&candidate.paused)
    });
    let call = call
        .word(take.token.as_bytes().as_slice())
        .word(micros(take.lease))
        .word(take.max_attempts)
        .word(u8::from(take.lone))
        .word(FailedAttempt::DIED)
        .word(micros(take.retention))
        .word(wanted);
    candidates.iter().fold(call, |call, candidate| {
        call.word(candidate.member.as_slice())
            .word(candidate.route.provider().as_str())
            .word(optional(candidate.applied.as_ref()))
            .word(u8::from(candidate.may_run))
            .word(u8::from(take.begins_any_of(&candidate.route)))
    })
}

pub(super) fn count(partitions: &[PartitionPlace]) -> Call {
    let call = Call::on(&COUNT, partitions.len(), 0);
    (partitions.iter()).fold(call, |call, place| call.word(&place.index))
}
