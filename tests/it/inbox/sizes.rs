//! How much of its place an inbox takes for what waits in it.

use std::time::Duration;

use axum::http::Request as HttpRequest;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tokio::time::sleep;
use tower_webhook::inbox::{Inbox, SharedInbox};
use tower_webhook::testing::Random;
use tower_webhook::{Webhook, WebhookLayer};

use super::workers::layer;
use super::{send, send_http};
use crate::batches::{TOKEN, pix, retrying};
use crate::support::amount::short_or_long;
use crate::support::blendfi::event;

const MIB: u64 = 1024 * 1024;

/// Text of this length that does not compress well: digits of a number that looks random.
fn text(random: &mut Random, length: usize) -> String {
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        text.push_str(&format!("{:016x}", random.number()));
    }
    text.truncate(length);
    text
}

/// A delivery of 1,000 items in a body of 1 MiB.
pub(super) async fn a_batch<I: Inbox + Clone>(inbox: &I, used: impl AsyncFn() -> u64) {
    let webhook = Webhook::new(pix(retrying())).inbox(SharedInbox::new(inbox.clone()));
    let layer: WebhookLayer = webhook.build().unwrap();
    let mut random = Random::new(11);
    let items: Vec<_> = (0..1_000)
        .map(|number| {
            let filler = text(&mut random, 940);
            format!(
                r#"{{"endToEndId":"E{number:031}","valor":"1.00","horario":"2026-05-04T13:00:00Z","info":"{filler}"}}"#
            )
        })
        .collect();
    let body = format!(r#"{{"pix":[{}]}}"#, items.join(","));
    assert!(
        (MIB - 40_000..=MIB).contains(&u64::try_from(body.len()).unwrap()),
        "{}",
        body.len()
    );
    let before = used().await;
    // Where the machine is busy a part is "not now", and comes with the next delivery.
    let deliver = async || {
        let request = HttpRequest::post(format!("/{TOKEN}")).body(body.clone().into());
        send_http(&layer, request.unwrap()).await.status().as_u16()
    };
    while deliver().await != 200 {}
    assert_eq!(inbox.counts().await.unwrap().queued, 1_000);
    let taken = used().await - before;
    eprintln!("a batch of 1 MiB takes {taken} bytes");
    assert!(taken <= 3 * MIB, "{taken} bytes");
}

/// Lengths of content to try.
pub(super) fn lengths() -> Vec<usize> {
    short_or_long(vec![50, 10_300], vec![50, 900, 4_000, 10_300, 66_000])
}

/// What one of many queued events takes, by the length of its body.
pub(super) async fn queued<I: Inbox + Clone>(
    inbox: &I,
    lengths: &[usize],
    used: impl AsyncFn() -> u64,
) {
    let layer = layer(inbox);
    let mut random = Random::new(12);
    // What the first ones make is there for all: as a script for one alone, and one for those that come together.
    let first: Vec<_> = (0..64)
        .map(|it| event(&format!("evt_first{it}"), "{}"))
        .collect();
    send(&layer, &first[0]).await;
    join_all(first.iter().map(|event| send(&layer, event))).await;
    for length in lengths {
        let all = short_or_long(2_000_000, 4_000_000);
        let count = (all / (length + 1_000)).min(2_000);
        let (mut bytes, number_of) = (0, u64::try_from(count).unwrap());
        let events: Vec<_> = (0..count)
            .map(|number| {
                let data = format!("\"{}\"", text(&mut random, *length));
                let event = event(&format!("evt_1QkT4kLkdIwHu7ix{length}n{number}"), &data);
                bytes += u64::try_from(event.body_bytes().len()).unwrap();
                event
            })
            .collect();
        let before = used().await;
        stream::iter(&events)
            .for_each_concurrent(64, |event| async {
                // On a busy machine some come too many at once: asked again without a pause, they would keep it busy.
                while send(&layer, event).await.status().as_u16() != 200 {
                    sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
        let taken = (used().await - before) / number_of;
        let body = bytes / number_of;
        let most = body * 13 / 10 + 400;
        eprintln!("{taken} bytes for a body of {body}, {most} allowed");
        assert!(taken <= most, "{taken} bytes for a body of {body}");
    }
}
