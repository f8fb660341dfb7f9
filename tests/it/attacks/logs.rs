//! Text from strangers in log lines.

use axum::http::StatusCode;
use tower_webhook::provider::bloque;
use tower_webhook::{Delivery, Event, Webhook};

use crate::support::log::Log;
use crate::support::presets::{Preset, clock};

/// Each makes a line of its own, turns text around, or cannot be seen: as JSON, as itself.
const HOSTILE: [(&str, char); 12] = [
    (r"\n", '\n'),
    (r"\r", '\r'),
    (r"\u001b", '\u{1b}'),
    (r"\u007f", '\u{7f}'),
    (r"\u0085", '\u{85}'),
    (r"\u009b", '\u{9b}'),
    (r"\u2028", '\u{2028}'),
    (r"\u2029", '\u{2029}'),
    (r"\u202e", '\u{202e}'),
    (r"\u2066", '\u{2066}'),
    (r"\u200b", '\u{200b}'),
    (r"\udb40\udc41", '\u{e0041}'),
];

#[track_caller]
fn assert_plain(what: &str, text: &str, lines: usize) {
    for (name, hostile) in HOSTILE {
        let mut utf8 = [0; 4];
        let bytes = hostile.encode_utf8(&mut utf8).as_bytes();
        let mut found = text.as_bytes().windows(bytes.len());
        let times = found.by_ref().filter(|it| *it == bytes).count();
        // Our own line ends.
        let allowed = if hostile == '\n' { lines } else { 0 };
        assert_eq!(times, allowed, "{name} in {what}: {text}");
    }
}

#[tokio::test]
async fn a_key_makes_no_line_of_its_own_and_turns_none_around() {
    let log = Log::default();
    let guard = log.capture(false);
    let handler = async |delivery: Delivery, event: Event<serde_json::Value>| {
        let key = delivery.key();
        assert_plain("Display", &key.to_string(), 0);
        assert_plain("Debug", &format!("{key:?} {delivery:?}"), 0);
        // What the sender wrote is unchanged.
        assert_eq!(event["id"], *key.parts().next().unwrap());
        StatusCode::NO_CONTENT
    };
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .store(tower_webhook::MemoryStore::new())
        .clock(clock());
    let server = Preset::BlendFi.serve(&webhook, handler).await;
    for raw in [false, true] {
        for (json, hostile) in HOSTILE {
            if raw && hostile.is_ascii_control() && hostile != '\u{7f}' {
                continue; // JSON has no such string.
            }
            let spelled = if raw {
                hostile.to_string()
            } else {
                json.to_owned()
            };
            let id = format!("evt{raw}_{spelled}gro.elpmaxe");
            let body = format!(
                r#"{{"id":"{id}","type":"t","created_at":"2026-05-04T13:00:00Z","data":{{}}}}"#
            );
            let delivery = Preset::BlendFi.deliver(&body);
            assert_eq!(delivery.send(server.address).await.status, 204, "{json}");
            assert!(delivery.send(server.address).await.is_replayed(), "{json}");
        }
    }
    drop(guard);
    let text = log.text();
    let deliveries = text.lines().filter(|line| line.contains("delivery "));
    assert_eq!(deliveries.count(), 2 * (HOSTILE.len() + 9));
    assert_plain("the log", &text, text.split('\n').count() - 1);
    for line in text.split_terminator('\n') {
        assert!(line.starts_with("20"), "a line of its own: {line}");
    }
}

#[test]
fn names_that_are_not_known_yet_are_shown_plainly_and_kept_as_they_are() {
    for (name, hostile) in HOSTILE {
        let text = format!("frozen{hostile}evitca");
        let status = bloque::AccountStatus::from(text.as_str());
        assert_plain(name, &status.to_string(), 0);
        assert_eq!(status.as_str(), text);
        assert_plain(name, &bloque::Asset::from(text.clone()).to_string(), 0);
        assert_eq!(bloque::Asset::from(text.clone()).as_str(), text);
    }
}
