//! Who is judged by which answer, and who makes room.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};

use super::*;
use crate::event::{EventKey, Name};
use crate::runtime::confirm::ConfirmSubject;
use crate::runtime::shared_confirm::SharedConfirm;

const PATIENCE: Duration = Duration::from_secs(8);

/// One event of a subject: what its delivery claims, and a body of so many bytes.
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

/// Answers one question for each permit, with what is true by then.
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

/// Judges an event, or tells that its place was taken.
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

#[tokio::test(start_paused = true)]
async fn one_answer_judges_everyone_who_waited_for_it() {
    let truths = Truths::new("true");
    let inquiries = truths.inquiries();
    let mut waiting = JoinSet::new();
    for number in 0..1_000 {
        let claim = if number == 500 { "true" } else { "false" };
        waiting.spawn(judged(Arc::clone(&inquiries), event("c", claim, 10)));
    }
    truths.asked(1).await;
    truths.answers.add_permits(1);
    let all = waiting.join_all().await;
    let count = |wanted| all.iter().filter(|it| **it == Some(wanted)).count();
    assert_eq!(count(Confirmation::Confirmed), 1);
    assert_eq!(count(Confirmation::Mismatch), 999);
    assert_eq!(truths.asked.load(Ordering::Relaxed), 1);
    assert_eq!(inquiries.table().held(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_asked_for_earlier_confirms_and_does_not_refuse() {
    for early in ["false", "pending", "unknown", "panic"] {
        let truths = Truths::new(early);
        let inquiries = truths.inquiries();
        let first = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "lie", 10)));
        truths.asked(1).await;
        let second = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 10)));
        sleep(Duration::from_millis(5)).await;
        truths.becomes(Some("true"));
        truths.answers.add_permits(2);
        assert_eq!(
            second.await.unwrap(),
            Some(Confirmation::Confirmed),
            "{early}"
        );
        assert_eq!(truths.asked.load(Ordering::Relaxed), 2, "{early}");
        let refused = match early {
            "unknown" => Confirmation::Unknown,
            _ => Confirmation::Mismatch,
        };
        assert_eq!(first.await.unwrap(), Some(refused), "{early}");

        // Fresh enough for who comes next, and not for who comes later.
        let soon = judged(Arc::clone(&inquiries), event("c", "true", 10));
        assert_eq!(soon.await, Some(Confirmation::Confirmed), "{early}");
        assert_eq!(truths.asked.load(Ordering::Relaxed), 2, "{early}");
        advance(2 * FRESH).await;
        let late = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 10)));
        truths.asked(3).await;
        truths.answers.add_permits(1);
        assert_eq!(
            late.await.unwrap(),
            Some(Confirmation::Confirmed),
            "{early}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_keeps_sending_causes_sixty_questions_a_minute_at_most() {
    let truths = Truths::new("true");
    truths.answers.add_permits(1_000);
    let inquiries = truths.inquiries();
    let end = Instant::now() + Duration::from_secs(60);
    let mut waiting = JoinSet::new();
    while Instant::now() < end {
        waiting.spawn(judged(Arc::clone(&inquiries), event("c", "false", 10)));
        sleep(Duration::from_millis(6)).await;
    }
    for judged in waiting.join_all().await {
        assert_eq!(judged, Some(Confirmation::Mismatch));
    }
    let asked = truths.asked.load(Ordering::Relaxed);
    assert!(asked <= 61, "{asked} questions");
}

/// A pause that grows must not be short again for who stays away a little longer than an answer is fresh.
#[tokio::test(start_paused = true)]
async fn who_comes_and_goes_causes_no_more_questions() {
    let truths = Truths::new("true");
    truths.answers.add_permits(1_000);
    let inquiries = truths.inquiries();
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        for pause in [102, 202, 402, 1_010] {
            let judged = judged(Arc::clone(&inquiries), event("c", "false", 10)).await;
            assert_eq!(judged, Some(Confirmation::Mismatch));
            sleep(Duration::from_millis(pause)).await;
        }
    }
    let asked = truths.asked.load(Ordering::Relaxed);
    assert!(asked <= 65, "{asked} questions");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_hangs_is_given_up_for_who_came_since() {
    let truths = Truths::new("true");
    let inquiries = truths.inquiries();
    let first = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "false", 10)));
    truths.asked(1).await;
    // Nobody else has come: it has all the time that there is.
    sleep(PATIENCE * 3 / 4).await;
    assert_eq!(truths.asked.load(Ordering::Relaxed), 1);
    let second = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 10)));
    assert_eq!(first.await.unwrap(), Some(Confirmation::TryAgain));
    truths.asked(2).await;
    truths.answers.add_permits(1);
    assert_eq!(second.await.unwrap(), Some(Confirmation::Confirmed));
}

#[tokio::test(start_paused = true)]
async fn the_forgeries_of_one_subject_leave_room_for_others_and_for_its_true_delivery() {
    let mut truths = Truths::new("true");
    truths.limits = truths.limits.deliveries(40);
    let inquiries = truths.inquiries();
    let mut forgeries = JoinSet::new();
    for _ in 0..100 {
        forgeries.spawn(judged(Arc::clone(&inquiries), event("c", "false", 10)));
    }
    truths.asked(1).await;
    assert_eq!(inquiries.table().held().0, 10, "a quarter");
    // One answer spoke against each that came before it, too early to refuse it.
    truths.answers.add_permits(1);
    sleep(Duration::from_millis(1)).await;
    for _ in 0..20 {
        forgeries.spawn(judged(Arc::clone(&inquiries), event("c", "false", 10)));
    }
    truths.asked(2).await;
    assert_eq!(inquiries.table().held().0, 10);
    let other = tokio::spawn(judged(Arc::clone(&inquiries), event("d", "true", 10)));
    let truth = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 10)));
    truths.asked(3).await;
    truths.answers.add_permits(10);
    assert_eq!(truth.await.unwrap(), Some(Confirmation::Confirmed));
    assert_eq!(other.await.unwrap(), Some(Confirmation::Confirmed));
}

#[tokio::test(start_paused = true)]
async fn what_is_large_and_of_crowded_subjects_makes_room_first() {
    let mut truths = Truths::new("true");
    truths.limits = truths.limits.deliveries(1_000).body_bytes(4_000);
    let inquiries = truths.inquiries();
    let mut large = JoinSet::new();
    for number in 0..20 {
        let subject = format!("invented-{number}");
        large.spawn(judged(
            Arc::clone(&inquiries),
            event(&subject, "false", 500),
        ));
    }
    truths.asked(8).await;
    assert_eq!(inquiries.table().held(), (8, 4_000));
    let small = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 200)));
    truths.asked(9).await;
    assert_eq!(inquiries.table().held(), (8, 3_700));
    // One subject, in many contents, has a quarter of the bytes.
    let mut crowd = JoinSet::new();
    for number in 0..50 {
        crowd.spawn(judged(
            Arc::clone(&inquiries),
            event("d", &format!("{number}"), 100),
        ));
    }
    sleep(Duration::from_millis(1)).await;
    assert!(inquiries.table().held().1 <= 4_000);
    truths.answers.add_permits(1_000);
    assert_eq!(small.await.unwrap(), Some(Confirmation::Confirmed));
    large.join_all().await;
    crowd.join_all().await;
    assert_eq!(inquiries.table().held(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn forgeries_that_are_smaller_do_not_take_the_place_of_the_true_delivery() {
    let mut truths = Truths::new("true");
    truths.limits = truths.limits.deliveries(40);
    let inquiries = truths.inquiries();
    let truth = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 100)));
    truths.asked(1).await;
    let mut forgeries = JoinSet::new();
    for _ in 0..100 {
        forgeries.spawn(judged(Arc::clone(&inquiries), event("c", "false", 10)));
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(inquiries.table().held().0, 10);
    truths.answers.add_permits(100);
    assert_eq!(truth.await.unwrap(), Some(Confirmation::Confirmed));
    forgeries.join_all().await;
    assert_eq!(inquiries.table().held(), (0, 0));
}

/// Takes minutes where each goes through all the others.
#[tokio::test(start_paused = true)]
async fn who_comes_to_a_crowd_causes_little_work() {
    let mut truths = Truths::new("true");
    truths.limits = truths.limits.deliveries(40_000);
    let inquiries = truths.inquiries();
    let mut crowd = JoinSet::new();
    for number in 0..60_000 {
        let subject = if number % 2 == 0 { "c" } else { "d" };
        crowd.spawn(judged(Arc::clone(&inquiries), event(subject, "true", 1)));
        if number % 100 == 0 {
            sleep(Duration::from_micros(1)).await;
        }
    }
    truths.asked(2).await;
    assert_eq!(inquiries.table().held().0, 20_000, "two quarters");
    truths.answers.add_permits(10);
    let all = crowd.join_all().await;
    let confirmed = Some(Confirmation::Confirmed);
    assert_eq!(all.iter().filter(|it| **it == confirmed).count(), 20_000);
    assert_eq!(inquiries.table().held(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn so_many_questions_are_asked_at_once_and_no_more() {
    let mut truths = Truths::new("true");
    truths.limits = truths.limits.questions(4);
    let inquiries = truths.inquiries();
    let mut waiting = JoinSet::new();
    for number in 0..100 {
        let subject = format!("c-{number}");
        waiting.spawn(judged(Arc::clone(&inquiries), event(&subject, "true", 10)));
    }
    truths.asked(4).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(truths.asked.load(Ordering::Relaxed), 4);
    truths.answers.add_permits(200);
    let all = waiting.join_all().await;
    assert!(all.iter().all(|it| *it == Some(Confirmation::Confirmed)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_when_nobody_waits() {
    let truths = Truths::new("true");
    truths.becomes(None);
    truths.answers.add_permits(1_000);
    let inquiries = truths.inquiries();
    let judged = judged(Arc::clone(&inquiries), event("c", "true", 10)).await;
    assert_eq!(judged, Some(Confirmation::TryAgain));
    // 0, 0.1, 0.3, 0.7, 1.5, and every 1.1 s from then on.
    assert_eq!(truths.asked.load(Ordering::Relaxed), 10);
    sleep(3 * PER_QUESTION).await;
    assert_eq!(inquiries.table().subjects(), 0);
}

#[test]
fn a_task_that_ends_with_its_runtime_leaves_nobody_waiting() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let truths = Truths::new("true");
    let inquiries = truths.inquiries();
    let gone = runtime();
    let place = gone.block_on(async {
        let (first, token) = (event("c", "true", 10), CancellationToken::new());
        let Entered::Waiting(place) = inquiries.enter(&first, Instant::now() + PATIENCE, &token)
        else {
            panic!("there is room");
        };
        assert!(place.judge(&first).now_or_never().is_none());
        truths.asked(1).await;
        place
    });
    drop(gone);
    truths.answers.add_permits(1);
    let judged = runtime().block_on(place.judge(&event("c", "true", 10)));
    assert_eq!(judged, Confirmation::Confirmed);
}

/// A runtime that goes down begins no task any more, and waits for those that are being polled.
#[test]
fn who_asks_while_its_runtime_goes_down_does_not_hold_that_up() {
    struct Last(Arc<Inquiries>, mpsc::Sender<Option<Confirmation>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let (last, token) = (event("c", "true", 10), CancellationToken::new());
            if let Entered::Waiting(place) = self.0.enter(&last, Instant::now() + PATIENCE, &token)
            {
                let judged = place.judge(&last).now_or_never();
                let _ = self.1.send(judged);
            }
        }
    }
    let (told, judged) = mpsc::channel();
    let last = Last(Truths::new("true").inquiries(), told);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let _last = last;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
    });
    assert_eq!(judged.recv_timeout(Duration::from_secs(20)), Ok(None));
}

/// A plain function is asked once for each content at a time, whatever stands beside it.
#[tokio::test(start_paused = true)]
async fn contents_of_one_key_do_not_wait_for_each_other() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let confirm = SharedConfirm::new(move |event: Unconfirmed| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            if event.body == Bytes::from_static(b"true") {
                return Confirmation::Confirmed;
            }
            std::future::pending().await
        }
    });
    let of = |body: &'static [u8]| Unconfirmed {
        body: Bytes::from_static(body),
        ..event("c", "x", 0)
    };
    let inquiries = Arc::clone(confirm.inquiries());
    let mut lies = JoinSet::new();
    for _ in 0..10 {
        lies.spawn(judged(Arc::clone(&inquiries), of(b"false")));
    }
    let truth = judged(Arc::clone(&inquiries), of(b"true")).await;
    assert_eq!(truth, Some(Confirmation::Confirmed));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    for lie in lies.join_all().await {
        assert_eq!(lie, Some(Confirmation::TryAgain));
    }
}
