//! Whatever stands in headers, query and body: every sender of the crate reads it without a panic,
//! in bounded time, and takes none of it for signed; no challenge answers with the signature of a
//! text that has a bracket, a quote or a colon.
//!
//! The input is text: a number for the sender, then lines `H name: value`, one line `Q query`, and the
//! body behind an empty line.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use tower_webhook::challenge::{Challenge, ChallengeAnswer, ChallengeText};
use tower_webhook::provider::senders;
use tower_webhook::signature::PublicUrl;
use tower_webhook::{Encoding, KeyRing, Provider, RequestHead, SigningSecret, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);

static SENDERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
    let url = PublicUrl::parse("https://hooks.example/in").unwrap();
    let secrets = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "5hG7kQ2mW9xZ4tB8vN3c",
        "44782deff47aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
        // RFC 8032, section 7.1, test 1; RFC 7515, appendix A.3.
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    ];
    let first = |sender: &tower_webhook::provider::SenderFacts| {
        secrets
            .iter()
            .find_map(|secret| sender.provider(secret, &url).ok())
            // Those that show a certificate sign nothing.
            .filter(|provider| provider.verifier().is_some())
    };
    // Those with keys of another kind are the target `public_keys`'.
    let all: Vec<_> = senders().filter_map(first).collect();
    assert!(all.len() >= 70, "{}", all.len());
    all
});

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let number = lines
        .next()
        .and_then(|line| std::str::from_utf8(line).ok()?.parse::<usize>().ok());
    let provider = &SENDERS[number.unwrap_or(0) % SENDERS.len()];
    let (mut headers, mut query, mut body) = (HeaderMap::new(), String::new(), Vec::new());
    let mut in_body = false;
    for line in lines.take(64) {
        match line {
            line if in_body => body.extend_from_slice(line),
            [] => in_body = true,
            [b'H', b' ', rest @ ..] => {
                let mut parts = rest.splitn(2, |byte| *byte == b':');
                let name = parts
                    .next()
                    .and_then(|name| HeaderName::from_bytes(name).ok());
                let value = parts
                    .next()
                    .and_then(|value| HeaderValue::from_bytes(value.trim_ascii()).ok());
                headers.extend(name.zip(value));
            }
            [b'Q', b' ', rest @ ..] => query = String::from_utf8_lossy(rest).into_owned(),
            _ => {}
        }
    }
    let Ok(uri) = format!("/in?{query}").parse::<Uri>() else {
        return;
    };
    let head = RequestHead::new(&Method::POST, &uri, &headers);
    let verifier = provider.verifier().unwrap();
    assert!(verifier.verify(head, &body, NOW).is_err());

    let keys = KeyRing::from(SigningSecret::from_text("5hG7kQ2mW9xZ4tB8vN3c").unwrap());
    let sentence = Challenge::in_query(Method::GET, "c", ChallengeText::Sentence);
    let head = RequestHead::new(&Method::GET, &uri, &headers);
    if let Some(reply) = sentence.reply_to_head(head, None, NOW)
        && reply.status() == 200
    {
        let text = std::str::from_utf8(reply.body()).unwrap();
        let telling = ['{', '}', '[', ']', '"', '\'', '<', '>', '&', '\n'];
        assert!(!text.contains(telling), "{text:?}");
    }
    for text in [
        ChallengeText::Token,
        ChallengeText::Uuid,
        ChallengeText::Hex,
    ] {
        let challenge = Challenge::in_query(Method::GET, "c", text).answer(ChallengeAnswer::Hmac {
            text: Some("text".into()),
            member: "mac".into(),
            prefix: "".into(),
            encoding: Encoding::Hex,
        });
        let head = RequestHead::new(&Method::GET, &uri, &headers);
        if let Some(reply) = challenge.reply_to_head(head, Some(&keys), NOW)
            && reply.status() == 200
        {
            let json: serde_json::Value = serde_json::from_slice(reply.body()).unwrap();
            let text = json["text"].as_str().unwrap();
            assert!(
                !text.contains(['{', '}', '[', ']', '"', ':', ' ']),
                "{text:?}"
            );
        }
    }
});
