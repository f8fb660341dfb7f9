//! A command on an inbox on its way to the database, and its result.

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Content, Discard, Entry, EntryCommand, EntryStep, Extend,
    Finish, Moved, OrderChange, OrderState, Rate, RateOf, Redrive, Take, Taken,
};
use crate::store::command::Held;
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::Record;

/// A command.
#[derive(Debug, Clone)]
pub(in crate::store) enum Order {
    Accept(Box<Accept>),
    Begin(Begin),
    Extend(Extend),
    Finish(Finish),
    Redrive(Redrive),
    Discard(Discard),
    Forget(EventKey),
    ForgetEnded(EventKey),
    Take(Take),
    SetPaused(Name, bool),
    SetRate(Name, RateOf, Option<Rate>),
}

/// The result of a command.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum Answer {
    Accepted(Accepted),
    Begun(Begun),
    Held(Held),
    /// The claim was held, and has freed its order key.
    Freed,
    Moved(Moved),
    /// The entries, and whether the next take finds more to skip or to take.
    Taken(Vec<Taken>, bool),
    /// Whether it changed anything.
    Changed(bool),
}

/// The change to the row.
#[derive(Debug)]
pub(in crate::store) enum Verdict {
    Leave,
    Write(Entry),
    /// Writes this content too.
    WriteContent(Entry, Content),
    Remove,
}

/// The outcome of a command.
#[derive(Debug)]
pub(in crate::store) struct Applied {
    pub(in crate::store) verdict: Verdict,
    /// The change to the order key of the entry as it was.
    pub(in crate::store) order: Option<OrderChange>,
    pub(in crate::store) answer: Answer,
}

impl Applied {
    fn leave(answer: Answer) -> Self {
        Self {
            verdict: Verdict::Leave,
            order: None,
            answer,
        }
    }
}

impl Order {
    /// The key of the entry that the command concerns, if any.
    pub(in crate::store) fn key(&self) -> Option<&EventKey> {
        match self {
            Self::Accept(accept) => Some(&accept.key),
            Self::Begin(Begin { key, .. })
            | Self::Extend(Extend { key, .. })
            | Self::Finish(Finish { key, .. })
            | Self::Redrive(Redrive { key, .. })
            | Self::Discard(Discard { key, .. })
            | Self::Forget(key)
            | Self::ForgetEnded(key) => Some(key),
            Self::Take(_) | Self::SetPaused(..) | Self::SetRate(..) => None,
        }
    }

    /// Applies the rules; `None` for a command that concerns no entry. `record` is the record of the
    /// event in a store beside the inbox, `order` the state of the order key of the entry.
    pub(in crate::store) fn apply(
        &self,
        entry: Option<&Entry>,
        order: Option<&OrderState<i64>>,
        record: Option<&Record>,
        now: UnixTime,
    ) -> Option<Applied> {
        Some(match self {
            Self::Accept(accept) => {
                let known = entry.is_some_and(|entry| entry.is_kept(now));
                let against = (!known).then(|| accept.against_record(record, now));
                match against.flatten() {
                    Some(accepted) => Applied::leave(Answer::Accepted(accepted)),
                    None => {
                        let step = accept.apply(entry, now);
                        let content = || accept.content.clone();
                        let write = step.write;
                        let write = write.map(|entry| Verdict::WriteContent(entry, content()));
                        Applied {
                            verdict: write.unwrap_or(Verdict::Leave),
                            order: step.order,
                            answer: Answer::Accepted(step.outcome),
                        }
                    }
                }
            }
            Self::Begin(begin) => told(begin, entry, now, Answer::Begun),
            Self::Extend(extend) => told(extend, entry, now, Answer::Held),
            Self::Finish(finish) => {
                let applied = told(finish, entry, now, Answer::Held);
                match applied.order {
                    Some(_) => Applied {
                        answer: Answer::Freed,
                        ..applied
                    },
                    None => applied,
                }
            }
            Self::Redrive(redrive) => {
                let entry_and_order = entry.zip(order);
                let against = entry_and_order
                    .and_then(|(entry, order)| redrive.against_order(entry, order, now));
                match against {
                    Some(moved) => Applied::leave(Answer::Moved(moved)),
                    None => told(redrive, entry, now, Answer::Moved),
                }
            }
            Self::Discard(discard) => told(discard, entry, now, Answer::Moved),
            Self::ForgetEnded(_) if !entry.is_some_and(|entry| entry.has_ended(now)) => {
                Applied::leave(Answer::Changed(false))
            }
            Self::Forget(_) | Self::ForgetEnded(_) => {
                let existed = entry.is_some_and(|entry| entry.is_kept(now));
                Applied {
                    verdict: Verdict::Remove,
                    order: entry.and_then(Entry::frees),
                    answer: Answer::Changed(existed),
                }
            }
            Self::Take(_) | Self::SetPaused(..) | Self::SetRate(..) => return None,
        })
    }
}

fn told<C: EntryCommand>(
    command: &C,
    entry: Option<&Entry>,
    now: UnixTime,
    answer: impl FnOnce(C::Outcome) -> Answer,
) -> Applied {
    let EntryStep {
        write,
        order,
        outcome,
        ..
    } = command.apply(entry, now);
    Applied {
        verdict: write.map_or(Verdict::Leave, Verdict::Write),
        order,
        answer: answer(outcome),
    }
}

/// An error, because each command has an answer of its own kind and gets no other one.
pub(in crate::store) fn mixed_up<T>() -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Corrupt).with_source("the answer to another command"))
}
