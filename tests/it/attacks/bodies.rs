//! Bodies that a sender signs and a stranger had a hand in: what they cost, and whose event they are.

use std::time::Duration;

use crate::attacks::{in_a_hurry, run_once};
use crate::support::http::{Connection, Request, chunk};
use crate::support::presets::Preset;
use crate::support::receiver::Receiver;
use crate::support::wait::within;

const SIGNED: Preset = Preset::BlendFi;

/// An event of BlendFi with this id, as JSON, and this in its data.
fn event(id: &str, data: &str) -> Request {
    SIGNED.deliver(format!(
        r#"{{"id":{id},"type":"t","created_at":"2026-05-04T13:00:00Z","data":{data}}}"#
    ))
}

#[tokio::test]
async fn nesting_without_end_breaks_no_stack() {
    let receiver = Receiver::start(SIGNED).await;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [10_000, 150_000] {
            let middle = if open == "[" { "" } else { "1" };
            let data = [&open.repeat(depth), middle, &close.repeat(depth)].concat();
            let nested = event(r#""evt_deep""#, &data);
            // Signed or not, it is answered, and the receiver lives.
            let answer = receiver.send(&nested).await;
            assert!(
                [200, 204, 400, 413, 422].contains(&answer.status),
                "{depth}: {answer:?}"
            );
            let forged = nested
                .without("x-blendfi-signature")
                .header("x-blendfi-signature", "t=1,v1=00");
            assert_eq!(receiver.send(&forged).await.status, 401);
        }
    }
    let receiver = Receiver::start(SIGNED).await;
    run_once(&receiver, 1).await;
}

#[tokio::test]
async fn members_made_to_collide_cost_no_more_than_others() {
    let receiver = Receiver::start(SIGNED).await;
    // 60,000 members: all alike, in one bucket of a hash without a seed, or each once.
    let with = |name: &dyn Fn(u32) -> String| {
        let members: Vec<_> = (0..60_000)
            .map(|number| format!("\"{}\":0", name(number)))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let same = with(&|_| "a".to_owned());
    let bits = with(&|number| {
        (0..16)
            .map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" })
            .collect()
    });
    let each = with(&|number| format!("m{number}"));
    for (id, data) in [("1", bits), ("2", same), ("3", each)] {
        let event = event(&format!("\"evt_{id}\""), &data);
        let answer = within("an answer", receiver.send(&event)).await;
        assert!([204, 400, 413].contains(&answer.status), "{id}: {answer:?}");
    }
    run_once(&receiver, 4).await;
}

#[tokio::test]
async fn numbers_of_a_megabyte_are_read_in_time() {
    let receiver = Receiver::start(SIGNED).await;
    for (id, number) in [
        ("1", "9".repeat(900_000)),
        ("2", format!("0.{}1", "0".repeat(900_000))),
        ("3", format!("1e{}", "9".repeat(100_000))),
        ("4", format!("1e-{}", "9".repeat(100_000))),
        ("5", "-0".to_owned()),
    ] {
        let event = event(&format!("\"evt_{id}\""), &number);
        let answer = within("an answer", receiver.send(&event)).await;
        assert!([204, 400].contains(&answer.status), "{id}: {answer:?}");
    }
    run_once(&receiver, 9).await;
}

#[tokio::test]
async fn parts_of_a_key_are_not_moved_over_their_separator() {
    // Bloque's accounts join type, event and transaction.
    let receiver = Receiver::start(Preset::BloqueAccounts).await;
    let parts = [
        ("a", "b", "c"),
        ("a:b", "c", "d"),
        ("a", "b:c", "d"),
        ("a", "b", "c:d"),
        ("a%3Ab", "c", "d"),
        ("a\\u0000", "b", "c"),
        ("a", "\\u0000b", "c"),
        ("a", "b", "c\\u0000"),
        ("a\\u003a", "b", "c"),
        ("a", "\\u003ab", "c"),
    ];
    for (count, (kind, event, id)) in parts.iter().enumerate() {
        let body = format!(
            r#"{{"type":"{kind}","event":"{event}","transaction_id":"{id}","amount":"15","asset":"DUSD/6","direction":"debit"}}"#
        );
        let answer = receiver.send(&Preset::BloqueAccounts.deliver(body)).await;
        assert_eq!(answer.status, 204, "{kind} {event} {id}");
        assert!(!answer.is_replayed());
        assert_eq!(receiver.runs.runs(), count + 1);
    }
}

#[tokio::test]
async fn an_id_is_one_event_however_its_characters_are_escaped() {
    let receiver = Receiver::start(SIGNED).await;
    assert_eq!(
        receiver.send(&event(r#""evt_/\u00e9""#, "{}")).await.status,
        204
    );
    for spelled in [
        "\"evt_/\u{e9}\"",
        r#""\u0065vt_\/\u00E9""#,
        r#""\u0065\u0076\u0074\u005f\u002f\u00e9""#,
    ] {
        assert!(
            receiver.send(&event(spelled, "{}")).await.is_replayed(),
            "{spelled}"
        );
    }
    // What looks the same is another event: composed or not, in another case, with a blank or a NUL.
    let others = [
        "\"evt_/e\u{301}\"",
        "\"EVT_/\u{e9}\"",
        "\"evt_/\u{e9} \"",
        r#""evt_/\u00e9\u0000""#,
        "\"еvt_/\u{e9}\"",
        "\"evt_/\u{e9}\u{200b}\"",
    ];
    for (count, spelled) in others.iter().enumerate() {
        let answer = receiver.send(&event(spelled, "{}")).await;
        assert!(
            answer.status == 204 && !answer.is_replayed(),
            "{spelled}: {answer:?}"
        );
        assert_eq!(receiver.runs.runs(), count + 2);
    }
}

#[tokio::test]
async fn an_id_that_is_none_makes_no_key() {
    let receiver = Receiver::start(SIGNED).await;
    let long = format!("\"{}\"", "x".repeat(1_025));
    for id in [
        "null",
        "true",
        "{}",
        "[]",
        "[\"evt_1\"]",
        "\"\"",
        "1.0",
        "1e3",
        "0.1",
        "-",
        &long,
    ] {
        let answer = receiver.send(&event(id, "{}")).await;
        assert_eq!(answer.status, 400, "{id}");
    }
    let twice = SIGNED.deliver(
        r#"{"id":"evt_1","id":"evt_2","type":"t","created_at":"2026-05-04T13:00:00Z","data":{}}"#,
    );
    assert_eq!(receiver.send(&twice).await.status, 400);
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 1).await;
}

#[tokio::test]
async fn half_bodies_hold_nothing_that_a_whole_one_needs() {
    let receiver = Receiver::start_with(SIGNED, in_a_hurry, |webhook| webhook).await;
    let mut held = Vec::new();
    for number in 0..100 {
        let mut connection = Connection::open(receiver.server.address).await;
        let forged = SIGNED.delivery(1_000 + number);
        let head = forged.head_announcing(900_000);
        connection.send(&head).await;
        connection.send(&forged.body_bytes()[..20]).await;
        held.push(connection);
    }
    run_once(&receiver, 1).await;
    // Each is told that it took too long, and leaves no record.
    for mut connection in held {
        let answer = connection.response().await;
        assert!(answer.is_none_or(|answer| [408, 503].contains(&answer.status)));
    }
    for number in 0..100 {
        assert!(receiver.knows_nothing_of(&SIGNED.key(1_000 + number)).await);
    }
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_at_the_deadline() {
    let receiver = Receiver::start_with(SIGNED, in_a_hurry, |webhook| webhook).await;
    let drip = SIGNED.delivery(1);
    let mut connection = Connection::open(receiver.server.address).await;
    connection.send(&drip.head()).await;
    let dripping = async {
        // A byte each time keeps an idle timer away, and no deadline.
        let (_, all_but_one) = drip.body_bytes().split_last().unwrap();
        for byte in all_but_one {
            connection.send(&[*byte]).await;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        connection.response().await
    };
    let answer = within("the end of it", dripping).await;
    assert_eq!(answer.map(|answer| answer.status), Some(408));
    assert_eq!(receiver.runs.runs(), 0);
    assert!(receiver.knows_nothing_of(&SIGNED.key(1)).await);
    run_once(&receiver, 1).await;
}

#[tokio::test]
async fn a_body_without_end_is_let_go_of() {
    let receiver = Receiver::start(SIGNED).await;
    let mut connection = Connection::open(receiver.server.address).await;
    connection.send(&SIGNED.delivery(1).head_chunked()).await;
    let part = chunk(&[b'['; 64 * 1024]);
    let endless = async {
        // Far more than any cap; what is not read any more is not taken either.
        for _ in 0..1_024 {
            connection.send(&part).await;
        }
    };
    let answer = tokio::select! {
        () = endless => None,
        answer = answer_elsewhere(&receiver) => Some(answer),
    };
    // Another one is handled meanwhile.
    assert_eq!(answer.unwrap_or(204), 204);
    let refused = within("the end of it", connection.response()).await;
    assert!(refused.is_none_or(|refused| refused.status == 413));
    assert_eq!(receiver.runs.runs(), 1);
    assert!(receiver.knows_nothing_of(&SIGNED.key(1)).await);
}

async fn answer_elsewhere(receiver: &Receiver) -> u16 {
    receiver.send(&SIGNED.delivery(2)).await.status
}

#[tokio::test]
async fn what_only_looks_like_json_is_no_event() {
    let receiver = Receiver::start(SIGNED).await;
    let right = SIGNED.body(1);
    let utf16: Vec<u8> = right.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf32: Vec<u8> = right
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    for (what, body) in [
        ("UTF-16", utf16),
        ("UTF-32", utf32),
        ("single quotes", right.replace('"', "'").into_bytes()),
        ("two documents", format!("{right}{right}").into_bytes()),
        (
            "two lines of JSON",
            format!("{right}\n{}", SIGNED.body(2)).into_bytes(),
        ),
        ("a guard before it", format!(")]}}',\n{right}").into_bytes()),
        ("a comment before it", format!("/**/{right}").into_bytes()),
        ("a list of it", format!("[{right}]").into_bytes()),
        ("a string of it", format!("{right:?}").into_bytes()),
        ("a form", b"id=evt_1&type=t".to_vec()),
        ("XML", b"<id>evt_1</id>".to_vec()),
        ("a half", right.as_bytes()[..right.len() - 1].to_vec()),
        ("nothing", Vec::new()),
        ("NUL", vec![0; 64]),
    ] {
        let answer = receiver.send(&SIGNED.deliver(&body)).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 1).await;
}
