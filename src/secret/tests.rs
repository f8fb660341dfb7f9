use super::*;
use crate::clock::UnixTime;

/// RFC 4231 section 4: the key, the data and the HMAC-SHA256, in hex; case 5 is truncated to
/// 128 bits there.
const RFC_4231: &[(&str, &str, &str)] = &[
    (
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        "a3b6167473100ee06e0c796c2955552b",
    ),
];

/// Cases 6 and 7 of RFC 4231 use a key of 131 bytes 0xaa, longer than a block.
const RFC_4231_LONG_KEY: &[(&str, &str)] = &[
    (
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
];

fn mac(key: &[u8], parts: &[&[u8]]) -> String {
    let mut state = SigningSecret::prepare(key).unwrap().start();
    for part in parts {
        state.update(part);
    }
    data_encoding::HEXLOWER.encode(&state.finish())
}

#[test]
fn rfc_4231() {
    let unhex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    for (key, data, expected) in RFC_4231 {
        let mac = mac(&unhex(key), &[&unhex(data)]);
        assert!(mac.starts_with(expected), "{mac} for key {key}");
    }
    for (data, expected) in RFC_4231_LONG_KEY {
        let (head, tail) = data.as_bytes().split_at(20);
        assert_eq!(mac(&[0xaa; 131], &[head, tail]), *expected);
    }
}

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

/// What people have pasted where a secret belongs, and a word of what they are told.
const PASTED: &[(&str, &str)] = &[
    ("\"whsec_test_9f8e7d6c5b4a\"", "quotes"),
    ("'whsec_test_9f8e7d6c5b4a'", "quotes"),
    ("`whsec_test_9f8e7d6c5b4a`", "quotes"),
    ("“whsec_test_9f8e7d6c5b4a”", "quotes"),
    ("„whsec_test_9f8e7d6c5b4a“", "quotes"),
    ("‘whsec_test_9f8e7d6c5b4a’", "quotes"),
    ("«whsec_test_9f8e7d6c5b4a»", "quotes"),
    ("\"whsec_test_9f8e7d6c5b4a\",", "quotes"),
    ("'whsec_test_9f8e7d6c5b4a';", "quotes"),
    ("\\\"whsec_test_9f8e7d6c5b4a\\\"", "quotes"),
    ("b'whsec_test_9f8e7d6c5b4a'", "quotes"),
    ("whsec_test_9f8e7d6c5b4a,", "alone"),
    ("whsec_test_9f8e7d6c5b4a;", "alone"),
    ("whsec_test_9f8e7d6c5b4a # production", "alone"),
    ("whsec_test_9f8e7d6c5b4a%0A", "alone"),
    ("[object Object]", "placeholder"),
    ("@Microsoft.KeyVault(SecretUri=https://x)", "kept"),
    ("ENC[AES256_GCM,data:abc]", "kept"),
    ("\u{feff}whsec_test_9f8e7d6c5b4a", "does not show"),
    ("whsec_test_9f8e7d6c5b4a\u{200b}", "does not show"),
    ("whsec_test_\u{200d}9f8e7d6c5b4a", "does not show"),
    ("whsec_test_9f8e\n7d6c5b4a", "does not show"),
    ("whsec_test_9f8e7d6c5b4a\u{0}", "does not show"),
    ("whsec_test_9f8e7d6c5b4a\\n", "written as \\n"),
    ("whsec_test_9f8e7d6c5b4a\\r\\n", "written as \\n"),
    ("whsec_test_9f8e7d6c5b4a\r\n", "white space"),
    ("\u{a0}whsec_test_9f8e7d6c5b4a", "white space"),
    ("${STRIPE_WEBHOOK_SECRET}", "placeholder"),
    ("$STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("$(pass show webhook)", "placeholder"),
    ("$env:WEBHOOK_SECRET", "placeholder"),
    ("{{ stripe_secret }}", "placeholder"),
    ("{WEBHOOK_SECRET}", "placeholder"),
    ("#{webhook_secret}", "placeholder"),
    ("<your secret>", "placeholder"),
    ("<%= ENV['SECRET'] %>", "placeholder"),
    ("%WEBHOOK_SECRET%", "placeholder"),
    ("%(webhook_secret)s", "placeholder"),
    ("STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("your_webhook_secret", "placeholder"),
    ("YOUR-SECRET-KEY-HERE", "placeholder"),
    ("whsec_************", "in part"),
    ("whsec_9f8e7d6c5b4a...", "in part"),
    ("whsec_9f8e7d6c5b4a…", "in part"),
    ("••••••••••••5b4a", "in part"),
    ("STRIPE_WEBHOOK_SECRET=whsec_test_9f8e7d6c5b4a", "settings"),
    ("export WEBHOOK_SECRET=9f8e7d6c5b4a", "settings"),
    ("webhook_secret: 9f8e7d6c5b4a", "settings"),
    ("{\"secret\":\"whsec_test_9f8e7d6c5b4a\"}", "settings"),
    ("whsec_test_9f8e7d6c5b4a,whsec_test_the_new_one", "several"),
    (
        "8f742231b10e8888abcd99ccc01185a5, 9f742231b10e8888abcd99ccc01185a5",
        "several",
    ),
    (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "signature",
    ),
    (
        "v0=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "signature",
    ),
    (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "signature",
    ),
    (
        "t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa",
        "signature",
    ),
    ("Bearer 9f8e7d6c5b4a3928", "signature"),
    ("xoxb-17653672481-19874698323", "access token"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "access token"),
    ("github_pat_11ABCDEFG0abcdefghijkl", "access token"),
    ("we_1NxYzABCDEFGHIJKL", "id of an endpoint"),
    ("evt_1NxYzABCDEFGHIJKL", "id of an endpoint"),
    ("https://example.com/hooks", "URL"),
    ("op://vault/stripe/secret", "kept"),
    ("arn:aws:secretsmanager:eu-west-1:1:secret:x", "kept"),
    ("/run/secrets/stripe_webhook", "kept"),
    ("9f8e7d6c5b4a3928%3D", "encoded"),
    ("&quot;9f8e7d6c5b4a&quot;", "encoded"),
    (
        "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "standard_webhooks::keys",
    ),
    ("whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "twice"),
];

#[test]
fn what_is_pasted_into_settings_is_told_apart_from_a_secret() {
    for (text, what) in PASTED {
        let error = SigningSecret::from_text(text).unwrap_err().to_string();
        assert!(error.contains(what), "{text:?}: {error}");
        let ring = KeyRing::parse(&SecretFormat::Text, [text]).unwrap_err();
        assert!(ring.to_string().contains(what), "{text:?}: {ring}");
        let part = text.get(..8).unwrap_or(text);
        assert!(!error.contains(part) && !error.contains(text), "{error}");
        // Whoever truly has such a secret is not locked out.
        assert!(
            SigningSecret::from_bytes(text.as_bytes()).is_ok(),
            "{text:?}"
        );
    }
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
        // Senders that sign with the API key itself.
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
    ] {
        let taken = SigningSecret::from_text(text);
        assert!(taken.is_ok(), "{text:?}: {taken:?}");
    }
}

#[test]
fn base64_is_told_apart_from_what_reads_like_it() {
    let format = SecretFormat::base64("whsec_");
    let why = |text: &str| format.parse(text).unwrap_err().to_string();
    for (text, what) in [
        ("polar_whs_0123456789abcdef", "standard_webhooks::text_keys"),
        ("sk_live_51NxYzABCDEFGHIJKLMNOP", "API key"),
        ("rk_test_51NxYzABCDEFGHIJKLMNOP", "API key"),
        ("we_1NxYzABCDEFGHIJKLMNOP", "id of an endpoint"),
        ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "exactly whsec_"),
        ("whsec-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "exactly whsec_"),
        ("whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2", "twice"),
        (
            "whsec_MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbL",
            "a public key",
        ),
        ("8f742231b10e8888abcd99ccc01185a5", "hex"),
        ("8F742231B10E8888ABCD99CCC01185A5", "hex"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2La-_+/", "not base64"),
        ("hunter2hunter2 hunter2", "text_keys"),
        (
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "signature",
        ),
    ] {
        let error = why(text);
        assert!(error.contains(what), "{text}: {error}");
    }
    let tag = |text: &str| {
        let mut state = format.parse(text).unwrap().start();
        state.update(b"body");
        state.finish()
    };
    let expected = tag("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(tag("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), expected);
    // The same bytes in both alphabets.
    let standard = tag("whsec_++/++/++/++/++/++/++/++/++/++/++");
    assert_eq!(tag("whsec_--_--_--_--_--_--_--_--_--_--_--"), standard);
    assert_eq!(
        tag("--_--_--_--_--_--_--_--_--_--_--"),
        tag("++/++/++/++/++/++/++/++/++/++/++")
    );
    // Behind the prefix hex digits are base64: senders have drawn their secrets so.
    assert!(
        format
            .parse("whsec_8f742231b10e8888abcd99ccc01185a5")
            .is_ok()
    );
}

#[test]
fn base64_secrets_may_lack_their_padding_and_prefix() {
    // The example secret of the Standard Webhooks specification, and the same bytes padded.
    let format = SecretFormat::base64("whsec_");
    let with = |text: &str| {
        let mut state = format.parse(text).unwrap().start();
        state.update(b"body");
        state.finish()
    };
    let expected = with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(with("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), expected);
    assert_eq!(
        with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        with("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    );
}

#[test]
fn a_ring_has_between_one_and_eight_keys_of_different_names() {
    let key = |id: &str| {
        SigningKey::new(
            id,
            SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap(),
        )
    };
    assert!(KeyRing::new([]).is_err());
    assert!(KeyRing::new([key("a"), key("a")]).is_err());
    let many = |n: usize| KeyRing::new((0..n).map(|n| key(&n.to_string())));
    assert_eq!(many(8).unwrap().ids().len(), 8);
    assert_eq!(
        many(9).unwrap_err().to_string(),
        "signing secret: a key ring holds at most 8 keys"
    );

    let ring = KeyRing::new([key("a"), key("b")]).unwrap();
    let shared = ring.clone();
    assert!(ring.replace([]).is_err());
    assert_eq!(shared.ids(), ["a".into(), "b".into()]);
    ring.replace([key("c")]).unwrap();
    assert_eq!(shared.ids(), ["c".into()]);

    let error = KeyRing::parse(&SecretFormat::Text, ["whsec_test_9f8e7d6c5b4a", "x"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "signing secret: number 2: 1 bytes are too few, at least 12 are needed"
    );
}

#[test]
fn a_key_ends_at_its_expiry() {
    let key = SigningKey::new(
        "a",
        SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap(),
    )
    .expires_at(UnixTime::from_secs(100));
    assert_eq!(key.id().to_string(), "a");
    assert!(key.is_active(UnixTime::from_secs(99)));
    assert!(!key.is_active(UnixTime::from_secs(100)));
}

#[test]
fn no_secret_is_printed() {
    let secret = "whsec_test_9f8e7d6c5b4a";
    let ring = KeyRing::parse(&SecretFormat::Text, [secret]).unwrap();
    let state = ring.snapshot()[0].secret().start();
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

#[test]
fn a_name_is_the_same_however_long_it_is() {
    // Around the length up to which it is copied as it stands, and with more than one byte a letter.
    for text in [
        "",
        "1",
        "2026-06",
        "a name of 22 bytes ...",
        "a name of 23 bytes ....",
        "é",
        "ééééééééééé",
        "éééééééééééé",
    ] {
        let id = KeyId::from(text);
        assert_eq!(id.as_str(), text);
        assert_eq!(id.to_string(), text);
        assert_eq!(format!("{id:?}"), format!("KeyId({text:?})"));
        assert_eq!(id, KeyId::from(text.to_owned()));
        assert_ne!(id, KeyId::from(format!("{text}\0")));
    }
}
