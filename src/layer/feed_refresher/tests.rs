use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use crate::source::Admission;

/// The successive answers of a feed's server, and when it was queried.
#[derive(Clone, Default)]
struct Served {
    bodies: Arc<Mutex<VecDeque<Option<&'static str>>>>,
    asked: Arc<Mutex<Vec<u64>>>,
}

impl Served {
    /// A list with this feed, fetched hourly, whose first answers are these.
    fn start(bodies: impl IntoIterator<Item = Option<&'static str>>) -> (Self, Allowlist) {
        let served = Self::default();
        served.bodies.lock().unwrap().extend(bodies);
        let list = Allowlist::of_feeds([AddressFeed::github()]).unwrap();
        let (fetched, begun) = (served.clone(), Instant::now());
        FeedRefresher::new(&list, move |url| {
            let served = fetched.clone();
            async move {
                assert_eq!(&*url, "https://api.github.com/meta");
                served.asked.lock().unwrap().push(begun.elapsed().as_secs());
                let next = served.bodies.lock().unwrap().pop_front();
                match next {
                    Some(Some(body)) => Ok(body),
                    Some(None) => std::future::pending().await,
                    None => Err("connection refused"),
                }
            }
        })
        .every(Duration::from_secs(3_600))
        .start()
        .unwrap();
        (served, list)
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn admits(list: &Allowlist) -> Admission {
    list.check("192.0.2.7".parse().unwrap(), SystemClock.now())
}

#[tokio::test(start_paused = true)]
async fn a_feed_is_fetched_at_once_and_then_again_and_again() {
    let (served, list) = Served::start([
        Some(r#"{"hooks":["192.0.2.0/24"]}"#),
        Some(r#"{"hooks":["198.51.100.0/24"]}"#),
    ]);
    pass(1).await;
    assert_eq!(admits(&list), Admission::Allowed);
    pass(3_600).await;
    assert_eq!(admits(&list), Admission::Refused);
    assert_eq!(served.asked(), [0, 3_600]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_leaves_the_last_good_content_and_is_tried_again_sooner() {
    // An answer that never arrives, one of another form, and then none.
    let (served, list) = Served::start([
        Some(r#"{"hooks":["192.0.2.0/24"]}"#),
        None,
        Some("<html>busy</html>"),
    ]);
    pass(3_601).await;
    assert_eq!(served.asked(), [0, 3_600]);
    // Half a minute until it times out, then doubling intervals, up to an hour.
    pass(4 * 3_600).await;
    assert_eq!(
        served.asked(),
        [
            0, 3_600, 3_660, 3_720, 3_840, 4_080, 4_560, 5_520, 7_440, 11_040, 14_640
        ]
    );
    assert_eq!(admits(&list), Admission::Allowed);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_for_a_list_that_is_gone() {
    let (served, list) = Served::start([]);
    pass(1).await;
    drop(list);
    pass(86_400).await;
    // The fetch that was due when the list was dropped was the last one.
    assert_eq!(served.asked(), [0, 30]);
}

#[test]
fn feeds_are_fetched_in_a_runtime_only() {
    let list = Allowlist::of_feeds([AddressFeed::stripe()]).unwrap();
    let error = FeedRefresher::new(&list, |_| async { Err::<&str, _>("none") })
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
}
