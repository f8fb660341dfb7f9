//! What senders and strangers wrote is shown harmless, and no secret is shown.

use super::*;
use crate::support::blendfi::body;
use crate::support::presets::{NOW, WRONG_TOKEN, blendfi_signature};

/// Mark-up, quotes, control characters, bidirectional text and what is not seen at all.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{1b}[31m\u{202e}gnp\u{2066}\u{200b}\u{7}&amp;\u{2028}";

/// As a member of JSON.
fn escaped(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    text.trim_matches('"').to_owned()
}

/// Nothing of it stands there as it came.
fn is_harmless(text: &str, path: &str) {
    for raw in ["<script>", "<img", "onerror=alert(2)>"] {
        assert!(!text.contains(raw), "{path} holds {raw}");
    }
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.chars().any(hidden), "{path} holds a hidden character");
    assert!(text.len() < 200_000, "{path} has {} bytes", text.len());
}

async fn fill(shown: &Shown) {
    let long = "x".repeat(1 << 20);
    let hostile = HOSTILE;
    shown.die(&[hostile, "evt_dead"], HOSTILE).await;
    let members = format!(r#"{{"a":"{}","b":"{long}"}}"#, escaped(hostile));
    assert_eq!(shown.send(&event("evt_long", &members)).await, 200);
    // Refused ones: anybody writes them.
    let text = body("evt_forged", &format!(r#"{{"a":"{}"}}"#, escaped(hostile)));
    let forged = http::Request::post("/hooks")
        .header(
            "x-blendfi-signature",
            blendfi_signature(NOW, "whsec_of_a_stranger", &text),
        )
        .header("x-blendfi-event-id", "<b>\"'&")
        .header("x-strange", "\"><script>alert(3)</script>")
        .header("user-agent", "\u{202e}<img src=x>".as_bytes())
        .header("cookie", "session=c00kie-of-somebody")
        .header("authorization", "Bearer b3arer-of-somebody")
        .body(&text);
    assert_eq!(shown.send(&forged).await, 401);
    assert_eq!(shown.send(&Preset::Blox.delivery(1)).await, 200);
    let guessed = Preset::Blox
        .delivery(2)
        .target(&format!("/hooks/{WRONG_TOKEN}?token=t0ken-in-the-query"));
    assert_eq!(shown.send(&guessed).await, 404);
}

/// Every view, those of each event and of each line among them.
async fn every_view(shown: &Shown) -> Vec<(String, String)> {
    let mut paths: Vec<String> = VIEWS.iter().map(|path| (*path).to_owned()).collect();
    let encoded =
        tower_webhook::EventKey::new(tower_webhook::Name::new("blendfi").unwrap(), [HOSTILE]);
    let encoded = encoded.unwrap().encoded();
    for key in [
        &*encoded,
        "blendfi:evt_dead",
        "blendfi:evt_long",
        "blox:chk-1:COMPLETED",
        HOSTILE,
    ] {
        paths.push(format!("/event?key={}", query(key)));
        paths.push(format!("/deliveries?key={}", query(key)));
    }
    let hostile = query(HOSTILE);
    for parameter in ["provider", "outcome", "reason", "until", "before"] {
        paths.push(format!("/deliveries?{parameter}={hostile}"));
    }
    for parameter in ["provider", "inbox", "after", "did"] {
        paths.push(format!("/dead?{parameter}={hostile}"));
    }
    paths.push(format!("/line?at={hostile}"));
    paths.push(format!("/event?did=redrive&done={hostile}"));
    let list = shown.view("/deliveries").await;
    for piece in list.split("href=\"/operator/line?").skip(1) {
        let (line, _) = piece.split_once('"').unwrap();
        paths.push(format!("/line?{}", line.replace("&amp;", "&")));
    }
    let mut views = Vec::new();
    for path in paths {
        let text = shown.view(&path).await;
        views.push((path, text));
    }
    views
}

#[tokio::test]
async fn hostile_content_is_harmless_in_every_view_and_secrets_are_in_none() {
    for has_journal in [true, false] {
        let shown = Shown::with(has_journal);
        fill(&shown).await;
        let views = every_view(&shown).await;
        let all: String = views.iter().map(|(_, text)| text.as_str()).collect();
        for (path, text) in &views {
            is_harmless(text, path);
            for secret in [
                SECRET,
                TOKEN,
                WRONG_TOKEN,
                "c00kie-of-somebody",
                "b3arer-of-somebody",
                "t0ken-in-the-query",
                "whsec_of_a_stranger",
            ] {
                assert!(!text.contains(secret), "{path} shows {secret}");
            }
        }
        // It is shown all the same, and found by its own links.
        let (_, life) = views
            .iter()
            .find(|(path, _)| path.starts_with("/event"))
            .unwrap();
        assert!(life.contains("Entry in the inbox"), "{life}");
        assert!(
            all.contains(r"&lt;script&gt;alert(1)&lt;/script&gt;&quot;"),
            "{has_journal}"
        );
        assert!(all.contains(r"\u{1b}[31m\u{202e}gnp\u{2066}\u{200b}\u{7}&amp;amp;\u{2028}"));
        assert!(all.contains("It is shown in part."));
        assert_eq!(
            all.contains("&lt;script&gt;alert(3)&lt;/script&gt;"),
            has_journal
        );
        assert_eq!(all.contains("[REDACTED]"), has_journal);
    }
}

#[tokio::test]
async fn a_refusal_is_diagnosed_for_who_looks() {
    let shown = Shown::new();
    let text = body("evt_1", "{}");
    let forged = http::Request::post("/hooks")
        // A secret that was pasted with a blank.
        .header(
            "x-blendfi-signature",
            blendfi_signature(NOW, &format!("{SECRET} "), &text),
        )
        .body(&text);
    assert_eq!(shown.send(&forged).await, 401);
    let list = shown.view("/deliveries?outcome=refused").await;
    assert!(list.contains("signature_mismatch"), "{list}");
    let (_, line) = list.split_once("href=\"/operator/line?").unwrap();
    let line = line.split_once('"').unwrap().0.replace("&amp;", "&");
    let view = shown.view(&format!("/line?{line}")).await;
    let (_, diagnosis) = view.split_once("<h2>Diagnosis</h2>").unwrap();
    if cfg!(feature = "senders") {
        assert!(diagnosis.contains("white space"), "{diagnosis}");
    }
}
