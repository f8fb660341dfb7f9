//! How many questions are asked, however many deliveries arrive.

use super::*;

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

/// A pause that has grown must not be short again for a sender that stays away slightly longer than
/// an answer is fresh.
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
