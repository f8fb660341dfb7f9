//! The state that is left when the waiting deliveries, or their runtime, are gone.

use std::sync::mpsc;

use super::*;

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

/// A runtime that shuts down starts no more tasks, and waits for those that are being polled.
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
