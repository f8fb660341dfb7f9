//! Which deliveries make room when there is none left.

use super::*;

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
    // One answer spoke against each delivery that arrived before it, too early to refuse it.
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
    // One subject with many contents has a quarter of the bytes.
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

/// This takes minutes if each delivery scans all the others.
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
