//! Questions about unconfirmed deliveries: one at a time about each subject, whose answer judges
//! all deliveries that wait for it.
//!
//! `table` decides who waits and who makes room, `permits` how many questions are asked at once.
//! Each subject that is being asked about has a task here, which ends when nobody waits any more.

mod permits;
mod table;

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::confirm::{ConfirmLimits, Confirmation, Unconfirmed};
use crate::event::Fingerprint;
use permits::Permits;
use table::{Doubt, Next, Seat, Table};

/// The pauses between an answer and the next question about its subject. A little over a second, so
/// that a persistent sender causes at most sixty questions a minute.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_100);

/// How much longer each question makes a subject remembered, so that the pauses do not start over
/// for a sender that returns now and then.
const PER_QUESTION: Duration = Duration::from_secs(1);

/// How long an answer confirms later deliveries.
const FRESH: Duration = Duration::from_secs(1);

/// The known facts about a subject.
pub(super) type Truth = Arc<dyn Any + Send + Sync>;

/// A subject to ask about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    /// One share of the room belongs to each name.
    pub(super) name: Arc<str>,
    /// Set if each content needs its own question.
    pub(super) content: Option<Fingerprint>,
}

/// The source of answers.
pub(super) trait Ask: Send + Sync {
    fn subject(&self, event: &Unconfirmed) -> Result<Subject, Confirmation>;

    /// The present facts about the subject of this event.
    fn fetch<'a>(
        &'a self,
        subject: &'a Subject,
        event: Unconfirmed,
    ) -> Pin<Box<dyn Future<Output = Option<Truth>> + Send + 'a>>;

    fn judge(&self, truth: &(dyn Any + Send + Sync), event: &Unconfirmed) -> Confirmation;

    /// Whether an answer can judge deliveries that did not wait for it.
    fn outlives_its_question(&self) -> bool;
}

/// An answer to a question; without a truth if it could not be determined.
#[derive(Clone)]
struct ConfirmAnswer {
    began: Instant,
    ended: Instant,
    truth: Option<Truth>,
}

/// All questions to one [`Confirm`](super::confirm::Confirm).
pub(super) struct Inquiries {
    ask: Box<dyn Ask>,
    permits: Arc<Permits>,
    table: Mutex<Table>,
}

impl Inquiries {
    pub(super) fn new(ask: Box<dyn Ask>, limits: ConfirmLimits) -> Arc<Self> {
        Arc::new(Self {
            ask,
            permits: Permits::new(limits.questions),
            table: Mutex::new(Table::new(limits)),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an unconfirmed delivery a seat, or judges it without asking.
    pub(super) fn enter(
        self: &Arc<Self>,
        event: &Unconfirmed,
        deadline: Instant,
        evicted: &CancellationToken,
    ) -> Entered {
        let subject = match catch_unwind(AssertUnwindSafe(|| self.ask.subject(event))) {
            Ok(Ok(subject)) => subject,
            Ok(Err(judged)) => return Entered::Judged(judged),
            Err(_panic) => return Entered::Judged(Confirmation::TryAgain),
        };
        let (arrived, answered) = (Instant::now(), Arc::new(Notify::new()));
        let seat = Seat {
            subject: subject.clone(),
            event: event.clone(),
            arrived,
            deadline,
            doubt: Doubt::None,
            answered: Arc::clone(&answered),
            evicted: evicted.clone(),
        };
        match self.table().admit(seat) {
            Some(number) => Entered::Waiting(SeatGuard {
                inquiries: Arc::clone(self),
                number,
                subject,
                arrived,
                deadline,
                answered,
            }),
            None => Entered::Full,
        }
    }

    /// Asks about a subject as long as a delivery waits.
    async fn drive(&self, subject: &Subject, changed: &Notify) {
        let fresh = match self.ask.outlives_its_question() {
            true => FRESH,
            false => Duration::ZERO,
        };
        let (mut due, mut pause, mut again) = (Instant::now(), FIRST_PAUSE, false);
        let mut remembered = due;
        loop {
            let next = (self.table()).next(subject, Instant::now(), due, fresh, remembered);
            match next {
                Next::Ask => {}
                Next::Wait(until) => {
                    tokio::select! {
                        () = changed.notified() => {}
                        () = sleep_until(until) => {}
                    }
                    continue;
                }
                Next::End => return,
            }
            let permit = tokio::select! {
                biased;
                permit = self.permits.take(again) => permit,
                () = self.until_nobody_waits(subject, changed) => continue,
            };
            let began = Instant::now();
            let Some(event) = self.table().begin(subject, began) else {
                continue;
            };
            remembered += PER_QUESTION;
            let truth = self.fetch(subject, event, changed).await;
            drop(permit);
            let ended = Instant::now();
            let answer = ConfirmAnswer {
                began,
                ended,
                truth,
            };
            self.table().answer(subject, answer);
            (due, again) = (ended + pause, true);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn until_nobody_waits(&self, subject: &Subject, changed: &Notify) {
        while self.table().is_wanted(subject) {
            changed.notified().await;
        }
    }

    /// Asks once; `None` if there was no answer, or it took too long.
    async fn fetch(
        &self,
        subject: &Subject,
        event: Unconfirmed,
        changed: &Notify,
    ) -> Option<Truth> {
        let asked = AssertUnwindSafe(async { self.ask.fetch(subject, event).await });
        let mut asked = pin!(asked.catch_unwind());
        loop {
            let give_up = self.table().give_up(subject)?;
            tokio::select! {
                biased;
                truth = &mut asked => return truth.ok().flatten(),
                () = changed.notified() => {}
                () = sleep_until(give_up) => return None,
            }
        }
    }
}

/// The task that asks about a subject. If it ends early, with its runtime, no delivery is left
/// waiting for it.
struct Driver {
    inquiries: Arc<Inquiries>,
    subject: Subject,
    is_over: bool,
}

impl Driver {
    async fn run(mut self) {
        let changed = self.inquiries.table().changed(&self.subject);
        if let Some(changed) = changed {
            self.inquiries.drive(&self.subject, &changed).await;
        }
        self.is_over = true;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_over {
            self.inquiries.table().abandon(&self.subject);
        }
    }
}

/// The first step of an unconfirmed delivery.
pub(super) enum Entered {
    Waiting(SeatGuard),
    Judged(Confirmation),
    /// Strangers hold as much as they may.
    Full,
}

/// The seat of an unconfirmed delivery, left when this is dropped.
pub(super) struct SeatGuard {
    inquiries: Arc<Inquiries>,
    number: u64,
    subject: Subject,
    arrived: Instant,
    deadline: Instant,
    answered: Arc<Notify>,
}

impl SeatGuard {
    /// Makes room for deliveries that may be the first of their event: this one waits for another.
    pub(super) fn step_back(&self) {
        self.inquiries.table().doubt(self.number, Doubt::Open);
    }

    /// Waits for an answer that judges this event: one that confirms it, or one that was requested
    /// after it arrived. No answer by the deadline counts as "try again".
    pub(super) async fn judge(&self, event: &Unconfirmed) -> Confirmation {
        let mut has_begun = false;
        loop {
            let Some((answer, is_new)) = self.inquiries.table().want(self.number) else {
                // Its seat was taken by another delivery, which has reported that.
                return Confirmation::TryAgain;
            };
            if is_new {
                if std::mem::replace(&mut has_begun, true) {
                    // A runtime that shuts down ends each task at once, and waits for this one.
                    yield_now().await;
                }
                let driver = Driver {
                    inquiries: Arc::clone(&self.inquiries),
                    subject: self.subject.clone(),
                    is_over: false,
                };
                // In the span of the delivery that asks first.
                tokio::spawn(driver.run().in_current_span());
            }
            if let Some(answer) = answer
                && let Some(judged) = self.judge_by(&answer, event)
            {
                return judged;
            }
            tokio::select! {
                () = self.answered.notified() => {}
                () = sleep_until(self.deadline) => return Confirmation::TryAgain,
            }
        }
    }

    fn judge_by(&self, answer: &ConfirmAnswer, event: &Unconfirmed) -> Option<Confirmation> {
        let asked_since = answer.began >= self.arrived;
        if !asked_since && answer.ended.elapsed() > FRESH {
            return None;
        }
        let judged = answer.truth.as_ref().map(|truth| {
            let judged = || self.inquiries.ask.judge(&**truth, event);
            catch_unwind(AssertUnwindSafe(judged)).unwrap_or(Confirmation::TryAgain)
        });
        let doubt = match judged {
            Some(Confirmation::Confirmed) => return judged,
            Some(Confirmation::Mismatch | Confirmation::Unknown) if asked_since => return judged,
            Some(Confirmation::Mismatch | Confirmation::Unknown) => Doubt::Untrue,
            Some(Confirmation::TryAgain) | None => Doubt::Open,
        };
        self.inquiries.table().doubt(self.number, doubt);
        None
    }
}

impl Drop for SeatGuard {
    fn drop(&mut self) {
        self.inquiries.table().remove(self.number);
    }
}

#[cfg(test)]
mod tests;
