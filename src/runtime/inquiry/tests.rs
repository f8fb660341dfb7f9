//! Deliveries that wait for an answer about their subject, and their verdicts.

mod answers;
mod ends;
mod questions;
mod room;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;
use crate::event::{EventKey, Name};
use crate::runtime::confirm::ConfirmSubject;
use crate::runtime::shared_confirm::SharedConfirm;

const PATIENCE: Duration = Duration::from_secs(8);

/// One event of a subject, with its delivery's claim and a body of this many bytes.
fn event(subject: &str, claim: &str, bytes: usize) -> Unconfirmed {
    let name = Name::new("acme").unwrap();
    Unconfirmed {
        key: EventKey::new(name, [subject, claim]).unwrap(),
        body: vec![b'x'; bytes].into(),
    }
}

fn part(event: &Unconfirmed, at: usize) -> String {
    event.key.parts().nth(at).unwrap().into_owned()
}

/// Answers one question per permit, with the truth at that time.
#[derive(Clone)]
struct Truths {
    truth: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
    limits: ConfirmLimits,
}

impl Truths {
    fn new(truth: &str) -> Self {
        Self {
            truth: Arc::new(Mutex::new(Some(truth.to_owned()))),
            asked: Arc::default(),
            answers: Arc::new(Semaphore::new(0)),
            limits: ConfirmLimits::default(),
        }
    }

    fn becomes(&self, truth: Option<&str>) {
        *self.truth.lock().unwrap() = truth.map(str::to_owned);
    }

    async fn asked(&self, times: usize) {
        while self.asked.load(Ordering::Relaxed) < times {
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn inquiries(&self) -> Arc<Inquiries> {
        let shared = SharedConfirm::by_subject(self.clone());
        Arc::clone(shared.inquiries())
    }
}

impl ConfirmSubject for Truths {
    type Truth = String;

    fn subject(&self, event: &Unconfirmed) -> Result<String, Confirmation> {
        Ok(part(event, 0))
    }

    async fn fetch(&self, _subject: &str) -> Option<String> {
        let truth = self.truth.lock().unwrap().clone();
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answers.acquire().await.unwrap().forget();
        truth
    }

    fn judge(&self, truth: &String, event: &Unconfirmed) -> Confirmation {
        match truth.as_str() {
            "pending" => Confirmation::TryAgain,
            "unknown" => Confirmation::Unknown,
            "panic" => panic!("a judge that panics"),
            truth if part(event, 1) == truth => Confirmation::Confirmed,
            _ => Confirmation::Mismatch,
        }
    }

    fn limits(&self) -> ConfirmLimits {
        self.limits
    }
}

/// Judges an event, or reports that its place was taken.
async fn judged(inquiries: Arc<Inquiries>, event: Unconfirmed) -> Option<Confirmation> {
    let evicted = CancellationToken::new();
    match inquiries.enter(&event, Instant::now() + PATIENCE, &evicted) {
        Entered::Waiting(place) => tokio::select! {
            () = evicted.cancelled() => None,
            judged = place.judge(&event) => Some(judged),
        },
        Entered::Judged(judged) => Some(judged),
        Entered::Full => None,
    }
}
