use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::*;
use crate::contract::{RetriedStatuses, RetrySchedule};
use crate::path::PathTokens;
use crate::provider::{Provider, bloque_accounts};
use crate::testing::Sample;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Answers with these statuses in turn, repeating the last one forever; 0 means no answer.
#[derive(Clone)]
struct Answers {
    statuses: &'static [u16],
    asked: Arc<AtomicUsize>,
}

impl Service<Request<Full<Bytes>>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let status = self.statuses[asked.min(self.statuses.len() - 1)];
        Box::pin(async move {
            if status == 0 {
                std::future::pending::<()>().await;
            }
            let mut response = Response::new(Full::<Bytes>::default());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        })
    }
}

fn provider() -> Provider {
    bloque_accounts(PathTokens::parse([TOKEN]).unwrap())
}

async fn history(sender: &Sender, statuses: &'static [u16]) -> History {
    let event = TestDelivery::new(&provider(), Sample::BloqueCard.body(1)).token(TOKEN);
    let service = Answers {
        statuses,
        asked: Arc::default(),
    };
    let mut histories = sender.deliver(service, [event]).await.unwrap();
    histories.remove(0)
}

fn flat() -> SenderContract {
    let schedule = RetrySchedule::Fixed {
        interval: 30 * SECOND,
        attempts: 5,
    };
    SenderContract::new(schedule, RetriedStatuses::server_errors_and(&[409]))
}

fn seconds(history: &History) -> Vec<u64> {
    let times = history.attempts().iter();
    times.map(|attempt| attempt.after.as_secs()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_flat_sender_stops_at_2xx_at_a_final_status_and_after_its_last_attempt() {
    let sender = Sender::new(flat());
    let acknowledged = history(&sender, &[500, 409, 0, 204]).await;
    assert_eq!(seconds(&acknowledged), [0, 30, 60, 90]);
    assert_eq!(acknowledged.end(), End::Acknowledged);
    assert_eq!(acknowledged.acknowledged_after(), Some(90 * SECOND));
    let silent = &acknowledged.attempts()[2];
    assert_eq!((silent.status, silent.took), (None, 5 * SECOND));
    assert_eq!(acknowledged.statuses().count(), 3);

    let refused = history(&sender, &[503, 400, 200]).await;
    assert_eq!(
        (seconds(&refused), refused.end()),
        (vec![0, 30], End::Final)
    );
    assert!(refused.is_lost() && refused.acknowledged_after().is_none());

    let used_up = history(&sender, &[503]).await;
    assert_eq!(seconds(&used_up), [0, 30, 60, 90, 120]);
    assert_eq!(used_up.end(), End::UsedUp);
    let hurried = history(&sender.hurry(10), &[503, 200]).await;
    assert_eq!(seconds(&hurried), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_doubling_sender_waits_longer_each_time_with_jitter_by_its_seed() {
    let schedule = RetrySchedule::Exponential {
        first: MINUTE,
        attempts: 10,
    };
    let contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess);
    let sender = Sender::new(contract);
    let tried = history(&sender, &[400]).await;
    assert_eq!(tried.attempts().len(), 10);
    let mut wait = MINUTE;
    for (one, next) in tried.attempts().iter().zip(&tried.attempts()[1..]) {
        let waited = next.after - one.after;
        assert!(
            waited >= wait && waited < wait * 3 / 2 + SECOND,
            "{waited:?}"
        );
        wait *= 2;
    }
    assert_eq!(seconds(&tried), seconds(&history(&sender, &[400]).await));
    let other = sender.clone().seed(1);
    assert_ne!(seconds(&tried), seconds(&history(&other, &[400]).await));
}

#[tokio::test(start_paused = true)]
async fn one_shot_is_one_shot_and_an_unstated_sender_keeps_to_its_horizon() {
    let once = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    for statuses in [[500_u16].as_slice(), &[0]] {
        let lost = history(&Sender::new(once.clone()), statuses).await;
        assert_eq!((lost.attempts().len(), lost.end()), (1, End::Final));
    }
    // 30 s x (1 + 2 + 4 + ... + 1024) = 61,410 s, and one wait more is past the day.
    let unstated = history(&Sender::new(provider().contract().clone()), &[500]).await;
    assert_eq!(unstated.attempts().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn events_begin_so_far_apart_and_each_attempt_tells_its_time() {
    let start = crate::clock::UnixTime::from_secs(1_777_899_600);
    let sender = Sender::new(flat())
        .clock(TokioClock::starting_at(start))
        .every(2 * SECOND);
    let event = TestDelivery::new(&provider(), Sample::BloqueCard.body(1)).token(TOKEN);
    let service = Answers {
        statuses: &[500, 200],
        asked: Arc::default(),
    };
    let events = [event.clone(), event.clone(), event];
    let histories = sender.deliver(service, events).await.unwrap();
    let times: Vec<Vec<_>> = histories
        .iter()
        .map(|history| {
            let attempts = history.attempts().iter();
            attempts
                .map(|attempt| attempt.sent_at.as_secs() - start.as_secs())
                .collect()
        })
        .collect();
    assert_eq!(times, [vec![0, 30], vec![2], vec![4]]);
}

#[test]
fn listed_waits_are_kept_as_they_are() {
    const WAITS: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(300)];
    let waits: Vec<_> = Waits::new(RetrySchedule::listed(WAITS), 1).collect();
    assert_eq!(waits, WAITS);
}
