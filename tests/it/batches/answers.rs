//! The one answer to several events.

use tower_webhook::layer::Verdict;
use tower_webhook::{MemoryStore, Reason};

use super::{Stage, list, retrying};

fn stage() -> Stage {
    Stage::new(retrying(), MemoryStore::new())
}

/// A list of these items.
fn of(items: &[&str]) -> String {
    format!(r#"{{"pix":[{}]}}"#, items.join(","))
}

const GOOD: &str = r#"{"endToEndId":"E1","valor":"10.00"}"#;
const OTHER_CONTENT: &str = r#"{"endToEndId":"E1","valor":"99.00"}"#;
const NOT_OURS: &str = r#"{"endToEndId":"E2","valor":"0.00"}"#;
const KEYLESS: &str = r#"{"valor":"10.00"}"#;

#[tokio::test]
async fn success_is_told_once_all_are_done() {
    let stage = stage();
    assert_eq!(stage.deliver(list(["E1", "E2"])).await, (200, false));
    assert_eq!(
        stage.deliver(list(["E2", "E3"])).await,
        (200, false),
        "one is new"
    );
    assert_eq!(
        stage.deliver(list(["E1", "E3"])).await,
        (200, true),
        "none is"
    );
    assert_eq!(stage.book.effects(), (3, 1));
    assert_eq!(
        stage.deliver(list([""; 0])).await,
        (200, false),
        "an empty list"
    );
    // The list can be the whole body too.
    let root = list(["E4"]).replace(r#"{"pix":"#, "").replace("]}", "]");
    assert_eq!(stage.deliver(root).await, (200, false));
    assert_eq!(stage.book.effects(), (4, 1));
}

#[tokio::test]
async fn what_no_retry_can_mend_counts_as_done() {
    let stage = stage();
    for (bad, alone) in [(KEYLESS, 400), (NOT_OURS, 410)] {
        assert_eq!(stage.deliver(of(&[bad, GOOD])).await.0, 200, "{bad}");
        assert_eq!(stage.book.runs_of("E1"), 1);
        let stage = self::stage();
        assert_eq!(stage.deliver(of(&[bad])).await.0, alone, "{bad}");
    }
    let conflict = stage.deliver(of(&[OTHER_CONTENT])).await;
    assert_eq!(conflict, (422, false), "of no other item");
    assert_eq!(stage.deliver(of(&[OTHER_CONTENT, GOOD])).await.0, 200);
    assert_eq!(stage.book.runs_of("E1"), 1);
    let conflicts = stage.seen.count(Verdict::Refused, Some(Reason::Conflict));
    assert_eq!(conflicts, 3, "two items, and the delivery of one");
    assert_eq!(stage.book.runs_of("E2"), 1, "given up for good");
}

#[tokio::test]
async fn what_failed_decides_and_only_that_is_run_again() {
    let stage = stage();
    stage.book.fails("E2", 1);
    let body = list(["E1", "E2", "E3"]);
    assert_eq!(stage.deliver(body.clone()).await, (502, false));
    assert_eq!(stage.book.effects(), (2, 1));
    assert_eq!(stage.deliver(body).await, (200, false));
    assert_eq!((stage.book.effects(), stage.book.runs()), ((3, 1), 4));
}

#[tokio::test]
async fn each_event_and_the_answer_is_observed() {
    let stage = stage();
    stage.deliver(of(&[GOOD, KEYLESS, GOOD])).await;
    let seen = stage.seen.take();
    let items = |seen: &[crate::support::observer::Seen]| {
        seen.iter()
            .filter_map(|it| it.item.map(|item| (item, it.verdict, it.key.clone())))
            .collect::<Vec<_>>()
    };
    let mut expected = items(&seen);
    expected.sort_by_key(|(item, ..)| *item);
    let key = Some("E1".to_owned());
    assert_eq!(
        expected,
        [
            (0, Verdict::Handled, key.clone()),
            (1, Verdict::Refused, None),
            (2, Verdict::Duplicate, key),
        ]
    );
    let answer = seen.last().unwrap();
    assert_eq!((answer.items, answer.status), (Some(3), Some(200)));
    assert_eq!(answer.verdict, Verdict::Handled);
}
