//! Runs events without HTTP.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::*;
use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint, Handling, Identity, Name};
use crate::payload::PayloadError;
use crate::reason::Reason;
use crate::request_clock::{ClockReadings, RequestClock};
use crate::store::{MemoryStore, SharedStore, StoredResponse};

const LEASE: Duration = Duration::from_secs(15);

/// An event handler as the work of a run, as in a worker.
struct HandlerWork<H, S, Args> {
    handler: Arc<H>,
    state: S,
    args: std::marker::PhantomData<fn() -> Args>,
}

impl<H, S, Args> Work for HandlerWork<H, S, Args>
where
    H: EventHandler<S, Args>,
    S: Send + Sync + 'static,
    Args: 'static,
{
    type Answer = Result<(), Failure>;

    async fn run(self, delivery: Delivery) -> Ran<Self::Answer> {
        let answer = caught(|| self.handler.call(Run::new(&delivery, &self.state))).await?;
        let stored = StoredResponse {
            status: 200,
            body: None,
            content_type: None,
        };
        Ok(match answer {
            Err(failure) if failure.kind() == FailureKind::Retry => {
                let reason = match failure.error().downcast_ref::<PayloadError>() {
                    Some(_) => Reason::PayloadMismatch,
                    None => Reason::HandlerFailed,
                };
                Ended::Failed(reason.into(), Err(failure))
            }
            answer => Ended::Done(stored, answer),
        })
    }
}

struct Told<A>(Option<oneshot::Sender<Outcome<A>>>);

impl<A: Send + fmt::Debug> Caller<A> for Told<A> {
    fn is_answered(&self) -> bool {
        false
    }

    async fn gone(&mut self) {
        pending::<()>().await;
    }

    fn early(&mut self, _: Reason) {}

    fn ended(&mut self, outcome: Outcome<A>) {
        self.0.take().unwrap().send(outcome).unwrap();
    }
}

fn runs() -> Arc<RunState> {
    let settings = RunSettings {
        confirms: Vec::new(),
        drain: Drain::new(),
        waiting: WaitingRoom::new(8),
        fail_open: false,
        sender_retries: true,
        is_timed: false,
        is_queued: false,
        mark: None,
    };
    let store = SharedStore::new(MemoryStore::new());
    let retention = Duration::from_secs(3_600);
    Arc::new(RunState::new(store, retention, LEASE, LEASE * 4, settings))
}

/// The outcome for an event with this key and body.
async fn outcome<H, S, Args>(
    runs: &Arc<RunState>,
    key: &str,
    body: &'static str,
    handler: H,
    state: S,
) -> Outcome<Result<(), Failure>>
where
    H: EventHandler<S, Args>,
    S: Send + Sync + 'static,
    Args: 'static,
{
    let acme = Name::new("acme").unwrap();
    let event = IdentifiedEvent {
        identity: Identity {
            order: None,
            key: EventKey::new(acme.clone(), [key]).unwrap(),
            fingerprint: Fingerprint::of(body.as_bytes()),
            time: None,
            shape: None,
            handling: Handling::Once,
        },
        predates_retention: false,
        item: None,
        document: None,
    };
    let started = Instant::now();
    let request_clock = RequestClock {
        received_at: UnixTime::from_secs(1_777_899_600),
        started,
        deadline: started + Duration::from_secs(4),
    };
    let auth = AuthState::none_yet(acme, ClockReadings::default());
    let context = RunContext::new(Arc::clone(runs), request_clock, auth, event, ());
    let work = HandlerWork {
        handler: Arc::new(handler),
        state,
        args: std::marker::PhantomData,
    };
    let (tell, told) = oneshot::channel();
    let body = Some(Bytes::from_static(body.as_bytes()));
    spawn(context, body, work, Told(Some(tell)));
    told.await.unwrap()
}

#[derive(Debug, Deserialize)]
struct Paid {
    amount: u64,
}

type Counter = Arc<AtomicUsize>;

/// A state for the tests' own argument type.
struct Count(Counter);

impl FromRun<Counter> for Count {
    fn from_run(run: &Run<'_, Counter>) -> Result<Self, Failure> {
        Ok(Self(Arc::clone(run.state())))
    }
}

async fn pay(
    Event(paid): Event<Paid>,
    delivery: Delivery,
    Count(sum): Count,
) -> Result<(), Failure> {
    assert!(!delivery.lease().is_lost() && delivery.fence() > 0);
    let amount = usize::try_from(paid.amount)?;
    if amount == 0 {
        return Err(Permanent("nothing was paid").into());
    }
    if amount == 13 && delivery.attempt() == 1 {
        return Err(std::io::Error::other("out of luck").into());
    }
    assert_ne!(amount, 99, "a panic of the handler");
    sum.fetch_add(amount, Ordering::Relaxed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_event_runs_once_and_its_duplicate_does_not() {
    let (runs, sum) = (runs(), Counter::default());
    let run = |key, body| outcome(&runs, key, body, pay, Arc::clone(&sum));
    let first = run("evt_1", r#"{"amount":5}"#).await;
    assert!(matches!(first, Outcome::Done(Ok(()))), "{first:?}");
    let second = run("evt_1", r#"{"amount":5}"#).await;
    assert!(matches!(second, Outcome::Duplicate(_)), "{second:?}");
    let Outcome::Refused(cause) = run("evt_1", r#"{"amount":6}"#).await else {
        panic!("other content under the key was taken");
    };
    assert_eq!(cause.reason, Reason::Conflict);
    assert_eq!(sum.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_says_decides_whether_its_event_runs_again() {
    let (runs, sum) = (runs(), Counter::default());
    let run = |key, body| outcome(&runs, key, body, pay, Arc::clone(&sum));

    let failed = |outcome: Outcome<Result<(), Failure>>| match outcome {
        Outcome::Failed(cause, answer) => {
            (cause.reason, answer.map(|it| it.unwrap_err().to_string()))
        }
        outcome => panic!("{outcome:?}"),
    };
    let unlucky = failed(run("evt_13", r#"{"amount":13}"#).await);
    assert_eq!(
        unlucky,
        (Reason::HandlerFailed, Some("out of luck".to_owned()))
    );
    let again = run("evt_13", r#"{"amount":13}"#).await;
    assert!(matches!(again, Outcome::Done(Ok(()))), "{again:?}");

    let given_up = run("evt_0", r#"{"amount":0}"#).await;
    let Outcome::Done(Err(failure)) = given_up else {
        panic!("{given_up:?}");
    };
    assert_eq!(failure.kind(), FailureKind::Permanent);
    assert_eq!(failure.to_string(), "nothing was paid");
    let never_again = run("evt_0", r#"{"amount":0}"#).await;
    assert!(
        matches!(never_again, Outcome::Duplicate(_)),
        "{never_again:?}"
    );

    let (reason, why) = failed(run("evt_2", r#"{"amount":"five"}"#).await);
    assert_eq!(reason, Reason::PayloadMismatch);
    assert!(why.unwrap().starts_with("amount: "));

    let panicked = failed(run("evt_99", r#"{"amount":99}"#).await);
    assert_eq!(panicked, (Reason::HandlerPanicked, None));
    assert_eq!(sum.load(Ordering::Relaxed), 13);
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_the_handler_runs_waits_for_its_outcome_until_the_deadline() {
    let runs = runs();
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, may_end) = (Arc::clone(&begun), Arc::clone(&end));
    let slow = move || {
        let (begun, end) = (Arc::clone(&has_begun), Arc::clone(&may_end));
        async move {
            begun.notify_one();
            end.notified().await;
        }
    };
    let first = tokio::spawn({
        let runs = Arc::clone(&runs);
        async move { outcome(&runs, "evt_1", "{}", slow, ()).await }
    });
    begun.notified().await;
    let Outcome::Refused(cause) = outcome(&runs, "evt_1", "{}", || async {}, ()).await else {
        panic!("two handlers at once");
    };
    assert_eq!(cause.reason, Reason::InProgress);
    // The first lease has passed several times over: it is renewed.
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(runs.drain().running(), 1);
    end.notify_one();
    assert!(matches!(first.await.unwrap(), Outcome::Done(Ok(()))));
    let third = outcome(&runs, "evt_1", "{}", || async {}, ()).await;
    assert!(matches!(third, Outcome::Duplicate(_)), "{third:?}");

    assert_eq!(runs.drain().wait(LEASE).await, 0);
    let Outcome::Refused(cause) = outcome(&runs, "evt_2", "{}", || async {}, ()).await else {
        panic!("a handler began while the receiver shut down");
    };
    assert_eq!(cause.reason, Reason::Draining);
}
