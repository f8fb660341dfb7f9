//! Which answer judges which delivery.

use bytes::Bytes;
use tokio::time::advance;

use super::*;

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

        // Fresh enough for the next delivery, but not for a later one.
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
async fn a_question_that_hangs_is_given_up_for_who_came_since() {
    let truths = Truths::new("true");
    let inquiries = truths.inquiries();
    let first = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "false", 10)));
    truths.asked(1).await;
    // No other delivery has arrived, so the question has all the time that there is.
    sleep(PATIENCE * 3 / 4).await;
    assert_eq!(truths.asked.load(Ordering::Relaxed), 1);
    let second = tokio::spawn(judged(Arc::clone(&inquiries), event("c", "true", 10)));
    assert_eq!(first.await.unwrap(), Some(Confirmation::TryAgain));
    truths.asked(2).await;
    truths.answers.add_permits(1);
    assert_eq!(second.await.unwrap(), Some(Confirmation::Confirmed));
}

/// A plain function is asked once for each content at a time, independently of other contents.
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
