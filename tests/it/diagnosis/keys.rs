//! Keys that are not what the sender signs with.

use data_encoding::{BASE64, HEXLOWER};
use tower_webhook::signature::diagnosis::Cause;
use tower_webhook::{SigningKey, SigningSecret, UnixTime};

use super::cases::{request, right, standard, ten};
use super::{Case, SECRET, ring, with_key, with_keys};

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    // Signed with this key, received with that one.
    let pairs = [
        (
            "our secret with a line end",
            Cause::SecretWhiteSpace,
            SECRET.to_owned(),
            format!("{SECRET}\n"),
        ),
        (
            "our secret with blanks",
            Cause::SecretWhiteSpace,
            SECRET.to_owned(),
            format!(" {SECRET} "),
        ),
        (
            "the sender's secret with a line end",
            Cause::SecretWhiteSpace,
            format!("{SECRET}\n"),
            SECRET.to_owned(),
        ),
        (
            "our secret in quotes",
            Cause::SecretQuotes,
            SECRET.to_owned(),
            format!("\"{SECRET}\""),
        ),
        (
            "the sender's secret in quotes",
            Cause::SecretQuotes,
            format!("'{SECRET}'"),
            SECRET.to_owned(),
        ),
        (
            "our secret without its prefix",
            Cause::SecretPrefix,
            format!("whsec_{SECRET}"),
            SECRET.to_owned(),
        ),
        (
            "our secret with a prefix",
            Cause::SecretPrefix,
            SECRET.to_owned(),
            format!("whsec_{SECRET}"),
        ),
    ];
    for (made, cause, signs, receives) in pairs {
        for sender in ten().into_iter().take(5) {
            let signed = request(&right(&with_key(&sender, signs.as_bytes())));
            all.push(Case::new(
                made,
                cause,
                &with_key(&sender, receives.as_bytes()),
                signed,
            ));
        }
    }
    let bytes = b"\x01\x9f a key that is no text \xff\xfe\x00";
    let (base64, hex) = (BASE64.encode(bytes), HEXLOWER.encode(bytes));
    let decoded = [
        ("base64 taken for the key", format!("whsec_{base64}")),
        (
            "base64 taken for the key, its prefix taken off",
            base64.clone(),
        ),
        ("hex taken for the key", hex),
    ];
    for (made, text) in decoded {
        for sender in ten().into_iter().take(3).chain([standard(bytes)]) {
            let signed = request(&right(&with_key(&sender, bytes)));
            let receiver = with_key(&sender, text.as_bytes());
            all.push(Case::new(made, Cause::SecretDecoding, &receiver, signed));
            let made = "the text taken for the key by the sender";
            let signed = request(&right(&with_key(&sender, text.as_bytes())));
            let receiver = with_key(&sender, bytes);
            all.push(Case::new(made, Cause::SecretDecoding, &receiver, signed));
        }
    }
    for sender in ten() {
        let signed = request(&right(&with_key(&sender, SECRET.as_bytes())));
        let secret = |text: &str| SigningSecret::from_text(text).unwrap();
        let old =
            SigningKey::new("old", secret(SECRET)).expires_at(UnixTime::from_secs(1_777_000_000));
        let new = SigningKey::new("new", secret("another-secret-of-ours"));
        let receiver = with_keys(&sender, [new, old]);
        all.push(Case::new(
            "a key that has expired",
            Cause::KeyExpired,
            &receiver,
            signed,
        ));
    }
    for sender in ten().into_iter().take(5) {
        let signed = request(&right(&sender));
        let receiver = with_key(&sender, b"the secret of production");
        let case = Case::new(
            "the key of another environment",
            Cause::OtherKeys,
            &receiver,
            signed,
        );
        let diagnose = case
            .diagnose
            .clone()
            .other_keys("the sandbox", ring(SECRET.as_bytes()));
        all.push(Case { diagnose, ..case });
    }
    for sender in ten() {
        let signed = request(&right(&sender).wrong_secret());
        all.push(Case::new(
            "a secret that nobody has here",
            Cause::Unknown,
            &sender,
            signed,
        ));
    }
    all
}
