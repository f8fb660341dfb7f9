//! By how a body comes in, and how much of it.

use std::time::Duration;

use tower_webhook::Reason;
use tower_webhook::layer::Budget;

use super::{RETRY, delivery_of, in_a_hurry};
use crate::support::http::{Connection, chunk};
use crate::support::presets::Preset;
use crate::support::receiver::Receiver;
use crate::support::wait::until;

#[tokio::test]
async fn content_encodings_other_than_identity_are_415_before_the_body() {
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        for encodings in [
            &["gzip"][..],
            &["br"],
            &["x-nothing-known"],
            &["identity, gzip"],
            &["identity", "gzip"],
            &["gzip", "identity"],
            &["deflate"],
            &["zstd"],
            &["compress"],
            &["GZIP"],
            &["utf-8, gzip"],
            &["", "gzip"],
            &[",gzip,"],
            &["identity;q=1"],
            &["utf-8-gzip"],
            &["utf-"],
            &["utf 8"],
            &["ut\u{17f}-8"],
            &["base64"],
            &["quoted-printable"],
            &["chunked"],
            &["application/gzip"],
            &["application/json, gzip"],
            &["none, gzip"],
            &["application/json;gzip"],
        ] {
            let mut request = preset.delivery(1);
            for encoding in encodings {
                request = request.header("content-encoding", encoding);
            }
            // The body is never sent.
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head()).await;
            let response = connection.response().await.unwrap();
            receiver
                .assert_refused(&response, 415, &[], Reason::ContentEncoding)
                .await;
        }
        for (n, identity) in [(1, "identity"), (2, "Identity")] {
            let request = preset.delivery(n).header("content-encoding", identity);
            assert_eq!(receiver.send(&request).await.status, 204, "{identity}");
        }
    }
}

#[tokio::test]
async fn what_names_no_coding_is_handled() {
    let lines: [&[&str]; 41] = [
        &[""],
        &["", ""],
        &["  "],
        &["identity, identity"],
        &["identity", "identity"],
        &["identity,IDENTITY ,\tIdentity"],
        &["identity,"],
        &[",,"],
        &["utf-8"],
        &["UTF-8"],
        &["utf8"],
        &["Utf_8"],
        &["utf-8, identity", "UTF-8"],
        &["UTF-16LE"],
        &["iso-8859-1"],
        &["ISO-8859-15"],
        &["us-ascii"],
        &["ascii"],
        &["latin1"],
        &["windows-1252"],
        &["CP1252"],
        &["gb18030"],
        &["GBK"],
        &["Shift_JIS"],
        &["charset=utf-8"],
        &["Charset=UTF-8"],
        &["charset=\"utf-8\""],
        &["\"UTF-8\""],
        &["utf8mb4"],
        &["none"],
        &["None, identity"],
        &["binary"],
        &["8bit"],
        &["7BIT"],
        &["application/json"],
        &["application/json; charset=utf-8"],
        &["text/plain;charset=\"UTF-8\""],
        &["ANSI_X3.4-1968"],
        &["Windows-31J"],
        &["TIS-620, identity"],
        &["'utf-8'"],
    ];
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        for (n, lines) in (1..).zip(lines) {
            let mut request = preset.delivery(n);
            for line in lines {
                request = request.header("content-encoding", line);
            }
            let response = receiver.send(&request).await;
            assert_eq!(response.status, 204, "{preset:?}: {lines:?}");
        }
        assert_eq!(receiver.runs.runs(), lines.len());
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_413_announced_or_not() {
    for preset in Preset::ALL {
        let receiver = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(1_000)).await;
        let request = delivery_of(preset, 1_001);
        // Announced, and never sent.
        for length in ["1001", "1048577", "9223372036854775807"] {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head_announcing(length)).await;
            let response = connection.response().await.unwrap();
            receiver
                .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
                .await;
        }
        for bytes in [
            request.bytes(),
            request.bytes_chunked(1),
            request.bytes_chunked(1_000),
            request.bytes_chunked(5_000),
        ] {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&bytes).await;
            let response = connection.response().await.unwrap();
            receiver
                .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
                .await;
        }
        // A body that never ends.
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&request.head_chunked()).await;
        for _ in 0..3 {
            connection.send(&chunk(&[b' '; 500])).await;
        }
        let response = connection.response().await.unwrap();
        receiver
            .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
            .await;
        // A length that is no number is the server's to refuse.
        let mut connection = Connection::open(receiver.server.address).await;
        let absurd = request.head_announcing("99999999999999999999999");
        connection.send(&absurd).await;
        assert_eq!(connection.response().await.unwrap().status, 400);
        receiver.assert_untouched("absurd length").await;

        // One byte less fits, in whatever frames it comes.
        let mut connection = Connection::open(receiver.server.address).await;
        let fits = delivery_of(preset, 1_000);
        connection.send(&fits.bytes_chunked(7)).await;
        assert_eq!(connection.response().await.unwrap().status, 204);
        assert_eq!(receiver.send(&fits).await.status, 200, "a duplicate");
        assert_eq!(receiver.runs.runs(), 1);
    }
}

#[tokio::test]
async fn what_is_too_large_or_comes_by_another_method_is_told_with_what_is_taken() {
    let preset = Preset::BlendFi;
    let receiver = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(1_000)).await;
    let large = delivery_of(preset, 1_001);
    let brew = preset.delivery(1).method("BREW");
    for (bytes, told) in [
        (large.bytes(), "content_length=1001, max_body_bytes=1000"),
        (
            large.bytes_chunked(100),
            "more came than max_body_bytes=1000, and no content_length was told",
        ),
        (
            brew.bytes(),
            "it came by BREW, which this sender does not deliver with",
        ),
    ] {
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&bytes).await;
        connection.response().await.unwrap();
        let seen = receiver.seen.next().await;
        assert_eq!(seen.detail.as_deref(), Some(told), "{seen:?}");
    }
}

#[tokio::test]
async fn the_usual_cap_is_a_mebibyte() {
    const CAP: usize = 1024 * 1024;
    for preset in [Preset::BlendFi, Preset::BloqueAccounts] {
        let receiver = Receiver::start(preset).await;
        let response = receiver.send(&delivery_of(preset, CAP + 1)).await;
        receiver
            .assert_refused(&response, 413, &[], Reason::BodyTooLarge)
            .await;
        assert_eq!(receiver.send(&delivery_of(preset, CAP)).await.status, 204);
    }
}

#[tokio::test]
async fn half_a_body_runs_nothing() {
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        let bytes = preset.delivery(1).bytes();
        let chunked = preset.delivery(1).bytes_chunked(10);
        for part in [
            &bytes[..bytes.len() - 20],
            &bytes[..bytes.len() - 1],
            preset.delivery(1).head().as_slice(),
            &chunked[..chunked.len() - 12],
            // Everything but the end of the body.
            &chunked[..chunked.len() - 5],
        ] {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(part).await;
            connection.finish().await;
            if let Some(response) = connection.response().await {
                assert_eq!(response.status, 400, "{preset:?}: {response:?}");
                assert!(response.body.is_empty());
            }
            receiver.assert_untouched("half a body").await;

            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(part).await;
            connection.reset();
        }
        // A chunk that is none.
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&preset.delivery(1).head_chunked()).await;
        connection.send(b"zz\r\n{}\r\n").await;
        if let Some(response) = connection.response().await {
            assert_eq!(response.status, 400, "{preset:?}: {response:?}");
        }
        receiver.assert_untouched("half a body").await;
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn a_body_that_drips_in_is_408_at_the_deadline() {
    for preset in Preset::ALL {
        let receiver = Receiver::start_with(preset, in_a_hurry, |w| w).await;
        let mut connection = Connection::open(receiver.server.address).await;
        let request = delivery_of(preset, 20_000);
        let bytes = request.bytes();
        let head = request.head().len();
        connection.send(&bytes[..head]).await;
        let mut drip = tokio::time::interval(Duration::from_millis(50));
        let mut rest = bytes[head..].iter();
        let response = loop {
            tokio::select! {
                response = connection.response() => break response.unwrap(),
                _ = drip.tick() => {}
            }
            connection.send(&[*rest.next().unwrap()]).await;
        };
        receiver
            .assert_refused(&response, 408, &[], Reason::BodyTooSlow)
            .await;
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn what_strangers_hold_is_bounded_and_given_back() {
    for preset in Preset::ALL {
        let budget = Budget::new(640, 8);
        let shared = budget.clone();
        let receiver = Receiver::start_with(preset, |p| p, |w| w.budget(shared)).await;
        let whole = delivery_of(preset, 1_000).bytes();
        let mut stranger = Connection::open(receiver.server.address).await;
        stranger.send(&whole[..whole.len() - 400]).await;
        until("the stranger's bytes are counted", || {
            budget.body_bytes() == 600
        })
        .await;

        // Another one that stops before its end finds no room. (What is whole with its first bytes
        // needs none.)
        let mut other = Connection::open(receiver.server.address).await;
        other.send(&whole[..whole.len() - 900]).await;
        let response = other.response().await.unwrap();
        receiver
            .assert_refused(&response, 503, RETRY, Reason::BudgetUsedUp)
            .await;
        assert_eq!(budget.body_bytes(), 600, "the refused one holds nothing");

        // The stranger goes over it too.
        stranger
            .send(&whole[whole.len() - 400..whole.len() - 200])
            .await;
        let response = stranger.response().await.unwrap();
        receiver
            .assert_refused(&response, 503, RETRY, Reason::BudgetUsedUp)
            .await;
        until("they are given back", || budget.body_bytes() == 0).await;
        receiver.assert_takes_the_right_one().await;

        // Who hangs up gives back too.
        let mut stranger = Connection::open(receiver.server.address).await;
        stranger.send(&whole[..whole.len() - 400]).await;
        until("the stranger's bytes are counted", || {
            budget.body_bytes() == 600
        })
        .await;
        stranger.reset();
        until("they are given back", || budget.body_bytes() == 0).await;
    }
}
