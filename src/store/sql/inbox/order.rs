//! A command on an inbox that is on its way to the database, and what it comes to.

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Content, Discard, Entry, EntryCommand, EntryStep, Extend,
    Finish, Moved, Redrive, Take, Taken,
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
    Take(Take),
    SetPaused(Name, bool),
}

/// What a command came to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum Answer {
    Accepted(Accepted),
    Begun(Begun),
    Held(Held),
    Moved(Moved),
    Taken(Vec<Taken>),
    /// Whether it changed anything.
    Changed(bool),
}

/// What becomes of the row.
#[derive(Debug)]
pub(in crate::store) enum Verdict {
    Leave,
    Write(Entry),
    /// With this content.
    WriteContent(Entry, Content),
    Remove,
}

impl Order {
    /// The key of the entry that it is about, if it is about one.
    pub(in crate::store) fn key(&self) -> Option<&EventKey> {
        match self {
            Self::Accept(accept) => Some(&accept.key),
            Self::Begin(Begin { key, .. })
            | Self::Extend(Extend { key, .. })
            | Self::Finish(Finish { key, .. })
            | Self::Redrive(Redrive { key, .. })
            | Self::Discard(Discard { key, .. })
            | Self::Forget(key) => Some(key),
            Self::Take(_) | Self::SetPaused(..) => None,
        }
    }

    /// What the rules say; `None` for what is about no entry. `record` is what a store beside the inbox
    /// has of the event.
    pub(in crate::store) fn apply(
        &self,
        entry: Option<&Entry>,
        record: Option<&Record>,
        now: UnixTime,
    ) -> Option<(Verdict, Answer)> {
        Some(match self {
            Self::Accept(accept) => {
                let known = entry.is_some_and(|entry| entry.is_kept(now));
                let against = (!known).then(|| accept.against_record(record, now));
                match against.flatten() {
                    Some(accepted) => (Verdict::Leave, Answer::Accepted(accepted)),
                    None => {
                        let EntryStep { write, outcome, .. } = accept.apply(entry, now);
                        let content = || accept.content.clone();
                        let write = write.map(|entry| Verdict::WriteContent(entry, content()));
                        let verdict = write.unwrap_or(Verdict::Leave);
                        (verdict, Answer::Accepted(outcome))
                    }
                }
            }
            Self::Begin(begin) => told(begin, entry, now, Answer::Begun),
            Self::Extend(extend) => told(extend, entry, now, Answer::Held),
            Self::Finish(finish) => told(finish, entry, now, Answer::Held),
            Self::Redrive(redrive) => told(redrive, entry, now, Answer::Moved),
            Self::Discard(discard) => told(discard, entry, now, Answer::Moved),
            Self::Forget(_) => {
                let existed = entry.is_some_and(|entry| entry.is_kept(now));
                (Verdict::Remove, Answer::Changed(existed))
            }
            Self::Take(_) | Self::SetPaused(..) => return None,
        })
    }
}

fn told<C: EntryCommand>(
    command: &C,
    entry: Option<&Entry>,
    now: UnixTime,
    answer: impl FnOnce(C::Outcome) -> Answer,
) -> (Verdict, Answer) {
    let EntryStep { write, outcome, .. } = command.apply(entry, now);
    (
        write.map_or(Verdict::Leave, Verdict::Write),
        answer(outcome),
    )
}

/// Each command has an answer of its own kind; no other one comes back.
pub(in crate::store) fn mixed_up<T>() -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Corrupt).with_source("the answer to another command"))
}
