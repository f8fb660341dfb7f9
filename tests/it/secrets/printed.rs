//! What errors say, and what `Debug` prints.

use std::error::Error;
use std::fmt::{Debug, Write};

use crate::support::presets::{NOW, Preset, SECRET, TOKEN, tokens};
use http::HeaderMap;
use tower::Layer;
use tower_webhook::layer::{
    DedupeLayer, EndpointConfig, Proof, RequireSecretPathLayer, RequireSourceIpLayer,
    VerifySignatureLayer,
};
use tower_webhook::provider;
use tower_webhook::{
    Allowlist, KeyRing, MemoryStore, Name, PathTokens, SecretFormat, SigningKey, SigningSecret,
    UnixTime, Webhook,
};

use super::secrets;

fn print_error(text: &mut String, error: &(dyn Error + 'static)) {
    writeln!(text, "{error} {error:?} {error:#?}").unwrap();
    if let Some(source) = error.source() {
        print_error(text, source);
    }
}

fn print(text: &mut String, value: &impl Debug) {
    writeln!(text, "{value:?} {value:#?}").unwrap();
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_a_secret() {
    let mut text = String::new();
    let mut needles = secrets();
    let short = "q7w3e9r1t5y";
    needles.add("a short secret", format!("{short}{short}").as_bytes());
    needles
        .0
        .push(("a short secret".to_owned(), short.to_owned()));

    // What is refused when it is set up.
    let bad_secrets = [
        SECRET[..11].to_owned(),
        short.to_owned(),
        format!(" {SECRET}"),
        format!("{SECRET}\n"),
        format!("whpk_{SECRET}"),
        format!("whsk_{SECRET}"),
        format!("-----BEGIN PUBLIC KEY-----{SECRET}"),
    ];
    for secret in &bad_secrets {
        print_error(&mut text, &SigningSecret::from_text(secret).unwrap_err());
        let ring = KeyRing::parse(&SecretFormat::Text, [SECRET, secret]);
        print_error(&mut text, &ring.unwrap_err());
        print_error(&mut text, &provider::blendfi::keys([secret]).unwrap_err());
    }
    for secret in [SECRET, "%%%%", short] {
        print_error(&mut text, &SigningSecret::from_base64(secret).unwrap_err());
        let format = SecretFormat::base64("whsec_");
        print_error(&mut text, &format.parse(secret).unwrap_err());
    }
    let secret = || SigningSecret::from_text(SECRET).unwrap();
    let key = |id: &str| SigningKey::new(id, secret());
    print_error(&mut text, &KeyRing::new([key("a"), key("a")]).unwrap_err());
    print_error(
        &mut text,
        &KeyRing::new((1..10).map(|n| key(&n.to_string()))).unwrap_err(),
    );
    for tokens in [
        vec![TOKEN.to_owned(), format!("{TOKEN}/x")],
        vec![TOKEN.to_owned(), short[..7].to_owned()],
        vec![TOKEN.repeat(20)],
        vec![format!("{TOKEN}%20")],
        vec![TOKEN.to_owned(); 9],
    ] {
        print_error(&mut text, &PathTokens::parse(&tokens).unwrap_err());
        let replaced = PathTokens::parse([TOKEN]).unwrap();
        print_error(&mut text, &replaced.replace(&tokens).unwrap_err());
    }

    // What is refused when it arrives.
    for preset in [Preset::BlendFi, Preset::BloquePayments] {
        let provider = preset.provider();
        let (verifier, name) = (
            provider.verifier().unwrap(),
            preset.signature_header().unwrap(),
        );
        let body = preset.body(1);
        let right = preset.signature(&body).unwrap();
        needles.add_signature("a signature", &right);
        let now = UnixTime::from_secs(NOW);
        let mut kinds = Vec::new();
        for values in [
            vec![],
            vec![right.clone(), right.clone()],
            vec![right.repeat(300)],
            vec![format!("t={NOW}{}", ",v1=".repeat(70))],
            vec![format!("md5={right}")],
            vec![right.to_uppercase()],
            vec![right.replace("t=", "t=0")],
            vec![right.clone()],
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(name, value.parse().unwrap());
            }
            for (body, now) in [
                ("{}", now),
                (body.as_str(), UnixTime::from_secs(NOW + 9_999)),
                (body.as_str(), UnixTime::EPOCH),
            ] {
                match verifier.verify(&headers, body.as_bytes(), now) {
                    Ok(verified) => print(&mut text, &verified),
                    Err(error) => {
                        print_error(&mut text, &error);
                        kinds.push(error.kind());
                    }
                }
            }
            if let Ok(verification) = verifier.begin(&headers, now) {
                print(&mut text, &verification);
            }
        }
        kinds.dedup();
        assert!(kinds.len() >= 5, "{kinds:?}");
    }

    // Everything that holds a secret or is made from what does.
    print(&mut text, &secret());
    print(&mut text, &key("a"));
    print(&mut text, &KeyRing::new([key("a")]).unwrap());
    print(&mut text, &tokens());
    for preset in Preset::ALL {
        let provider = preset.provider();
        print(&mut text, &provider);
        print(&mut text, &provider.verifier());
        let webhook = Webhook::new(provider).store(MemoryStore::new());
        print(&mut text, &webhook);
        let layer = webhook.build().unwrap();
        print(&mut text, &layer);
        print(&mut text, &layer.layer(()));
    }
    print(&mut text, &provider::blox(tokens()));
    let contract = Preset::Blox.provider().contract().clone();
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
    print(&mut text, &endpoint);
    let path = RequireSecretPathLayer::new(&endpoint, tokens());
    let path = path.mounted_at("/hooks").unwrap();
    print(&mut text, &path);
    print(&mut text, &path.layer(()));
    let verifier = Preset::BlendFi.provider().verifier().unwrap().clone();
    let verify = VerifySignatureLayer::new(&endpoint, verifier);
    print(&mut text, &verify);
    print(&mut text, &verify.layer(()));
    let list = Allowlist::parse(["192.0.2.1"]).unwrap();
    print(
        &mut text,
        &RequireSourceIpLayer::new(&endpoint, list).unwrap(),
    );
    let rule = tower_webhook::event::EventRule::body();
    let dedupe = DedupeLayer::builder(&endpoint, rule, [Proof::SecretPath]);
    print(&mut text, &dedupe);
    print(&mut text, &dedupe.build(MemoryStore::new()).unwrap());

    assert!(text.matches("[REDACTED]").count() > 10);
    needles.assert_none_in("an error or debug output", &text);
}
