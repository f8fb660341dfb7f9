//! One truth under many spellings: what an API reads leniently is still one event here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_webhook::Decimal;
use tower_webhook::provider::{self, blox::CheckoutStatus};

use crate::support::blox::checkout;
use crate::support::presets::{Preset, tokens};
use crate::support::receiver::Receiver;

const ID: &str = "0000002a-ceea-467f-a830-5e3e3c7e2b8a";

/// Reads an id as databases and loose parsers do: whatever stands around it, in any case, in any
/// digits, percent-encoded or not; and answers with the one that it keeps.
fn lenient(id: &str) -> bool {
    let decoded = id
        .replace("%2D", "-")
        .replace("%2d", "-")
        .replace("%61", "a");
    let bare = decoded.trim().trim_start_matches("urn:uuid:");
    let bare: String = (bare.chars())
        .filter(|it| !matches!(it, '{' | '}' | '-' | '_' | '(' | ')' | '\0'))
        .map(|it| match it {
            '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(it) - 0xff10, 10).unwrap(),
            '\u{660}'..='\u{669}' => char::from_digit(u32::from(it) - 0x660, 10).unwrap(),
            it => it,
        })
        .collect();
    let kept = ID.replace('-', "");
    bare.to_lowercase().trim_start_matches('0') == kept.trim_start_matches('0')
}

/// A receiver whose API is lenient, and how often that was asked.
async fn receiver() -> (Receiver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let check = move |id: String| {
        count.fetch_add(1, Ordering::Relaxed);
        let found = lenient(&id)
            .then(|| CheckoutStatus::new(ID, "COMPLETED").amount(Decimal::parse("15000").unwrap()));
        std::future::ready(Ok::<_, std::convert::Infallible>(found))
    };
    let checked = provider::blox(tokens()).status_check(check);
    let receiver = Receiver::start_with(Preset::Blox, |_| checked, |webhook| webhook).await;
    (receiver, asked)
}

#[tokio::test]
async fn an_id_that_an_api_reads_in_many_spellings_runs_in_one() {
    let (receiver, asked) = receiver().await;
    let spellings = [
        ID.to_uppercase(),
        ID.replace('-', ""),
        ID.replace("-", "_"),
        format!("{{{ID}}}"),
        format!("({ID})"),
        format!("urn:uuid:{ID}"),
        ID.replace('-', "%2D"),
        ID.replacen('a', "%61", 1),
        format!(" {ID}"),
        format!("{ID}\\n"),
        format!("{ID}\\u0000"),
        format!("00{ID}"),
        ID.trim_start_matches('0').to_owned(),
        ID.replacen('0', "\u{ff10}", 1),
        ID.replacen('0', "\u{660}", 1),
        ID.replacen('a', "\u{430}", 1),
        ID.replacen('-', "\u{2010}", 1),
        format!("{ID}/"),
        format!("{ID}?"),
        format!("{ID}#"),
        format!("./{ID}"),
        format!("{ID}%00"),
        format!("{ID};v=1"),
    ];
    // Before the true delivery and behind it.
    for round in 0..2 {
        for spelled in &spellings {
            assert_ne!(spelled, ID);
            let answer = receiver
                .send(&checkout(spelled, "COMPLETED", "15000"))
                .await;
            assert_eq!(answer.status, 400, "{spelled}: {answer:?}");
        }
        let answer = receiver.send(&checkout(ID, "COMPLETED", "15000")).await;
        assert!(answer.is_success(), "{answer:?}");
        assert_eq!(
            (receiver.runs.runs(), answer.is_replayed()),
            (1, round == 1)
        );
    }
    // The JSON may spell it as it likes: that is the very same id.
    let escaped = ID.replacen('a', "\\u0061", 1);
    let answer = receiver
        .send(&checkout(&escaped, "COMPLETED", "15000"))
        .await;
    assert!(answer.is_replayed());
    // What cannot stand in a URL was never asked about.
    assert!(asked.load(Ordering::Relaxed) <= 2 * 6 + 1, "{asked:?}");
}

#[tokio::test]
async fn statuses_that_a_reader_takes_for_the_same_are_not() {
    let (receiver, _) = receiver().await;
    let statuses = [
        "completed",
        "Completed",
        "COMPLETED ",
        " COMPLETED",
        "COMPLETED\\u0000",
        "COMPLETED\\n",
        "COMPLETE",
        "COMPLETED\u{200b}",
        "\u{421}OMPLETED",
        "FAILED",
        "CANCELLED",
        "PENDING",
    ];
    // All at once: one answer of the API judges each of them.
    let answers = statuses.map(|it| checkout(ID, it, "15000").spawn(receiver.server.address));
    for (status, answer) in statuses.iter().zip(answers) {
        assert_eq!(answer.await.unwrap().status, 400, "{status}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    let answer = receiver.send(&checkout(ID, "COMPLETED", "15000")).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn an_amount_is_one_value_however_it_is_written() {
    let (receiver, _) = receiver().await;
    let deliver = |amount: &str| {
        Preset::Blox.deliver(format!(
            r#"{{"checkoutId":"{ID}","status":"COMPLETED","amount":{amount},"timestamp":"2026-05-04T13:00:00.000Z"}}"#
        ))
    };
    // What the API says, in other words: each is true, and none is a second event. As a number it is
    // the same content; as text it is other content, which the sender of the first never sends.
    let numbers = [
        "15000",
        "15000.0",
        "1.5e4",
        "1.5E+4",
        "150000e-1",
        "15000.00000000000000000000",
    ];
    let texts = ["\"15000\"", "\"15000.00\"", "\"1.5e4\""];
    let others = [
        "15001",
        "\"1500\"",
        "15000.000000000000000000000001",
        "-15000",
        "\"+15000\"",
        "015000",
        "\"015000\"",
        "\"15,000\"",
        "\"15 000\"",
        "\"15000 \"",
        "\"0x3A98\"",
        "\"\u{ff11}5000\"",
        "\"1_5000\"",
        "1.5e5",
        "1.5e40000000000",
        "\"\"",
        "null",
        "true",
        "[15000]",
        "{\"value\":15000}",
        "\"NaN\"",
        "15000,\"amount\":1",
    ];
    let send_others = async || {
        let answers = others.map(|it| deliver(it).spawn(receiver.server.address));
        for (other, answer) in others.iter().zip(answers) {
            let answer = answer.await.unwrap();
            assert!(matches!(answer.status, 400 | 422), "{other}: {answer:?}");
        }
    };
    send_others().await;
    assert_eq!(receiver.runs.runs(), 0);
    for (count, number) in numbers.iter().enumerate() {
        let answer = receiver.send(&deliver(number)).await;
        assert!(answer.is_success(), "{number}: {answer:?}");
        assert_eq!(answer.is_replayed(), count > 0, "{number}");
    }
    send_others().await;
    for text in texts {
        assert_eq!(receiver.send(&deliver(text)).await.status, 422, "{text}");
    }
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn numbers_as_text_and_text_as_numbers_are_one_order() {
    let receiver = Receiver::start(Preset::Bloquo).await;
    let order = |id: &str| {
        Preset::Bloquo.deliver(format!(
            r#"{{"OrderId":{id},"Status":"COMPLETED","OrderType":"Deposit","RequestedAmount":1.5,"TotalAmount":1.5}}"#
        ))
    };
    assert_eq!(receiver.send(&order("1042")).await.status, 204);
    for same in ["\"1042\"", "\"\\u0031042\"", " 1042 "] {
        assert!(receiver.send(&order(same)).await.is_replayed(), "{same}");
    }
    for none in ["1042.0", "1.042e3", "01042", "+1042", "0x412", "1042e0"] {
        assert_eq!(receiver.send(&order(none)).await.status, 400, "{none}");
    }
    assert_eq!(receiver.runs.runs(), 1);
}
