//! Which texts are accepted as a secret, and that none is printed.

mod base64;
mod keys;
mod mac;
mod pasted;

use super::*;

#[track_caller]
fn refuses(result: Result<SigningSecret, ConfigError>, text: &str) {
    assert_eq!(result.unwrap_err().to_string(), text);
}

#[test]
fn what_is_no_secret_is_refused_by_name() {
    let text = SigningSecret::from_text;
    refuses(text(""), "signing secret: empty");
    refuses(text(" \t "), "signing secret: blank");
    refuses(
        text("hunter2"),
        "signing secret: 7 bytes are too few, at least 12 are needed",
    );
    refuses(
        text("whsec_test_9f8e7d6c5b4a\n"),
        "signing secret: has white space around it, remove it",
    );
    assert!(text("12 character").is_ok());
    let public = "signing secret: a public key, a shared secret belongs here";
    for key in [
        "whpk_MCowBQYDK2VwAyEA",
        "pk_live_MCowBQYDK2VwAyEA",
        "-----BEGIN PUBLIC KEY-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
        "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
    ] {
        refuses(text(key), public);
    }
    refuses(
        text("whsk_MCowBQYDK2VwAyEA"),
        "signing secret: a private key of an asymmetric scheme, a shared secret belongs here",
    );
    for text in [
        "no base64 at all!",
        // Found by the fuzz target `secret`: two padded texts in a row.
        "AAAAAAA=AAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAA===",
    ] {
        refuses(
            SigningSecret::from_base64(text),
            "signing secret: not base64; if the sender's key is the text itself, use \
             standard_webhooks::text_keys or SigningSecret::from_text",
        );
    }
    refuses(
        SigningSecret::from_bytes(&[b' '; 40]),
        "signing secret: blank",
    );
}

#[test]
fn a_secret_that_could_have_been_issued_or_chosen_is_taken() {
    for text in [
        "It's a Secret to Everybody",
        "\"begins with a quote",
        "ends with a quote'",
        "don't 'quote' me",
        "8f742231b10e8888abcd99yyyzzz85a5",
        "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",
        "hush-hush-hush",
        "pdl_ntfset_01gtrcn3rk06mzzy",
        "wsk_r59a4HfWVAKycbCaNO1RvgCJec02gRd8",
        // Secrets of senders that sign with the API key itself.
        "sk_live_0123456789abcdef",
        "sk_test_0123456789abcdef",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==",
        "a,b;c|d e:f=g&h%i$j{k}l",
        "$ecretPassw0rd$",
        "weekly_secret_rotation_1",
        "key with = in it and more",
        "пароль-для-вебхука",
        "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl",
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "a1B2c3D4e5F6g7H8!",
        "$a1B2c3D4e5F6g7H8",
        "my_whsec_9f8e7d6c5b4a",
        "token of my love",
        "fresh 'herbs'",
        "replace it, they said",
        "/etcAbc123+/x9Z8y7W6v5U4=",
        "sign: of the times",
        "the 3rd; and the 4th, (of July)",
        "TOP_SECRET!!",
        "[MY_API_KEY]a1B2c3D4",
    ] {
        let taken = SigningSecret::from_text(text);
        assert!(taken.is_ok(), "{text:?}: {taken:?}");
    }
}

#[test]
fn no_secret_is_printed() {
    let secret = "whsec_test_9f8e7d6c5b4a";
    let ring = KeyRing::parse(&SecretFormat::Text, [secret]).unwrap();
    let state = ring.snapshot()[0].secret().unwrap().start();
    assert_eq!(
        format!("{ring:?} {state:?}"),
        "[SigningKey { id: KeyId(\"1\"), secret: SigningSecret([REDACTED]), expires_at: None }] \
         MacState([REDACTED])"
    );
    let printed = format!("{ring:#?} {:?}", ring.snapshot());
    for form in [
        secret.to_owned(),
        data_encoding::HEXLOWER.encode(secret.as_bytes()),
        format!("{:?}", secret.as_bytes()),
    ] {
        assert!(!printed.contains(&form), "{printed}");
    }
}
