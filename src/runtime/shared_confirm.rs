//! Type-erased confirmations, with their questions.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::confirm::{Confirm, ConfirmLimits, ConfirmSubject, Confirmation, Unconfirmed};
use super::inquiry::{Ask, Inquiries, Subject, Truth};
use crate::event::Fingerprint;
#[cfg(test)]
use {
    super::inquiry::Entered, std::time::Duration, tokio::time::Instant,
    tokio_util::sync::CancellationToken,
};

/// Any [`Confirm`] or [`ConfirmSubject`]. Clones share their questions.
#[derive(Clone)]
pub(crate) struct SharedConfirm {
    inquiries: Arc<Inquiries>,
    limits: ConfirmLimits,
}

impl SharedConfirm {
    pub(crate) fn new(confirm: impl Confirm) -> Self {
        let limits = confirm.limits();
        let inquiries = Inquiries::new(Box::new(Whole(confirm)), limits);
        Self { inquiries, limits }
    }

    pub(crate) fn by_subject(confirm: impl ConfirmSubject) -> Self {
        let limits = confirm.limits();
        let inquiries = Inquiries::new(Box::new(BySubject(confirm)), limits);
        Self { inquiries, limits }
    }

    /// The verdict on an event whose delivery has this much time.
    #[cfg(test)]
    pub(crate) async fn judged(&self, event: Unconfirmed, time: Duration) -> Confirmation {
        let deadline = Instant::now() + time;
        match self
            .inquiries
            .enter(&event, deadline, &CancellationToken::new())
        {
            Entered::Waiting(place) => place.judge(&event).await,
            Entered::Judged(judged) => judged,
            Entered::Full => panic!("one event does not fit"),
        }
    }

    pub(super) fn inquiries(&self) -> &Arc<Inquiries> {
        &self.inquiries
    }

    /// The largest body that one subject may have waiting beside others of its own.
    pub(crate) fn share_of_bytes(&self) -> usize {
        self.limits.share_of_bytes()
    }
}

impl fmt::Debug for SharedConfirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirm")
    }
}

type Fetched<'a> = Pin<Box<dyn Future<Output = Option<Truth>> + Send + 'a>>;

fn truth(found: impl Any + Send + Sync) -> Truth {
    Arc::new(found)
}

/// Judges each body by itself; the key counts as the subject.
struct Whole<C>(C);

impl<C: Confirm> Ask for Whole<C> {
    fn subject(&self, event: &Unconfirmed) -> Result<Subject, Confirmation> {
        Ok(Subject {
            name: event.key.encoded().as_str().into(),
            content: Some(Fingerprint::of(&event.body)),
        })
    }

    fn fetch<'a>(&'a self, _subject: &'a Subject, event: Unconfirmed) -> Fetched<'a> {
        Box::pin(async move { Some(truth(self.0.confirm(event).await)) })
    }

    fn judge(&self, truth: &(dyn Any + Send + Sync), _event: &Unconfirmed) -> Confirmation {
        let told = truth.downcast_ref().copied();
        told.unwrap_or(Confirmation::TryAgain)
    }

    fn outlives_its_question(&self) -> bool {
        false
    }
}

struct BySubject<C>(C);

impl<C: ConfirmSubject> Ask for BySubject<C> {
    fn subject(&self, event: &Unconfirmed) -> Result<Subject, Confirmation> {
        Ok(Subject {
            name: self.0.subject(event)?.into(),
            content: None,
        })
    }

    fn fetch<'a>(&'a self, subject: &'a Subject, _event: Unconfirmed) -> Fetched<'a> {
        Box::pin(async {
            let found = self.0.fetch(&subject.name).await?;
            Some(truth(found))
        })
    }

    fn judge(&self, truth: &(dyn Any + Send + Sync), event: &Unconfirmed) -> Confirmation {
        match truth.downcast_ref() {
            Some(truth) => self.0.judge(truth, event),
            None => Confirmation::TryAgain,
        }
    }

    fn outlives_its_question(&self) -> bool {
        true
    }
}
