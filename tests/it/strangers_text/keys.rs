//! The key of an event, whatever stands beside it.

use crate::support::presets::Preset;
use crate::support::receiver::Receiver;

use super::{BOM, Hook, Sender, strangers};

#[tokio::test]
async fn whatever_strangers_wrote_into_an_event_it_is_handled_once() {
    for sender in [Sender::BlendFi, Sender::Stripe] {
        let hook = Hook::start(sender).await;
        for (n, (what, one, other)) in strangers().into_iter().enumerate() {
            let (a, b) = (format!("evt_{n}_a"), format!("evt_{n}_b"));
            let one = sender.body(&a, &one, b"null");
            let other = sender.body(&b, &other, b"null");
            let one = hook.assert_handles(what, &a, &one).await;
            let other = hook.assert_handles(what, &b, &other).await;
            assert_ne!(one, other, "{sender:?}, {what}: other content");
        }
    }
}

/// What stands where nobody reads does not count: the event means the same.
#[tokio::test]
async fn what_nobody_reads_is_none_of_our_business() {
    for sender in [Sender::BlendFi, Sender::Stripe] {
        let hook = Hook::start(sender).await;
        let plain = sender.body("evt_plain", b"1", b"null");
        let plain = hook.assert_handles("plain", "evt_plain", &plain).await;
        for (n, (what, one, other)) in strangers().into_iter().enumerate() {
            for (which, beside) in [("a", one), ("b", other)] {
                let id = format!("evt_{n}_{which}");
                let body = sender.body(&id, b"1", &beside);
                let fingerprint = hook.assert_handles(what, &id, &body).await;
                assert_eq!(fingerprint, plain, "{sender:?}, {what}");
                // White space, a BOM and the order of members before it do not count either.
                let marked = [BOM, b" \r\n\t", &body, b"\n"].concat();
                assert!(hook.send(&marked).await.is_replayed(), "{what}");
            }
        }
        for (n, names) in [
            r#""level":1,"level":2"#,
            r#""level":1,"\u006cevel":1,"level":null"#,
            r#""\ud83d":1,"\ud83d":1"#,
            r#""x":{"id":1,"id":2}"#,
            r#""ID":1,"ID":2"#,
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("evt_twice_{n}");
            let body = sender.body(&id, b"1", format!("0,{names}").as_bytes());
            assert_eq!(hook.assert_handles(names, &id, &body).await, plain);
        }
        for (n, name) in [&b"\xff"[..], b"caf\xe9", b"\xed\xa0\xbd"]
            .into_iter()
            .enumerate()
        {
            let id = format!("evt_bytes_{n}");
            let body = sender.body(&id, b"1", &[b"0,\"", name, b"\":1"].concat());
            assert_eq!(hook.assert_handles("name", &id, &body).await, plain);
        }
    }
}

#[tokio::test]
async fn other_content_under_a_key_that_is_composed_is_refused() {
    let receiver = Receiver::start(Preset::Bloquo).await;
    for (n, (what, one, other)) in strangers().into_iter().enumerate() {
        let body = |meaning: &[u8]| {
            let head = format!(r#"{{"OrderId":{n},"Status":"COMPLETED","OrderType":"#);
            [head.as_bytes(), meaning, b"}"].concat()
        };
        let (one, other) = (body(&one), body(&other));
        let response = receiver.send(&receiver.preset.deliver(&one)).await;
        assert_eq!(response.status, 204, "{what}: {response:?}");
        for (body, status) in [(&other, 422), (&one, 200), (&other, 422)] {
            let response = receiver.send(&receiver.preset.deliver(body)).await;
            assert_eq!(response.status, status, "{what}: {response:?}");
        }
        assert_eq!(receiver.runs.runs(), n + 1, "{what}");
    }
}

/// What is read in two ways, or not at all, is no key: it stays refused, in one BOM or none.
#[tokio::test]
async fn what_leads_to_the_key_must_be_there_once_and_be_text() {
    for sender in [Sender::BlendFi, Sender::Stripe] {
        let hook = Hook::start(sender).await;
        for body in [
            &br#"{"id":"evt_1","id":"evt_1","type":"a","data":1}"#[..],
            br#"{"id":"evt_1","\u0069d":"evt_2","type":"a","data":1}"#,
            br#"{"id":"evt_1","type":"a","type":"b","data":1}"#,
            br#"{"id":"evt_1","type":"a","data":1,"data":1}"#,
            br#"{"id":"evt_1","type":"a","created":1,"created":2,"created_at":1,"created_at":2}"#,
            br#"{"id":"evt_\ud83d","type":"a","data":1}"#,
            b"{\"id\":\"evt_\xff\",\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"\xed\xa0\xbd\",\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1} x",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}\xff",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":\xff}",
            b"{\"id\":\"evt_1\",\xff\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1",
            b"\xef\xbb\xbf\xef\xbb\xbf{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}",
            b"{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}\xef\xbb\xbf",
            b"\xef\xbb\xbf",
            b"\xef\xbb{\"id\":\"evt_1\",\"type\":\"a\",\"data\":1}",
            b"\xff\xfe{\0}\0",
        ] {
            let response = hook.send(body).await;
            let text = String::from_utf8_lossy(body);
            assert_eq!(response.status, 400, "{sender:?} {text}: {response:?}");
        }
        assert!(hook.given.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn bloque_is_not_failed_for_what_is_no_key() {
    let preset = Preset::BloquePayments;
    let receiver = Receiver::start(preset).await;
    let bodies = [
        &b"{\"id\":\"\\ud83d\"}"[..],
        b"{\"id\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"hello\":\"\xff\"}",
        b"[\"\xff\"]",
    ];
    for (n, body) in (1..).zip(bodies) {
        let response = receiver.send(&preset.deliver(body)).await;
        let text = String::from_utf8_lossy(body);
        assert_eq!(response.status, 204, "{text}");
        let again = receiver.send(&preset.deliver(body)).await;
        assert!(again.is_replayed(), "{text}");
        assert_eq!(receiver.runs.runs(), n);
    }
}
